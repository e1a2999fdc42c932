"""Cartesia's hosted voices, by its HTTP interface: sound comes as it is made (``POST /tts/bytes``).

Controls of speed, volume and emotion are told in ``generation_config`` to models of the family
sonic-3 and later, and to earlier ones in the voice; so the service has them.
"""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from fastrtc_core import MissingPackageError
from fastrtc_core.speech import SpeechChunk, Spoken, Synthesizer, TTSCapabilities
from fastrtc_tts.errors import EngineError, ServiceError

URL: Final = "https://api.cartesia.ai"
KEY: Final = "CARTESIA_API_KEY"
RATES: Final = (8_000, 16_000, 22_050, 24_000, 44_100, 48_000)
"""Hz that the service speaks at."""

PATIENCE: Final = 15.0
"""Seconds for the service to answer, and between two pieces of sound."""

PIECE: Final = 4096
"""Bytes in a piece of sound at least, but for the last: 46 ms at 22,050 Hz."""

BYTES_PER_SAMPLE: Final = 4
OLDER: Final = ("sonic-2", "sonic-turbo", "sonic-english", "sonic-multilingual", "sonic-1")


@dataclass(frozen=True, slots=True)
class CartesiaTTSOptions:
    """How Cartesia speaks.

    Raises:
        ValueError: The rate is none of the service's.

    """

    voice: str = "71a7ad14-091c-4e8e-a314-022ece01c121"
    """Id of a voice."""
    language: str = "en"
    emotion: list[str] = field(default_factory=list)
    """Such as ``["positivity:high"]``; later models take the first one alone, such as ``calm``."""
    cartesia_version: str = "2024-06-10"
    """Of the interface."""
    model: str = "sonic-2"
    sample_rate: int = 22_050
    """In Hz."""
    speed: float | None = None
    """-1 to 1 for models before sonic-3, a factor of 0.6 to 1.5 for others; None leaves it."""
    volume: float | None = None
    """A factor of 0.5 to 2, for sonic-3 and later; None leaves it."""

    def __post_init__(self) -> None:
        if self.sample_rate not in RATES:
            rates = ", ".join(map(str, RATES))
            raise ValueError(f"Cartesia speaks at {rates} Hz, not at {self.sample_rate}")
        if self.volume is not None and self._is_older:
            raise ValueError(f"{self.model} has no volume; sonic-3 and later have")

    @property
    def _is_older(self) -> bool:
        return self.model.startswith(OLDER)

    def request(self, text: str) -> dict[str, Any]:
        """Return the body of the request for a text."""
        voice: dict[str, Any] = {"mode": "id", "id": self.voice}
        body: dict[str, Any] = {
            "model_id": self.model,
            "transcript": text,
            "voice": voice,
            "language": self.language,
            "output_format": {
                "container": "raw",
                "encoding": "pcm_f32le",
                "sample_rate": self.sample_rate,
            },
        }
        controls: dict[str, Any] = {}
        if self.speed is not None:
            controls["speed"] = self.speed
        if self.emotion:
            controls["emotion"] = list(self.emotion) if self._is_older else self.emotion[0]
        if self.volume is not None:
            controls["volume"] = self.volume
        if controls and self._is_older:
            voice["__experimental_controls"] = controls
        elif controls:
            body["generation_config"] = controls
        return body


class CartesiaModel(Synthesizer[CartesiaTTSOptions]):
    """Speaks by Cartesia.

    Args:
        cartesia_api_key: By default what the environment has as ``CARTESIA_API_KEY``.
        base_url: Of the service.

    """

    def __init__(self, cartesia_api_key: str | None = None, base_url: str = URL) -> None:
        super().__init__()
        self._key = cartesia_api_key
        self._url = base_url.rstrip("/")
        self._lock = threading.Lock()
        self._client: Any = None

    @property
    def sample_rate(self) -> int:
        """22,050 Hz, unless the options say otherwise."""
        return CartesiaTTSOptions().sample_rate

    @property
    def capabilities(self) -> TTSCapabilities:
        """It streams."""
        return TTSCapabilities(streaming=True)

    def warmup(self) -> None:
        """Do nothing: every request costs money."""

    def tts(self, text: str, options: CartesiaTTSOptions | None = None) -> Spoken:
        """Speak a whole text, at the rate that the options say."""
        _, samples = super().tts(text, options)
        return (options or CartesiaTTSOptions()).sample_rate, samples

    def synthesize(self, text: str, options: CartesiaTTSOptions | None) -> Iterator[SpeechChunk]:
        """Speak a clause; the request ends when this is closed."""
        options = options or CartesiaTTSOptions()
        headers = {
            "Cartesia-Version": options.cartesia_version,
            "X-API-Key": self._api_key(),
        }
        client = self._connected()
        import httpx

        left = b""
        try:
            with client.stream(
                "POST", f"{self._url}/tts/bytes", json=options.request(text), headers=headers
            ) as answer:
                if answer.status_code != 200:
                    answer.read()
                    raise ServiceError("Cartesia", answer.status_code, answer.text)
                for data in answer.iter_bytes(PIECE):
                    left += data
                    whole = len(left) // BYTES_PER_SAMPLE * BYTES_PER_SAMPLE
                    samples = np.frombuffer(left[:whole], "<f4").astype(np.float32)
                    left = left[whole:]
                    if samples.size:
                        yield SpeechChunk(options.sample_rate, samples)
        except httpx.HTTPError as error:
            raise EngineError(
                f"Cartesia can't be reached: {error or type(error).__name__}"
            ) from error

    def _api_key(self) -> str:
        key = self._key or os.environ.get(KEY)
        if not key:
            raise EngineError(f"Cartesia needs a key: cartesia_api_key=, or {KEY}")
        return key

    def _connected(self) -> Any:
        """The client, whose connections are used again."""
        try:
            import httpx
        except ImportError:
            raise MissingPackageError("Cartesia", "fastrtc-tts[cartesia]") from None
        with self._lock:
            if self._client is None:
                self._client = httpx.Client(timeout=PATIENCE)
            return self._client
