"""What is to be seen of a running stream."""

from collections.abc import AsyncIterator
from typing import Any, Final

from fastrtc_webrtc.doctor.addresses import check_url, is_here
from fastrtc_webrtc.doctor.asking import Answer, NoAnswerError, ask
from fastrtc_webrtc.doctor.connection import check_connection
from fastrtc_webrtc.doctor.findings import PATIENCE, Finding, fault, note, ok
from fastrtc_webrtc.doctor.servers import check_server, check_servers
from fastrtc_webrtc.iceservers import ConfigurationError, ice_configuration, server_urls

FOUND: Final = 200
NOT_FOUND: Final = 404


async def examine_stream(url: str, *, patience: float = PATIENCE) -> AsyncIterator[Finding]:
    """Look at a running stream: its servers, and whether a connection comes about.

    Args:
        url: Of the stream, without a slash at its end.
        patience: Seconds for a server to answer.

    """
    try:
        answer = await ask(f"{url}/webrtc/config", patience=patience)
    except NoAnswerError as error:
        yield fault(
            f"{url} can't be reached: {error}.",
            "Check the address, that the server runs, and that it listens on that address.",
        )
        return
    if (wrong := _no_stream(url, answer)) is not None:
        yield wrong
        return
    mode, modality = answer.content["mode"], answer.content["modality"]
    yield ok(f"{url} has a stream over WebRTC: {modality}, {mode}.")
    if mode == "receive":
        yield ok("The stream sends only: its page needs neither microphone nor camera.")
    else:
        yield check_url(url)
    async for finding in _connections(url, answer.content, patience):
        yield finding


def _no_stream(url: str, answer: Answer) -> Finding | None:
    """Say what is wrong with a stream's answer, if something is."""
    content, status = answer.content, answer.status
    if answer.location is not None:
        return fault(f"{url} leads to {answer.location}.", "Give the address that it leads to.")
    if isinstance(meta := content.get("meta"), dict):
        return fault(
            f"The server at {url} can't tell how to connect: {meta.get('message')}.",
            "Its log says why; rtc_configuration of the stream is what it is asked for.",
        )
    if status == FOUND and {"mode", "modality"} <= content.keys():
        return None
    if status in (FOUND, NOT_FOUND):
        return fault(
            f"{url} answers, but has no stream over WebRTC (status {status}).",
            "Give the address that the stream is mounted at, and install fastrtc-webrtc there.",
        )
    return fault(
        f"{url} answers with status {status} instead of what its stream is like.",
        "A proxy in front of the server, or a login, may be in the way; its log says more.",
    )


async def _connections(url: str, stream: dict[str, Any], patience: float) -> AsyncIterator[Finding]:
    configuration = stream.get("rtcConfiguration")
    try:
        checked = ice_configuration(configuration or [])
    except ConfigurationError:
        async for finding in check_servers(configuration, patience=patience):
            yield finding
        return
    relays: list[Finding] = []
    for server, each in server_urls(checked):
        finding = await check_server(server, each, patience=patience)
        relays += [finding] if each.is_turn else []
        yield finding
    if not relays and not is_here(url):
        yield note(
            f"The stream at {url} names no TURN server.",
            "Browsers behind a firewall that blocks UDP, or behind symmetric NAT, can't connect.",
        )
    ways = [False] if checked.get("iceTransportPolicy") != "relay" else []
    ways += [True] if any(finding.level != "fault" for finding in relays) else []
    for relay in ways:
        yield await check_connection(
            url,
            checked,
            kinds=stream["modality"].split("-"),
            mode=stream["mode"],
            relay=relay,
            patience=2 * patience,
        )
