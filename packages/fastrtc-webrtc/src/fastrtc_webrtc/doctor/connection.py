"""Whether a connection to a running stream comes about."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from aiortc import RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcconfiguration import RTCIceTransportPolicy

from fastrtc_core.session import Mode
from fastrtc_webrtc.configuration import server_configuration
from fastrtc_webrtc.doctor.addresses import is_here
from fastrtc_webrtc.doctor.asking import NoAnswerError, ask
from fastrtc_webrtc.doctor.findings import PATIENCE, Finding, fault, note, ok
from fastrtc_webrtc.ice import COMPONENT, IceOptions
from fastrtc_webrtc.icelink import IceLink

CONNECTING: Final = 2 * PATIENCE
"""Seconds for a connection to come about."""

PING: Final = '{"type": "ping"}'


class _RefusedError(Exception):
    """The server makes no connection; the finding says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.text)
        self.finding = finding


async def check_connection(
    url: str,
    configuration: Mapping[str, Any] | None,
    *,
    kinds: Sequence[str] = ("audio",),
    mode: Mode = "send-receive",
    relay: bool = False,
    patience: float = CONNECTING,
) -> Finding:
    """Connect to a stream as a browser would, and have a message answered.

    It is a session like any other, and over at once.

    Args:
        url: Of the stream: its routes are below it.
        configuration: Its client configuration.
        kinds: Of what it streams: audio, video.
        mode: The stream's, as clients see it.
        relay: Use relays only.
        patience: Seconds for the connection to come about.

    Raises:
        ConfigurationError: It is no configuration.
        MissingPackageError: httpx is not installed.

    """
    setup = server_configuration(configuration)
    if relay:
        setup = replace(setup, iceTransportPolicy=RTCIceTransportPolicy.RELAY)
    attempt = _Attempt(RTCPeerConnection(setup), f"{url}/webrtc/offer", patience)
    relay = setup.iceTransportPolicy == RTCIceTransportPolicy.RELAY
    try:
        async with asyncio.timeout(patience):
            seconds = await attempt.ping(
                kinds, "sendonly" if mode == "send" else "recvonly", loopback=is_here(url)
            )
    except _RefusedError as error:
        return error.finding
    except (ConnectionError, TimeoutError):
        return _no_path(attempt, relay=relay)
    else:
        return _working(attempt.way, seconds, relay=relay)
    finally:
        await attempt.close()


def _working(way: str, seconds: float | None, *, relay: bool) -> Finding:
    works = f"A connection {'through the relay ' if relay else ''}works: {way}"
    if seconds is None:
        return note(
            f"{works}; the stream ended it at once.",
            "That is fine for a stream that has an end; else the server's log says more.",
        )
    return ok(f"{works}, {1000 * seconds:.0f} ms there and back.")


def _no_path(attempt: "_Attempt", *, relay: bool) -> Finding:
    told = ", ".join(attempt.told) or "no address"
    if relay:
        return fault(
            f"The server answers, but no connection comes about through the relay; it tells {told}"
            + ("." if attempt.relayed else ", and the TURN server gave no relay to this machine."),
            "The TURN server must be allowed to send to the server's address, and its relay ports "
            "must be open (coturn: allowed-peer-ip, min-port, max-port).",
        )
    return fault(
        f"The server answers, but no connection comes about: it tells {told}.",
        "UDP between here and there is blocked, or these addresses can't be reached from here: set "
        "announced_addresses and port_range, open these ports, or use a TURN server.",
    )


class _Attempt:
    """A connection that is tried once.

    Args:
        peer: Fresh.
        url: Where offers go.
        patience: Seconds for a request.

    """

    def __init__(self, peer: RTCPeerConnection, url: str, patience: float) -> None:
        self._peer = peer
        self._url = url
        self._patience = patience
        self._session: dict[str, Any] = {}
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.told: list[str] = []
        """The addresses that the server tells."""
        self.relayed = False
        """Whether there is a relay at this end."""
        self.way = "for a moment"
        """Over what it goes, once it stands."""

    async def ping(self, kinds: Sequence[str], direction: str, *, loopback: bool) -> float | None:
        """Return the seconds that a message and the answer to it take; None if the stream ends.

        Args:
            kinds: Of the media that is negotiated; none is sent.
            direction: recvonly or sendonly.
            loopback: Whether the server is on this machine.

        Raises:
            ConnectionError: No connection comes about.
            _RefusedError: The server does not want one.

        """
        # The channel comes last: had it come first, aiortc would close the transport they share.
        for kind in kinds:
            self._peer.addTransceiver(kind, direction)
        channel = self._watched_channel()
        assert self._peer.sctp is not None  # made with the channel
        link = IceLink(self._peer.sctp.transport.transport, IceOptions(loopback=loopback))
        await self._peer.setLocalDescription(await self._peer.createOffer())
        offer = self._peer.localDescription
        self.relayed = " typ relay" in offer.sdp
        answer = await self._exchanged({"sdp": offer.sdp, "type": offer.type})
        self.told = _addresses(answer)
        await self._peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await self._opened
        if (pair := link.connection._nominated.get(COMPONENT)) is not None:
            here, there = pair.local_candidate, pair.remote_candidate
            self.way = f"{here.type} {here.host} to {there.type} {there.host}"
        if channel.readyState != "open":
            return None
        loop = asyncio.get_running_loop()
        asked = loop.time()
        channel.send(PING)
        return loop.time() - asked if await self._answered else None

    def _watched_channel(self) -> RTCDataChannel:
        channel = self._peer.createDataChannel("text")

        @channel.on("open")
        def on_open() -> None:
            if not self._opened.done():
                self._opened.set_result(None)

        @channel.on("message")
        def on_message(data: object) -> None:
            if _is_pong(data) and not self._answered.done():
                self._answered.set_result(True)

        @channel.on("close")
        def on_close() -> None:
            if not self._answered.done():
                self._answered.set_result(False)

        @self._peer.on("connectionstatechange")
        def on_change() -> None:
            if self._peer.connectionState == "failed" and not self._opened.done():
                self._opened.set_exception(ConnectionError("ICE or DTLS failed"))

        return channel

    async def _exchanged(self, offer: dict[str, Any]) -> str:
        try:
            answer = await ask(self._url, offer, patience=self._patience)
        except NoAnswerError as error:
            raise _RefusedError(
                fault(
                    f"The server does not answer an offer: {error}.",
                    "Its log says why; a proxy in front of it may have a time limit.",
                )
            ) from error
        sdp = answer.content.get("sdp")
        if isinstance(sdp, str):
            self._session = answer.content
            return sdp
        meta = answer.content.get("meta")
        raise _RefusedError(_refusal(answer.status, meta if isinstance(meta, dict) else {}))

    async def close(self) -> None:
        """End the session and the connection."""
        try:
            if self._session:
                bye = {name: self._session.get(name) for name in ("webrtc_id", "token")}
                with suppress(NoAnswerError):  # it will notice that nobody is there any more
                    await ask(self._url, {"type": "bye", **bye}, patience=self._patience)
        finally:
            self._opened.cancel()
            self._answered.cancel()
            await self._peer.close()


def _is_pong(data: object) -> bool:
    if not isinstance(data, str):
        return False
    try:
        message = json.loads(data)
    except ValueError:
        return False
    return isinstance(message, dict) and message.get("type") == "pong"


def _addresses(sdp: str) -> list[str]:
    """Return the addresses of an SDP's candidates (RFC 8839 section 5.1), each once."""
    candidates = [line.split() for line in sdp.splitlines() if line.startswith("a=candidate:")]
    return list(dict.fromkeys(f"{fields[4]} ({fields[7]})" for fields in candidates))


ADVICE: Final[Mapping[str, str]] = {
    "concurrency_limit_reached": "Try again when somebody has left, or raise concurrency_limit.",
    "unauthorized": "The stream's authorize hook wants to be told who asks: let this machine in.",
    "too_many_requests": "Try again in a minute, or raise requests_per_minute.",
}
"""What to do about a refusal, by its code."""


def _refusal(status: int, meta: Mapping[str, Any]) -> Finding:
    code = meta.get("error", f"status {status}")
    facts = f"limit {meta['limit']}" if "limit" in meta else str(meta.get("message", ""))
    because = f", {facts.rstrip('.')}" if facts else ""
    return fault(
        f"The server refuses to connect: {code}{because}.",
        ADVICE.get(str(code), "Its log says more."),
    )
