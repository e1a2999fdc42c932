"""Why a WebRTC connection fails, or would fail, in words.

Every check looks at one thing that connections need and returns findings: what was seen, and what
to do about it. They are made from this machine; what a browser is allowed to do, and what its
network lets through, the doctor's page in that browser finds out.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from fastrtc_webrtc.doctor.addresses import check_url, is_address, is_here
from fastrtc_webrtc.doctor.asking import need_httpx
from fastrtc_webrtc.doctor.connection import check_connection
from fastrtc_webrtc.doctor.findings import PATIENCE, Finding, Level
from fastrtc_webrtc.doctor.machine import check_addresses, check_udp
from fastrtc_webrtc.doctor.servers import check_servers, check_stun, check_turn
from fastrtc_webrtc.doctor.stream import examine_stream

__all__ = [
    "Finding",
    "Level",
    "check_addresses",
    "check_connection",
    "check_servers",
    "check_stun",
    "check_turn",
    "check_udp",
    "check_url",
    "examine",
    "examine_stream",
]


async def examine(
    url: str | None, servers: Mapping[str, Any] | None = None, *, patience: float = PATIENCE
) -> AsyncIterator[Finding]:
    """Make every check, one after the other.

    Args:
        url: Of a running stream; None to look at this machine alone.
        servers: ICE servers to ask, beside those of the stream.
        patience: Seconds for a server to answer.

    Raises:
        MissingPackageError: There is a URL, and httpx is not installed.

    """
    if url is not None:
        need_httpx()
    yield await check_udp()
    if url is None or is_here(url):
        yield check_addresses()
    if servers is not None:
        async for finding in check_servers(servers, patience=patience):
            yield finding
    if url is None:
        return
    if not is_address(url):
        yield check_url(url)
        return
    async for finding in examine_stream(url.rstrip("/"), patience=patience):
        yield finding
