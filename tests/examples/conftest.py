"""Speech to say to an example, the example itself as a program, and services that it asks."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core.audio import Resampler, read_wav

EXAMPLES = Path(__file__).parents[2] / "examples"
RATE = 24000
START_TIMEOUT = 30

Audio = tuple[int, NDArray[np.int16]]


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

    url: str = ""
    heard: str = "Good morning."
    """What every recording says."""
    refusal: str = ""
    """Why nothing is answered, if nothing is."""
    asked: list[Asked] = field(default_factory=list)

    @property
    def env(self) -> dict[str, str]:
        """The environment of a program that is to ask it; speech is made and understood there."""
        return {
            "OPENAI_BASE_URL": f"{self.url}/v1",
            "OPENAI_API_KEY": "the key",
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
            choice = {"index": 0, "finish_reason": "stop"}
            choice |= {"message": {"role": "assistant", "content": text}}
            whole = about | {"object": "chat.completion", "choices": [choice]}
            return "application/json", [json.dumps(whole).encode()]
        deltas: list[dict[str, str]] = [{"role": "assistant", "content": ""}]
        deltas += [{"content": f"{word} "} for word in text.split()]
        choices = [[{"index": 0, "delta": delta, "finish_reason": None}] for delta in deltas]
        choices += [[{"index": 0, "delta": {}, "finish_reason": "stop"}], []]
        parts = [about | {"object": "chat.completion.chunk", "choices": some} for some in choices]
        events = [f"data: {json.dumps(part)}\n\n".encode() for part in parts]
        return "text/event-stream", [*events, b"data: [DONE]\n\n"]


class _OpenAIHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: OpenAI

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.path, headers, body)
        self.service.asked.append(asked)
        if self.service.refusal:
            error = json.dumps({"error": {"message": self.service.refusal}}).encode()
            self._send(401, "application/json", [error])
        else:
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
