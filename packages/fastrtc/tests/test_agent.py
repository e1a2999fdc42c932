"""The agent: answers from a table and from an endpoint, spoken by engines that cost nothing."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc.agent import MOST_REMEMBERED, Agent, ChatEndpoint, Replies, Rules
from fastrtc_core import Stream, WebRTCError
from fastrtc_core.speech import Recognizer, SpeechChunk, Synthesizer, Transcript
from fastrtc_core.testing import ScriptedModel, connect, in_virtual_time, sound_of
from fastrtc_vad import ReplyOnPause

RATE = 8000
TURN = [(0.5, 1.0)]
BARGE_IN = [(0.5, 1.0), (3.0, 4.0)]


class Ears(Recognizer):
    """Understands the same whatever is said."""

    sample_rate = RATE

    def __init__(self, *texts: str) -> None:
        self._texts = list(texts)

    def transcribe(self, samples: NDArray[np.float32]) -> Transcript:
        return Transcript(self._texts.pop(0))


class Voice(Synthesizer[None]):
    """Speaks fifteen characters a second, word by word."""

    @property
    def sample_rate(self) -> int:
        return RATE

    def synthesize(self, text: str, options: None) -> Iterator[SpeechChunk]:
        for word in text.split():
            samples = round(RATE * (len(word) + 1) / 15)
            yield SpeechChunk(RATE, np.full(samples, 0.2, np.float32))


class Endpoint:
    """Speaks the streaming half of the chat protocol on a port of its own."""

    def __init__(self, parts: list[str], status: int = 200) -> None:
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                endpoint.requests.append({"path": self.path, **json.loads(body)})
                endpoint.keys.append(self.headers.get("Authorization"))
                self.send_response(status)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                first = {"choices": [{"delta": {"role": "assistant"}}]}
                told = [first, *({"choices": [{"delta": {"content": part}}]} for part in parts)]
                for one in [*map(json.dumps, told), "[DONE]"]:
                    self.wfile.write(f": a comment\ndata: {one}\n\n".encode())

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/"

    def __enter__(self) -> "Endpoint":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def stream_of(agent: Agent, speech: list[tuple[float, float]]) -> Stream:
    handler = ReplyOnPause(
        agent.reply, input_sample_rate=RATE, output_sample_rate=RATE, model=ScriptedModel(speech)
    )
    return Stream(handler, modality="audio", on_event=agent.note)


@in_virtual_time
async def test_a_turn_is_understood_answered_and_spoken() -> None:
    said: list[tuple[str, str]] = []
    agent = Agent(Ears("thank you"), Voice(), Rules, lambda *line: said.append(line))
    async with connect(stream_of(agent, TURN)) as client:
        await client.speak(sound_of(TURN, 5.0, RATE), RATE)
    assert said == [("you", "thank you"), ("agent", "You are welcome.")]
    assert client.heard_audio().duration == pytest.approx(17 / 15, abs=0.01)
    assert not agent._talks


@in_virtual_time
async def test_what_can_not_be_understood_is_not_answered() -> None:
    said: list[tuple[str, str]] = []
    agent = Agent(Ears(""), Voice(), Rules, lambda *line: said.append(line))
    async with connect(stream_of(agent, TURN)) as client:
        await client.speak(sound_of(TURN, 3.0, RATE), RATE)
    assert said == []
    assert client.heard_audio().duration == 0


class Remembers(Rules):
    def __init__(self) -> None:
        self.told: list[str] = []

    def heard(self, text: str) -> None:
        self.told.append(text)


@in_virtual_time
async def test_of_an_interrupted_answer_what_was_heard_is_told() -> None:
    said: list[tuple[str, str]] = []
    made: list[Remembers] = []

    def replies() -> Replies:
        made.append(Remembers())
        return made[-1]

    agent = Agent(Ears("tell me a joke", "stop"), Voice(), replies, lambda *line: said.append(line))
    async with connect(stream_of(agent, BARGE_IN)) as client:
        await client.speak(sound_of(BARGE_IN, 7.0, RATE), RATE)
    assert len(made) == 1
    [heard] = made[0].told
    assert "Why did the computer go to the doctor?".startswith(heard)
    assert 4 <= len(heard.split()) <= 7
    assert ("agent", f"{heard} ... (interrupted)") in said
    assert said[-1] == ("agent", "All right.")


def test_everything_the_rules_understand_has_an_answer() -> None:
    rules = Rules()
    for phrase in rules.phrases:
        [answer] = rules.answer(phrase.upper())
        assert answer
        assert "{" not in answer
    assert list(rules.answer("fly")) == ["You said fly. I have no answer to that."]


def test_an_endpoint_is_asked_by_the_chat_protocol() -> None:
    with Endpoint(["Half ", "past ", "nine."]) as endpoint:
        chat = ChatEndpoint(endpoint.url, "small", "secret")
        assert list(chat.answer("what time is it")) == ["Half ", "past ", "nine."]
        chat.heard("Half past")
        list(chat.answer("go on"))
    first, second = endpoint.requests
    assert first["path"] == "/v1/chat/completions"
    assert first["model"] == "small"
    assert first["stream"] is True
    assert endpoint.keys == ["Bearer secret"] * 2
    assert [message["role"] for message in second["messages"]] == [
        "system",
        "user",
        "assistant",
        "user",
    ]
    assert second["messages"][2]["content"] == "Half past"


def test_an_endpoint_is_told_no_more_than_it_needs() -> None:
    with Endpoint(["Yes."]) as endpoint:
        chat = ChatEndpoint(endpoint.url, "small")
        for number in range(MOST_REMEMBERED):
            list(chat.answer(f"question {number}"))
    assert len(endpoint.requests[-1]["messages"]) == MOST_REMEMBERED + 1
    assert endpoint.keys[-1] is None


def test_what_is_wrong_with_an_endpoint_is_told() -> None:
    with Endpoint([], status=401) as endpoint:
        chat = ChatEndpoint(endpoint.url, "small")
        with pytest.raises(WebRTCError, match="refuses: 401"):
            list(chat.answer("hello"))
    chat = ChatEndpoint(endpoint.url, "small")
    with pytest.raises(WebRTCError, match="can't be reached"):
        list(chat.answer("hello"))
