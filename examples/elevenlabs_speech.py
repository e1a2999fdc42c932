"""ElevenLabs' voices, with the places of words: what was heard of a reply is known exactly.

`ELEVENLABS_API_KEY` and `ELEVENLABS_BASE_URL` are read from the environment. Run it to write a text
to a file: ``python examples/elevenlabs_speech.py "Hello there." hello.wav``.
"""

import base64
import os
import sys
import wave
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from elevenlabs import VoiceSettings
from elevenlabs.client import ElevenLabs
from elevenlabs.types import CharacterAlignmentResponseModel

from fastrtc_core.speech import SpeechChunk, Synthesizer, TTSCapabilities, Word

TIMEOUT = 30.0  # seconds, for a connection and between two parts of an answer


@dataclass(frozen=True)
class ElevenLabsVoice:
    """How it shall sound."""

    voice: str = "JBFqnCBsd6RMkjVDRZzb"
    speed: float | None = None
    language: str | None = None


class ElevenLabsSynthesizer(Synthesizer[ElevenLabsVoice]):
    """Speaks clause by clause, each as its sound arrives."""

    def __init__(
        self,
        model: str = "eleven_flash_v2_5",
        *,
        api_key: str | None = None,
        base_url: str | None = None,
    ) -> None:
        super().__init__()
        key = api_key or os.environ.get("ELEVENLABS_API_KEY")
        if not key:
            raise ValueError("ElevenLabs needs a key: api_key=..., or ELEVENLABS_API_KEY")
        address = base_url or os.environ.get("ELEVENLABS_BASE_URL")
        self._client = ElevenLabs(api_key=key, base_url=address, timeout=TIMEOUT)
        self._model = model

    @property
    def sample_rate(self) -> int:
        return 24_000

    @property
    def capabilities(self) -> TTSCapabilities:
        return TTSCapabilities(streaming=True, timing="word")

    def synthesize(self, text: str, options: ElevenLabsVoice | None) -> Iterator[SpeechChunk]:
        how = options or ElevenLabsVoice()
        words = Words()
        pieces = self._client.text_to_speech.stream_with_timestamps(
            how.voice,
            text=text,
            model_id=self._model,
            output_format="pcm_24000",
            voice_settings=None if how.speed is None else VoiceSettings(speed=how.speed),
            language_code=how.language,
        )
        for piece in pieces:
            samples = np.frombuffer(base64.b64decode(piece.audio_base_64), "<i2")
            placed = words.push(piece.alignment) if piece.alignment else []
            sound = samples.astype(np.float32) / np.float32(32768)
            yield SpeechChunk(self.sample_rate, sound, words=tuple(placed))
        if rest := words.flush():
            yield SpeechChunk(self.sample_rate, np.zeros(0, np.float32), words=tuple(rest))

    def warmup(self) -> None:
        """Nothing is loaded here, and a word would be paid for."""


@dataclass
class Words:
    """Makes words of characters and their places, in seconds since the clause began."""

    _letters: str = ""
    _start: float = 0.0
    _end: float = 0.0

    def push(self, places: CharacterAlignmentResponseModel) -> list[Word]:
        """Take the next characters and return the words that are whole now."""
        words = []
        starts, ends = places.character_start_times_seconds, places.character_end_times_seconds
        for letter, start, end in zip(places.characters, starts, ends, strict=True):
            if letter.isspace():
                words += self.flush()
                continue
            if not self._letters:
                self._start = start
            self._letters += letter
            self._end = end
        return words

    def flush(self) -> list[Word]:
        """Return the last word."""
        letters, self._letters = self._letters, ""
        return [Word(letters, self._start, self._end)] if letters else []


if __name__ == "__main__":
    _, written, path = sys.argv
    rate, spoken = ElevenLabsSynthesizer().tts(written)
    with wave.open(path, "wb") as out:
        out.setparams((1, 2, rate, 0, "NONE", ""))
        out.writeframes((spoken * 32767).astype("<i2").tobytes())
