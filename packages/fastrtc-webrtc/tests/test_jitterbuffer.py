import heapq
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrtc_webrtc.holes import HIGHEST_TARGET, LOWEST_TARGET
from fastrtc_webrtc.jitterbuffer import (
    MAX_SILENCE,
    STALL,
    Item,
    JitterBuffer,
    Lost,
    Packet,
    Silence,
)

PACKET = 960
RATE = 48_000

Arrival = tuple[float, int, int]
"""When a packet comes, its sequence number and its timestamp, both not wrapped."""

Answer = Callable[[float, int], float | None]
"""When a packet comes that is asked for now; None if never."""


@dataclass
class Run:
    """What became of packets."""

    buffer: JitterBuffer
    came: dict[int, float] = field(default_factory=dict)
    items: list[tuple[float, Item]] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)

    def of(self, kind: type[Packet | Lost | Silence]) -> list[Item]:
        return [item for _, item in self.items if isinstance(item, kind)]

    @property
    def numbers(self) -> list[int]:
        return [item.sequence for _, item in self.items if isinstance(item, Packet)]

    @property
    def delays(self) -> list[float]:
        """Seconds that the buffer added to each packet, the least first."""
        return sorted(
            time - self.came[item.sequence] for time, item in self.items if isinstance(item, Packet)
        )

    def seconds(self, *kinds: type[Packet | Lost | Silence]) -> float:
        return sum(item.duration for _, item in self.items if isinstance(item, kinds)) / RATE


def sent(numbers: Iterable[int], delay: Callable[[], float] = lambda: 0.0) -> list[Arrival]:
    return [(number / 50 + delay(), number, number * PACKET) for number in numbers]


def run(
    arrivals: list[Arrival],
    until: float | None = None,
    answer: Answer | None = None,
    buffer: JitterBuffer | None = None,
) -> Run:
    """Put packets in when they come and look again at every deadline, until everything is out."""
    result = Run(buffer or JitterBuffer())
    buffer = result.buffer
    coming = list(arrivals)
    heapq.heapify(coming)
    until = max(coming)[0] + STALL if until is None else until
    while True:
        times = [coming[0][0]] if coming else []
        times += [] if buffer.deadline is None else [buffer.deadline]
        now = min(times, default=until)
        if now >= until:
            return result
        while coming and coming[0][0] <= now:
            _, number, timestamp = heapq.heappop(coming)
            result.came.setdefault(number, now)
            buffer.insert(number % (1 << 16), timestamp % (1 << 32), b"%d" % number, PACKET, now)
        result.items += [(now, item) for item in buffer.pop(now)]
        for sequence in buffer.nack(now):
            result.asked.append(sequence)
            comes = answer(now, sequence) if answer else None
            if comes is not None:
                heapq.heappush(coming, (comes, sequence, sequence * PACKET))


# Without loss


def test_without_loss_nothing_is_delayed() -> None:
    result = run(sent(range(1000)))
    assert result.numbers == list(range(1000))
    assert result.delays[-1] == 0.0
    assert len(result.items) == 1000


def test_packets_that_come_late_in_order_are_not_delayed_further() -> None:
    lots = random.Random(1)
    times = sorted(number / 50 + lots.gauss(0.2, 0.05) for number in range(1000))
    result = run([(time, number, number * PACKET) for number, time in enumerate(times)])
    assert result.delays[-1] == 0.0
    assert result.buffer.target == LOWEST_TARGET


def test_packets_are_given_out_as_they_were_put_in() -> None:
    buffer = JitterBuffer()
    buffer.insert(65_535, 4_294_967_000, b"first", 960, 5.0)
    buffer.insert(0, 664, b"second", 480, 5.0)
    assert buffer.pop(5.0) == [
        Packet(65_535, 4_294_967_000, b"first", 960),
        Packet(65_536, (1 << 32) + 664, b"second", 480),
    ]


def test_another_clock() -> None:
    buffer = JitterBuffer(8000)
    for number in (0, 1, 3):
        buffer.insert(number, number * 160, b"", 160, number / 50)
    assert [item.duration for item in buffer.pop(0.08)] == [160] * 4
    assert buffer.lost == 1


# Loss


def test_one_lost_packet_leaves_no_delay_behind() -> None:
    result = run(sent(number for number in range(1000) if number != 500))
    assert result.of(Lost) == [Lost(PACKET, b"501")]
    assert result.buffer.lost == 1
    delays = result.delays
    assert delays[-1] == pytest.approx(LOWEST_TARGET)
    assert delays[-2] == 0.0
    assert result.items[500][1] == Lost(PACKET, b"501")


def test_five_percent_loss() -> None:
    lots = random.Random(5)
    result = run(sent(number for number in range(15_000) if lots.random() >= 0.05))
    assert result.numbers == sorted(result.came)
    assert result.buffer.late == 0
    assert result.delays[int(0.95 * len(result.delays))] <= 0.02 + 1e-9
    assert result.delays[-1] <= 0.02 + 1e-9
    assert result.seconds(Packet, Lost, Silence) == pytest.approx(300, abs=0.1)
    assert result.seconds(Silence) == 0


def test_a_burst_of_loss_is_given_out_whole_and_only_its_last_can_be_recovered() -> None:
    result = run(sent(number for number in range(100) if not 40 <= number < 50))
    assert result.of(Lost) == [Lost(PACKET, None)] * 9 + [Lost(PACKET, b"50")]
    assert result.delays[-1] == pytest.approx(LOWEST_TARGET)


def test_bursts_of_loss() -> None:
    lots = random.Random(3)
    lost: set[int] = set()
    for start in lots.sample(range(100, 9900), 40):
        lost.update(range(start, start + lots.randint(1, 12)))
    result = run(sent(number for number in range(10_000) if number not in lost))
    assert result.buffer.lost == len(lost)
    assert result.numbers == sorted(result.came)
    assert result.seconds(Packet, Lost) == pytest.approx(200)


def test_a_hole_of_more_than_a_second_is_no_avalanche() -> None:
    result = run(sent(number for number in range(300) if not 100 <= number < 170))
    assert result.of(Lost) == []
    assert result.numbers == sorted(result.came)
    assert result.delays[-1] == 0.0
    assert result.seconds(Packet, Silence) == pytest.approx(300 / 50)


@pytest.mark.parametrize(("before", "after"), [(2880, 960), (960, 2880)])
def test_what_is_lost_is_as_long_as_the_time_it_left(before: int, after: int) -> None:
    buffer = JitterBuffer()
    buffer.insert(0, 0, b"", before, 0.0)
    buffer.insert(3, before + 2 * after, b"", after, 0.1)
    items = [*buffer.pop(0.1), *buffer.pop(0.2)]
    assert sum(item.duration for item in items) == before + 3 * after
    assert not any(isinstance(item, Silence) for item in items)
    assert buffer.lost == 2


# Reordering


def test_a_reordered_packet_is_put_in_its_place() -> None:
    result = run([(0.0, 0, 0), (0.02, 2, 1920), (0.03, 1, 960), (0.06, 3, 2880)])
    assert result.numbers == [0, 1, 2, 3]
    assert (result.buffer.reordered, result.buffer.lost) == (1, 0)
    assert result.delays == pytest.approx([0.0, 0.0, 0.0, 0.01])


def test_the_target_adapts_to_jitter_so_that_what_is_reordered_is_not_lost() -> None:
    lots = random.Random(30)

    def delay() -> float:
        return max(0.0, lots.gauss(0.1, 0.03))

    learning = run(sent(range(500), delay))
    result = run(sent(range(500, 10_500), delay), buffer=learning.buffer)
    lost = result.buffer.lost - len(learning.of(Lost))
    assert result.buffer.reordered > 3000
    assert lost <= 0.002 * 10_000
    assert result.buffer.target > 0.08
    assert result.delays[int(0.95 * len(result.delays))] <= 0.06
    assert result.delays[-1] <= HIGHEST_TARGET + 1e-9


def test_the_target_sinks_when_the_jitter_is_over() -> None:
    buffer = run([(0.0, 0, 0), (0.02, 2, 1920), (0.03, 1, 960)]).buffer
    assert buffer.target == pytest.approx(0.03, abs=0.001)
    run(sent(range(3, 1000)), buffer=buffer)
    assert buffer.target == LOWEST_TARGET


def test_no_wait_is_longer_than_the_highest_target() -> None:
    lots = random.Random(9)
    result = run(sent(range(3000), lambda: lots.expovariate(10)))
    assert result.delays[-1] <= HIGHEST_TARGET + 1e-9
    assert result.numbers == sorted(result.numbers)
    assert len(result.numbers) + result.buffer.late == 3000


def test_duplicates_are_dropped_and_counted() -> None:
    result = run(sorted(sent(range(100)) * 2 + sent(range(50), lambda: 0.5)))
    assert result.numbers == list(range(100))
    assert (result.buffer.duplicates, result.buffer.late) == (150, 0)


def test_what_comes_after_it_was_given_up_is_late() -> None:
    result = run([*sent([0, 1, 3, 4, 5]), (0.2, 2, 1920), (0.2, 2, 1920)])
    assert (result.buffer.late, result.buffer.duplicates, result.buffer.lost) == (1, 1, 1)
    assert result.numbers == [0, 1, 3, 4, 5]


def test_what_was_sent_before_the_first_packet_that_came_is_late() -> None:
    result = run([(0.0, 1, 960), (0.01, 0, 0), (0.02, 2, 1920)])
    assert result.numbers == [1, 2]
    assert (result.buffer.late, result.buffer.lost) == (1, 0)


# Numbers


@pytest.mark.parametrize("start", [65_400, 4_473_800])  # the latter wraps timestamps
def test_numbers_that_begin_anew(start: int) -> None:
    lots = random.Random(2)
    numbers = [start, *(start + index for index in range(1, 200) if lots.random() >= 0.1)]
    result = run(sent(numbers))
    offset = start - start % (1 << 16)
    assert [number + offset for number in result.numbers] == sorted(result.came)
    assert result.of(Silence) == []


def test_a_sender_that_begins_anew_loses_at_most_the_time_for_two_packets() -> None:
    lots = random.Random(4)
    for _ in range(20):
        first, then = lots.randrange(1 << 16), lots.randrange(1 << 16)
        if abs((then - first - 50) % (1 << 16) - (1 << 15)) > (1 << 15) - 200:
            continue  # close enough to be a late packet, or a hole
        buffer = JitterBuffer()
        given = []
        for index in range(100):
            number = (first + index if index < 50 else then + index) % (1 << 16)
            timestamp = (index if index < 50 else 1_000_000 + index) * PACKET
            buffer.insert(number, timestamp, b"%d" % index, PACKET, index / 50)
            given += buffer.pop(index / 50)
        assert [item.payload for item in given if isinstance(item, Packet)] == [
            b"%d" % index for index in range(100)
        ]
        assert len(given) == 100
        assert buffer.lost == buffer.late == 0


def test_one_packet_from_long_ago_is_late() -> None:
    arrivals = [*sent(range(300)), (4.0, 5, 5 * PACKET), (5.0, 9, 9 * PACKET)]
    result = run(arrivals)
    assert result.numbers == list(range(300))
    assert result.buffer.late == 2


def test_reset_gives_out_what_was_held_and_goes_on_with_other_numbers() -> None:
    buffer = JitterBuffer()
    for number in (0, 1, 3):
        buffer.insert(number, number * PACKET, b"%d" % number, PACKET, number / 50)
    buffer.pop(0.06)
    buffer.reset(0.07)
    buffer.insert(2, 77, b"new", PACKET, 0.08)
    items = buffer.pop(0.08)
    assert items == [
        Lost(PACKET, b"3"),
        Packet(3, 3 * PACKET, b"3", PACKET),
        Packet((1 << 16) + 2, (1 << 32) + 77, b"new", PACKET),
    ]


# Asking again


def test_what_was_lost_is_asked_for_and_comes() -> None:
    lots = random.Random(6)

    def answer(now: float, _: int) -> float | None:
        return None if lots.random() < 0.05 else now + 0.05

    buffer = JitterBuffer()
    buffer.rtt = 0.05
    numbers = [number for number in range(3000) if lots.random() >= 0.05]
    result = run(sent(numbers), answer=answer, buffer=buffer)
    assert buffer.recovered > 100
    assert buffer.lost <= 2
    assert buffer.duplicates == 0
    assert result.delays[-1] <= HIGHEST_TARGET + 1e-9
    assert result.delays[int(0.95 * len(result.delays))] <= 0.05 + 1e-9


def test_nothing_is_asked_for_without_a_round_trip_time() -> None:
    assert run(sent([0, 1, 3, 4])).asked == []


def test_nothing_is_asked_for_that_came() -> None:
    buffer = JitterBuffer()
    buffer.rtt = 0.05
    assert run(sent(range(100)), buffer=buffer).asked == []
    assert run(sent([100, 101, 103]), until=2.08, buffer=buffer).asked == [102]


# Pauses


def test_a_stall_of_300_ms_fills_nothing_and_loses_nothing() -> None:
    arrivals = [
        (time if time < 1 else max(time, 1.3), number, timestamp)
        for time, number, timestamp in sent(range(200))
    ]
    result = run(arrivals)
    assert result.numbers == list(range(200))
    assert len(result.items) == 200
    assert result.delays[-1] == 0.0


def test_when_nothing_comes_silence_is_given_out_in_real_time() -> None:
    result = run(sent(range(50)), until=10.0)
    silence = [(time, item) for time, item in result.items if isinstance(item, Silence)]
    assert result.seconds(Silence) == MAX_SILENCE
    last = 49 / 50
    for index, (time, item) in enumerate(silence):
        assert item == Silence(PACKET)
        assert time == pytest.approx(last + STALL + (index + 1) / 50)
    assert result.buffer.deadline is None


def test_when_nothing_comes_and_then_it_all_does_nothing_is_thrown_away() -> None:
    arrivals = [
        (time if number < 50 else max(time, 4.0), number, timestamp)
        for time, number, timestamp in sent(range(300))
    ]
    result = run(arrivals)
    assert result.numbers == list(range(300))
    assert result.seconds(Silence) == MAX_SILENCE


def test_silence_that_was_given_out_is_taken_off_the_loss() -> None:
    result = run(sent([*range(50), *range(85, 200)]))
    assert result.seconds(Silence) == pytest.approx(0.2)
    assert result.seconds(Packet, Lost, Silence) == pytest.approx(200 / 50)


def test_a_pause_of_the_sender_is_silence() -> None:
    pause = 18 * PACKET
    arrivals = [
        (n / 50 + (0.36 if n >= 50 else 0), n, n * PACKET + (pause if n >= 50 else 0))
        for n in range(100)
    ]
    result = run(arrivals)
    assert result.of(Silence) == [Silence(pause)]
    assert result.buffer.lost == 0
    assert result.delays[-1] == 0.0
    assert [type(item) for _, item in result.items].index(Silence) == 50


@pytest.mark.parametrize("seconds", [0.8, 2.0, 60.0])
def test_a_long_pause_of_the_sender_is_silence_of_bounded_length(seconds: float) -> None:
    pause = round(seconds * RATE)
    arrivals = [
        (n / 50 + (seconds if n >= 50 else 0), n, n * PACKET + (pause if n >= 50 else 0))
        for n in range(100)
    ]
    result = run(arrivals)
    assert result.numbers == list(range(100))
    assert result.seconds(Silence) == pytest.approx(min(seconds, MAX_SILENCE))


def test_a_packet_lost_in_a_pause_is_lost_and_the_rest_is_silence() -> None:
    result = run([(0.0, 0, 0), (0.4, 2, 20 * PACKET), (0.42, 3, 21 * PACKET)])
    kinds = [item for _, item in result.items if not isinstance(item, Packet)]
    assert kinds == [Silence(18 * PACKET), Lost(PACKET, b"2")]


def test_inaccurate_timestamps_are_no_pauses() -> None:
    lots = random.Random(8)
    result = run([(n / 50, n, n * PACKET + lots.randint(-48, 48)) for n in range(500)])
    assert len(result.items) == 500


def test_nothing_is_made_up_faster_than_time_passes() -> None:
    buffer = JitterBuffer()
    made_up = 0
    for index in range(1000):
        buffer.insert(40 * index % (1 << 16), 90_000 * index, b"", PACKET, index / 50)
        items = buffer.pop(index / 50)
        made_up += sum(item.duration for item in items if not isinstance(item, Packet))
    assert made_up <= (MAX_SILENCE + 20) * RATE


# Whatever comes


numbers = st.one_of(st.integers(-60, 60), st.integers(-300, 300), st.integers(0, 65_535))
steps = st.lists(
    st.tuples(
        st.sampled_from(["insert"] * 8 + ["wait", "wait", "reset"]),
        numbers,
        st.one_of(st.none(), st.integers(0, (1 << 32) - 1)),
        st.sampled_from([120, 480, 960, 2880]),
        st.sampled_from([0.0, 0.0, 0.02, 0.02, 0.02, 0.1, 0.7, 5.0]),
        st.booleans(),
    ),
    max_size=60,
)


@given(steps, st.sampled_from([None, 0.0, 0.05, 0.3]))
def test_whatever_comes(
    steps: list[tuple[str, int, int | None, int, float, bool]], rtt: float | None
) -> None:
    buffer = JitterBuffer()
    buffer.rtt = rtt
    now = start = 100.0
    base = 30_000
    given: list[Item] = []
    put = 0

    def look() -> None:
        given.extend(buffer.pop(now))
        buffer.nack(now)
        assert buffer.deadline is None or buffer.deadline > now

    for kind, number, timestamp, duration, wait, looks in steps:
        now += wait
        if kind == "insert":
            sequence = (base + number) % (1 << 16)
            base += 1
            ticks = sequence * PACKET if timestamp is None else timestamp
            buffer.insert(sequence, ticks, b"%d" % put, duration, now)
            put += 1
        elif kind == "reset":
            buffer.reset(now)
        elif buffer.deadline is not None:
            now = max(now, buffer.deadline)
        if looks:
            look()
        assert buffer.held <= 50
    look()
    packets = [item for item in given if isinstance(item, Packet)]
    sequences = [packet.sequence for packet in packets]
    assert sequences == sorted(set(sequences))
    assert len({packet.payload for packet in packets}) == len(packets)
    assert put == buffer.received
    assert put == len(packets) + buffer.held + buffer.late + buffer.duplicates
    made_up = [item for item in given if not isinstance(item, Packet)]
    assert all(item.duration > 0 for item in made_up)
    assert all(item.duration % 120 == 0 for item in made_up if isinstance(item, Lost))
    assert sum(item.duration for item in made_up) <= (MAX_SILENCE + now - start) * RATE + 1
    while buffer.deadline is not None:  # everything comes out, in steps that end
        now = buffer.deadline
        look()
    assert buffer.held == 0


@given(st.permutations(range(12)), st.integers(0, 65_535))
def test_any_order_is_put_in_order_if_it_comes_in_time(order: list[int], start: int) -> None:
    buffer = JitterBuffer()
    buffer.insert(start, 0, b"first", PACKET, 0.0)
    for number in order:
        sequence = (start + 1 + number) % (1 << 16)
        buffer.insert(sequence, (1 + number) * PACKET, b"%d" % number, PACKET, 0.0)
    items = buffer.pop(0.01)
    assert [item.payload for item in items if isinstance(item, Packet)] == [
        b"first",
        *(b"%d" % number for number in range(12)),
    ]
    assert len(items) == 13
