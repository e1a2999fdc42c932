import json

import numpy as np
import pytest
from benchmarks.settings import FRAME
from benchmarks.wire import Audio, Clear, Documented, Negotiated, Notice, Wire, frames
from benchmarks.wire import mulaw_decoded as decoded
from benchmarks.wire import mulaw_encoded as encoded


def test_mulaw_codes_survive() -> None:
    codes = bytes(code for code in range(256) if code != 0x7F)  # 0x7F is a second zero
    assert encoded(decoded(codes)) == codes


def test_mulaw_of_known_values() -> None:
    samples = np.array([0, 32767, -32768, 1000, -1000], np.int16)
    assert encoded(samples) == bytes([0xFF, 0x80, 0x00, 0xCE, 0x4E])


@pytest.mark.parametrize("wire", [Documented(), Negotiated()])
def test_what_is_said_is_understood(wire: Wire) -> None:
    samples = np.arange(-8000, 8000, 50, dtype=np.int16)
    heard = wire.event(wire.media(samples))
    assert isinstance(heard, Audio)
    np.testing.assert_allclose(heard.samples, samples, rtol=0.04, atol=8)


@pytest.mark.parametrize("wire", [Documented(), Negotiated()])
def test_what_is_no_audio_is_a_notice(wire: Wire) -> None:
    log = json.dumps({"type": "log", "data": "pause_detected"})
    assert wire.event(log) == Notice(log)


def test_only_who_asked_for_clear_obeys_it() -> None:
    clear = json.dumps({"event": "clear"})
    assert Negotiated().event(clear) == Clear()
    assert Documented().event(clear) == Notice(clear)


def test_the_last_frame_is_filled_up() -> None:
    cut = frames(np.ones(FRAME + 1, np.int16))
    assert [frame.sum() for frame in cut] == [FRAME, 1]
