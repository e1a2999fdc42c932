"""What clients send: sound frame by frame in real time, packets of Opus, packets of VP8."""

import asyncio
import fractions
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

import av
import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from benchmarks.sound import Samples, noise, to_int16
from benchmarks.webrtc import codes
from benchmarks.webrtc.settings import FPS, FRAME, FRAME_SECONDS, RATE

ROOM_DBFS: Final = -65.0
OPUS_LOOP: Final = 100
OPUS_BIT_RATE: Final = 96_000
"""What aiortc encodes with."""

VIDEO_CLOCK: Final = 90_000


class Paced(MediaStreamTrack):
    """Something every so many seconds, counted from the first call. Remembers when each was given.

    An `item` of it is made for its number just before it is due.
    """

    def __init__(self, kind: str, seconds: float, item: Callable[[int], Any]) -> None:
        super().__init__()
        self.kind = kind
        self.times: list[float] = []
        """When each item was handed to the encoder or the packetizer."""
        self._seconds = seconds
        self._item = item
        self._begun = 0.0

    async def recv(self) -> Any:
        """The next one, when it is due."""
        if self.readyState != "live":
            raise MediaStreamError
        number = len(self.times)
        if not number:
            self._begun = time.monotonic()
        item = self._item(number)
        wait = self._begun + number * self._seconds - time.monotonic()
        await asyncio.sleep(max(0.0, wait))
        self.times.append(time.monotonic())
        return item


def room() -> Samples:
    """A second of a quiet room."""
    return noise("white", RATE, ROOM_DBFS, np.random.default_rng(1))


def microphone(sound: Callable[[int], Samples | None]) -> Paced:
    """A track of what `sound` gives for each number of a frame, or of the room for None."""
    quiet = room().reshape(-1, FRAME)

    def frame(number: int) -> av.AudioFrame:
        samples = sound(number)
        if samples is None:
            samples = quiet[number % len(quiet)]
        made = av.AudioFrame.from_ndarray(to_int16(samples)[None], format="s16", layout="mono")
        made.sample_rate, made.pts, made.time_base = (
            RATE,
            number * FRAME,
            fractions.Fraction(1, RATE),
        )
        return made

    return Paced("audio", FRAME_SECONDS, frame)


def opus() -> Paced:
    """A track of tones encoded beforehand."""
    return _packets("audio", opus_packets(), FRAME_SECONDS, FRAME, RATE)


def vp8(packets: Sequence[bytes]) -> Paced:
    """A track of pictures encoded beforehand."""
    return _packets("video", packets, 1 / FPS, VIDEO_CLOCK // FPS, VIDEO_CLOCK)


@cache
def opus_packets() -> list[bytes]:
    """Two seconds of tones."""
    encoder: Any = av.CodecContext.create("libopus", "w")
    encoder.format, encoder.layout, encoder.sample_rate = "s16", "stereo", RATE
    encoder.bit_rate = OPUS_BIT_RATE
    packets = []
    for number in codes.code(OPUS_LOOP + 1, seed=2):
        both = np.repeat(to_int16(codes.tone(number)), 2)[None]
        frame = av.AudioFrame.from_ndarray(both, format="s16", layout="stereo")
        frame.sample_rate = RATE
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return packets[:OPUS_LOOP]


def _packets(kind: str, packets: Sequence[bytes], seconds: float, step: int, clock: int) -> Paced:
    def packet(number: int) -> Any:
        made: Any = av.Packet(packets[number % len(packets)])
        made.pts, made.time_base = number * step, fractions.Fraction(1, clock)
        return made

    return Paced(kind, seconds, packet)
