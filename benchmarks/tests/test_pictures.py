import numpy as np
import pytest
from benchmarks.webrtc.pictures import BITS, LOOP, drawn, number_in, unwrapped


@pytest.mark.parametrize("number", [0, 1, 2, 255, 256, LOOP - 1, 2**BITS - 1])
def test_a_picture_tells_its_number(number: int) -> None:
    assert number_in(drawn(number)) == number


def test_a_negative_tells_the_complement() -> None:
    assert number_in(255 - drawn(5)) == 2**BITS - 1 - 5


def test_a_smaller_picture_tells_it_too() -> None:
    assert number_in(drawn(300)[::2, ::2]) == 300


def test_noise_has_no_number() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (720, 1280)).astype(np.uint8)
    assert number_in(noise) is None


def test_numbers_go_on_where_the_loop_begins_anew() -> None:
    assert unwrapped(5, after=3) == 5
    assert unwrapped(5, after=LOOP - 2) == LOOP + 5
    assert unwrapped(5, after=LOOP + 5) == LOOP + 5
