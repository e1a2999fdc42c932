"""What a transport gives to a session and what it must do, so that every handler works over it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

from fastrtc_core.frames import AudioFrame, VideoFrame
from fastrtc_core.messages import JSON

TELEPHONE: Final = "telephone"
"""Name of the transport over which a handler's `phone_mode` is true."""


@dataclass(frozen=True, slots=True)
class ConnectionRequest:
    """Who asks for a session; what `authorize` decides on."""

    transport: str
    """Name of the transport: ``websocket``, ``webrtc``, ``telephone``, ``memory`` ..."""

    client: str | None = None
    """Address of the peer, if the transport has one."""

    path: str = ""
    """Path of the request's URL."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """Header fields, names in lower case."""

    query: Mapping[str, str] = field(default_factory=dict)
    """Parameters of the URL."""

    metadata: Mapping[str, JSON] = field(default_factory=dict)
    """What the client said of itself when it opened the stream."""

    wants: frozenset[str] = frozenset()
    """Optional message types the client asked for: ``speech``."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one transport's clients may use. None means without limit."""

    concurrency: int | None = None
    """Sessions at a time over this transport, beside the stream's own limit."""

    time: float | None = None
    """Seconds a session may last; the stream's `time_limit` if it is lower."""

    message_bytes: int = 1 << 20
    """Longest message from a client, in bytes."""

    messages_per_second: float = 400.0
    """Messages a client may send per second, on average over two seconds."""

    handshake: float = 10.0
    """Seconds a client has from connecting to opening its stream."""

    def __post_init__(self) -> None:
        for name in ("concurrency", "time", "message_bytes", "messages_per_second", "handshake"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"Limits({name}={value!r}): must be positive")


class Wire(Protocol):
    """The way from a session to its peer.

    Every method may wait for the peer; the session gives up on a peer that takes nothing for too
    long. Every method raises ConnectionError when the peer is gone.
    """

    @property
    def rate(self) -> int | None:
        """Sample rate the peer wants, in Hz; None for the handler's own."""
        ...

    @property
    def channels(self) -> int:
        """Channels the peer wants: 1 or 2."""
        ...

    @property
    def lead(self) -> float:
        """Seconds of sound the peer may be ahead, see `fastrtc_core.playout`."""
        ...

    @property
    def frame(self) -> float:
        """Longest piece of sound to send at once, in seconds."""
        ...

    async def ready(self) -> None:
        """Wait until the peer can be reached; the handler begins then."""
        ...

    async def send_audio(self, frame: AudioFrame) -> None:
        """Send sound at `rate` with `channels`."""
        ...

    async def send_video(self, frame: VideoFrame) -> None:
        """Send a picture."""
        ...

    async def send_message(self, text: str) -> None:
        """Send a control message, JSON text."""
        ...

    async def clear(self) -> None:
        """Make the peer drop the sound that it has not played yet."""
        ...


@runtime_checkable
class TransportPlugin(Protocol):
    """What an entry point in ``fastrtc.transports`` makes of a stream: ``plugin(stream)``."""

    def mount(self, app: object, path: str, tags: list[str] | None) -> None:
        """Add this transport's routes to a web application, below `path`."""
        ...
