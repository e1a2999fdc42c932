"""OpenAI's speech models, or those of any server with its interface, behind this project's forms.

`OPENAI_API_KEY` and `OPENAI_BASE_URL` are read from the environment by their SDK. Run it to hear
it: what you say comes back in another voice.
"""

import io
import wave
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import uvicorn
from numpy.typing import NDArray
from openai import OpenAI, omit
from starlette.applications import Starlette

from fastrtc import ReplyOnPause, Stream
from fastrtc_core.speech import (
    Audio,
    Recognizer,
    SpeechChunk,
    Spoken,
    Synthesizer,
    Transcript,
    TTSCapabilities,
)

TIMEOUT = 30.0  # seconds, for a connection and between two parts of an answer
BLOCK = 4800  # bytes; 100 ms of sound


@dataclass(frozen=True)
class OpenAIVoice:
    """How it shall sound."""

    voice: str = "alloy"
    speed: float = 1.0
    instructions: str | None = None


class OpenAIRecognizer(Recognizer):
    """Transcribes whole utterances."""

    def __init__(
        self,
        model: str = "gpt-4o-mini-transcribe",
        *,
        language: str | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
    ) -> None:
        self._client = OpenAI(api_key=api_key, base_url=base_url, timeout=TIMEOUT)
        self._model = model
        self._language = language

    def transcribe(self, samples: NDArray[np.float32]) -> Transcript:
        heard = self._client.audio.transcriptions.create(
            model=self._model,
            file=("speech.wav", wav(samples, self.sample_rate), "audio/wav"),
            response_format="json",
            language=self._language or omit,
        )
        return Transcript(heard.text.strip(), language=self._language)

    def warmup(self) -> None:
        """Nothing is loaded here, and a second of silence would be paid for."""


class OpenAISynthesizer(Synthesizer[OpenAIVoice]):
    """Speaks clause by clause, each as its sound arrives."""

    def __init__(
        self,
        model: str = "gpt-4o-mini-tts",
        *,
        api_key: str | None = None,
        base_url: str | None = None,
    ) -> None:
        super().__init__()
        self._client = OpenAI(api_key=api_key, base_url=base_url, timeout=TIMEOUT)
        self._model = model

    @property
    def sample_rate(self) -> int:
        return 24_000

    @property
    def capabilities(self) -> TTSCapabilities:
        return TTSCapabilities(streaming=True)

    def synthesize(self, text: str, options: OpenAIVoice | None) -> Iterator[SpeechChunk]:
        how = options or OpenAIVoice()
        with self._client.audio.speech.with_streaming_response.create(
            model=self._model,
            voice=how.voice,
            input=text,
            speed=how.speed,
            response_format="pcm",
            instructions=how.instructions or omit,
        ) as answer:
            for samples in pcm(answer.iter_bytes(BLOCK)):
                yield SpeechChunk(self.sample_rate, samples)

    def warmup(self) -> None:
        """Nothing is loaded here, and a word would be paid for."""


def wav(samples: NDArray[np.float32], rate: int) -> bytes:
    """Return a WAV file of 16 bits."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, rate, 0, "NONE", ""))
        out.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return file.getvalue()


def pcm(blocks: Iterable[bytes]) -> Iterator[NDArray[np.float32]]:
    """Make samples of bytes that may be cut anywhere, within a sample too."""
    rest = b""
    for block in blocks:
        data = rest + block
        whole = len(data) & ~1
        rest = data[whole:]
        if whole:
            yield np.frombuffer(data[:whole], "<i2").astype(np.float32) / np.float32(32768)


def app() -> Starlette:
    """Make a server that says again what it understood, in another voice."""
    recognizer, synthesizer = OpenAIRecognizer(), OpenAISynthesizer()

    def repeat(audio: Audio) -> Iterator[Spoken]:
        yield from synthesizer.stream_tts_sync(recognizer.stt(audio))

    server = Starlette()
    Stream(ReplyOnPause(repeat), modality="audio", mode="send-receive").mount(server)
    return server


if __name__ == "__main__":
    uvicorn.run(app(), host="127.0.0.1", port=8000)
