"""`ReplyOnPause`: a function is called with what was said, and its reply is spoken."""

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fastrtc_core import (
    HandlerError,
    Interrupted,
    Message,
    ModelOptions,
    PauseDetected,
    PauseDetectionModel,
    ResponseFinished,
    ResponseStarting,
    Session,
    StartedTalking,
    StreamHandler,
    StreamingPauseDetectionModel,
    Utterance,
)
from fastrtc_core.frames import Layout
from fastrtc_core.handlers import EmitType
from fastrtc_core.messages import JSON, LogEvent
from fastrtc_core.outputs import Output, audio_output
from fastrtc_core.signatures import fitting, required_inputs
from fastrtc_vad.batching import batcher_for
from fastrtc_vad.lifting import as_streaming
from fastrtc_vad.listening import Listener
from fastrtc_vad.options import AlgoOptions, SileroVadOptions
from fastrtc_vad.silero import get_silero_model
from fastrtc_vad.stepwise import AppState, stepwise
from fastrtc_vad.turns import TurnEvent

Audio = tuple[int, NDArray[np.int16]]

SPEECH_WINDOWS: Final = 3
"""Windows per `speech` message: about ten a second, enough for a smooth drawing."""

_STEPS: Final = ("receive", "emit", "process_audio", "determine_pause")
"""Methods that a subclass may override to take a hand in the conversation."""


class ReplyOnPause(StreamHandler):
    """Calls a function with everything that was said when the speaker pauses, and speaks its reply.

    Speech is looked for every 32 ms. The reply stops as soon as the person speaks again,
    unless `can_interrupt` is false. An exception of `fn` ends that reply only.

    Args:
        fn: Called as ``fn((rate, array), *inputs)`` with an int16 array shaped ``(1, samples)``; a
            generator of audio, sync or async, or a function that returns audio. Inputs without a
            default are waited for.
        startup_fn: The same without the audio, called once when the session begins.
        algo_options: What makes a turn.
        model_options: What makes speech of the model's probabilities; Silero's options.
        can_interrupt: Whether speech stops the reply. Otherwise nothing is heard until it has
            ended.
        expected_layout: Layout of the audio given to `fn`.
        output_sample_rate: Rate of the sound sent out, in Hz, where the transport leaves it open.
        output_frame_size: Deprecated, without effect.
        input_sample_rate: Rate of the audio given to `fn`, in Hz.
        model: What hears speech, in the streaming or the batch form; Silero by default.

    """

    def __init__(  # noqa: PLR0913, PLR0917 - the documented constructor
        self,
        fn: Callable[..., object],
        startup_fn: Callable[..., object] | None = None,
        algo_options: AlgoOptions | None = None,
        model_options: ModelOptions | None = None,
        can_interrupt: bool = True,
        expected_layout: Layout = "mono",
        output_sample_rate: int = 24000,
        output_frame_size: int | None = None,
        input_sample_rate: int = 48000,
        model: PauseDetectionModel | StreamingPauseDetectionModel | None = None,
    ) -> None:
        super().__init__(expected_layout, output_sample_rate, output_frame_size, input_sample_rate)
        self.fn = fn
        self.startup_fn = startup_fn
        self.algo_options = algo_options or AlgoOptions()
        self.model_options = model_options
        self.can_interrupt = can_interrupt
        self.model = as_streaming(model or get_silero_model(), model_options)
        self.state = AppState()
        self._required = required_inputs(fn)
        self._replies: Iterator[EmitType] | None = None
        self._listener: Listener | None = None
        self._triggered = False

    def copy(self) -> "ReplyOnPause":
        """Return a new handler with the same settings; the model is shared."""
        return type(self)(
            self.fn,
            self.startup_fn,
            self.algo_options,
            self.model_options,
            self.can_interrupt,
            self.expected_layout,
            self.output_sample_rate,
            self.output_frame_size,
            self.input_sample_rate,
            self.model,
        )

    @property
    def lanes(self) -> tuple[str, ...]:
        """Threads for all steps if one is overridden, else for `start_up` if it does anything."""
        if self._is_stepwise:
            return super().lanes
        starts = self.startup_fn is not None or self._overrides("start_up")
        return ("start_up",) if starts else ()

    async def run_session(self, session: Session) -> None:
        """Listen, and reply to every turn, until cancelled."""
        if self._is_stepwise:
            await super().run_session(session)
            return
        if "start_up" in self.lanes:
            self.begin(session)
        await self._listen(session)

    def start_up(self) -> None:
        """Speak what `startup_fn` makes, with the inputs it takes."""
        if self.startup_fn is None:
            return
        if required_inputs(self.startup_fn, given=0):
            self.wait_for_args_sync()
        inputs = fitting(self.startup_fn, self.current_args(), given=0)
        self.session.say(partial(self.startup_fn, *inputs))

    def trigger_response(self) -> None:
        """Reply now to what was said so far, as if the person had paused; from any thread."""
        session = self.session
        session.loop.call_soon_threadsafe(self._trigger, session)

    def reset(self) -> None:
        """Stop the reply and forget what was said so far; from any thread."""
        super().reset()
        self.state = type(self.state)()
        self._close_replies()
        if self._session is not None:
            self._session.interrupt()
        if self._listener is not None:
            self._listener.reset()

    # The conversation, on the event loop

    async def _listen(self, session: Session) -> None:
        batcher = batcher_for(self.model)
        listener = self._listener = self._new_listener(self.input_sample_rate)
        if self._triggered:
            self._trigger(session)
        unsent: list[JSON] = []
        while True:
            for frame in await session.audio_in.get_all():
                windows = listener.take(frame.samples)
                if not len(windows):
                    continue
                for heard in await batcher.probabilities(windows, listener.state):
                    self._judge(session, listener, float(heard))
                    if "speech" in session.request.wants:
                        unsent.append(round(float(heard), 3))
            if len(unsent) >= SPEECH_WINDOWS:
                session.send(Message("speech", {"t": round(listener.now, 3), "p": unsent}))
                unsent = []

    def _judge(self, session: Session, listener: Listener, heard: float) -> None:
        for event in listener.judge(
            heard, speaking=session.speaking, can_interrupt=self.can_interrupt
        ):
            self._act(session, listener, event)

    def _trigger(self, session: Session) -> None:
        listener = self._listener
        self._triggered = listener is None  # before the conversation has begun: then, as it begins
        if listener is not None and not session.closed:
            for event in listener.trigger():
                self._act(session, listener, event)

    def _act(self, session: Session, listener: Listener, event: TurnEvent) -> None:
        _tell(session, event.kind)
        if event.kind == "started_talking":
            session.publish(StartedTalking(event.start))
        elif event.kind == "interrupted":
            session.publish(Interrupted(event.start, session.interrupt()))
        else:
            session.publish(PauseDetected(event.start, event.end))
            self._take_turn(session, listener.turn(event))

    def _take_turn(self, session: Session, said: NDArray[np.int16]) -> None:
        """Reply to what was said, ``(channels, samples)``."""
        utterance = session.say(self._reply(session, (self.input_sample_rate, said)))
        session.start(_tell_when_heard(session, utterance), "reply")

    async def _reply(self, session: Session, said: Audio) -> AsyncGenerator[Output, None]:
        await self._wait_for_inputs()
        reply = partial(self.fn, self.turn_input(said), *self.current_args())
        starting = True
        async with aclosing(session.pull(reply, audio_output)) as outputs:
            async for output in outputs:
                if output.media is not None and starting:
                    starting = False
                    _tell(session, "response_starting")
                    session.publish(ResponseStarting())
                yield output

    async def _wait_for_inputs(self) -> None:
        if self._required <= len(self.current_args()):
            return
        if self.phone_mode:
            raise HandlerError(
                "over the telephone no inputs come: give every parameter of the reply function "
                "but the audio a default"
            )
        await self.wait_for_args()

    # The conversation step by step, for subclasses and for those who drive a handler by hand

    def receive(self, frame: Audio) -> None:
        """Take sound, and stop the reply if it interrupts."""
        self.process_audio(frame, self.state)
        if self.state.interrupted:
            self.state.interrupted = False
            self._close_replies()
            if self._session is not None:
                self._session.flush()

    def process_audio(self, audio: Audio, state: AppState) -> None:
        """Take sound and note in `state` whether the turn has ended."""
        rate, samples = audio
        state.sampling_rate = rate
        if self.determine_pause(samples, rate, state):
            state.pause_detected = True

    def determine_pause(
        self, audio: NDArray[np.int16], sampling_rate: int, state: AppState
    ) -> bool:
        """Judge sound as it comes, in pieces of any length.

        A subclass that overrides this notes the audio of the turn in ``state.stream`` itself.

        Args:
            audio: ``(channels, samples)``, or ``(samples,)`` of one channel.
            sampling_rate: In Hz; the same for all pieces.
            state: Brought forward.

        Returns:
            Whether the turn has ended; then ``state.stream`` holds its audio.

        """
        listener = self._listener = self._listener or self._new_listener(sampling_rate)
        replying = state.responding or (self._session is not None and self._session.speaking)
        paused = False
        for window in listener.take(np.atleast_2d(audio)):
            heard = float(self.model.infer(window[np.newaxis], [listener.state])[0])
            for event in listener.judge(heard, speaking=replying, can_interrupt=self.can_interrupt):
                paused = self._note(event, listener, state) or paused
        return paused

    def _note(self, event: TurnEvent, listener: Listener, state: AppState) -> bool:
        if self._session is not None:
            _tell(self._session, event.kind)
        if event.kind == "pause_detected":
            state.stream = listener.turn(event)
        state.started_talking = event.kind != "pause_detected"
        state.interrupted = state.interrupted or event.kind == "interrupted"
        return event.kind == "pause_detected"

    def emit(self) -> EmitType:
        """Return the next item of the reply; None if there is no reply, or no more of it."""
        if self._replies is None:
            if not self.state.pause_detected:
                return None
            said = self.state.stream
            heard = np.zeros((1, 0), np.int16) if said is None else said
            turn = self.turn_input((self.state.sampling_rate, heard))
            self.state = type(self.state)(responding=True)
            self._replies = stepwise(partial(self.fn, turn, *self.current_args()))
        return self._next_of(self._replies)

    def _next_of(self, replies: Iterator[EmitType]) -> EmitType:
        for item in replies:
            return item if replies is self._replies else None
        self._close_replies()
        return None

    def _close_replies(self) -> None:
        self._replies = None  # what a generator that runs elsewhere yields later goes nowhere
        self.state.responding = False

    @property
    def _is_stepwise(self) -> bool:
        return any(self._overrides(name) for name in _STEPS)

    def _overrides(self, name: str) -> bool:
        owner = next(base for base in type(self).__mro__ if name in vars(base))
        return not owner.__module__.startswith("fastrtc_vad.")

    def _new_listener(self, rate: int) -> Listener:
        options = self.model_options
        speech = options if isinstance(options, SileroVadOptions) else SileroVadOptions()
        channels = 1 if self.expected_layout == "mono" else 2
        return Listener(self.model, self.algo_options, speech, rate, channels)


def _tell(session: Session, event: LogEvent) -> None:
    session.send(Message("log", event))


async def _tell_when_heard(session: Session, utterance: Utterance) -> None:
    await utterance.wait()
    if not utterance.cancelled:  # a reply without sound is over, too
        _tell(session, "response_finished")
        session.publish(ResponseFinished(utterance.played))
