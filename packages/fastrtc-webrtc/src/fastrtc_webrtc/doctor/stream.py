"""Whether a running stream can be connected to."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcconfiguration import RTCIceTransportPolicy

from fastrtc_core import MissingPackageError
from fastrtc_webrtc.configuration import server_configuration
from fastrtc_webrtc.doctor.findings import PATIENCE, Finding, fault, ok
from fastrtc_webrtc.doctor.servers import check_servers
from fastrtc_webrtc.ice import IceLink, IceOptions
from fastrtc_webrtc.iceservers import IceUrl, ice_configuration, server_urls

if TYPE_CHECKING:
    import httpx

FOUND: Final = 200


def http_client() -> "httpx.AsyncClient":
    """Return a client for one or two requests.

    Raises:
        MissingPackageError: httpx is not installed.

    """
    try:
        import httpx
    except ModuleNotFoundError:
        raise MissingPackageError("fastrtc doctor", "fastrtc-webrtc[turn]") from None
    return httpx.AsyncClient(timeout=PATIENCE)


def check_url(url: str) -> Finding:
    """Look at whether browsers give pages of this address a microphone."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    local = host == "localhost" or host.endswith(".localhost") or _is_loopback(host)
    if parts.scheme == "https" or local:
        return ok("Browsers give a page of this address the microphone and the camera.")
    return fault(
        f"Browsers give a page of {parts.scheme}://{host} neither microphone nor camera: it is no "
        "secure context.",
        "Serve it by https, or open it as http://localhost on the same machine.",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


async def check_connection(
    url: str, configuration: Mapping[str, Any] | None, *, relay: bool = False
) -> Finding:
    """Connect to a server as a browser would, and have a message echoed.

    Args:
        url: Of the stream: its routes are below it.
        configuration: Its client configuration.
        relay: Use relays only.

    """
    setup = server_configuration(configuration)
    if relay:
        setup = RTCConfiguration(setup.iceServers, RTCIceTransportPolicy.RELAY)
    peer = RTCPeerConnection(setup)
    try:
        async with asyncio.timeout(2 * PATIENCE):
            return await _connect(peer, url, relay=relay)
    except TimeoutError:
        way = "through the relay" if relay else "directly"
        return fault(
            f"The server answers, but no connection comes about {way}.",
            "UDP between here and there is blocked, or the server tells addresses that can't be "
            "reached from here: set announced_addresses and port_range, open these ports, or use a "
            "TURN server.",
        )
    finally:
        await peer.close()


async def _connect(peer: RTCPeerConnection, url: str, *, relay: bool) -> Finding:
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[float] = loop.create_future()
    channel = peer.createDataChannel("text")
    assert peer.sctp is not None  # made with the channel
    link = IceLink(peer.sctp.transport.transport, IceOptions(loopback=_is_here(url)))
    asked = 0.0

    @channel.on("open")
    def ask() -> None:
        nonlocal asked
        asked = loop.time()
        channel.send('{"type": "ping"}')

    @channel.on("message")
    def hear(_: object) -> None:
        if not answered.done():
            answered.set_result(loop.time() - asked)

    for kind in ("audio", "video"):
        peer.addTransceiver(kind, "recvonly")
    await peer.setLocalDescription(await peer.createOffer())
    offer = peer.localDescription
    body = {"sdp": offer.sdp, "type": offer.type}
    async with http_client() as client:
        reply = (await client.post(f"{url}/webrtc/offer", json=body)).json()
    if "sdp" not in reply:
        meta = reply.get("meta", {})
        return fault(
            f"The server refuses: {meta.get('error')}.", str(meta.get("message", "")).capitalize()
        )
    await peer.setRemoteDescription(RTCSessionDescription(reply["sdp"], "answer"))
    seconds = await answered
    pair = link.connection._nominated[1]
    way = f"{pair.local_candidate.type} to {pair.remote_candidate.type}"
    return ok(
        f"A connection {'through the relay ' if relay else ''}works: {way}, "
        f"{1000 * seconds:.0f} ms there and back."
    )


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host == "localhost" or _is_loopback(host)


async def examine_stream(url: str) -> AsyncIterator[Finding]:
    """Look at a running stream: its servers, and whether a connection comes about."""
    configuration, finding = await _fetch(url)
    yield finding
    if finding.level == "fault":
        return
    async for one in check_servers(configuration):
        yield one
    yield await check_connection(url, configuration)
    if any(found.is_turn for found in _urls(configuration)):
        yield await check_connection(url, configuration, relay=True)


async def _fetch(url: str) -> tuple[Mapping[str, Any] | None, Finding]:
    """Ask a stream for its client configuration."""
    try:
        async with http_client() as client:
            reply = await client.get(f"{url}/webrtc/config")
    except (OSError, Exception) as error:  # noqa: BLE001 - of a package that is optional
        return None, fault(
            f"There is no answer from {url}: {error or type(error).__name__}.",
            "Check the address, and whether the server runs.",
        )
    if reply.status_code != FOUND:
        return None, fault(
            f"{url} answers, but has no stream over WebRTC (status {reply.status_code}).",
            "Give the address that the stream is mounted at, and install fastrtc-webrtc there.",
        )
    content = reply.json()
    said = f"{content['modality']}, {content['mode']}"
    return content["rtcConfiguration"], ok(f"The server has a stream: {said}.")


def _urls(configuration: Mapping[str, Any] | None) -> list[IceUrl]:
    return [url for _, url in server_urls(ice_configuration(configuration or []))]
