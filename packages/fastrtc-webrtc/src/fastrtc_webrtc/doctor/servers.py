"""Whether the servers of an ICE configuration do what they are for."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from ipaddress import ip_address
from typing import Any, Final

from aioice import Connection, stun, turn
from aioice.ice import StunProtocol, get_host_addresses
from aiortc.rtcicetransport import parse_stun_turn_uri

from fastrtc_webrtc.doctor.findings import PATIENCE, Finding, fault, note, ok
from fastrtc_webrtc.iceservers import ConfigurationError, ice_configuration, server_urls

UNAUTHORIZED: Final = 401
"""STUN error code, RFC 8489 section 14.8."""


async def check_servers(configuration: Mapping[str, Any] | None) -> AsyncIterator[Finding]:
    """Ask every server of a configuration."""
    try:
        checked = ice_configuration(configuration or [])
    except ConfigurationError as error:
        yield fault(f"The ICE configuration is wrong: {error}.", "Correct it.")
        return
    relays = False
    for server, url in server_urls(checked):
        if url.is_turn:
            relays = True
            yield await check_turn(url.text, server.get("username"), server.get("credential"))
        elif url.scheme == "stun":
            yield await check_stun(url.text)
    if not relays:
        yield note(
            "There is no TURN server.",
            "Browsers behind a firewall that blocks UDP, or behind symmetric NAT, can't connect.",
        )


async def check_stun(url: str) -> Finding:
    """Ask a STUN server for the address that this machine is seen under."""
    parsed = parse_stun_turn_uri(url)
    connection = Connection(ice_controlling=True)
    loop = asyncio.get_running_loop()
    try:
        address = await _resolve(parsed["host"], parsed["port"], socket.SOCK_DGRAM)
    except OSError:
        return _unknown_name(url, parsed["host"])
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: StunProtocol(connection), local_addr=_any_address(address)
    )
    request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    try:
        async with asyncio.timeout(PATIENCE):
            response, _ = await protocol.request(request, address)
    except (stun.TransactionError, TimeoutError):
        return fault(
            f"The STUN server {url} does not answer.",
            "It is down, or a firewall blocks UDP on the way: browsers there need a TURN server "
            "over TCP or TLS.",
        )
    finally:
        transport.close()
    seen = response.attributes["XOR-MAPPED-ADDRESS"][0]
    if seen in get_host_addresses(True, True):
        return ok(f"The STUN server {url} answers; there is no NAT in front of this machine.")
    return ok(f"The STUN server {url} answers; this machine is behind NAT, seen as {seen}.")


async def check_turn(url: str, username: str | None, credential: str | None) -> Finding:
    """Have a TURN server make a relay."""
    parsed = parse_stun_turn_uri(url)
    secure = parsed["scheme"] == "turns"
    connection = Connection(ice_controlling=True)
    try:
        address = await _resolve(parsed["host"], parsed["port"], socket.SOCK_STREAM)
    except OSError:
        return _unknown_name(url, parsed["host"])
    try:
        async with asyncio.timeout(PATIENCE):
            transport, _ = await turn.create_turn_endpoint(
                lambda: StunProtocol(connection),
                server_addr=address,
                username=username,
                password=credential,
                ssl=ssl.create_default_context() if secure else False,
                transport=parsed["transport"],
            )
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is to be found out
        return _turn_fault(url, error)
    relay = transport.get_extra_info("sockname")[0]
    transport.close()
    return ok(f"The TURN server {url} relays, from {relay}.")


def _turn_fault(url: str, error: Exception) -> Finding:
    response = getattr(error, "response", None)
    code, reason = response.attributes.get("ERROR-CODE", (0, "")) if response else (0, "")
    if code == UNAUTHORIZED:
        return fault(
            f"The TURN server {url} refuses the user name or the password.",
            "Check them, and whether they have expired; the clocks of both sides must agree.",
        )
    if code:
        return fault(f"The TURN server {url} refuses: {code} {reason}.", "Its log says more.")
    if isinstance(error, ssl.SSLError):
        return fault(
            f"The TURN server {url} has no certificate that is trusted.",
            "Give it one for this name.",
        )
    if isinstance(error, ConnectionRefusedError):
        return fault(f"Nothing listens at {url}.", "Check host and port, and start the server.")
    return fault(
        f"The TURN server {url} does not answer.",
        "It is down, or a firewall blocks the way: try another port, or ?transport=tcp.",
    )


def _unknown_name(url: str, host: str) -> Finding:
    return fault(f"The name {host} of {url} can't be looked up.", "Check it, or the network.")


def _any_address(address: tuple[str, int]) -> tuple[str, int]:
    return ("::" if ip_address(address[0]).version == 6 else "0.0.0.0", 0)


async def _resolve(host: str, port: int, kind: int) -> tuple[str, int]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, family=socket.AF_INET, type=kind)
    return str(found[0][4][0]), port
