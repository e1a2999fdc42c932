"""The example of limits is filled with visitors."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc.talk import TalkError, talk_to

Audio = tuple[int, NDArray[np.int16]]
Running = Callable[..., AbstractContextManager[str]]


async def test_the_third_is_refused_and_the_silent_are_sent_away(
    running: Running, question: Audio
) -> None:
    rate, said = question
    quiet = (rate, np.zeros((1, 3 * rate), np.int16))
    with running("limits") as url:
        async with asyncio.TaskGroup() as tasks:
            talks = [tasks.create_task(talk_to(url, audio)) for audio in (question, quiet)]
            await asyncio.sleep(0.5)
            with pytest.raises(TalkError, match=r"as many sessions .* \(limit 2\)"):
                await talk_to(url, question)
    talked, silent = (talk.result() for talk in talks)
    assert np.abs(talked.heard).max() == pytest.approx(np.abs(said).max(), rel=0.02)
    assert silent.ended == "Nobody has spoken for 2 seconds."
