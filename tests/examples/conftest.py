"""Speech to say to an example, the example itself as a program, and services that it asks."""

import asyncio
import base64
import json
import math
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from fastrtc.talk import Talk, talk_to
from fastrtc_core.audio import Resampler, read_wav

EXAMPLES = Path(__file__).parents[2] / "examples"
RATE = 24000
START_TIMEOUT = 30

Audio = tuple[int, NDArray[np.int16]]
About = tuple[str, Mapping[str, str], float | None, Sequence[Audio]]


@pytest.fixture(scope="session")
def question(require: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Audio:
    """A spoken sentence between silences, at 24 kHz."""
    return _spoken(require, tmp_path_factory, "Good morning, can you hear me?")


@pytest.fixture(scope="session")
def say(
    require: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Audio]:
    """Give a function that speaks a text, between silences, at 24 kHz."""
    return lambda text: _spoken(require, tmp_path_factory, text)


def _spoken(
    require: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory, text: str
) -> Audio:
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    subprocess.run([require("espeak-ng"), "-w", str(path), text], check=True)
    rate, spoken = read_wav(path)
    silence = np.zeros((1, rate // 2), np.int16)
    sound = np.concatenate((silence, spoken, silence), axis=1)
    return RATE, Resampler(rate, RATE).process(sound)


@pytest.fixture(scope="session")
def running() -> Callable[..., AbstractContextManager[str]]:
    """Serve ``examples/<name>.py`` on a free port for the length of a block; gives its URL.

    What follows the name are options of uvicorn; ``env`` is added to the environment.
    """

    @contextmanager
    def serve(name: str, *options: str, env: Mapping[str, str] | None = None) -> Iterator[str]:
        path = EXAMPLES / name
        command = [
            *(sys.executable, "-m", "uvicorn", f"{path.name}:app", "--app-dir", str(path.parent)),
            *("--host", "127.0.0.1", "--port", "0", "--no-use-colors", *options),
        ]
        environment = os.environ | dict(env or {})
        with subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env=environment
        ) as process:
            try:
                assert process.stderr is not None
                lines = []
                for line in process.stderr:
                    lines.append(line)
                    if "running on " in line:
                        yield line.split("running on ")[1].split()[0]
                        break
                else:
                    pytest.fail(f"{name} did not start:\n{''.join(lines)}")
            finally:
                process.terminate()
                process.wait(START_TIMEOUT)

    return serve


@pytest.fixture(scope="session")
def hold(running: Callable[..., AbstractContextManager[str]]) -> Callable[..., list[list[Talk]]]:
    """Give a function that talks to many examples at the same time, as that takes its time.

    Each of its arguments is a name, the environment, how long to listen at the end (see
    `talk_to`), and what is said: in a conversation each.
    """

    async def talks_with(url: str, tail: float | None, audios: Sequence[Audio]) -> list[Talk]:
        async with asyncio.TaskGroup() as tasks:
            talks = [tasks.create_task(talk_to(url, audio, tail=tail)) for audio in audios]
        return [talk.result() for talk in talks]

    def one(about: About) -> list[Talk]:
        name, env, tail, audios = about
        with running(name, env=env) as url:
            return asyncio.run(talks_with(url, tail, audios))

    def all_of_them(*about: About) -> list[list[Talk]]:
        with ThreadPoolExecutor(len(about)) as threads:
            return list(threads.map(one, about))

    return all_of_them


@dataclass
class Asked:
    """A request that a service got."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, bytes]:
        """The fields of a form with files."""
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        fields = {}
        for part in message_from_bytes(head + self.body).get_payload():
            assert not isinstance(part, str)
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            fields[str(part.get_param("name", header="content-disposition"))] = content
        return fields


@dataclass
class OpenAI:
    """A service with OpenAI's interfaces for chat, transcription and speech, on this machine.

    The chat says again what it was told last, word by word, and which turn it is.
    """

    KEY = "sk-right"

    url: str = ""
    heard: str = "Good morning."
    """What every recording says."""
    asked: list[Asked] = field(default_factory=list)

    @property
    def env(self) -> dict[str, str]:
        """The environment of a program that is to ask it; speech is made and understood there."""
        return {
            "OPENAI_BASE_URL": f"{self.url}/v1",
            "OPENAI_API_KEY": self.KEY,
            "STT_MODEL": "pocketsphinx",
            "TTS_MODEL": "espeak",
        }

    def chats(self) -> list[list[tuple[str, str]]]:
        """Role and content of the messages of every chat request, without the system's."""
        bodies = [asked.json for asked in self.asked if asked.path == "/v1/chat/completions"]
        return [
            [(m["role"], m["content"]) for m in body["messages"] if m["role"] != "system"]
            for body in bodies
        ]

    def answer(self, asked: Asked) -> tuple[str, list[bytes]]:
        """Return the type of the answer, and its parts."""
        match asked.path:
            case "/v1/chat/completions":
                return self._chat(asked.json)
            case "/v1/audio/transcriptions":
                return "application/json", [json.dumps({"text": self.heard}).encode()]
            case "/v1/audio/speech":  # 50 ms a character, in parts that cut samples in two
                seconds = 0.05 * len(asked.json["input"])
                tone = 8000 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * RATE)) / RATE)
                data = tone.astype("<i2").tobytes()
                return "audio/pcm", [data[at : at + 3333] for at in range(0, len(data), 3333)]
        raise LookupError(asked.path)

    def _chat(self, body: Any) -> tuple[str, list[bytes]]:
        turns = [message["content"] for message in body["messages"] if message["role"] == "user"]
        text = f"You said {turns[-1].strip('.')}. This is turn {len(turns)}."
        about: dict[str, Any] = {"id": "chatcmpl-1", "created": 1, "model": body["model"]}
        if not body.get("stream"):
            message = {"role": "assistant", "content": text}
            choice: dict[str, Any] = {"index": 0, "finish_reason": "stop", "message": message}
            whole = about | {"object": "chat.completion", "choices": [choice]}
            return "application/json", [json.dumps(whole).encode()]
        deltas: list[dict[str, str]] = [{"role": "assistant", "content": ""}]
        deltas += [{"content": f"{word} "} for word in text.split()]
        choices: list[list[dict[str, Any]]] = [
            [{"index": 0, "delta": delta, "finish_reason": None}] for delta in deltas
        ]
        choices += [[{"index": 0, "delta": {}, "finish_reason": "stop"}], []]
        parts = [{**about, "object": "chat.completion.chunk", "choices": some} for some in choices]
        events = [f"data: {json.dumps(part)}\n\n".encode() for part in parts]
        return "text/event-stream", [*events, b"data: [DONE]\n\n"]


class _OpenAIHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: OpenAI

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.path, headers, body)
        if headers["authorization"] != f"Bearer {self.service.KEY}":
            error = {"message": "Incorrect API key provided.", "code": "invalid_api_key"}
            self._send(401, "application/json", [json.dumps({"error": error}).encode()])
            return
        self.service.asked.append(asked)
        self._send(200, *self.service.answer(asked))

    def _send(self, status: int, kind: str, parts: list[bytes]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")
        self.end_headers()
        for part in [*parts, b""]:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def openai() -> Iterator[OpenAI]:
    """A service that programs take for OpenAI."""
    service = OpenAI()
    handler = type("Handler", (_OpenAIHandler,), {"service": service})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        http.daemon_threads = True
        service.url = f"http://127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield service
        http.shutdown()
        thread.join()


@dataclass
class Realtime:
    """A service with OpenAI's realtime interface, on this machine.

    It listens for speech by its level, answers with a second of a tone, and keeps what it sees.
    """

    KEY = "sk-right"

    url: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    """What the newest client has asked for."""
    seen: list[bytes] = field(default_factory=list)
    """Pictures that came, as files."""

    def refuse(self, _: ServerConnection, request: Request) -> Response | None:
        """Let nobody in who has another key."""
        if request.headers.get("Authorization") == f"Bearer {self.KEY}":
            return None
        return Response(401, "Unauthorized", Headers(), b'{"error": {"code": "invalid_api_key"}}')

    def serve(self, socket: ServerConnection) -> None:
        _tell(socket, "session.created", session={"type": "realtime"})
        quiet = math.inf  # seconds since somebody spoke; none has, yet
        for message in socket:
            event = json.loads(message)
            match event["type"]:
                case "session.update":
                    self.settings = event["session"]
                    _tell(socket, "session.updated", session=self.settings)
                case "conversation.item.create":
                    (content,) = event["item"]["content"]
                    assert content["type"] == "input_image"
                    head, _, data = content["image_url"].partition(",")
                    assert head == "data:image/jpeg;base64"
                    self.seen.append(base64.b64decode(data, validate=True))
                case "input_audio_buffer.append":
                    quiet = self._listen(socket, event["audio"], quiet)
                case kind:
                    _tell(socket, "error", error={"message": f"What is {kind}?"})

    def _listen(self, socket: ServerConnection, audio: str, quiet: float) -> float:
        samples = np.frombuffer(base64.b64decode(audio, validate=True), "<i2")
        if np.abs(samples).max(initial=0) > 1000:
            if quiet > 0.5:
                _tell(socket, "input_audio_buffer.speech_started", audio_start_ms=0)
            return 0.0
        before, quiet = quiet, quiet + samples.size / RATE
        if before <= 0.5 < quiet:
            _tell(socket, "input_audio_buffer.speech_stopped", audio_end_ms=0)
            self._answer(socket)
        return quiet

    def _answer(self, socket: ServerConnection) -> None:
        _tell(socket, "response.created", response={"status": "in_progress"})
        tone = 8000 * np.sin(2 * np.pi * 660 * np.arange(RATE) / RATE)
        for part in np.split(tone.astype("<i2"), 10):
            delta = base64.b64encode(part.tobytes()).decode()
            _tell(socket, "response.output_audio.delta", delta=delta)
        text = f"I hear you, and have seen {len(self.seen)} pictures."
        _tell(socket, "response.output_audio_transcript.done", transcript=text)
        _tell(socket, "response.done", response={"status": "completed"})


def _tell(socket: ServerConnection, kind: str, **content: object) -> None:
    socket.send(json.dumps({"type": kind, "event_id": "event_1", **content}))


@pytest.fixture(scope="module")
def realtime() -> Iterator[Realtime]:
    """A realtime service."""
    service = Realtime()
    with serve(
        service.serve, "127.0.0.1", 0, process_request=service.refuse, close_timeout=1
    ) as server:
        service.url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}/v1/realtime?model=fake"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield service
        server.shutdown()
        thread.join()
