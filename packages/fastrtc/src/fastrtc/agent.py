"""A voice agent that needs no network: what was said is understood, answered and spoken.

Speech to text and text to speech are whatever models are installed, by name. The answers come from
a table, or from any endpoint that speaks OpenAI's chat protocol.
"""

import contextlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from fastrtc_core import (
    Event,
    Interrupted,
    Session,
    SessionClosed,
    WebRTCError,
    get_current_context,
)
from fastrtc_core.speech import Audio, Narration, STTModel, Synthesizer

ENDPOINT_SECONDS: Final = 30.0
"""How long a chat endpoint may say nothing."""

MOST_REMEMBERED: Final = 20
"""Messages that a chat endpoint is told again."""

INSTRUCTION: Final = (
    "You are on the telephone: answer in one or two short sentences, without lists."
)

Said = Callable[[str, str], None]
"""Takes who spoke, ``you`` or ``agent``, and what was said or heard."""


class Replies(Protocol):
    """Where answers come from."""

    def answer(self, text: str) -> Iterator[str]:
        """Yield the answer, in parts as they are written."""
        ...

    def heard(self, text: str) -> None:
        """Be told how much of the last answer was heard, as it was interrupted."""
        ...


class Rules:
    """Answers from a table: what a grammar can understand and what is said to it."""

    ANSWERS: Final[Mapping[str, str]] = {
        "hello": "Hello! Ask me for the time, the weather, or a joke.",
        "what time is it": "It is {time}.",
        "what is the weather like today": "I am offline, so look out of the window, please.",
        "tell me a joke": "Why did the computer go to the doctor? It had a virus, of course.",
        "turn on the kitchen light": "The kitchen light is on. At least I would say so.",
        "set a timer for ten minutes": "Ten minutes, starting now.",
        "thank you": "You are welcome.",
        "stop": "All right.",
        "goodbye": "Goodbye! It was nice to talk to you.",
    }

    @property
    def phrases(self) -> list[str]:
        """Everything that is answered."""
        return list(self.ANSWERS)

    def answer(self, text: str) -> Iterator[str]:
        """Yield the answer."""
        reply = self.ANSWERS.get(text.lower(), f"You said {text}. I have no answer to that.")
        yield reply.format(time=time.strftime("%H:%M"))

    def heard(self, text: str) -> None:
        """Do nothing: rules remember nothing."""


class ChatEndpoint:
    """Answers of a language model, by the chat protocol of OpenAI, streamed.

    Args:
        url: Of the endpoint, such as ``http://127.0.0.1:11434/v1``.
        model: Its name there.
        key: For the endpoint, if it asks for one.

    """

    def __init__(self, url: str, model: str, key: str = "") -> None:
        self._url = f"{url.rstrip('/')}/chat/completions"
        self._model = model
        self._key = key
        self._messages: list[dict[str, str]] = []

    def answer(self, text: str) -> Iterator[str]:
        """Yield the answer's parts as they are written.

        Raises:
            WebRTCError: The endpoint can't be reached or refuses.

        """
        self._messages.append({"role": "user", "content": text})
        del self._messages[:-MOST_REMEMBERED]
        reply = {"role": "assistant", "content": ""}
        with self._ask() as lines:
            self._messages.append(reply)
            for line in lines:
                part = _part_of(line)
                if part:
                    reply["content"] += part
                    yield part

    def heard(self, text: str) -> None:
        """Remember of the last answer only what was heard."""
        if self._messages and self._messages[-1]["role"] == "assistant":
            self._messages[-1]["content"] = text

    def _ask(self) -> contextlib.AbstractContextManager[Any]:
        system = {"role": "system", "content": INSTRUCTION}
        body = {"model": self._model, "messages": [system, *self._messages], "stream": True}
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        request = urllib.request.Request(self._url, json.dumps(body).encode(), headers)
        try:
            answer: contextlib.AbstractContextManager[Any] = urllib.request.urlopen(
                request, timeout=ENDPOINT_SECONDS
            )
        except urllib.error.HTTPError as error:
            raise WebRTCError(f"{self._url} refuses: {error.code} {error.reason}") from error
        except OSError as error:
            raise WebRTCError(f"{self._url} can't be reached: {error}") from error
        return answer


def _part_of(line: bytes) -> str:
    """The text in a line of server-sent events."""
    name, _, data = line.decode(errors="replace").strip().partition(":")
    if name != "data" or data.strip() == "[DONE]":
        return ""
    choices = json.loads(data).get("choices") or [{}]
    return str(choices[0].get("delta", {}).get("content") or "")


@dataclass
class Agent:
    """Answers turns: `reply` is a reply function for `ReplyOnPause`, `note` an observer."""

    stt: STTModel
    tts: Synthesizer[Any]
    replies: Callable[[], Replies]
    """Makes the source of answers of a session."""
    said: Said
    _talks: dict[str, "_Talk"] = field(default_factory=dict)

    def reply(self, audio: Audio) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Answer a turn; nothing that can be understood is not answered."""
        text = self.stt.stt(audio)
        if not text:
            return
        self.said("you", text)
        session = get_current_context().webrtc_id
        if session not in self._talks:
            self._talks[session] = _Talk(self.replies())
        talk = self._talks[session]
        talk.narration = self.tts.narrate(talk.replies.answer(text))
        yield from talk.narration
        self.said("agent", talk.narration.text)

    def note(self, session: Session, event: Event) -> None:
        """Take part in what happens: how much of an interrupted answer was heard."""
        talk = self._talks.get(session.id)
        if talk is None:
            return
        if isinstance(event, Interrupted) and talk.narration is not None:
            heard = talk.narration.heard(event.played)
            talk.replies.heard(heard)
            self.said("agent", f"{heard} ... (interrupted)")
        if isinstance(event, SessionClosed):
            del self._talks[session.id]


@dataclass
class _Talk:
    """What is remembered of one session."""

    replies: Replies
    narration: Narration[Any] | None = None
