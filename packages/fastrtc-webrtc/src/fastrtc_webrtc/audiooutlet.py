"""A session's outgoing sound: cut into frames, paced, encoded once for however many peers.

Theory of operation. Sound that is written is a timeline: its first sample is due at the `anchor`,
every later one its place in samples after that. Frames of 20 ms go out when they are due; the
session's speaker writes ahead of that by its lead, so that a late writer is not heard.

A writer that is late by less than `TOLERANCE` goes on in the same timeline, and what is overdue
goes out at once: to the peer this looks like a network that was slow for a moment, which its jitter
buffer is made for, and no delay stays behind. A longer silence ends the timeline. The next sound
begins a new one, and its first packet is marked (RFC 3551 section 4.1).

A timeline that begins late stays late: its first frame may have been the slowest of all, or many
may have come together after a hold-up. Where sound keeps waiting here for longer than it must, and
the writer is one who keeps to real time (the speaker fills its whole lead for others), frames go
out earlier by as much (`slack`), and the peer's jitter buffer catches up.

An encoder looks ahead: the end of a sound comes out with what follows it. When nothing does,
a frame of silence is sent for it, as part of the timeline; sound that comes late after all goes out
earlier by as much.

In between nothing is sent but a frame of silence now and then, as Opus's own DTX does (RFC 7587
section 3.1.3): the peer's statistics, its track's `unmute` and every NAT on the way need a sign of
life, and fifty of them a second would cost what a speaker costs.
"""

import asyncio
import math
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fastrtc_core import AudioFrame
from fastrtc_core.audio import Resampler
from fastrtc_webrtc.audiocodecs import OPUS, OPUS_CLOCK, AudioEncoder, make_encoder, opus_rate
from fastrtc_webrtc.encoded import EncodedFrame, EncodedSink, MediaClock

Samples = NDArray[np.int16]

FRAMES_PER_SECOND: Final = 50
FRAME: Final = 1 / FRAMES_PER_SECOND
"""Seconds in a packet, as RFC 7874 section 3 has it and every peer expects."""

TOLERANCE: Final = 0.15
"""Seconds that sound may be late and still belong to what was said before.

As long as a jitter buffer waits for a packet, and a little: an echo of what came late is late. A
pause that is shorter has the next sound sent ahead by its length, out of reach of a flush.
"""

TAIL: Final = 0.06
"""Seconds without sound after which the encoder is taken to have seen the end of it."""

WATCHED: Final = 50
"""Pieces of sound by which it is judged whether waiting is needless: a second of frames."""

REAL_TIME: Final = 0.15
"""Seconds that wait at least, from which on the writer is ahead of real time on purpose."""

KEEP_ALIVE: Final = 0.4
"""Seconds between frames of silence, as libopus's DTX has it."""

EARLY: Final = 0.001
"""Seconds before its time that a frame may go: timers are no better."""

FULL_SCALE: Final = 32_768.0

SILENCE_LEVEL: Final = 127
"""-dBov of digital silence, RFC 6464 section 3."""


class AudioOutlet:
    """Takes sound in pieces of any length.

    Args:
        clock: The session's.

    """

    def __init__(self, clock: MediaClock) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._sinks: dict[EncodedSink, str] = {}
        self._encoders: dict[str, AudioEncoder] = {}
        self._loss = 0
        self._rate = OPUS_CLOCK
        self._channels = 1
        self._resampler: Resampler | None = None
        self._waiting: Samples = np.zeros((1, 0), np.int16)
        self._anchor = 0.0
        self._cut = 0  # samples of the timeline that went out
        self._slack = 0.0  # seconds that frames go out earlier than the timeline says
        self._least = REAL_TIME  # seconds that always waited, of the pieces that were watched
        self._watched = 0
        self._has_tail = False  # whether the encoders still hold the end of a sound
        self._starts_talk = True
        self._last_sent = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self.frames = 0
        """Frames sent so far, silence included."""

    # Peers

    def subscribe(self, sink: EncodedSink, mime_type: str) -> None:
        """Send to a peer from now on.

        Raises:
            ValueError: The codec is not spoken here.

        """
        if mime_type not in self._encoders:
            self._encoders[mime_type] = self._new_encoder(mime_type)
        self._sinks[sink] = mime_type
        self._schedule()

    def unsubscribe(self, sink: EncodedSink) -> None:
        """Send nothing more to a peer."""
        gone = self._sinks.pop(sink, None)
        if gone is not None and gone not in self._sinks.values():
            del self._encoders[gone]

    def report_loss(self, share: float) -> None:
        """Take a peer's word for how much of what was sent was lost, 0 to 1."""
        percent = round(100 * share)
        # Up at once and down slowly: redundancy that is there before the loss costs little.
        self._loss = max(percent, self._loss - max(1, round(0.3 * (self._loss - percent))))
        for encoder in self._encoders.values():
            encoder.set_packet_loss(self._loss)

    # Sound

    def write(self, frame: AudioFrame) -> None:
        """Add sound after what was written before."""
        samples = self._converted(frame)
        if not samples.size or self._closed:
            return
        now = self._loop.time()
        if not self._waiting.size and now - self._due >= TOLERANCE:
            self._begin(now)
        else:
            self._catch_up(now)
        self._waiting = np.concatenate((self._waiting, samples), axis=1)
        self._pump()

    def clear(self) -> None:
        """Drop what has not been sent, the end that encoders hold back included."""
        self._waiting = self._waiting[:, :0]
        if self._has_tail:
            self._has_tail = False
            self._encoders = {name: self._new_encoder(name) for name in self._encoders}

    def close(self) -> None:
        """Send nothing more."""
        self._closed = True
        self._sinks.clear()
        self.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Inside

    @property
    def _end(self) -> float:
        """Where the timeline ends, on the event loop's clock."""
        return self._anchor + self._cut / self._rate

    @property
    def _due(self) -> float:
        """When the next sample is to be sent."""
        return self._end - self._slack

    def _begin(self, now: float) -> None:
        self._anchor = max(now, self._end, self._last_sent + FRAME)  # timestamps never go back
        self._cut = 0
        self._slack = self._anchor - now
        self._least = REAL_TIME
        self._watched = 0
        self._starts_talk = True

    def _catch_up(self, now: float) -> None:
        """Send earlier what would wait for nothing."""
        backlog = self._due + self._waiting.shape[1] / self._rate - now
        self._least = min(self._least, backlog)
        self._watched += 1
        if self._watched < WATCHED:
            return
        if EARLY < self._least < REAL_TIME:
            self._slack += self._least
        self._least = REAL_TIME
        self._watched = 0

    def _converted(self, frame: AudioFrame) -> Samples:
        rate = opus_rate(frame.rate)
        if (rate, frame.channels) != (self._rate, self._channels):
            self._change_form(rate, frame.channels)
        if frame.rate == rate:
            return frame.samples
        if self._resampler is None or self._resampler.source_rate != frame.rate:
            self._resampler = Resampler(frame.rate, rate, frame.channels)
        return self._resampler.process(frame.samples)

    def _change_form(self, rate: int, channels: int) -> None:
        # What waits is a frame at most: the writer's form changes, if ever, between two sayings.
        self._anchor = self._end
        self._cut = 0
        self._rate = rate
        self._channels = channels
        self._resampler = None
        self._waiting = np.zeros((channels, 0), np.int16)
        self._encoders = {name: self._new_encoder(name) for name in self._encoders}

    def _new_encoder(self, mime_type: str) -> AudioEncoder:
        encoder = make_encoder(mime_type, self._rate, self._channels)
        encoder.set_packet_loss(self._loss)
        return encoder

    def _pump(self) -> None:
        """Send what is due, and come back for the rest."""
        length = self._rate // FRAMES_PER_SECOND
        now = self._loop.time()
        while self._waiting.shape[1] >= length and self._due <= now + EARLY:
            self._send(self._waiting[:, :length])
            self._waiting = self._waiting[:, length:]
        if 0 < self._waiting.shape[1] < length and self._due + FRAME <= now + EARLY:
            self._send_rest(length)
        self._schedule()

    def _send_rest(self, length: int) -> None:
        """Send the end of what was written: nothing came to fill its frame."""
        frame = np.zeros((self._channels, length), np.int16)
        frame[:, : self._waiting.shape[1]] = self._waiting
        self._waiting = self._waiting[:, :0]
        self._send(frame)

    def _send_tail(self) -> None:
        """Have the encoders give out the end of a sound."""
        self._send(self._silence())
        self._slack += FRAME
        self._has_tail = False
        self._schedule()

    def _silence(self) -> Samples:
        return np.zeros((self._channels, self._rate // FRAMES_PER_SECOND), np.int16)

    def _schedule(self) -> None:
        length = self._rate // FRAMES_PER_SECOND
        waiting = self._waiting.shape[1]
        if waiting >= length:
            when, what = self._due, self._pump
        elif waiting:
            when, what = self._due + FRAME, self._pump
        elif self._has_tail:
            when, what = self._due + TAIL, self._send_tail
        else:
            # Not before the timeline has ended: sound that is late would be older than the silence.
            when = max(self._last_sent + KEEP_ALIVE, self._due + TOLERANCE)
            what = self._keep_alive
        self._call_at(when, what)

    def _call_at(self, when: float, what: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if self._sinks or self._waiting.size:
            self._timer = self._loop.call_at(max(when, self._loop.time()), what)

    def _keep_alive(self) -> None:
        self._last_sent = self._loop.time()
        ticks = self._clock.ticks(max(self._last_sent, self._end), OPUS_CLOCK)
        self._encode(self._silence(), ticks, starts_talk=False)
        self._schedule()

    def _send(self, samples: Samples) -> None:
        ticks = self._clock.ticks(self._anchor, OPUS_CLOCK)
        place = self._cut * OPUS_CLOCK // self._rate
        self._encode(samples, ticks + place, starts_talk=self._starts_talk)
        self._starts_talk = False
        self._has_tail = True
        self._cut += samples.shape[1]
        self._last_sent = self._loop.time()

    def _encode(self, samples: Samples, ticks: int, *, starts_talk: bool) -> None:
        self.frames += 1
        level = _level(samples)
        payloads = {name: e.encode(samples) for name, e in self._encoders.items()}
        for sink, name in tuple(self._sinks.items()):
            if not payloads[name]:
                continue
            at = ticks if name == OPUS else ticks // (OPUS_CLOCK // 8000)
            sink.send_frame(
                EncodedFrame((payloads[name],), at, starts_talk=starts_talk, level=level)
            )


def _level(samples: Samples) -> int:
    """Return the level in -dBov, RFC 6464: relative to a square wave of full scale."""
    plain = samples.ravel().astype(np.float32)
    power = float(plain @ plain) / max(1, plain.size)
    if power < 1:
        return SILENCE_LEVEL
    below = round(10 * math.log10(FULL_SCALE**2 / power))
    return min(SILENCE_LEVEL, max(0, below))
