"""Runs the Python blocks of one page, which `tests/test_readmes.py` gives on standard input.

A block is a program of its own, but for one that begins with ``# continued``: that goes on where
the one before it ended. What would run for ever (uvicorn, Gradio, FastPhone) is started, asked for
its page, and stopped. Then every `Stream` that the block has made is talked to, and what its
handler makes must come back. Nothing leaves the machine: hosted services are in `Services`.
"""

import asyncio
import inspect
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import numpy as np

from fastrtc import (
    Event,
    HandlerFailed,
    ReplyOnPause,
    ReplyOnStopWords,
    Session,
    Stream,
    get_stt_model,
    get_tts_model,
)
from fastrtc_core.callables import FunctionHandler
from fastrtc_core.signatures import required_inputs
from fastrtc_core.testing import ScriptedModel, connect, run

CONTINUED: Final = "# continued"

STAND_INS: Final = {
    'get_stt_model("moonshine/base")': 'get_stt_model("pocketsphinx", phrases=["yes", "no"])',
    'get_tts_model("kokoro")': 'get_tts_model("espeak")',
}
"""Models whose weights can't be fetched here, and what speaks and listens in their place."""

RATE: Final = 16_000
SPEECH: Final = (0.2, 1.5)
"""Seconds of what is said in which there is speech."""

PATIENCE: Final = 200
"""Times that are waited for an answer: a tenth of a second of virtual time and a bit of real."""

VISITOR: Final = "a visitor"
"""Id of a session."""

ANNA: Final = {"key": "a long secret"}
"""What clients say of themselves; the key of the page on sessions."""


def main() -> int:
    """Run the blocks of standard input; an exception of one is told with its line in the page."""
    page = json.load(sys.stdin)
    for name, text in page["files"].items():
        Path(name).write_text(text, encoding="utf-8")
    sys.path.insert(0, "")
    code = " ".join(block["code"] for block in page["blocks"])
    if "film.mp4" in code:
        make_film(Path("film.mp4"))
    with services():
        stop_what_serves(code)
        namespace: dict[str, Any] = {}
        for block in page["blocks"]:
            try:
                namespace = run_block(block["code"], namespace)
            except BaseException:  # noqa: BLE001 - whatever it is, it is told and counts
                traceback.print_exc()
                sys.stderr.write(f"\nin the block at line {block['line']} of {page['name']}\n")
                return 1
    return 0


def run_block(code: str, before: dict[str, Any]) -> dict[str, Any]:
    """Run a block and talk to its streams; returns its names."""
    names = before if code.startswith(CONTINUED) else {"__name__": "__main__"}
    old = {id(value) for value in names.values()}
    running = code
    for model, stand_in in STAND_INS.items():
        running = running.replace(model, stand_in)
    exec(compile(running, "<block>", "exec"), names)
    if re.search(r"^def test_\w+\(\w", code, re.MULTILINE):
        run_tests(code)
    for value in list(names.values()):
        stream = getattr(getattr(value, "_link", None), "stream", value)
        if isinstance(stream, Stream) and id(value) not in old:
            talk(stream, code)
    if "app" in names and id(names["app"]) not in old:
        url = serve_in_background(names["app"])
        sys.argv[1:] = [f"{url.replace('http', 'ws')}/websocket/offer"]
        visit(url, names)
    return names


def run_tests(code: str) -> None:
    """Run tests that want fixtures, with those of the root."""
    Path("test_block.py").write_text(code, encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "conftest", "."],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=sys.stderr,
        check=True,
    )


# Talking


def talk(stream: Stream, code: str) -> None:
    """Connect to a stream, send it what it takes, and see that something comes back.

    What its handler raises is a failure unless the block says it, word by word.
    """
    prototype = stream.event_handler
    if isinstance(prototype, ReplyOnPause) and not isinstance(prototype, ReplyOnStopWords):
        prototype.model = ScriptedModel([SPEECH])
    events: list[Event] = []
    something = run(_converse(stream, events))
    for event in events:
        if isinstance(event, HandlerFailed) and str(event.error) not in code:
            raise AssertionError(f"{event.where} failed") from event.error
    assert something or stream.mode == "send", f"nothing came back from {prototype!r}"


async def _converse(stream: Stream, events: list[Event]) -> bool:
    async with asyncio.TaskGroup() as tasks, connect(stream, metadata=ANNA) as client:
        session = client.session
        listening = tasks.create_task(_listen(session, events))
        client.set_input(*_inputs(stream, session.handler))
        if stream.modality != "video" and stream.mode != "receive":
            noise = np.random.default_rng(1).normal(0, 3000, RATE * 3).astype(np.int16)
            await client.speak(noise, RATE)
            if isinstance(session.handler, ReplyOnStopWords):
                session.handler.trigger_response()
        if stream.modality != "audio" and stream.mode != "receive":
            for brightness in (0, 100, 200):
                await client.send_video(np.full((96, 128, 3), brightness, np.uint8))
                await asyncio.sleep(0.1)
        for _ in range(PATIENCE):
            await asyncio.sleep(0.1)
            if client.heard or client.pictures or client.messages_of("fetch_output"):
                break
            if stream.mode == "send" and session.counters.audio_in:
                break
            await session.loop.run_in_executor(None, time.sleep, 0.04)  # what works, works on
        await client.leave()
        await listening
        return bool(client.heard or client.pictures or client.messages_of("fetch_output"))


async def _listen(session: Session, events: list[Event]) -> None:
    events.extend([event async for event in session.events.listen()])


def _inputs(stream: Stream, handler: object) -> list[Any]:
    """Return what a page would send: the values of components, else a number for each parameter."""
    if stream.additional_input_components:
        return [_value(component) for component in stream.additional_input_components]
    if isinstance(handler, FunctionHandler):
        given = 0 if stream.mode == "receive" else 1
        return [0.5] * required_inputs(handler.function, given=given)
    if isinstance(handler, ReplyOnPause):
        return [0.5] * required_inputs(handler.fn)
    return [0.5]


def _value(component: Any) -> Any:
    value = component.value() if callable(component.value) else component.value
    return [] if value is None else value


# What serves


def stop_what_serves(code: str) -> None:
    """Have what would serve for ever serve one request."""
    import uvicorn

    uvicorn.run = _serve_once
    fastphone = Stream.fastphone

    def on_a_free_port(self: Stream, *args: Any, **kwargs: Any) -> None:
        inspect.signature(fastphone).bind(self, *args, **kwargs)
        try:
            fastphone(self, *args, **{**kwargs, "port": 0})
        except KeyboardInterrupt:
            return

    Stream.fastphone = on_a_free_port  # type: ignore[method-assign]
    if "gradio" in code or ".ui" in code or "WebRTC(" in code:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Gradio's own imports
            import gradio as gr

            from fastrtc import WebRTC
            from fastrtc_gradio.data import Typed

        launch = gr.Blocks.launch

        def launch_once(self: Any, *args: Any, **kwargs: Any) -> Any:
            launch(self, *args, **{**kwargs, "prevent_thread_lock": True, "quiet": True})
            assert b"gradio" in _get(self.local_url)
            self.close(verbose=False)

        gr.Blocks.launch = launch_once  # type: ignore[method-assign]
        stream = WebRTC.stream

        def noting_inputs(self: Any, fn: Any, inputs: Any = None, *args: Any, **kwargs: Any) -> Any:
            event = stream(self, fn, inputs, *args, **kwargs)
            others = [component for component in inputs or [] if component is not self]
            if self.variant == "textbox":
                others.insert(0, SimpleNamespace(value=Typed("Hello.")))
            self._link.stream.additional_input_components = others
            return event

        WebRTC.stream = noting_inputs  # type: ignore[method-assign]


def _serve_once(app: Any, **options: Any) -> None:
    with _served(app, **{**options, "port": 0}) as url:
        _get(url)


def serve_in_background(app: Any) -> str:
    """Serve an application for as long as the page runs; returns its URL."""
    url = _served(app, log_level="warning").__enter__()
    _get(url)
    return url


def visit(url: str, names: dict[str, Any]) -> None:
    """Speak to a mounted stream of sound as somebody else's page does, and call the block's routes.

    Routes that take a request or a WebSocket as it is are left to the tests of transports.
    """
    from websockets.sync.client import connect as connect_socket

    routes = [
        route
        for route in names["app"].routes
        if getattr(getattr(route, "endpoint", None), "__globals__", None) is names
        and _arguments(route.endpoint) is not None
    ]
    if not any("webrtc_id" in str(_arguments(route.endpoint)) for route in routes):
        return
    if names["stream"].modality != "audio":
        return  # nobody can see pictures over a WebSocket
    with connect_socket(f"{url.replace('http', 'ws')}/websocket/offer") as socket:
        start = {"event": "start", "websocket_id": VISITOR, "encoding": "pcm16", "rate": RATE}
        socket.send(json.dumps({**start, "binary": True}))
        assert json.loads(socket.recv())["event"] == "started"
        for _ in range(150):
            socket.send(b"\x10\x20" * (RATE // 50))
        for route in routes:
            _call(url, route)
        socket.send(json.dumps({"event": "stop"}))


def _arguments(endpoint: Callable[..., Any]) -> dict[str, Any] | None:
    """Return what a route is called with; None if it takes requests as they are."""
    given: dict[str, Any] = {}
    for name, parameter in inspect.signature(endpoint).parameters.items():
        fields = getattr(parameter.annotation, "model_fields", None)
        if fields is not None:
            given |= {field: VISITOR if field == "webrtc_id" else 0.5 for field in fields}
        elif parameter.annotation is str:
            given[name] = VISITOR if name == "webrtc_id" else "Hello."
        else:
            return None
    return given


def _call(url: str, route: Any) -> None:
    arguments = _arguments(route.endpoint) or {}
    takes_query = "webrtc_id" in inspect.signature(route.endpoint).parameters
    query = f"?{urlencode(arguments)}" if takes_query else ""
    body = None if takes_query or not arguments else json.dumps(arguments).encode()
    (method,) = route.methods
    request = Request(f"{url}{route.path}{query}", body, method=method)
    request.add_header("Content-Type", "application/json")
    with urlopen(request, timeout=10) as answer:
        assert answer.readline() or answer.status == HTTPStatus.OK


@contextmanager
def _served(app: Any, **options: Any) -> Iterator[str]:
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, **{"port": 0, **options}))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.02)
        assert thread.is_alive(), "the server has ended"
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def _get(url: str) -> bytes:
    """Return what is at a URL; 404 is an answer, as not every application has a page."""
    try:
        with urlopen(url, timeout=10) as answer:
            content: bytes = answer.read()
    except HTTPError as error:
        if error.code != HTTPStatus.NOT_FOUND:
            raise
        return b""
    return content


# What is not on the page


def make_film(path: Path) -> None:
    """Write a film of a second."""
    import av

    with av.open(str(path), "w") as file:
        track = file.add_stream("mpeg4", rate=10)
        track.width, track.height = 128, 96
        for brightness in range(10):
            picture = np.full((96, 128, 3), 20 * brightness, np.uint8)
            file.mux(track.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        file.mux(track.encode(None))


class Services(BaseHTTPRequestHandler):
    """FastPhone, after whose answer somebody presses Ctrl-C; and a language model."""

    ANSWERS: Final[dict[str, Callable[[], object]]] = {
        "/register": lambda: {"phone": "+1 415 555 0100", "code": "123456", "reset_date": ""},
        "/v1/chat/completions": lambda: {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": "fake",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": "Yes, I can hear you."},
                }
            ],
        },
    }

    def do_POST(self) -> None:
        """Answer what is asked of a service."""
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(self.ANSWERS[self.path]()).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        if self.path == "/register":
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def services() -> Iterator[None]:
    """Put local services in the place of hosted ones."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Services)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    os.environ |= {
        "FASTRTC_FASTPHONE_URL": url,
        "FASTRTC_TUNNEL": "http://127.0.0.1:1",
        "GRADIO_ANALYTICS_ENABLED": "False",
        "HF_HUB_OFFLINE": "1",
        "HF_TOKEN": "a token",
        "LLM_URL": f"{url}/v1",
    }
    tunnel = Path("cloudflared")
    tunnel.write_text("#!/bin/sh\necho https://fake.trycloudflare.com\nexec sleep 60\n")
    tunnel.chmod(0o755)
    os.environ["PATH"] = f"{Path.cwd()}{os.pathsep}{os.environ['PATH']}"
    yield
    server.shutdown()
    server.server_close()


if __name__ == "__main__":
    for make in (get_stt_model("moonshine/base"), get_tts_model("kokoro")):
        assert make is not None  # what has stand-ins is there
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # threads of servers that were left running are of no interest
