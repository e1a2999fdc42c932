import asyncio
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest

from fastrtc_core import AsyncStreamHandler, Stream
from fastrtc_core.audio import Resampler
from fastrtc_core.speaker import MAX_WAITING
from fastrtc_core.testing import MemoryClient, connect, in_virtual_time

RATE = 24000
Audio = tuple[int, np.ndarray]


class Quiet(AsyncStreamHandler):
    async def receive(self, frame: Audio) -> None:
        pass

    async def emit(self) -> None:
        await asyncio.Event().wait()


def quiet() -> Stream:
    return Stream(Quiet, modality="audio")


def tone(value: int, seconds: float) -> Audio:
    return RATE, np.full(round(seconds * RATE), value, dtype=np.int16)


def heard(client: MemoryClient) -> list[tuple[int, float]]:
    """What was heard: runs of one value with their lengths in seconds, silence left out."""
    samples = client.heard_audio().samples[0]
    edges = np.flatnonzero(np.diff(samples)) + 1
    runs = np.split(samples, edges)
    return [(int(run[0]), round(run.size / RATE, 3)) for run in runs if run.size and run[0]]


async def chunks(value: int, seconds: float) -> AsyncIterator[Audio]:
    for _ in range(round(seconds / 0.1)):
        yield tone(value, 0.1)


@in_virtual_time
async def test_one_thing_is_said_after_the_other() -> None:
    async with connect(quiet()) as client:
        first = client.session.say(chunks(1, 1.0))
        second = client.session.say(tone(2, 0.5))
        third = client.session.say(iter([tone(3, 0.2), tone(4, 0.2)]))
        await third.wait()
        assert heard(client) == [(1, 1.0), (2, 0.5), (3, 0.2), (4, 0.2)]
        assert [u.played for u in (first, second, third)] == pytest.approx([1.0, 0.5, 0.4])
        assert asyncio.get_running_loop().time() == pytest.approx(1.9, abs=0.01)


@in_virtual_time
async def test_a_reply_is_made_only_a_little_ahead() -> None:
    made: list[float] = []

    async def talk() -> AsyncIterator[Audio]:
        for _ in range(100):
            made.append(asyncio.get_running_loop().time())
            yield tone(1, 0.1)

    async with connect(quiet()) as client:
        client.session.say(talk())
        await asyncio.sleep(5)
        assert len(made) * 0.1 == pytest.approx(5.0, abs=0.4)


@in_virtual_time
async def test_speaking_lasts_until_the_last_sample_is_heard() -> None:
    async with connect(quiet()) as client:
        session = client.session
        assert not session.speaking
        session.say(tone(1, 1.0))
        assert session.speaking
        await asyncio.sleep(0.99)
        assert session.speaking
        await asyncio.sleep(0.02)
        assert not session.speaking


@in_virtual_time
async def test_played_follows_the_listener() -> None:
    async with connect(quiet()) as client:
        utterance = client.session.say(chunks(1, 2.0))
        for _ in range(20):
            await asyncio.sleep(0.13)
            truth = sum(frame.duration for _, frame in client.heard)
            assert utterance.played == pytest.approx(truth, abs=0.04)
            assert client.session.played == pytest.approx(truth, abs=0.04)


@in_virtual_time
async def test_after_an_interruption_nothing_old_is_heard() -> None:
    async with connect(quiet()) as client:
        first = client.session.say(chunks(1, 5.0))
        waiting = client.session.say(tone(2, 1.0))
        await asyncio.sleep(1.23)
        assert client.session.interrupt() == pytest.approx(1.23, abs=0.04)
        assert not client.session.speaking
        new = client.session.say(tone(3, 0.5))
        await new.wait()
        assert heard(client) == [(1, pytest.approx(1.23, abs=0.04)), (3, 0.5)]
        assert (first.cancelled, waiting.cancelled, new.cancelled) == (True, True, False)
        assert first.played == pytest.approx(1.23, abs=0.04)
        assert waiting.played == 0


@pytest.mark.parametrize("moment", [0.0, 0.005, 0.2, 0.21, 0.999, 1.0, 1.5])
def test_an_interruption_at_any_moment(moment: float) -> None:
    @in_virtual_time
    async def test() -> None:
        async with connect(quiet()) as client:
            client.session.say(chunks(1, 1.0))
            await asyncio.sleep(moment)
            client.session.interrupt()
            await client.session.say(tone(2, 0.3)).wait()
            old = sum(length for value, length in heard(client) if value == 1)
            assert old == pytest.approx(min(moment, 1.0), abs=0.04)
            assert heard(client)[-1] == (2, 0.3)

    test()


@in_virtual_time
async def test_one_utterance_may_be_cancelled_alone() -> None:
    async with connect(quiet()) as client:
        first = client.session.say(chunks(1, 5.0))
        second = client.session.say(tone(2, 0.5))
        third = client.session.say(tone(3, 0.5))
        await asyncio.sleep(1.0)
        second.cancel()
        first.cancel()
        await third.wait()
        assert heard(client) == [(1, pytest.approx(1.0, abs=0.04)), (3, 0.5)]


@in_virtual_time
async def test_a_cancelled_utterance_is_not_heard_out() -> None:
    async with connect(quiet()) as client:
        utterance = client.session.say(chunks(1, 5.0))
        await asyncio.sleep(1.0)
        utterance.cancel()
        await asyncio.sleep(1.0)
        assert heard(client) == [(1, pytest.approx(1.0, abs=0.04))]


@in_virtual_time
async def test_cancelling_twice_or_late_changes_nothing() -> None:
    async with connect(quiet()) as client:
        utterance = client.session.say(tone(1, 0.5))
        await utterance.wait()
        utterance.cancel()
        assert (utterance.cancelled, utterance.finished) == (False, True)
        assert utterance.played == pytest.approx(0.5)
        assert heard(client) == [(1, 0.5)]


@in_virtual_time
async def test_flush_drops_what_was_sent_and_the_utterance_goes_on() -> None:
    async with connect(quiet()) as client:
        client.session.say(chunks(1, 1.0))
        await asyncio.sleep(0.5)
        client.session.flush()
        await asyncio.sleep(2)
        assert sum(length for _, length in heard(client)) == pytest.approx(0.8, abs=0.12)


@in_virtual_time
async def test_flush_cuts_short_what_emit_gave() -> None:
    outputs: Iterator[Audio] = iter([tone(1, 5.0), tone(2, 0.5)])

    class Handler(Quiet):
        async def emit(self) -> Audio | None:  # type: ignore[override]  # sound here
            return next(outputs, None)

    async with connect(Stream(Handler, modality="audio")) as client:
        await asyncio.sleep(1)
        client.session.handler.clear_queue()
        await asyncio.sleep(2)
        assert heard(client) == [(1, pytest.approx(1.0, abs=0.04)), (2, 0.5)]


@in_virtual_time
async def test_emit_waits_while_an_utterance_has_the_floor() -> None:
    class Handler(Quiet):
        async def emit(self) -> Audio:  # type: ignore[override]  # sound here
            return tone(1, 0.1)

    async with connect(Stream(Handler, modality="audio")) as client:
        await asyncio.sleep(1)
        utterance = client.session.say(chunks(2, 1.0))
        await asyncio.sleep(3)
        assert utterance.played == pytest.approx(1.0)
        values = [value for value, _ in heard(client)]
        assert values == [1, 2, 1]


@in_virtual_time
async def test_too_many_utterances_are_refused() -> None:
    async with connect(quiet()) as client:
        for _ in range(MAX_WAITING):
            client.session.say(tone(1, 1.0))
        with pytest.raises(RuntimeError, match="wait for some"):
            client.session.say(tone(2, 1.0))


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (48000, 2), (24000, 1)])
def test_sound_goes_out_as_the_peer_wants_it(rate: int, channels: int) -> None:
    @in_virtual_time
    async def test() -> None:
        async with connect(quiet(), rate=rate, channels=channels) as client:
            await client.session.say(tone(1000, 1.0)).wait()
            sound = client.heard_audio()
        assert (sound.rate, sound.channels) == (rate, channels)
        # The conversion's delay before it, and then its end, which is heard too.
        assert sound.duration == pytest.approx(1.0 + Resampler(24000, rate).delay, abs=0.001)
        middle = sound.samples[:, rate // 4 : -rate // 4]
        assert np.abs(middle - 1000).max() <= 10  # unity gain, 0.1 dB

    test()


@in_virtual_time
async def test_a_listener_far_away_hears_the_same() -> None:
    async with connect(quiet(), delay=0.5) as client:
        client.session.say(chunks(1, 5.0))
        await asyncio.sleep(1)
        client.session.interrupt()
        await client.session.say(tone(2, 0.5)).wait()
        await asyncio.sleep(1)
        assert heard(client) == [(1, pytest.approx(1.0, abs=0.04)), (2, 0.5)]


@in_virtual_time
async def test_the_end_waits_for_what_was_sent_before_it_and_no_longer() -> None:
    class Closes(AsyncStreamHandler):
        async def receive(self, frame: Audio) -> None:
            pass

        async def emit(self) -> Audio:
            await asyncio.sleep(0.02)
            return tone(1, 0.02)  # without end

        async def start_up(self) -> None:
            await asyncio.sleep(1.0)
            await self.session.finish("enough")

    async with connect(Stream(Closes, modality="audio")) as client:
        async with asyncio.timeout(2.0):
            await client.wait_closed()
