"""`ReplyOnStopWords`: like `ReplyOnPause`, and only what follows a stop word is answered."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fastrtc_core import (
    Interrupted,
    Message,
    ModelOptions,
    PauseDetectionModel,
    Session,
    StopWordDetected,
    StreamingPauseDetectionModel,
)
from fastrtc_core.frames import Layout
from fastrtc_core.speech import (
    StreamingSTTModel,
    STTModel,
    Transcript,
    as_streaming_stt,
    get_stt_model,
)
from fastrtc_vad.listening import TAIL, Listener
from fastrtc_vad.options import AlgoOptions
from fastrtc_vad.reply_on_pause import ReplyOnPause
from fastrtc_vad.spotting import Spotter, WarmUp
from fastrtc_vad.stepwise import AppState
from fastrtc_vad.stop_words import Found, StopWords
from fastrtc_vad.turnfeed import FORGET, Turn, TurnFeed

LANE: Final = "stop words"
"""The thread in which speech is understood."""

FOLLOWS: Final = 0.5
"""Seconds of speech after a stop word that are a question in the same breath, though nothing of it
was understood: an engine that knows stop words alone understands nothing else. The estimate of a
turn's end reaches beyond speech by up to 0.2 s."""

Samples = NDArray[np.int16]


@dataclass
class ReplyOnStopWordsState(AppState):
    """How far a conversation is."""

    stop_word_detected: bool = False
    """Whether the turn that follows is to be answered."""


class ReplyOnStopWords(ReplyOnPause):
    """Calls a function with what was said after a stop word, once the speaker pauses.

    What follows the stop word in the same breath is what was said; if nothing does, the next turn
    is. A reply that is heard goes on until the next stop word, unless `can_interrupt` is false:
    then nothing is heard until it has ended.

    A model of speech to text hears each turn once, while it is spoken if it can, in a thread. Where
    it tells the places of words the audio begins after the stop word, else with its breath.

    Args:
        fn: As for `ReplyOnPause`.
        stop_words: Words or phrases; case and punctuation make no difference.
        startup_fn: As for `ReplyOnPause`, like all parameters up to `model`.
        algo_options: What makes a turn.
        model_options: What makes speech of the model's probabilities; Silero's options.
        can_interrupt: Whether a stop word stops the reply.
        expected_layout: Layout of the audio given to `fn`.
        output_sample_rate: Rate of the sound sent out, in Hz, where the transport leaves it open.
        output_frame_size: Deprecated, without effect.
        input_sample_rate: Rate of the audio given to `fn`, in Hz.
        model: What hears speech; Silero by default.
        stt_model: What understands it: a model, or the name of one for `get_stt_model`.

    Raises:
        MissingPackageError: The model of speech to text is one of this project's and not installed.
        PluginNotFoundError: No installed package offers it.

    """

    def __init__(  # noqa: PLR0913, PLR0917 - the documented constructor
        self,
        fn: Callable[..., object],
        stop_words: Sequence[str],
        startup_fn: Callable[..., object] | None = None,
        algo_options: AlgoOptions | None = None,
        model_options: ModelOptions | None = None,
        can_interrupt: bool = True,
        expected_layout: Layout = "mono",
        output_sample_rate: int = 24000,
        output_frame_size: int | None = None,
        input_sample_rate: int = 48000,
        model: PauseDetectionModel | StreamingPauseDetectionModel | None = None,
        *,
        stt_model: str | STTModel | StreamingSTTModel = "moonshine/base",
    ) -> None:
        super().__init__(
            fn,
            startup_fn,
            algo_options,
            model_options,
            can_interrupt,
            expected_layout,
            output_sample_rate,
            output_frame_size,
            input_sample_rate,
            model,
        )
        self._stop_words = StopWords(stop_words)
        self.stop_words = list(stop_words)
        self.stt_model = as_streaming_stt(
            get_stt_model(stt_model) if isinstance(stt_model, str) else stt_model
        )
        self.state: ReplyOnStopWordsState = ReplyOnStopWordsState()
        self._warm_up = WarmUp(self.stt_model)
        self._feed = TurnFeed(input_sample_rate)
        self._position: int | None = None  # up to where the turn was given to the feed
        self._spotter: Spotter | None = None  # of the conversation step by step

    def copy(self) -> "ReplyOnStopWords":
        """Return a new handler with the same settings; the models are shared."""
        made = type(self)(
            self.fn,
            self.stop_words,
            self.startup_fn,
            self.algo_options,
            self.model_options,
            self.can_interrupt,
            self.expected_layout,
            self.output_sample_rate,
            self.output_frame_size,
            self.input_sample_rate,
            self.model,
            stt_model=self.stt_model,
        )
        made._warm_up = self._warm_up
        return made

    @property
    def lanes(self) -> tuple[str, ...]:
        """Those of `ReplyOnPause`, and one for the model of speech to text."""
        return super().lanes if self._is_stepwise else (*super().lanes, LANE)

    def stop_word_detected(self, text: str) -> bool:
        """Whether one of the stop words is in a text; override it for another notion of that."""
        return self._stop_words.find(text) is not None

    def send_stopword(self) -> None:
        """Tell the client that a stop word was heard."""
        self.session.send(Message("stopword"))

    def trigger_response(self) -> None:
        """Reply now to what was said so far, with or without a stop word; from any thread."""
        self.state.stop_word_detected = True
        super().trigger_response()

    def reset(self) -> None:
        """Stop the reply, and forget what was said so far and the stop word; from any thread."""
        super().reset()
        if self._session is not None:
            self._session.loop.call_soon_threadsafe(self._feed.put, FORGET)

    # The conversation, on the event loop

    async def _listen(self, session: Session) -> None:
        session.start(self._spot(session), LANE)
        await super()._listen(session)

    def _judge(self, session: Session, listener: Listener, heard: float) -> None:
        # A reply is stopped by a stop word and not by speech: turns go on beside it.
        speaking = session.speaking and not self.can_interrupt
        talking = listener.talking
        for event in listener.judge(heard, speaking=speaking, can_interrupt=self.can_interrupt):
            self._act(session, listener, event)
        if listener.talking:
            samples, self._position = listener.said(self._position if talking else None)
            self._feed.put(samples)

    def _take_turn(self, session: Session, said: Samples) -> None:
        self._feed.put(Turn(said))

    async def _spot(self, session: Session) -> None:
        """Understand what was said, turn by turn."""
        lane = session.lane(LANE)
        spotter = Spotter(self.stt_model, self._find, self.input_sample_rate)
        try:
            with session.guarded(LANE):
                await lane.run(self._warm_up)
            broken = False  # the engine has failed in this turn, and is asked again in the next
            while True:
                given = await self._feed.get()
                if isinstance(given, Turn) and (broken or given is FORGET):
                    broken = False
                    spotter.discard()
                    continue
                if broken or (self.state.stop_word_detected and not isinstance(given, Turn)):
                    continue
                broken = not isinstance(given, Turn)
                with session.guarded(LANE):
                    if isinstance(given, Turn):
                        await self._decide(session, spotter, given.said)
                        continue
                    found = await lane.run(spotter.push, given)
                    broken = False
                    if found is not None:
                        self._notice(session, found)
        finally:
            spotter.close()

    async def _decide(self, session: Session, spotter: Spotter, said: Samples) -> None:
        """Answer a turn that has ended, wait for the next one, or do nothing."""
        noticed = spotter.found is not None
        found = await session.lane(LANE).run(spotter.finish)
        if self.state.stop_word_detected:
            self.state.stop_word_detected = False
            super()._take_turn(session, said)
        elif found is not None:
            if not noticed:
                self._notice(session, found)
            question = _question(said, self.input_sample_rate, found)
            if question is None:
                self.state.stop_word_detected = True
            else:
                super()._take_turn(session, question)

    def _notice(self, session: Session, found: Found) -> None:
        self.send_stopword()
        session.publish(StopWordDetected(found.phrase))
        if session.speaking and self.can_interrupt:
            onset = 0.0 if self._listener is None else self._listener.now
            session.publish(Interrupted(onset, session.interrupt()))

    def _find(self, transcript: Transcript) -> Found | None:
        if not self.stop_word_detected(transcript.text):
            return None
        # One that only an overridden stop_word_detected knows has no place, and nothing after it.
        return self._stop_words.find_in(transcript) or Found("", "")

    # The conversation step by step

    def determine_pause(
        self, audio: NDArray[np.int16], sampling_rate: int, state: AppState
    ) -> bool:
        """Judge sound as it comes, in pieces of any length; the engine is called in this thread.

        Args:
            audio: ``(channels, samples)``, or ``(samples,)`` of one channel.
            sampling_rate: In Hz; the same for all pieces.
            state: Brought forward.

        Returns:
            Whether a turn has ended that is to be answered; then ``state.stream`` holds what
            follows the stop word.

        """
        listener = self._listener = self._listener or self._new_listener(sampling_rate)
        spotter = self._spotter = self._spotter or Spotter(
            self.stt_model, self._find, sampling_rate
        )
        speaking = state.responding and not self.can_interrupt
        answered = False
        for window in listener.take(np.atleast_2d(audio)):
            heard = float(self.model.infer(window[np.newaxis], [listener.state])[0])
            talking = listener.talking
            for event in listener.judge(heard, speaking=speaking, can_interrupt=False):
                if self._note(event, listener, state):
                    answered = self._note_turn(spotter, state, sampling_rate) or answered
            if listener.talking:
                samples, self._position = listener.said(self._position if talking else None)
                found = spotter.push(samples)
                if found is not None:
                    self._note_stop_word(state)
        return answered

    def _note_turn(self, spotter: Spotter, state: AppState, rate: int) -> bool:
        assert state.stream is not None
        noticed, found = spotter.found is not None, spotter.finish()
        awake = isinstance(state, ReplyOnStopWordsState) and state.stop_word_detected
        if awake and not noticed:
            return True
        if found is None:
            return False
        if not noticed:
            self._note_stop_word(state)
        question = _question(state.stream, rate, found)
        state.stream = state.stream if question is None else question
        return question is not None

    def _note_stop_word(self, state: AppState) -> None:
        if isinstance(state, ReplyOnStopWordsState):
            state.stop_word_detected = True
        if self._session is not None:
            self.send_stopword()
        state.interrupted = state.responding and self.can_interrupt


def _question(said: Samples, rate: int, found: Found) -> Samples | None:
    """Return what follows a stop word in a turn; None if nothing does."""
    if found.end is None:
        return said if found.rest else None
    first = round(found.end * rate)
    left = (said.shape[1] - first) / rate - TAIL
    return said[:, first:] if found.rest or left >= FOLLOWS else None
