"""The turn machine: probabilities of speech in, turns out. No clock, task or thread.

Theory of operation
-------------------
Time is the stream's own, in seconds, and moves by one window a push. After every window the machine
looks at the newest `audio_chunk_duration` seconds, *the stretch*, and takes what it sees for signs:

=========== ========================================================================================
protected   a reply plays that must not be interrupted
free        no such reply
speech      the stretch holds more than `started_talking_threshold` of speech
barge_in    a reply plays, may be interrupted, was not yet, and either the newest
            `interrupt_threshold` seconds were voiced without a break or, while listening, `speech`
pause       the stretch began after the onset and holds less than `speech_threshold` of speech, and
            the newest silence is longer than those that are part of speech
limit       the turn, or speech without a break in it, is as long as it may get
trigger     the application ends the turn by hand
=========== ========================================================================================

The first row of the state's part of `TRANSITIONS` whose sign is there is taken. Three things keep
it right where a plain count of voiced windows is not:

* The model's probability outlasts speech by its `release`. The segmenter takes that back, so the
  silence of `audio_chunk_duration - speech_threshold` is counted from the end of speech, to the
  nearest window. In a turn, the level may show the end to 0.01 s: then the silence is waited for in
  full.
* A pause waits while the newest window hints at speech, since an onset takes some windows to reach
  the threshold: a resumed sentence is not cut off. The wait is short, or noise would hold the turn.
  The hint is a probability, or any sound if the level has shown the end of speech.
* Speech before *the floor* belongs to an earlier turn, or fell on a protected reply, and is not
  counted. The floor rises to now whenever a turn ends or protection does: speech that goes on then
  starts a turn as any other speech would.

A turn that was begun before a protected reply runs to its end.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from fastrtc_vad.levels import UNHEARD, Levels
from fastrtc_vad.options import AlgoOptions, SileroVadOptions
from fastrtc_vad.segments import Segment, Segmenter

TurnState: TypeAlias = Literal["listening", "talking", "held"]
TurnEventKind: TypeAlias = Literal["started_talking", "interrupted", "pause_detected"]
Sign: TypeAlias = Literal["protected", "free", "speech", "barge_in", "pause", "limit", "trigger"]
Transition: TypeAlias = tuple[TurnState, tuple[TurnEventKind, ...]]

TRANSITIONS: Final[Mapping[TurnState, Mapping[Sign, Transition]]] = {
    "listening": {
        "trigger": ("listening", ("pause_detected",)),
        "protected": ("held", ()),
        "barge_in": ("talking", ("interrupted", "started_talking")),
        "speech": ("talking", ("started_talking",)),
    },
    "talking": {
        "trigger": ("listening", ("pause_detected",)),
        "limit": ("listening", ("pause_detected",)),
        "pause": ("listening", ("pause_detected",)),
        "barge_in": ("talking", ("interrupted",)),
    },
    "held": {
        "trigger": ("held", ("pause_detected",)),
        "free": ("listening", ()),
    },
}

HINT: Final = 0.05
"""Silence and steady noise stay below this (highest: 0.04); a vowel's onset passes it one to three
windows before it reaches 0.5."""

HINT_LIMIT: Final = 0.15
"""Seconds for which hints may put off a pause: 99 % of 464 sentences, clean or in a quiet room, get
from their first sound to a probability of 0.5 in less."""


@dataclass(frozen=True, slots=True)
class TurnEvent:
    """Something that happened to a turn, in seconds of the stream."""

    kind: TurnEventKind

    start: float
    """Estimated onset of the speech, less the padding."""

    end: float
    """For a pause the estimated end of the speech, plus the padding; else the moment of the event,
    also if a limit or the application ended the turn."""


class TurnMachine:
    """Turns of one continuous stream.

    Args:
        algo: What makes a turn.
        speech: What makes speech of probabilities.
        window: Length of a window in seconds.
        release: Seconds for which the model's probability stays high after the end of speech.
    """

    def __init__(
        self,
        algo: AlgoOptions,
        speech: SileroVadOptions | None = None,
        *,
        window: float,
        release: float,
    ) -> None:
        speech = speech or SileroVadOptions()
        self._algo = algo
        self._pad = speech.speech_pad_ms / 1000
        self._segmenter = Segmenter(speech, window=window, release=release)
        self._levels = Levels(window)
        self._quiet = UNHEARD
        self._reach = max(algo.audio_chunk_duration, speech.min_speech_duration_ms / 1000)
        self._slack = window / 2
        self._recent: deque[Segment] = deque()
        self._state: TurnState = "listening"
        self._floor = 0.0
        self._onset = 0.0
        self._newest = Segment(0.0, 0.0)
        self._has_interrupted = False

    @property
    def state(self) -> TurnState:
        """``listening``, ``talking``, or ``held`` by a reply that must not be interrupted."""
        return self._state

    @property
    def now(self) -> float:
        """Seconds of the stream taken so far."""
        return self._segmenter.now

    @property
    def lookback(self) -> float:
        """How far before `now` the start of a turn's first event may lie, in seconds."""
        return self._reach + self._pad

    def push(
        self,
        probability: float,
        powers: Sequence[float] = (),
        *,
        speaking: bool,
        can_interrupt: bool,
    ) -> tuple[TurnEvent, ...]:
        """Take the next window and return what it led to, in order.

        Args:
            probability: The window's probability of speech, in 0..1.
            powers: Mean squares of the window's frames, for `Levels`; none if unknown.
            speaking: Whether a reply plays.
            can_interrupt: Whether speech may stop that reply.
        """
        self._quiet = self._levels.push(powers, voiced=self._segmenter.voiced)
        # Loud is not speech: the level says where speech ends, and never how much there was of it.
        quiet = self._quiet if self._state == "talking" else UNHEARD
        if (ended := self._segmenter.push(probability, quiet)) is not None:
            self._recent.append(ended)
        self._newest = self._segmenter.current or ended or self._newest
        since = self.now - self._reach
        while self._recent and self._recent[0].end <= since:
            self._recent.popleft()
        return self._advance(self._signs(probability, speaking, can_interrupt))

    def trigger(self) -> tuple[TurnEvent, ...]:
        """End the turn by hand: a ``pause_detected`` for what was said so far, be it nothing."""
        return self._advance({"trigger"})

    def reset(self) -> None:
        """Forget everything but the time: what was said so far belongs to no turn."""
        self._segmenter.clear()
        self._recent.clear()
        self._state = "listening"
        self._floor = self.now
        self._has_interrupted = False

    def _advance(self, signs: set[Sign]) -> tuple[TurnEvent, ...]:
        transitions = TRANSITIONS[self._state]
        sign: Sign | None = next((sign for sign in transitions if sign in signs), None)
        if sign is None:
            return ()
        state, kinds = transitions[sign]
        if self._state != "talking":
            self._onset = self._first_onset()
        self._state = state
        self._has_interrupted = self._has_interrupted or "interrupted" in kinds
        events = tuple(self._event(kind, sign) for kind in kinds)
        if sign == "free" or "pause_detected" in kinds:
            self._floor = self.now
        return events

    def _event(self, kind: TurnEventKind, sign: Sign) -> TurnEvent:
        start = max(self._floor, self._onset - self._pad)
        end = self.now
        if sign == "pause" and self._newest.end > self._onset:  # else it was too short to be seen
            end = min(end, self._newest.end + self._pad)
        return TurnEvent(kind, start, end)

    def _signs(self, probability: float, speaking: bool, can_interrupt: bool) -> set[Sign]:
        self._has_interrupted = self._has_interrupted and speaking
        signs: set[Sign] = {"protected" if speaking and not can_interrupt else "free"}
        if self._state == "talking":
            signs |= self._signs_of_an_end(probability)
        elif self._reaches(self._speech(), self._algo.started_talking_threshold):
            signs.add("speech")
        if speaking and can_interrupt and not self._has_interrupted:
            run = self._segmenter.run_end - max(self._segmenter.run_start, self._floor)
            if "speech" in signs or self._reaches(run, self._algo.interrupt_threshold):
                signs.add("barge_in")
        return signs

    def _signs_of_an_end(self, probability: float) -> set[Sign]:
        algo, slack = self._algo, self._slack
        length = self.now - self._onset
        if length >= algo.max_continuous_speech_s - slack or self._segmenter.is_full:
            return {"limit"}
        if self._segmenter.is_open or length < algo.audio_chunk_duration - slack:
            return set()
        overdue = self.now - self._newest.end - algo.audio_chunk_duration + algo.speech_threshold
        if self._hints_at_speech(probability) and overdue < HINT_LIMIT - slack:
            return set()
        most = algo.speech_threshold + (0.0 if self._newest.is_exact else slack)
        return set() if self._speech() >= most else {"pause"}

    def _hints_at_speech(self, probability: float) -> bool:
        if self._newest.is_exact:
            return self._quiet.seconds < self._segmenter.window
        return probability >= HINT

    def _reaches(self, seconds: float, threshold: float) -> bool:
        return seconds > 0 and seconds >= threshold - self._slack

    def _segments(self) -> Iterator[Segment]:
        yield from self._recent
        if (current := self._segmenter.current) is not None:
            yield current

    def _speech(self) -> float:
        since = max(self._floor, self.now - self._algo.audio_chunk_duration)
        return sum(segment.since(since) for segment in self._segments())

    def _first_onset(self) -> float:
        since = max(self._floor, self.now - self._reach)
        for segment in self._segments():
            if segment.end > since:
                return max(since, segment.start)
        return max(since, self._segmenter.run_start) if self._segmenter.voiced else self.now
