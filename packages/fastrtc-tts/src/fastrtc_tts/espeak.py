"""espeak-ng: a robot's voice that needs no weights, in the process or as a program.

espeak-ng is under the GPL, version 3 or later. As a program it is at arm's length; loaded into the
process, by the extra ``espeak``, it makes a distributed whole subject to that licence.

In the process its first sound is there in 0.3 ms and words have their places; its state belongs to
the whole process, so that replies take turns, clause by clause. As a program it takes some
milliseconds to start, and replies are independent of each other.
"""

import ctypes
import importlib.util
import queue
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from fastrtc_core import MissingPackageError
from fastrtc_core.speech import SpeechChunk, Synthesizer, TTSCapabilities, Word
from fastrtc_tts.errors import EngineError, UnknownVoiceError

Way = Literal["process", "program"]

RATE: Final = 22_050
WORDS_PER_MINUTE: Final = 175
"""espeak-ng's own default."""

SLOWEST, FASTEST = 80, 450
"""Words per minute that it takes."""

CHARACTER_SECONDS: Final = 0.065
"""What a character of English takes at that pace."""

BUFFER_MS: Final = 100
PIECE: Final = 4096
"""Bytes read from the program at once: 93 ms."""

WAV_HEADER: Final = 44

FULL_SCALE: Final = np.float32(1 / 32768)


@dataclass(frozen=True, slots=True)
class EspeakTTSOptions:
    """How espeak-ng speaks.

    Raises:
        ValueError: A number is out of range.

    """

    voice: str = "en-us"
    """A language, perhaps with a variant: ``de``, ``en-us+f3``. ``espeak-ng --voices`` has them."""
    speed: float = 1.0
    """Of 175 words a minute; 0.46 to 2.57."""
    pitch: int = 50
    """0 to 99."""
    volume: int = 100
    """0 to 200."""

    def __post_init__(self) -> None:
        if not SLOWEST <= self.speed * WORDS_PER_MINUTE <= FASTEST:
            lowest, highest = SLOWEST / WORDS_PER_MINUTE, FASTEST / WORDS_PER_MINUTE
            raise ValueError(f"speed is {lowest:.2f} to {highest:.2f}, not {self.speed}")
        if not 0 <= self.pitch <= 99:
            raise ValueError(f"pitch is 0 to 99, not {self.pitch}")
        if not 0 <= self.volume <= 200:
            raise ValueError(f"volume is 0 to 200, not {self.volume}")


class EspeakModel(Synthesizer[EspeakTTSOptions]):
    """Speaks by espeak-ng.

    Args:
        way: ``process`` or ``program``; by default the first that there is, in this order.

    Raises:
        ValueError: There is no such way.

    """

    def __init__(self, way: Way | None = None) -> None:
        super().__init__()
        if way not in (None, "process", "program"):
            raise ValueError(f"espeak-ng speaks in the process or as a program, not {way!r}")
        self._way: Way | None = way
        self._library: _Library | None = None
        self._lock = threading.Lock()

    @property
    def sample_rate(self) -> int:
        """22,050 Hz."""
        return RATE

    @property
    def way(self) -> Way:
        """How it speaks.

        Raises:
            MissingPackageError: There is neither.

        """
        if self._way is not None:
            return self._way
        if importlib.util.find_spec("espeakng_loader") is not None:
            return "process"
        if shutil.which("espeak-ng") is None:
            raise MissingPackageError(
                "espeak-ng (or the program of that name, apt-get install espeak-ng)",
                "fastrtc-tts[espeak]",
            )
        return "program"

    @property
    def capabilities(self) -> TTSCapabilities:
        """It streams, and tells the places of words if it speaks in the process."""
        timed = self._way != "program" and importlib.util.find_spec("espeakng_loader") is not None
        return TTSCapabilities(streaming=True, timing="word" if timed else "clause")

    def synthesize(self, text: str, options: EspeakTTSOptions | None) -> Iterator[SpeechChunk]:
        """Speak a clause."""
        options = options or EspeakTTSOptions()
        text = _spoken(text)
        if self.way == "program":
            yield from _by_program(text, options)
            return
        with self._lock:
            if self._library is None:
                self._library = _Library()
        yield from self._library.speak(text, options)


def _spoken(text: str) -> str:
    """Leave out what C and UTF-8 can't hold."""
    return text.replace("\0", " ").encode("utf-8", "ignore").decode()


def _by_program(text: str, options: EspeakTTSOptions) -> Iterator[SpeechChunk]:
    program = shutil.which("espeak-ng")
    if program is None:
        raise MissingPackageError("espeak-ng as a program", "fastrtc-tts[espeak]")
    words = [
        program,
        *("-v", options.voice, "-s", str(round(options.speed * WORDS_PER_MINUTE))),
        *("-p", str(options.pitch), "-a", str(options.volume), "--stdin", "--stdout"),
    ]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            process.stdin.write(text.encode())
            process.stdin.close()
            if len(process.stdout.read(WAV_HEADER)) < WAV_HEADER:
                said = process.stderr.read().decode(errors="replace").strip()
                if "voice" in said:
                    raise UnknownVoiceError(options.voice, said)
                if process.wait():
                    raise EngineError(f"espeak-ng failed: {said or process.returncode}")
                return
            while data := process.stdout.read(PIECE):
                yield SpeechChunk(RATE, _samples(data[: len(data) // 2 * 2]))
        finally:
            process.kill()


def _samples(data: bytes) -> NDArray[np.float32]:
    return np.frombuffer(data, "<i2").astype(np.float32) * FULL_SCALE


class _Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_void_p),
    )


class _Voice(ctypes.Structure):
    """espeak_VOICE of speak_lib.h."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("spare", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("pointer", ctypes.c_void_p),
    )


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)
_SYNCHRONOUS: Final = 2  # AUDIO_OUTPUT_SYNCHRONOUS; names of speak_lib.h
_LIST_TERMINATED, _WORD = 0, 1
_RATE, _VOLUME, _PITCH = 1, 2, 3
_UTF8: Final = 1


class _Library:
    """libespeak-ng in this process. There is one, with one state: it is used under a lock."""

    def __init__(self) -> None:
        try:
            import espeakng_loader
        except ImportError:
            raise MissingPackageError("espeak-ng in the process", "fastrtc-tts[espeak]") from None
        self._lock = threading.Lock()
        self._library: Any = ctypes.CDLL(espeakng_loader.get_library_path())
        home = str(espeakng_loader.get_data_path()).removesuffix("espeak-ng-data").rstrip("/")
        rate = self._library.espeak_Initialize(_SYNCHRONOUS, BUFFER_MS, home.encode(), 0)
        if rate != RATE:
            raise EngineError(f"espeak-ng did not start: espeak_Initialize gave {rate}")

    def speak(self, text: str, options: EspeakTTSOptions) -> Iterator[SpeechChunk]:
        """Speak a clause; made whole in a thread, which is quick, and given out in pieces."""
        made: queue.SimpleQueue[SpeechChunk | BaseException | None] = queue.SimpleQueue()
        stopped = threading.Event()

        def work() -> None:
            try:
                with self._lock:
                    if not stopped.is_set():
                        self._synthesize(text, options, made, stopped)
            except BaseException as error:  # noqa: BLE001 - it is raised there
                made.put(error)
            else:
                made.put(None)

        thread = threading.Thread(target=work, name="fastrtc-espeak", daemon=True)
        thread.start()
        try:
            while (item := made.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            stopped.set()
            thread.join()

    def _synthesize(
        self,
        text: str,
        options: EspeakTTSOptions,
        made: "queue.SimpleQueue[SpeechChunk | BaseException | None]",
        stopped: threading.Event,
    ) -> None:
        library = self._library
        if library.espeak_SetVoiceByName(options.voice.encode()):
            # The program takes any language for a name; the library asks for it by property.
            wanted = _Voice(languages=options.voice.encode())
            if library.espeak_SetVoiceByProperties(ctypes.byref(wanted)):
                raise UnknownVoiceError(options.voice)
        library.espeak_SetParameter(_RATE, round(options.speed * WORDS_PER_MINUTE), 0)
        library.espeak_SetParameter(_VOLUME, options.volume, 0)
        library.espeak_SetParameter(_PITCH, options.pitch, 0)

        each = CHARACTER_SECONDS / options.speed

        def take(samples: Any, count: int, events: Any) -> int:
            if samples and count > 0:
                data = ctypes.string_at(samples, 2 * count)
                made.put(SpeechChunk(RATE, _samples(data), words=_words(events, text, each)))
            return int(stopped.is_set())

        callback = _CALLBACK(take)
        library.espeak_SetSynthCallback(callback)
        data = text.encode()
        library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)


def _words(events: Any, text: str, seconds: float) -> tuple[Word, ...]:
    """The words that begin in a buffer; a character takes so many seconds."""
    starts = []
    for number in range(1 << 16):
        event = events[number]
        if event.type == _LIST_TERMINATED:
            break
        if event.type == _WORD:
            first = event.text_position - 1
            starts.append((event.audio_position / 1000, text[first : first + event.length]))
    # It tells where words begin. The next one may come in another buffer, so ends are an estimate.
    return tuple(Word(word, at, at + len(word) * seconds) for at, word in starts)
