import asyncio

import pytest

from fastrtc_core import Event, StartedTalking
from fastrtc_core.observer import KEPT, LAST_CHANCE, Observer
from fastrtc_core.testing import in_virtual_time


class Notes:
    def __init__(self, pause: float = 0.0) -> None:
        self.seen: list[Event] = []
        self.pause = pause

    async def __call__(self, event: Event) -> None:
        await asyncio.sleep(self.pause)
        self.seen.append(event)
        if event == StartedTalking(-1):
            raise ZeroDivisionError


@in_virtual_time
async def test_events_are_told_in_order_and_failures_do_not_matter() -> None:
    notes = Notes()
    observer = Observer(notes)
    await observer.start()
    events = [StartedTalking(onset) for onset in (1, -1, 2)]
    for event in events:
        observer.put(event)
    await observer.finish()
    assert notes.seen == events


@in_virtual_time
async def test_a_slow_observer_loses_the_oldest(caplog: pytest.LogCaptureFixture) -> None:
    notes = Notes()
    observer = Observer(notes)
    for onset in range(KEPT + 2):
        observer.put(StartedTalking(onset))
    await observer.start()
    await observer.finish()
    assert notes.seen == [StartedTalking(onset) for onset in range(2, KEPT + 2)]
    assert caplog.text.count("on_event is too slow") == 2


@in_virtual_time
async def test_an_observer_that_hangs_does_not_hold_up_the_end() -> None:
    observer = Observer(Notes(pause=1000))
    await observer.start()
    observer.put(StartedTalking(1))
    await observer.finish()
    assert asyncio.get_running_loop().time() == pytest.approx(LAST_CHANCE)
