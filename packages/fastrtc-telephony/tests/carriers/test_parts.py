"""Lines, chunks, marks, tones and tickets."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrtc_core import ConcurrencyLimitError
from fastrtc_telephony.chunks import Chunks
from fastrtc_telephony.errors import TicketError
from fastrtc_telephony.events import CallInfo
from fastrtc_telephony.lines import CODECS, Encoding, Line
from fastrtc_telephony.marks import EVERY, MOST, Marks
from fastrtc_telephony.tickets import Tickets
from fastrtc_telephony.tones import BETWEEN, PAUSE, PRESSED, check_keys, tones

FREQUENCIES = {
    "1": (697, 1209),
    "2": (697, 1336),
    "3": (697, 1477),
    "A": (697, 1633),
    "4": (770, 1209),
    "5": (770, 1336),
    "6": (770, 1477),
    "B": (770, 1633),
    "7": (852, 1209),
    "8": (852, 1336),
    "9": (852, 1477),
    "C": (852, 1633),
    "*": (941, 1209),
    "0": (941, 1336),
    "#": (941, 1477),
    "D": (941, 1633),
}
"""ITU-T Q.23."""

# Lines


@pytest.mark.parametrize(
    ("line", "size"),
    [
        (Line(), 160),
        (Line("alaw", 8000), 160),
        (Line("l16", 8000), 320),
        (Line("l16", 16000), 640),
        (Line("l16", 48000), 1920),
    ],
)
def test_size_and_duration_of_20_ms(line: Line, size: int) -> None:
    assert line.size(0.02) == size
    assert line.seconds(size) == pytest.approx(0.02)


def test_a_size_is_a_whole_number_of_samples() -> None:
    assert Line("l16", 8000).size(0.00019) == 4
    assert Line("l16", 8000).size(0.0) == 0


@pytest.mark.parametrize("encoding", CODECS)
def test_silence_is_silent(encoding: Encoding) -> None:
    codec = Line(encoding).codec
    assert len(codec.silence) == codec.bytes_per_sample
    assert np.abs(codec.decode(codec.silence * 160)).max() <= 8


@pytest.mark.parametrize("encoding", CODECS)
def test_what_is_encoded_can_be_decoded(encoding: Encoding) -> None:
    codec = Line(encoding).codec
    samples = np.linspace(-30_000, 30_000, 1001).astype(np.int16)
    data = codec.encode(samples[np.newaxis])
    assert len(data) == samples.size * codec.bytes_per_sample
    decoded = codec.decode(data)
    assert decoded.dtype == np.int16
    np.testing.assert_allclose(decoded, samples, rtol=0.05, atol=16)
    assert codec.encode(decoded) == data


def test_sixteen_bits_are_little_endian_and_exact() -> None:
    codec = CODECS["l16"]
    assert codec.encode(np.array([[1, -2, 256]], ">i2").astype(np.int16)) == b"\1\0\xfe\xff\0\1"
    assert codec.decode(b"\1\0\xfe\xff\0\1").tolist() == [1, -2, 256]


# Chunks


def test_pieces_have_one_size() -> None:
    chunks = Chunks(4)
    assert chunks.push(b"abc") == []
    assert chunks
    assert chunks.push(b"defghi") == [b"abcd", b"efgh"]
    assert chunks.push(b"jkl") == [b"ijkl"]
    assert not chunks


def test_what_is_left_is_filled_up_with_silence() -> None:
    chunks = Chunks(6)
    chunks.push(b"ab")
    assert chunks.padded(b"-+") == b"ab-+-+"
    assert not chunks
    assert chunks.push(b"cdefgh") == [b"cdefgh"]


def test_what_is_left_can_be_forgotten() -> None:
    chunks = Chunks(4)
    chunks.push(b"abc")
    chunks.clear()
    assert not chunks
    assert chunks.push(b"defg") == [b"defg"]


@given(st.integers(1, 20), st.lists(st.binary(max_size=50), max_size=10))
@settings(max_examples=100, deadline=None)
def test_nothing_is_lost_in_chunks(size: int, parts: list[bytes]) -> None:
    chunks = Chunks(size)
    pieces = [piece for part in parts for piece in chunks.push(part)]
    assert all(len(piece) == size for piece in pieces)
    rest = chunks.padded(b"\xff") if chunks else b""
    assert len(rest) in (0, size)
    everything = b"".join(parts)
    assert (b"".join(pieces) + rest)[: len(everything)] == everything


# Marks


def test_a_mark_comes_every_tenth_of_a_second() -> None:
    marks = Marks()
    assert marks.sent(EVERY / 2) is None
    first = marks.sent(EVERY / 2)
    assert first is not None
    assert marks.sent(EVERY / 2) is None
    second = marks.sent(3 * EVERY)
    assert second is not None
    assert second != first
    assert marks.reached(first) == pytest.approx(EVERY)
    assert marks.reached(second) == pytest.approx(4.5 * EVERY)


def test_a_mark_is_reached_once() -> None:
    marks = Marks()
    name = marks.sent(1.0) or ""
    assert marks.reached(name) == 1.0
    assert marks.reached(name) is None
    assert marks.reached("another") is None


def test_a_mark_that_is_reached_takes_those_before_it_along() -> None:
    marks = Marks()
    first, second, third = [marks.sent(1.0) or "" for _ in range(3)]
    assert marks.reached(second) == 2.0
    assert marks.reached(first) is None
    assert marks.reached(third) == 3.0


def test_marks_of_what_was_cleared_mean_nothing() -> None:
    marks = Marks()
    first, second = [marks.sent(1.0) or "" for _ in range(2)]
    assert marks.reached(first) == 1.0
    marks.cleared(1.25)
    assert marks.reached(second) is None
    third = marks.sent(1.0) or ""
    assert third not in (first, second)
    assert marks.reached(third) == 2.25


def test_marks_of_a_carrier_that_reports_none_are_bounded() -> None:
    marks = Marks()
    names = [marks.sent(1.0) or "" for _ in range(MOST + 1)]
    assert marks.reached(names[0]) is None
    assert marks.reached(names[1]) == 2.0
    assert marks.reached(names[-1]) == MOST + 1


# Tones


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
@pytest.mark.parametrize("key", FREQUENCIES)
def test_a_key_has_both_of_its_frequencies_and_no_other(key: str, rate: int) -> None:
    sound = tones(key, rate)
    assert sound.dtype == np.int16
    assert sound.shape == (1, round((PRESSED + BETWEEN) * rate))
    pressed = sound[0, : round(PRESSED * rate)]
    spectrum = np.abs(np.fft.rfft(pressed * np.hanning(pressed.size), 4 * rate))
    hertz = np.fft.rfftfreq(4 * rate, 1 / rate)
    low, high = (np.abs(hertz - frequency) < 25 for frequency in FREQUENCIES[key])
    for near, frequency in zip((low, high), FREQUENCIES[key], strict=True):
        found = hertz[near][np.argmax(spectrum[near])]
        assert found == pytest.approx(frequency, abs=2)
    assert spectrum[low].max() == pytest.approx(spectrum[high].max(), rel=0.1)
    assert spectrum[~(low | high)].max() < 0.05 * spectrum[low].max()
    assert not sound[0, pressed.size :].any()


def test_keys_follow_one_another() -> None:
    both = tones("1d", 8000)
    np.testing.assert_array_equal(
        both, np.concatenate([tones("1", 8000), tones("D", 8000)], axis=1)
    )


def test_w_waits() -> None:
    assert tones("wW", 8000).shape == (1, round(2 * PAUSE * 8000))
    assert not tones("w", 8000).any()


def test_no_keys_are_no_sound() -> None:
    assert tones("", 8000).shape == (1, 0)


def test_tones_do_not_clip() -> None:
    assert np.abs(tones("".join(FREQUENCIES), 8000).astype(int)).max() <= 16_000


def test_keys_are_called_by_capital_letters() -> None:
    assert check_keys("12ab*#W") == "12AB*#w"


@pytest.mark.parametrize("keys", ["E", "1 2", "+49", "ß", "1\n", "٣"])
def test_a_telephone_has_no_such_key(keys: str) -> None:
    with pytest.raises(ValueError, match="a telephone has the keys"):
        tones(keys, 8000)


# Tickets


class Place:
    """One place, and whether it is taken."""

    def __init__(self) -> None:
        self.taken = 0
        self.free = asyncio.Event()

    @contextmanager
    def take(self) -> Iterator[None]:
        self.taken += 1
        self.free.clear()
        try:
            yield
        finally:
            self.taken -= 1
            self.free.set()


@contextmanager
def no_place() -> Iterator[None]:
    raise ConcurrencyLimitError(1)
    yield


def call(call_id: str = "CA1") -> CallInfo:
    return CallInfo("twilio", call_id)


async def test_a_ticket_keeps_a_place_until_it_is_used_once() -> None:
    place, tickets = Place(), Tickets()
    token = tickets.issue(call(), place.take())
    assert (place.taken, len(tickets), token in tickets) == (1, 1, True)
    assert tickets.redeem(token, call()) == call()
    assert (place.taken, len(tickets), token in tickets) == (0, 0, False)
    with pytest.raises(TicketError):
        tickets.redeem(token, call())


async def test_a_ticket_may_be_used_before_the_call_is_known() -> None:
    tickets = Tickets()
    assert tickets.redeem(tickets.issue(call(), Place().take())) == call()


async def test_a_ticket_of_a_call_without_a_name_is_any_calls() -> None:
    tickets = Tickets()
    assert tickets.redeem(tickets.issue(call(""), Place().take()), call("CA2")) == call("")


async def test_another_call_can_not_use_a_ticket_nor_use_it_up() -> None:
    place, tickets = Place(), Tickets()
    token = tickets.issue(call(), place.take())
    with pytest.raises(TicketError, match="'CA1', not 'CA2'"):
        tickets.redeem(token, call("CA2"))
    assert place.taken == 1
    assert tickets.redeem(token, call()) == call()


@pytest.mark.parametrize("token", ["", "guessed", "é"])
async def test_a_token_that_was_not_issued(token: str) -> None:
    tickets = Tickets()
    tickets.issue(call(), Place().take())
    with pytest.raises(TicketError):
        tickets.redeem(token, call())


async def test_tokens_are_long_and_differ() -> None:
    tickets = Tickets()
    tokens = {tickets.issue(call(), Place().take()) for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) >= 22 for token in tokens)


async def test_a_ticket_that_expires_frees_its_place() -> None:
    place, tickets = Place(), Tickets(valid=0.01)
    token = tickets.issue(call(), place.take())
    async with asyncio.timeout(5):
        await place.free.wait()
    assert (place.taken, len(tickets)) == (0, 0)
    with pytest.raises(TicketError, match=r"0\.01 s"):
        tickets.redeem(token, call())


async def test_a_ticket_that_was_used_does_not_expire_later() -> None:
    failures: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    used, other = Place(), Place()
    tickets = Tickets(valid=0.01)
    tickets.redeem(tickets.issue(call(), used.take()), call())
    tickets.issue(call(), other.take())
    async with asyncio.timeout(5):
        await other.free.wait()
    assert failures == []
    assert used.taken == 0


async def test_without_a_place_there_is_no_ticket() -> None:
    tickets = Tickets()
    with pytest.raises(ConcurrencyLimitError):
        tickets.issue(call(), no_place())
    assert len(tickets) == 0
