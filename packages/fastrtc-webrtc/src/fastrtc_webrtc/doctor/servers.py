"""Whether the servers of an ICE configuration do what they are for."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, Final

from aioice import Connection, stun, turn
from aioice.ice import StunProtocol, get_host_addresses
from aiortc.rtcicetransport import parse_stun_turn_uri

from fastrtc_webrtc.credentials.values import unix_time
from fastrtc_webrtc.doctor.findings import PATIENCE, Finding, fault, note, ok
from fastrtc_webrtc.iceservers import (
    END_IN_USERNAME,
    ConfigurationError,
    IceUrl,
    ice_configuration,
    server_urls,
)

UNAUTHORIZED: Final = 401
"""STUN error code, RFC 8489 section 14.8."""


async def check_servers(
    configuration: Mapping[str, Any] | None, *, patience: float = PATIENCE
) -> AsyncIterator[Finding]:
    """Ask every server of a configuration.

    Args:
        configuration: As `fastrtc_webrtc.iceservers.ice_configuration` takes it.
        patience: Seconds for each to answer.

    """
    try:
        checked = ice_configuration(configuration or [])
    except ConfigurationError as error:
        yield fault(
            f"The ICE configuration can't be used: {error}.",
            "Correct it where it is given: rtc_configuration of the stream, or the options here.",
        )
        return
    for server, url in server_urls(checked):
        yield await check_server(server, url, patience=patience)


async def check_server(server: Mapping[str, Any], url: IceUrl, *, patience: float) -> Finding:
    """Ask a server by one of its URLs, see `fastrtc_webrtc.iceservers.server_urls`."""
    if (kind := _beyond_us(url)) is not None:
        return note(
            f"{url.text} was not asked: {kind} can't be used from Python.",
            "Browsers may be able to use it; the doctor's page in a browser says whether they can.",
        )
    if url.is_turn:
        username, credential = server.get("username"), server.get("credential")
        return await check_turn(url.text, username, credential, patience=patience)
    return await check_stun(url.text, patience=patience)


def _beyond_us(url: IceUrl) -> str | None:
    """Say what aiortc lacks for a URL, if it lacks something."""
    if url.host.startswith("["):
        return "a server that is named by an IPv6 address"
    if url.scheme == "stuns":
        return "STUN over TLS"
    if url.scheme == "turns" and url.transport == "udp":
        return "TURN over DTLS"
    return None


async def check_stun(url: str, *, patience: float = PATIENCE) -> Finding:
    """Ask a STUN server for the address that this machine is seen under.

    Args:
        url: Such as ``stun:stun.example.org:3478``.
        patience: Seconds for it to answer.

    """
    parsed = parse_stun_turn_uri(url)
    try:
        address = await _resolve(parsed["host"], parsed["port"])
    except OSError:
        return _unknown_name(url, parsed["host"])
    try:
        async with asyncio.timeout(patience):
            seen = await _seen_by(address)
    except stun.TransactionFailed as error:
        return fault(
            f"The STUN server {url} refuses to answer: {_reason(error)}.",
            "Take another server, or look into its log.",
        )
    except (stun.TransactionError, TimeoutError):
        return fault(
            f"The STUN server {url} does not answer within {patience:g} s.",
            "It is down, or a firewall blocks UDP on the way: browsers there need a TURN server "
            "over TCP or TLS.",
        )
    if ip_address(seen).is_loopback or seen in get_host_addresses(True, True):
        return ok(f"The STUN server {url} answers; there is no NAT between: it sees {seen}.")
    return ok(f"The STUN server {url} answers; this machine is behind NAT and is seen as {seen}.")


async def _seen_by(address: tuple[str, int]) -> str:
    loop = asyncio.get_running_loop()
    connection = Connection(ice_controlling=True)  # only what the protocol tells of what comes
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: StunProtocol(connection), local_addr=("0.0.0.0", 0)
    )
    request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    try:
        response, _ = await protocol.request(request, address)
    finally:
        transport.close()
    attributes = response.attributes
    seen = attributes.get("XOR-MAPPED-ADDRESS") or attributes.get("MAPPED-ADDRESS")
    if seen is None:
        raise stun.TransactionFailed(response)
    return str(seen[0])


async def check_turn(
    url: str, username: str | None, credential: str | None, *, patience: float = PATIENCE
) -> Finding:
    """Have a TURN server make a relay, which is given back at once.

    Args:
        url: Such as ``turn:turn.example.org:3478?transport=tcp``.
        username: Of an account there.
        credential: The password.
        patience: Seconds for it to answer.

    """
    parsed = parse_stun_turn_uri(url)
    try:
        address = await _resolve(parsed["host"], parsed["port"])
    except OSError:
        return _unknown_name(url, parsed["host"])
    # The certificate has to be for the name, not for the address that it has.
    secure = parsed["scheme"] == "turns"
    place = (parsed["host"], parsed["port"]) if secure else address
    connection = Connection(ice_controlling=True)
    try:
        async with asyncio.timeout(patience):
            transport, relayed = await turn.create_turn_endpoint(
                lambda: StunProtocol(connection),
                server_addr=place,
                username=username,
                password=credential,
                ssl=ssl.create_default_context() if secure else None,
                transport=parsed["transport"],
            )
            relay = str(transport.get_extra_info("sockname")[0])
            await relayed.close()
    except stun.TransactionFailed as error:
        return _refusal(url, username, error)
    except (OSError, stun.TransactionError) as error:  # TimeoutError is an OSError
        return _turn_fault(url, error, patience)
    if ip_address(address[0]).is_global and not ip_address(relay).is_global:
        return note(
            f"The TURN server {url} relays, but from {relay}, which is a private address.",
            "Others can't reach it there: tell the server its public address (coturn: "
            "external-ip).",
        )
    return ok(f"The TURN server {url} relays, from {relay}.")


def _refusal(url: str, username: str | None, error: stun.TransactionFailed) -> Finding:
    if error.response.attributes.get("ERROR-CODE", (0, ""))[0] != UNAUTHORIZED:
        return fault(f"The TURN server {url} refuses: {_reason(error)}.", "Its log says more.")
    end = END_IN_USERNAME.match(username or "")
    if end is not None and int(end[1]) <= unix_time():
        when = datetime.fromtimestamp(int(end[1]), UTC)
        return fault(
            f"The TURN server {url} refuses credentials (401) that ended at "
            f"{when:%Y-%m-%d %H:%M:%S} UTC, as their user name {username} says.",
            "Get new ones: give rtc_configuration the function that makes them, not what it "
            "returned.",
        )
    return fault(
        f"The TURN server {url} refuses the user name {username} or its password (401).",
        "Check both, and whether they have expired; if they are made from a secret, it has to be "
        "the server's, and the clocks have to agree.",
    )


def _reason(error: stun.TransactionFailed) -> str:
    code, reason = error.response.attributes.get("ERROR-CODE", (0, ""))
    return f"{code} {reason}".strip() if code else "its answer says nothing"


def _turn_fault(url: str, error: Exception, patience: float) -> Finding:
    match error:
        case ssl.SSLCertVerificationError():
            return fault(
                f"The certificate of the TURN server {url} is not trusted: {error.verify_message}.",
                "Give it one for this name, from an authority that browsers trust.",
            )
        case ssl.SSLError():
            return fault(
                f"The TURN server {url} does not speak TLS: {error.reason or error}.",
                "Check the port, and that TLS is on there; without TLS, write turn: for turns:.",
            )
        case ConnectionRefusedError():
            return fault(f"Nothing listens at {url}.", "Check host and port; start the server.")
        case ConnectionError():
            return fault(
                f"The TURN server {url} breaks the connection off.",
                "Check the port, and that TLS is on there if the URL begins with turns:.",
            )
        case TimeoutError() | stun.TransactionTimeout():
            return fault(
                f"The TURN server {url} does not answer within {patience:g} s.",
                "It is down, or a firewall blocks the way: try another port, or ?transport=tcp.",
            )
    return fault(
        f"The TURN server {url} can't be used: {str(error) or type(error).__name__}.",
        "Check host, port and transport.",
    )


def _unknown_name(url: str, host: str) -> Finding:
    return fault(
        f"The name {host} of {url} can't be looked up.",
        "Check how it is written, and whether this machine has a network and a name server.",
    )


async def _resolve(host: str, port: int) -> tuple[str, int]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    return str(found[0][4][0]), port
