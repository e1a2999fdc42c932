"""What an outlet of sound encodes, and for whom."""

import asyncio

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core import AudioFrame
from fastrtc_core.testing import in_virtual_time
from fastrtc_webrtc.audiocodecs import OPUS
from fastrtc_webrtc.audiooutlet import SILENCE_LEVEL, AudioOutlet
from fastrtc_webrtc.encoded import EncodedFrame, MediaClock
from fastrtc_webrtc.opuspacket import has_fec
from fastrtc_webrtc.testing.media import tone

RATE = 48_000


class Peer:
    """Notes what it is sent."""

    def __init__(self) -> None:
        self.frames: list[EncodedFrame] = []

    def send_frame(self, frame: EncodedFrame) -> None:
        self.frames.append(frame)

    @property
    def loud(self) -> list[EncodedFrame]:
        return [frame for frame in self.frames if frame.level != SILENCE_LEVEL]


def outlet_now() -> AudioOutlet:
    return AudioOutlet(MediaClock(asyncio.get_running_loop().time(), 1_700_000_000.0))


def sound(seconds: float) -> AudioFrame:
    return AudioFrame(tone(440, seconds, RATE, 8000.0), RATE)


@in_virtual_time
async def test_it_is_encoded_once_for_all() -> None:
    outlet, one, other = outlet_now(), Peer(), Peer()
    outlet.subscribe(one, OPUS)
    outlet.subscribe(other, OPUS)
    await asyncio.sleep(1.0)
    outlet.write(sound(0.1))
    await asyncio.sleep(0.2)
    pairs = list(zip(one.loud, other.loud, strict=True))
    assert pairs
    assert all(a.payloads[0] is b.payloads[0] for a, b in pairs)


@in_virtual_time
async def test_nothing_is_encoded_for_nobody() -> None:
    outlet, peer = outlet_now(), Peer()
    outlet.write(sound(0.2))  # time passes for it all the same
    await asyncio.sleep(1.0)
    assert outlet._waiting.size == 0
    assert outlet._encoders == {}
    outlet.subscribe(peer, OPUS)
    outlet.unsubscribe(peer)
    outlet.unsubscribe(peer)
    assert outlet._encoders == {}
    await asyncio.sleep(4.0)
    assert outlet._timer is None
    assert peer.frames == []


@in_virtual_time
async def test_a_codec_that_is_not_spoken() -> None:
    outlet = outlet_now()
    with pytest.raises(ValueError, match="audio/g722"):
        outlet.subscribe(Peer(), "audio/g722")
    assert outlet._sinks == {}


# Redundancy


def voice(rng: np.random.Generator) -> NDArray[np.int16]:
    hum = tone(150, 1.0, peak=4000) + tone(450, 1.0, peak=3000)
    return (hum + rng.integers(-500, 500, hum.shape)).astype(np.int16)


@in_virtual_time
async def test_losses_bring_redundancy_and_its_end() -> None:
    outlet, peer = outlet_now(), Peer()
    outlet.subscribe(peer, OPUS)
    rng = np.random.default_rng(1)

    async def redundant() -> bool:
        """Say something, and return whether it is said twice."""
        count = len(peer.loud)
        outlet.write(AudioFrame(voice(rng), RATE))
        await asyncio.sleep(2.0)
        said = peer.loud[count:]
        assert said
        return any(has_fec(frame.payloads[0]) for frame in said)

    await asyncio.sleep(1.0)
    assert not await redundant()
    outlet.report_loss(0.2)
    assert await redundant()
    for _ in range(20):
        outlet.report_loss(0.0)
    assert outlet._loss == 0
    assert not await redundant()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.02, 0.05, 0.5, 1.0])
@in_virtual_time
async def test_what_is_reported_is_believed_in_the_end(share: float) -> None:
    outlet = outlet_now()
    for first in (0.0, 1.0):
        outlet.report_loss(first)
        for _ in range(40):
            outlet.report_loss(share)
        assert outlet._loss == round(100 * share)
