"""Plain functions and generators as handlers.

=============  =========================================  ==========================================
modality       send-receive, send                         receive
=============  =========================================  ==========================================
``audio``      ``fn((rate, array), *inputs) -> audio``    generator of audio, ``fn(*inputs)``
``video``      ``fn(picture, *inputs) -> picture``        generator of pictures, ``fn(*inputs)``
=============  =========================================  ==========================================

Functions may be sync or async, methods, partials or callable objects. Inputs that have no default
are waited for.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import aclosing
from functools import partial

from fastrtc_core.frames import AudioFrame
from fastrtc_core.handlers import StreamHandlerBase
from fastrtc_core.outputs import NOTHING, Output, audio_output, video_output
from fastrtc_core.pacing import Pace
from fastrtc_core.session import Session
from fastrtc_core.signatures import is_async, is_generator, required_inputs

Function = Callable[..., object]


class FunctionHandler(StreamHandlerBase, ABC):
    """Base of the handlers made of one function."""

    def __init__(
        self, function: Function, *, fps: int = 30, output_sample_rate: int = 24000
    ) -> None:
        super().__init__(fps=fps, output_sample_rate=output_sample_rate)
        self.function = function

    @property
    def lanes(self) -> tuple[str, ...]:
        """One thread if the function is sync and called for every frame."""
        return () if is_async(self.function) or is_generator(self.function) else ("function",)

    async def run_session(self, session: Session) -> None:
        """Serve a session: call the function per frame, or send what the generator makes."""
        if required_inputs(self.function, given=self._given(session)):
            await self.wait_for_args()
        if session.mode == "receive":
            await self._send_generated(session)
        else:
            await self._answer_frames(session)

    def _given(self, session: Session) -> int:
        return 0 if session.mode == "receive" else 1

    @staticmethod
    @abstractmethod
    def convert(item: object) -> Output:
        """Bring what the function gave to its normal form."""

    @abstractmethod
    async def _next_frame(self, session: Session) -> object: ...

    async def _answer_frames(self, session: Session) -> None:
        while True:
            frame = await self._next_frame(session)
            output = NOTHING
            with session.guarded(_name(self.function)):
                output = await self._answer(session, frame)
            await session.dispatch(output)

    async def _answer(self, session: Session, frame: object) -> Output:
        call = partial(self.function, frame, *self.current_args())
        convert = self.convert
        if not is_async(self.function):
            return await session.lane("function").run(lambda: convert(call()))
        result = call()
        return convert(await result) if asyncio.iscoroutine(result) else convert(result)

    async def _send_generated(self, session: Session) -> None:
        source = partial(self.function, *self.current_args())
        with session.guarded(_name(self.function)):
            async with aclosing(session.pull(source, self.convert)) as outputs:
                async for output in outputs:
                    await self._send_one(session, output)
        await session.finish("The stream has ended.")

    async def _send_one(self, session: Session, output: Output) -> None:
        await session.dispatch(output)


def _name(function: Function) -> str:
    return getattr(function, "__name__", type(function).__name__)


class AudioFunctionHandler(FunctionHandler):
    """A function of sound as a handler."""

    convert = staticmethod(audio_output)

    def copy(self) -> "AudioFunctionHandler":
        """Return a handler of the same function."""
        return AudioFunctionHandler(self.function, output_sample_rate=self.output_sample_rate)

    async def _next_frame(self, session: Session) -> object:
        sound: AudioFrame = await session.audio_in.get()
        return sound.rate, sound.samples


class VideoStreamHandler(FunctionHandler):
    """A function of pictures as a handler.

    Args:
        callable: The function, or generator for the mode ``receive``.
        fps: Pictures per second at which a generator is sent.
        skip_frames: Give the function the newest picture only. Otherwise one more may wait, so that
            a short delay loses none; when more come the oldest goes in any case.

    """

    convert = staticmethod(video_output)

    def __init__(self, callable: Function, fps: int = 30, skip_frames: bool = False) -> None:
        super().__init__(callable, fps=fps)
        self.skip_frames = skip_frames
        self._pace = Pace(fps)

    @property
    def video_backlog(self) -> int:  # type: ignore[override]  # set per instance here
        """Pictures that may wait for the function."""
        return 1 if self.skip_frames else 2

    def copy(self) -> "VideoStreamHandler":
        """Return a handler of the same function."""
        return VideoStreamHandler(self.function, self.fps, self.skip_frames)

    async def _next_frame(self, session: Session) -> object:
        return (await session.video_in.get()).pixels

    async def _send_one(self, session: Session, output: Output) -> None:
        await session.dispatch(output)
        await asyncio.sleep(self._pace.delay(session.loop.time()))
