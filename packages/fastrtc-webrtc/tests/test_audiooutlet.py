"""The pace of outgoing sound, in virtual time, and what is in its frames."""

import asyncio
from collections.abc import Iterable, Sequence
from itertools import cycle, pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core import AudioFrame
from fastrtc_core.testing import in_virtual_time
from fastrtc_webrtc.audiocodecs import OPUS, PCMA, PCMU, make_decoder
from fastrtc_webrtc.audiooutlet import (
    EARLY,
    FRAME,
    KEEP_ALIVE,
    SILENCE_LEVEL,
    TAIL,
    TOLERANCE,
    WATCHED,
    AudioOutlet,
)
from fastrtc_webrtc.encoded import EncodedFrame, MediaClock
from fastrtc_webrtc.opuspacket import packet_duration
from fastrtc_webrtc.testing.media import decibels, level, loudest_hz, silence, tone, tone_level

Sound = NDArray[np.int16]

RATE = 24_000
PEAK = 8000.0
TICKS = 960


class Peer:
    """Notes what it is sent."""

    def __init__(self, codec: str = OPUS) -> None:
        self.codec = codec
        self.frames: list[tuple[float, EncodedFrame]] = []

    def send_frame(self, frame: EncodedFrame) -> None:
        self.frames.append((asyncio.get_running_loop().time(), frame))

    @property
    def loud(self) -> list[tuple[float, EncodedFrame]]:
        return [(time, frame) for time, frame in self.frames if frame.level != SILENCE_LEVEL]

    @property
    def times(self) -> list[float]:
        return [time for time, _ in self.loud]

    @property
    def timestamps(self) -> list[int]:
        return [frame.timestamp for _, frame in self.loud]

    @property
    def talk(self) -> list[int]:
        """Timestamps from the first sound to the last."""
        first, last = self.timestamps[0], self.timestamps[-1]
        return [f.timestamp for _, f in self.frames if first <= f.timestamp <= last]

    @property
    def marked(self) -> list[bool]:
        return [frame.starts_talk for _, frame in self.loud]

    def heard(self, channels: int = 1) -> Sound:
        decoder, _ = make_decoder(self.codec, 48_000, channels)
        return np.concatenate([decoder.decode(f.payloads[0]) for _, f in self.loud], axis=1)


class Speech:
    """An outlet, and somebody who speaks through it."""

    def __init__(self, rate: int = RATE) -> None:
        now = asyncio.get_running_loop().time
        self.now = now
        self.clock = MediaClock(now(), 1_700_000_000.0)
        self.outlet = AudioOutlet(self.clock)
        self.rate = rate

    def peer(self, codec: str = OPUS) -> Peer:
        peer = Peer(codec)
        self.outlet.subscribe(peer, codec)
        return peer

    def say(self, seconds: float, hz: float = 440.0) -> None:
        """Write sound at once."""
        self.write(tone(hz, seconds, self.rate, PEAK))

    def write(self, samples: Sound) -> None:
        self.outlet.write(AudioFrame(samples, self.rate))

    async def read_out(self, samples: Sound, pieces: Iterable[float], lead: float = 0.2) -> None:
        """Write sound in pieces, as far ahead as a session's speaker does."""
        began = self.now()
        first = 0
        for seconds in pieces:
            if first >= samples.shape[1]:
                return
            await asyncio.sleep(max(0.0, began + first / self.rate - lead - self.now()))
            last = first + round(seconds * self.rate)
            self.write(samples[:, first:last])
            first = last

    async def until(self, time: float) -> None:
        await asyncio.sleep(time - self.now())


def is_even(times: Sequence[float], within: float = 2.5 * EARLY) -> bool:
    return all(abs(b - a - FRAME) <= within for a, b in pairwise(times))


def is_contiguous(timestamps: Sequence[int], step: int = TICKS) -> bool:
    return all(b - a == step for a, b in pairwise(timestamps))


# The grid


@pytest.mark.parametrize(
    "pieces", [[0.02], [0.04], [0.007], [0.033, 0.001, 0.09], [0.2], [1.0], [0.0205]]
)
@in_virtual_time
async def test_frames_come_evenly_whatever_the_pieces(pieces: list[float]) -> None:
    speech = Speech()
    peer = speech.peer()
    await speech.until(1.0)
    await speech.read_out(tone(440, 1.0, RATE, PEAK), cycle(pieces))
    await speech.until(3.0)
    assert len(peer.loud) == 50
    assert is_contiguous(peer.timestamps)
    grid = [peer.times[0] + n * FRAME for n in range(50)]
    assert peer.times[0] == pytest.approx(1.0, abs=0.022)
    # None is late, and the first small pieces may be taken for those of a writer in real time.
    assert all(-0.01 < time - due < 0.002 for time, due in zip(peer.times, grid, strict=True))
    sound = peer.heard()[:, 12_000:-12_000]
    assert loudest_hz(sound) == pytest.approx(440, abs=1)
    assert decibels(tone_level(sound, 440) / PEAK) == pytest.approx(0, abs=0.3)


@in_virtual_time
async def test_the_first_frame_goes_at_once() -> None:
    speech = Speech()
    peer = speech.peer()
    await speech.until(10.0)
    speech.say(0.1)
    assert len(peer.loud) == 1
    assert peer.times == [speech.now()]


@in_virtual_time
async def test_timestamps_are_those_of_the_session_s_clock() -> None:
    speech = Speech()
    peer = speech.peer()
    await speech.until(2.5)
    speech.say(0.02)
    assert peer.timestamps == [120_000]


@in_virtual_time
async def test_a_frame_that_is_not_full_is_padded() -> None:
    speech = Speech()
    peer = speech.peer()
    await speech.until(1.0)
    speech.say(0.05)
    await speech.until(1.1)
    assert len(peer.loud) == 3
    assert is_contiguous(peer.timestamps)
    assert all(packet_duration(frame.payloads[0]) == TICKS for _, frame in peer.loud)
    assert peer.times[-1] == pytest.approx(1.06, abs=0.002)  # it was waited for


@in_virtual_time
async def test_a_frame_is_filled_by_what_comes_in_time() -> None:
    speech = Speech()
    peer = speech.peer()
    await speech.until(1.0)
    speech.say(0.03)
    await speech.until(1.025)
    speech.say(0.03)
    await speech.until(1.2)
    assert len(peer.loud) == 3


# Writers that are late


@pytest.mark.parametrize("late", [0.03, 0.1, 0.14])
@in_virtual_time
async def test_a_writer_that_is_a_little_late(late: float) -> None:
    speech = Speech()
    peer = speech.peer()
    await speech.until(1.0)
    speech.say(0.2)
    await speech.until(1.2 + late)
    speech.say(0.6)
    await speech.until(3.0)
    assert is_contiguous(peer.talk)
    assert peer.marked == [True] + [False] * 39
    # What was overdue has gone at once, and the rest is where it would have been.
    assert peer.times[-1] == pytest.approx(1.78, abs=0.002)
    before, after = peer.times[:10], peer.times[10:]
    assert is_even(before)
    assert sum(time == after[0] for time in after) == 1 + int(late / FRAME + 0.06)


@pytest.mark.parametrize("late", [TOLERANCE + 0.01, 0.7, 5.0])
@in_virtual_time
async def test_a_writer_that_is_too_late_begins_anew(late: float) -> None:
    speech = Speech()
    peer = speech.peer()
    await speech.until(1.0)
    speech.say(0.2)
    await speech.until(1.2 + late)
    speech.say(0.2)
    await speech.until(8.0)
    assert peer.marked == ([True] + [False] * 9) * 2
    assert is_even(peer.times[10:])
    assert peer.times[10] == pytest.approx(1.2 + late, abs=FRAME)
    for time, frame in peer.loud:
        assert frame.timestamp == pytest.approx(speech.clock.ticks(time, 48_000), abs=100)


@in_virtual_time
async def test_lateness_does_not_add_up() -> None:
    speech = Speech()
    peer = speech.peer()
    await speech.until(1.0)
    for turn in range(40):
        # Now on time and now late, but as much sound as time passes.
        await speech.until(1.0 + 0.1 * turn + (0.09 if turn % 3 else 0.0))
        speech.say(0.1)
    await speech.until(9.0)
    assert is_contiguous(peer.talk)
    assert peer.marked.count(True) == 1
    assert len(peer.loud) == 200
    assert peer.times[-1] <= 1.0 + 4.0 + 0.1


@in_virtual_time
async def test_a_late_beginning_is_caught_up_with() -> None:
    """Of a writer in real time, whose first pieces came together."""
    speech = Speech()
    peer = speech.peer()
    await speech.until(1.0)
    speech.say(0.06)
    for _ in range(3 * WATCHED):
        await asyncio.sleep(0.02)
        speech.say(0.02)
    assert is_contiguous(peer.talk)
    assert peer.marked.count(True) == 1
    assert len(peer.loud) == 3 * WATCHED + 3  # nothing waits any more


@in_virtual_time
async def test_hesitation_leaves_no_delay() -> None:
    speech = Speech()
    peer = speech.peer()
    await speech.until(1.0)
    for _ in range(30):
        written, count = speech.now(), len(peer.loud)
        speech.say(0.1)
        await asyncio.sleep(0.1 + 0.1)
        assert len(peer.loud) == count + 5
        assert peer.times[count] == pytest.approx(written, abs=FRAME + 0.001)
        assert peer.times[-1] <= written + 0.1
    stamps = [frame.timestamp for _, frame in peer.frames]
    assert all(b - a >= TICKS for a, b in pairwise(stamps))


@in_virtual_time
async def test_the_end_of_a_sound_is_heard_at_its_end() -> None:
    """What an encoder holds back comes out with a frame of silence."""
    speech = Speech(48_000)
    peer = speech.peer()
    await speech.until(1.0)
    speech.say(0.2)
    await speech.until(1.3)
    (last, _), (time, tail) = peer.frames[-2:]
    assert tail.level == SILENCE_LEVEL
    assert time - last == pytest.approx(FRAME + TAIL, abs=0.002)
    assert is_contiguous([*peer.timestamps, tail.timestamp])
    decoder, _ = make_decoder(OPUS, 48_000, 1)
    talk = [f.payloads[0] for _, f in peer.frames if f.timestamp >= peer.timestamps[0]]
    sound = np.concatenate([decoder.decode(payload) for payload in talk], axis=1)
    (loud,) = np.nonzero(np.abs(sound[0]) > PEAK / 2)
    assert (loud[-1] - loud[0]) / 48_000 == pytest.approx(0.2, abs=0.005)


@in_virtual_time
async def test_sound_soon_after_a_sign_of_life_does_not_overlap_it() -> None:
    speech = Speech()
    peer = speech.peer()
    await speech.until(1.0)
    last_silence = peer.frames[-1][0]
    while peer.frames[-1][0] == last_silence:
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.005)
    speech.say(0.1)
    await speech.until(3.0)
    stamps = [frame.timestamp for _, frame in peer.frames]
    assert all(b - a >= TICKS for a, b in pairwise(stamps))
    assert is_even(peer.times)


# Silence


@in_virtual_time
async def test_signs_of_life() -> None:
    speech = Speech()
    peer = speech.peer()
    await speech.until(10.0)
    times = [time for time, _ in peer.frames]
    assert all(b - a == pytest.approx(KEEP_ALIVE, abs=0.002) for a, b in pairwise(times[1:]))
    assert len(times) == pytest.approx(10 / KEEP_ALIVE, abs=2)
    assert not any(frame.starts_talk for _, frame in peer.frames)
    decoder, _ = make_decoder(OPUS, 48_000, 1)
    assert all(level(decoder.decode(frame.payloads[0])) < 5 for _, frame in peer.frames)


@in_virtual_time
async def test_timestamps_only_grow() -> None:
    speech = Speech()
    peer = speech.peer()
    rng = np.random.default_rng(5)
    await speech.until(1.0)
    for _ in range(200):
        speech.say(float(rng.uniform(0.005, 0.3)))
        await asyncio.sleep(float(rng.choice([0.05, 0.3, 0.6, 1.0])))
    await asyncio.sleep(3.0)
    stamps = [frame.timestamp for _, frame in peer.frames]
    assert all(b - a >= TICKS for a, b in pairwise(stamps))


@in_virtual_time
async def test_there_is_no_silence_while_somebody_speaks() -> None:
    speech = Speech()
    peer = speech.peer()
    await speech.until(1.0)
    await speech.read_out(tone(440, 3.0, RATE, PEAK), cycle([0.04]))
    await speech.until(3.9)
    between = [f for time, f in peer.frames if time > 1.0 and f.level == SILENCE_LEVEL]
    assert between == []


@in_virtual_time
async def test_levels() -> None:
    speech = Speech()
    peer = speech.peer()
    await speech.until(1.0)
    speech.write(np.full((1, 480), 32_767, np.int16))
    speech.write(np.full((1, 480), 3277, np.int16))
    speech.write(silence(0.02, RATE))
    await speech.until(1.3)
    silent = SILENCE_LEVEL
    assert [frame.level for _, frame in peer.frames[-4:]] == [0, 20, silent, silent]


# Interruption


@in_virtual_time
async def test_clear() -> None:
    speech = Speech()
    peer = speech.peer()
    await speech.until(1.0)
    speech.say(0.4)
    await speech.until(1.095)
    speech.outlet.clear()
    await speech.until(1.3)
    assert len(peer.loud) == 5
    speech.say(0.1, hz=1000)
    await speech.until(2.0)
    assert len(peer.loud) == 10
    assert loudest_hz(peer.heard()[:, 5 * TICKS :]) == pytest.approx(1000, abs=10)


# Forms of sound


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 44_100, 48_000, 96_000])
@in_virtual_time
async def test_other_rates(rate: int) -> None:
    speech = Speech(rate=rate)
    peer = speech.peer()
    await speech.until(1.0)
    await speech.read_out(tone(440, 1.0, rate, PEAK), cycle([0.04]))
    await speech.until(3.0)
    assert len(peer.loud) in (50, 51)
    assert is_even(peer.times)
    assert is_contiguous(peer.timestamps)
    sound = peer.heard()[:, 12_000:-12_000]
    assert loudest_hz(sound) == pytest.approx(440, abs=1)
    assert decibels(tone_level(sound, 440) / PEAK) == pytest.approx(0, abs=0.3)


@in_virtual_time
async def test_stereo() -> None:
    speech = Speech(rate=48_000)
    peer = speech.peer()
    await speech.until(1.0)
    sides = np.concatenate([tone(440, 0.5, peak=PEAK), tone(1000, 0.5, peak=PEAK)])
    speech.write(sides)
    await speech.until(2.0)
    left, right = peer.heard(channels=2)[:, 9600:-4800]
    assert loudest_hz(left) == pytest.approx(440, abs=2)
    assert loudest_hz(right) == pytest.approx(1000, abs=2)


@in_virtual_time
async def test_a_form_that_changes_between_two_sayings() -> None:
    speech = Speech()
    peer = speech.peer()
    await speech.until(1.0)
    speech.say(0.2)
    await speech.until(1.2)
    speech.rate = 48_000
    speech.write(np.repeat(tone(1000, 0.2, peak=PEAK), 2, axis=0))
    await speech.until(1.5)
    assert len(peer.loud) == 20
    assert is_contiguous(peer.timestamps)
    assert loudest_hz(peer.heard(channels=2)[:1, 11 * TICKS :]) == pytest.approx(1000, abs=5)


# Peers


@pytest.mark.parametrize("codec", [PCMU, PCMA])
@in_virtual_time
async def test_peers_with_different_codecs(codec: str) -> None:
    speech = Speech()
    opus, telephone = speech.peer(), speech.peer(codec)
    await speech.until(1.0)
    speech.say(1.0)
    await speech.until(2.5)
    assert telephone.times == opus.times
    assert is_contiguous(telephone.timestamps, step=160)
    for (_, one), (_, other) in zip(opus.loud, telephone.loud, strict=True):
        assert other.timestamp == one.timestamp // 6
        assert (one.starts_talk, one.level) == (other.starts_talk, other.level)
    for peer, rate in ((opus, 48_000), (telephone, 8000)):
        sound = peer.heard()[:, rate // 4 : -rate // 4]
        assert loudest_hz(sound, rate) == pytest.approx(440, abs=1)
        assert decibels(tone_level(sound, 440, rate) / PEAK) == pytest.approx(0, abs=0.3)


@in_virtual_time
async def test_a_peer_that_comes_in_the_middle() -> None:
    speech = Speech()
    first = speech.peer()
    await speech.until(1.0)
    speech.say(0.4)
    await speech.until(1.195)
    late = speech.peer(PCMU)
    await speech.until(1.6)
    assert len(first.loud) == 20
    assert len(late.loud) == 10
    assert [t // 6 for t in first.timestamps[10:]] == late.timestamps


@in_virtual_time
async def test_close() -> None:
    speech = Speech()
    peer = speech.peer()
    await speech.until(1.0)
    speech.say(1.0)
    speech.outlet.close()
    count = len(peer.frames)
    speech.say(1.0)
    await speech.until(5.0)
    assert len(peer.frames) == count
    assert speech.outlet._timer is None
