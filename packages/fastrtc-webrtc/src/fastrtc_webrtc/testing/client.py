"""A WebRTC client for tests, made of unaltered aiortc: another implementation than the server's.

::

    async with http_post("http://127.0.0.1:8000") as post, RTCClient(post) as client:
        client.send_audio(tone(440, 1.0))
        sound = await client.audio.sounds.next()

It uses the loopback address and no other, unless `Options.loopback` says so. `RTCClient.audio` and
`RTCClient.video` tell what comes.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Final, Literal

import numpy as np
from aiortc import (
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamTrack
from numpy.typing import NDArray

from fastrtc_core.messages import JSON
from fastrtc_webrtc.configuration import server_configuration
from fastrtc_webrtc.testing.feed import Feed
from fastrtc_webrtc.testing.impairment import Impairment, packet_kind
from fastrtc_webrtc.testing.link import Impaired, impair
from fastrtc_webrtc.testing.loopback import IceRestart, use_loopback, vanish
from fastrtc_webrtc.testing.signalling import Post, Signaller, SignallingOptions
from fastrtc_webrtc.testing.tap import Tap
from fastrtc_webrtc.testing.tracks import Camera, Microphone

Direction = Literal["sendrecv", "sendonly", "recvonly"]

CONNECT_TIMEOUT: Final = 10.0


@dataclass(frozen=True, slots=True)
class Received:
    """A message that came over the data channel."""

    time: float
    """When, on the event loop's clock."""

    data: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(SignallingOptions):
    """What an `RTCClient` offers."""

    audio: Direction | None = "sendrecv"
    video: Direction | None = None
    data_channel: bool = True

    codecs: Sequence[str] = ()
    """MIME types to offer, the best first; all that aiortc has if there are none of a kind."""

    alter: Callable[[str], str] = str
    """Changes the SDP of offers before they are sent; aiortc does not know of it."""

    loopback: bool = True
    """Whether to use the loopback address and no other, in place of all others."""

    rtc_configuration: object = None
    """ICE servers, as a page is told them; a relay is of use beyond the loopback address only."""

    outgoing: Impairment | None = None
    incoming: Impairment | None = None
    """What happens to packets from the first on."""


class RTCClient:
    """One client. Connects at the beginning of an ``async with`` block, leaves at its end.

    Args:
        post: The way to the server's routes, see `http_post`.
        options: The fields of `Options`.

    """

    def __init__(self, post: Post, **options: Any) -> None:
        self.options: Final = Options(**options)
        self.signaller: Final = Signaller(post, self.options)
        self.arrivals: Final[Feed[object]] = Feed()
        """All that comes, in order: `Sound`, `Picture` and `Received`."""
        self.messages: Final[Feed[Received]] = Feed()
        self._changed = asyncio.Event()
        self._stopped: Impaired | None = None
        self._begin()

    def _begin(self) -> None:
        self.pc = RTCPeerConnection(server_configuration(self.options.rtc_configuration))
        self.pc.on("connectionstatechange", partial(self._note_state, self.pc))
        self.pc.on("track", self._begin_track)
        self.messages.resume()
        self.arrivals.resume()
        # A peer connection that closes ends its tracks for good.
        self.microphone = Microphone()
        self.camera = Camera()
        self.taps: dict[str, Tap] = {}
        self.channel: RTCDataChannel | None = None
        self._add_media("audio", self.options.audio, self.microphone)
        self._add_media("video", self.options.video, self.camera)
        if self.options.data_channel:
            self.channel = self.pc.createDataChannel("text")
            self.channel.on("open", self._changed.set)
            self.channel.on("message", self._take_message)
        if self.options.loopback:
            use_loopback(self.pc)

    def _add_media(self, kind: str, direction: Direction | None, track: MediaStreamTrack) -> None:
        if direction is None:
            return
        source = kind if direction == "recvonly" else track
        transceiver = self.pc.addTransceiver(source, direction)
        _prefer(transceiver, self.options.codecs)
        self.taps[kind] = Tap(transceiver, self.arrivals)

    def _note_state(self, pc: RTCPeerConnection) -> None:
        self._changed.set()
        if pc is self.pc and pc.connectionState in ("closed", "failed"):
            self._end()

    def _begin_track(self, track: MediaStreamTrack) -> None:
        self.taps[track.kind].listen(track)

    async def __aenter__(self) -> "RTCClient":
        await self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def id(self) -> str | None:
        """Id of the session, once it is known."""
        return self.signaller.id

    @property
    def audio(self) -> Tap:
        """What comes in sound."""
        return self.taps["audio"]

    @property
    def video(self) -> Tap:
        """What comes in pictures."""
        return self.taps["video"]

    # Connecting

    async def connect(self) -> None:
        """Connect, and wait until media and messages can be sent.

        Raises:
            SignallingError: The server refuses.
            ConnectionError: No connection comes about.

        """
        try:
            await self._negotiate()
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await self._until(self._is_open)
        except BaseException as error:
            await self.pc.close()
            if isinstance(error, TimeoutError):
                raise ConnectionError(f"no connection within {CONNECT_TIMEOUT:g} s") from error
            raise

    async def _negotiate(self) -> str:
        """Offer, and return the answer's SDP."""
        await self.pc.setLocalDescription(await self.pc.createOffer())
        if self.pc.connectionState == "new":
            impair(self.pc, outgoing=self.options.outgoing, incoming=self.options.incoming)
        sdp = self.options.alter(self.pc.localDescription.sdp)
        answer = await self.signaller.offer(sdp)
        await self.pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        if self.options.trickle == "after":
            await self.signaller.send_candidates(sdp)
        return answer

    def _is_open(self) -> bool:
        if self.pc.connectionState in ("failed", "closed"):
            raise ConnectionError(f"the connection has {self.pc.connectionState}")
        channel_is_open = self.channel is None or self.channel.readyState == "open"
        return self.pc.connectionState == "connected" and channel_is_open

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    async def reoffer(self) -> None:
        """Negotiate again over the same connection."""
        await self._negotiate()

    async def restart(self) -> None:
        """Restart ICE: the same connection by another way."""
        restart = IceRestart(self.pc)
        await restart.begin()
        await restart.finish(await self._negotiate())

    async def come_back(self) -> None:
        """Connect to the same session by a new peer connection, as a page does that was lost.

        The client then has another microphone, camera and taps.
        """
        self._begin()
        await self.connect()

    # Sending

    def send_audio(self, samples: NDArray[np.int16]) -> None:
        """Queue sound, 48 kHz, int16 ``(1, samples)``; it is said in real time."""
        self.microphone.say(samples)

    def send_picture(self, pixels: NDArray[np.uint8]) -> None:
        """Show a picture, RGB, ``(height, width, 3)``, both even."""
        self.camera.show(pixels)

    def send_message(self, message: JSON) -> None:
        """Send a message over the data channel.

        Raises:
            RuntimeError: There is none.

        """
        if self.channel is None:
            raise RuntimeError("this client has no data channel")
        self.channel.send(json.dumps(message))

    def _take_message(self, message: str | bytes) -> None:
        received = Received(asyncio.get_running_loop().time(), json.loads(message))
        self.messages.put(received)
        self.arrivals.put(received)

    async def message(self, kind: str) -> Any:
        """Wait for the next message of a type and return its data.

        Raises:
            ConnectionResetError: The connection is over, and no such message has come.

        """
        found = await self.messages.match(lambda message: message.data.get("type") == kind)
        return found.data.get("data")

    # Ends

    def stop_reading(self) -> None:
        """Take nothing any more, as a page that hangs: only ICE still answers."""
        lost = Impairment(loss=1.0, only=lambda packet: packet_kind(packet) != "stun")
        self._stopped = impair(self.pc, incoming=lost)

    async def wait_closed(self) -> None:
        """Wait until the connection is over, whoever ends it."""
        await self._until(lambda: self.pc.connectionState in ("closed", "failed"))
        await self.close()

    async def bye(self) -> None:
        """Tell the server by its route that the session is over."""
        await self.signaller.bye()

    async def close(self) -> None:
        """Hang up, as a page does that calls ``RTCPeerConnection.close``."""
        await self.pc.close()

    async def vanish(self) -> None:
        """Be gone without a word: sockets closed, nothing sent any more."""
        vanish(self.pc)
        await self.pc.close()

    def _end(self) -> None:
        for tap in self.taps.values():
            tap.end()
        self.messages.end()
        self.arrivals.end()


def _prefer(transceiver: RTCRtpTransceiver, mime_types: Sequence[str]) -> None:
    wanted = [name.lower() for name in mime_types]
    capabilities = RTCRtpReceiver.getCapabilities(transceiver.kind)
    assert capabilities is not None
    found = [codec for codec in capabilities.codecs if codec.mimeType.lower() in wanted]
    if found:
        found.sort(key=lambda codec: wanted.index(codec.mimeType.lower()))
        retransmission = [c for c in capabilities.codecs if c.mimeType.lower().endswith("/rtx")]
        transceiver.setCodecPreferences(found + retransmission)
