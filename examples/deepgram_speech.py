"""Deepgram: speech to text that tells what it hears while you speak, and text to speech.

`DEEPGRAM_API_KEY` and `DEEPGRAM_BASE_URL` are read from the environment. It speaks their protocol
by `websockets` and `httpx`: their SDK 7 imports names that websockets has deprecated, and its
`recv` can't be told how long to wait. Run it to see partial results of a recording at its own pace:
``python examples/deepgram_speech.py question.wav``.
"""

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
import numpy as np
from numpy.typing import NDArray
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from fastrtc_core.audio import read_wav
from fastrtc_core.speech import (
    Recognizer,
    SpeechChunk,
    STTCapabilities,
    Synthesizer,
    Transcript,
    TTSCapabilities,
    Word,
    mono,
)

TIMEOUT = 10.0  # seconds, for a connection and for an answer
PARTING = 1.0  # seconds for the service to close a connection that is given up
BLOCK = 4800  # bytes; 100 ms of sound
LARGEST = 32_000  # bytes of one message; a second of sound


class DeepgramError(Exception):
    """The service refused, or broke off."""


def _access(api_key: str | None, base_url: str | None) -> tuple[str, dict[str, str]]:
    key = api_key or os.environ.get("DEEPGRAM_API_KEY")
    if not key:
        raise ValueError("Deepgram needs a key: api_key=..., or DEEPGRAM_API_KEY")
    address = base_url or os.environ.get("DEEPGRAM_BASE_URL") or "https://api.deepgram.com"
    return address.rstrip("/"), {"Authorization": f"Token {key}"}


class DeepgramRecognizer(Recognizer):
    """Listens while somebody speaks."""

    def __init__(
        self,
        model: str = "nova-3",
        *,
        language: str = "en",
        api_key: str | None = None,
        base_url: str | None = None,
    ) -> None:
        address, self._headers = _access(api_key, base_url)
        settings = {
            "model": model,
            "language": language,
            "encoding": "linear16",
            "sample_rate": self.sample_rate,
            "interim_results": "true",
            "punctuate": "true",
        }
        # http becomes ws, and https wss.
        self._url = f"ws{address.removeprefix('http')}/v1/listen?{urlencode(settings)}"
        self._language = language

    @property
    def capabilities(self) -> STTCapabilities:
        return STTCapabilities(
            streaming=True, partials=True, timestamps=True, languages=(self._language,)
        )

    def stream(self) -> "DeepgramStream":
        return DeepgramStream(self._url, self._headers, self._language)

    def transcribe(self, samples: NDArray[np.float32]) -> Transcript:
        stream = self.stream()
        try:
            told = [*stream.push(samples), *stream.finish()]
        finally:
            stream.close()
        finals = [transcript for transcript in told if transcript.final]
        words = tuple(word for transcript in finals for word in transcript.words)
        return Transcript(" ".join(t.text for t in finals), True, words, self._language)

    def warmup(self) -> None:
        """Nothing is loaded here, and a second of silence would be paid for."""


class DeepgramStream:
    """A connection for each utterance, made by its first sound: they close one that is idle."""

    def __init__(self, url: str, headers: dict[str, str], language: str) -> None:
        self._url = url
        self._headers = headers
        self._language = language
        self._connection: ClientConnection | None = None

    def push(self, samples: NDArray[np.float32]) -> Sequence[Transcript]:
        if not samples.size:
            return ()
        if self._connection is None:
            opened = connect(
                self._url,
                additional_headers=self._headers,
                open_timeout=TIMEOUT,
                close_timeout=PARTING,
            )
            self._connection = ExitStack().enter_context(opened)  # close() ends it, not a block
        sound = (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
        try:
            for begin in range(0, len(sound), LARGEST):
                self._connection.send(sound[begin : begin + LARGEST])
            return list(self._told(self._connection, until=0))
        except ConnectionClosed as error:
            self.close()
            raise DeepgramError(f"Deepgram broke off: {error}") from error

    def finish(self) -> Sequence[Transcript]:
        connection, self._connection = self._connection, None
        if connection is None:
            return ()
        try:
            connection.send(json.dumps({"type": "CloseStream"}))
            return list(self._told(connection, until=time.monotonic() + TIMEOUT))
        except ConnectionClosed as error:
            raise DeepgramError(f"Deepgram broke off: {error}") from error
        finally:
            connection.close()

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _told(self, connection: ClientConnection, *, until: float) -> Iterator[Transcript]:
        """What was told up to a moment, or to the end; 0 for what is there already."""
        while True:
            try:
                message = json.loads(connection.recv(max(0, until - time.monotonic())))
            except TimeoutError:
                if until:
                    raise DeepgramError(f"Deepgram said nothing for {TIMEOUT:g} s") from None
                return
            if message["type"] == "Metadata":  # the last one
                return
            if message["type"] == "Error":
                raise DeepgramError(f"Deepgram refused: {message}")
            if message["type"] == "Results":
                heard = message["channel"]["alternatives"][0]
                if heard["transcript"]:
                    yield self._transcript(heard, message["is_final"])

    def _transcript(self, heard: dict[str, Any], final: bool) -> Transcript:
        words = tuple(
            Word(w.get("punctuated_word", w["word"]), w["start"], w["end"], w["confidence"])
            for w in heard["words"]
        )
        return Transcript(heard["transcript"], final, words, self._language)


@dataclass(frozen=True)
class DeepgramVoice:
    """How it shall sound."""

    model: str = "aura-2-thalia-en"


class DeepgramSynthesizer(Synthesizer[DeepgramVoice]):
    """Speaks clause by clause, each as its sound arrives."""

    def __init__(self, *, api_key: str | None = None, base_url: str | None = None) -> None:
        super().__init__()
        address, headers = _access(api_key, base_url)
        self._client = httpx.Client(base_url=address, headers=headers, timeout=TIMEOUT)

    @property
    def sample_rate(self) -> int:
        return 24_000

    @property
    def capabilities(self) -> TTSCapabilities:
        return TTSCapabilities(streaming=True, languages=("en",))

    def synthesize(self, text: str, options: DeepgramVoice | None) -> Iterator[SpeechChunk]:
        settings = {
            "model": (options or DeepgramVoice()).model,
            "encoding": "linear16",
            "container": "none",
            "sample_rate": str(self.sample_rate),
        }
        asked = self._client.stream("POST", "/v1/speak", params=settings, json={"text": text})
        with asked as answer:
            if answer.is_error:
                raise DeepgramError(f"Deepgram refused: {answer.read().decode()}")
            rest = b""
            for block in answer.iter_bytes(BLOCK):
                data = rest + block
                whole = len(data) & ~1  # a sample may be cut
                rest = data[whole:]
                samples = np.frombuffer(data[:whole], "<i2").astype(np.float32) / np.float32(32768)
                yield SpeechChunk(self.sample_rate, samples)

    def warmup(self) -> None:
        """Nothing is loaded here, and a word would be paid for."""


if __name__ == "__main__":
    listening = DeepgramRecognizer()
    recording = mono(read_wav(sys.argv[1]), listening.sample_rate)
    hearing = listening.stream()
    step = listening.sample_rate // 10
    for begin in range(0, recording.size, step):
        for transcript in hearing.push(recording[begin : begin + step]):
            print("said:" if transcript.final else "perhaps:", transcript.text)
        time.sleep(0.1)
    for transcript in hearing.finish():
        print("said:" if transcript.final else "perhaps:", transcript.text)
