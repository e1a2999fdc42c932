from collections.abc import Sequence

import av
import numpy as np
import pytest
from benchmarks.sound import Samples
from benchmarks.webrtc.codes import code, tone
from benchmarks.webrtc.delays import echoes, longest_gap, thrown_away
from benchmarks.webrtc.settings import FRAME, FRAME_SECONDS
from benchmarks.webrtc.wiretap import Heard, Wiretap

CODE = code(200, seed=1)
SILENCE: Samples = np.zeros(FRAME, np.float32)


def sent(lost: Sequence[int] = ()) -> Wiretap:
    passed = [
        Heard(10 + number * FRAME_SECONDS, tone(one), number in lost)
        for number, one in enumerate(CODE)
    ]
    return Wiretap(passed)


def returned(out: Wiretap, delay: float, missing: Sequence[int] = ()) -> Wiretap:
    passed = [
        Heard(one.at + delay, one.samples)
        for number, one in enumerate(out.passed)
        if number not in missing
    ]
    return Wiretap(passed)


def test_a_delay_is_found() -> None:
    out = sent()
    found = echoes(out, returned(out, 0.123))
    assert [echo.number for echo in found] == list(range(len(CODE)))
    assert np.median([echo.delay for echo in found]) == pytest.approx(0.123, abs=0.005)


def test_a_delay_that_changes_is_found() -> None:
    out = sent()
    late = returned(out, 0.3).passed[100:]
    found = echoes(out, Wiretap([*returned(out, 0.1).passed[:100], *late]))
    delays = [echo.delay for echo in found]
    assert np.median(delays[:100]) == pytest.approx(0.1, abs=0.005)
    assert np.median(delays[100:]) == pytest.approx(0.3, abs=0.005)


def test_only_what_arrived_can_be_thrown_away() -> None:
    out = sent(lost=[50, 51])
    back = returned(out, 0.1, missing=[50, 51, 52, 80])
    found = echoes(out, back)
    assert thrown_away(out, back, found, until=100.0) == (2, len(CODE) - 2)
    assert thrown_away(out, back, [], until=100.0) == (0, 0)


def test_what_is_garbled_in_its_place_was_not_thrown_away() -> None:
    out = sent()
    back = returned(out, 0.1)
    loud = (3 * tone((CODE[80] + 8) % 16) + tone(CODE[80])).astype(np.float32)
    back.passed[80] = Heard(back.passed[80].at, loud)
    found = echoes(out, back)
    assert 80 not in {echo.number for echo in found}
    assert thrown_away(out, back, found, until=100.0) == (0, len(CODE))


@pytest.mark.parametrize("instead", [SILENCE, tone(CODE[79])], ids=["silence", "concealed"])
def test_what_is_filled_in_was_thrown_away(instead: Samples) -> None:
    out = sent()
    back = returned(out, 0.1)
    back.passed[80] = Heard(back.passed[80].at, instead)
    assert thrown_away(out, back, echoes(out, back), until=100.0) == (1, len(CODE))


def test_steady_packets_have_no_gap() -> None:
    assert longest_gap(sent().passed) == pytest.approx(0, abs=1e-6)


def test_jitter_within_the_player_is_no_gap() -> None:
    jittered = [
        Heard(one.at + (0.03 if at % 7 else 0), one.samples) for at, one in enumerate(sent().passed)
    ]
    assert longest_gap(jittered) == pytest.approx(0, abs=1e-6)


def test_silent_packets_are_a_gap() -> None:
    passed = sent().passed
    passed[60:63] = [Heard(one.at, SILENCE) for one in passed[60:63]]
    assert longest_gap(passed) == pytest.approx(3 * FRAME_SECONDS, abs=0.003)


def test_a_stall_is_a_gap() -> None:
    passed = sent().passed
    late = [Heard(one.at + 0.4, one.samples) for one in passed[100:]]
    assert longest_gap([*passed[:100], *late]) == pytest.approx(0.36, abs=0.003)


def test_a_wiretap_hears_what_opus_carries() -> None:
    encoder = av.CodecContext.create("libopus", "w")
    encoder.format, encoder.layout, encoder.sample_rate = "s16", "stereo", 48_000
    tap = Wiretap()
    for number in CODE[:50]:
        both = np.repeat((tone(number) * 32767).astype(np.int16), 2)[None]
        frame = av.AudioFrame.from_ndarray(both, format="s16", layout="stereo")
        frame.sample_rate = 48_000
        for packet in encoder.encode(frame):
            tap.hear(bytes(packet))
    out = Wiretap(
        [Heard(one.at - 0.05, tone(number)) for one, number in zip(tap.passed, CODE, strict=False)]
    )
    assert [echo.number for echo in echoes(out, tap)] == pytest.approx(range(len(tap.passed)))
