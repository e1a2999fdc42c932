"""A server with an echo. Tells what happens to it, a JSON object a line.

Its one argument is a JSON object: ``port``, ``folder`` for recordings, and if they are wanted
``settings`` of the transport, ``turn`` (for `get_coturn_credentials`, of both sides) or ``servers``
(the server's own ICE configuration).
"""

import asyncio
import json
import logging
import socket
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette

from fastrtc_core import AsyncStreamHandler, EmitType, Event, Session, SessionClosed, Stream
from fastrtc_webrtc import WebRTCSettings, get_coturn_credentials
from fastrtc_webrtc.audioreceiver import AudioReceiver
from fastrtc_webrtc.transport import WebRTCTransport

RATE = 48_000

Frame = tuple[int, NDArray[np.int16]]


def tell(event: str, **facts: object) -> None:
    sys.stdout.write(json.dumps({"event": event, **facts}) + "\n")
    sys.stdout.flush()


class Echo(AsyncStreamHandler):
    """Sends back what it hears, and keeps it."""

    def __init__(self, transports: list[WebRTCTransport]) -> None:
        super().__init__(input_sample_rate=RATE, output_sample_rate=RATE)
        self._transports = transports
        self._sounds: asyncio.Queue[Frame] = asyncio.Queue()
        self.heard: list[tuple[float, NDArray[np.int16]]] = []
        self.receiver: AudioReceiver | None = None

    def copy(self) -> "Echo":
        return Echo(self._transports)

    async def receive(self, frame: Frame) -> None:
        if not self.heard:
            self._begin()
        self.heard.append((self.session.loop.time(), frame[1]))
        self._sounds.put_nowait(frame)

    async def emit(self) -> EmitType:
        return await self._sounds.get()

    def _begin(self) -> None:
        connection = self._transports[0].signalling._connections[self.session.id]
        peer = connection._peer
        assert peer is not None
        self.receiver = peer.audio_receiver
        pair = peer.links[0].connection._nominated[1]
        tell(
            "heard",
            id=self.session.id,
            client=self.session.request.client,
            path=f"{pair.local_candidate.type} to {pair.remote_candidate.type}",
            remote=pair.remote_addr[0],
        )

    def save(self, folder: Path) -> str:
        path = folder / f"{self.session.id}.npz"
        sounds = [sound[0] for _, sound in self.heard]
        np.savez(
            path,
            times=np.array([time for time, _ in self.heard]),
            lengths=np.array([sound.size for sound in sounds]),
            sound=np.concatenate(sounds) if sounds else np.zeros(0, np.int16),
        )
        return str(path)


async def tell_end(session: Session, event: Event, *, folder: Path) -> None:
    if not isinstance(event, SessionClosed):
        return
    echo = session.handler
    assert isinstance(echo, Echo)
    buffer = None if echo.receiver is None else echo.receiver.buffer
    names = ("received", "lost", "late", "reordered", "duplicates")
    tell(
        "ended",
        id=session.id,
        time=session.loop.time(),
        reason=event.reason,
        recording=echo.save(folder),
        packets={name: getattr(buffer, name, 0) for name in names},
    )


def settings(given: dict[str, Any]) -> WebRTCSettings:
    """Return settings from JSON, which has no tuples."""
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
    }
    return WebRTCSettings(**values)


def main() -> None:
    options = json.loads(sys.argv[1])
    turn = options.get("turn")
    credentials = turn and partial(get_coturn_credentials, **turn)
    transports: list[WebRTCTransport] = []
    stream = Stream(
        Echo(transports),
        modality="audio",
        mode="send-receive",
        rtc_configuration=credentials,
        server_rtc_configuration=options.get("servers", credentials),
        transport_settings={"webrtc": settings(options.get("settings", {}))},
        on_event=partial(tell_end, folder=Path(options["folder"])),
    )
    transports.append(WebRTCTransport(stream))
    app = Starlette()
    transports[0].mount(app, "", None)
    with socket.create_server(("0.0.0.0", options["port"])) as listener:
        tell("ready")
        uvicorn.Server(uvicorn.Config(app, log_config=None)).run([listener])


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    main()
