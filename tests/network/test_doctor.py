"""What ``fastrtc doctor`` says in networks that work, and in such that don't."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from fastrtc_webrtc import get_coturn_credentials

if TYPE_CHECKING:
    from tests.network.conftest import Network, Networks, Program

pytestmark = pytest.mark.timeout(90)  # all doctors work before the first test begins

HOME, CLOUD, HOTEL = 1, 2, 3
RELAY, SERVER, NOBODY = 10, 20, 99


Finding = dict[str, str]

SAID = [
    ("no relay", "note", "no TURN server"),
    ("no relay", "ok", "A connection works: host 10.1.0.2 to host 44.128.0.20"),
    ("relay", "ok", "The TURN server turn:44.128.0.10:3478 relays, from 44.128.0.10"),
    ("relay", "ok", "A connection through the relay works: relay 44.128.0.10 to relay"),
    ("udp blocked", "fault", "The server answers, but no connection comes about"),
    ("servers", "ok", "The TURN server turn:44.128.0.10:3478 relays, from 44.128.0.10"),
    ("servers", "ok", "behind NAT and is seen as 44.128.0.1"),
    ("servers, udp blocked", "ok", "turn:44.128.0.10:3478?transport=tcp relays, from 44"),
    ("servers, udp blocked", "fault", "The STUN server stun:44.128.0.10:3478 does not answer"),
    ("wrong servers", "fault", "turn:44.128.0.10:3478 refuses the user name"),
    ("wrong servers", "fault", "The STUN server stun:44.128.0.99:3478 does not answer"),
    ("no nat", "ok", "there is no NAT"),
    ("no server", "fault", "http://44.128.0.20:8001"),
]
"""Words that a finding of a level has, by the case."""

INSECURE = "microphone"
"""A word of the fault that a browser would find with all these servers: they do not use TLS."""


def asking(*urls: str) -> tuple[str, ...]:
    return tuple(word for url in urls for word in ("--ice-server", url))


def start_all(network: "Network") -> dict[str, "Program"]:
    """Start a doctor for each case, all at once: most of them wait."""
    home, cloud, hotel = (
        network.router(name, number, "symmetric")
        for name, number in (("home", HOME), ("cloud", CLOUD), ("hotel", HOTEL))
    )
    hotel.filter("-I FORWARD -p udp -j DROP")
    inside, office = network.behind(cloud, "inside"), network.public("office", SERVER)
    cloud.filter(
        f"-A PREROUTING -i internet -p tcp --dport 8000 -j DNAT --to {inside.address}", table="nat"
    )
    turn: Any = network.relay(network.public("relay", RELAY))
    network.server(office)
    network.server(inside, turn=turn)
    [server] = get_coturn_credentials(**turn)["iceServers"]
    account = ("--username", server["username"], "--credential", server["credential"])
    mistaken = ("--username", server["username"], "--credential", "south")
    client, guest = network.behind(home, "client"), network.behind(hotel, "guest")
    stun = server["urls"].replace("turn:", "stun:")
    return {
        "udp blocked": network.doctor(guest, office.url),
        "relay": network.doctor(client, f"http://{cloud.address}:8000"),
        "no relay": network.doctor(client, office.url),
        "servers": network.doctor(client, *asking(server["urls"], stun), *account),
        "servers, udp blocked": network.doctor(
            guest, *asking(stun, f"{server['urls']}?transport=tcp"), *account
        ),
        "wrong servers": network.doctor(
            client, *asking(server["urls"], f"stun:44.128.0.{NOBODY}:3478"), *mistaken
        ),
        "no nat": network.doctor(office, *asking(stun)),
        "no server": network.doctor(client, f"http://{office.address}:8001"),
    }


@pytest.fixture(scope="module")
def reports(
    networks: "Networks", require: Callable[[str], str]
) -> Iterator[Mapping[str, list[Finding]]]:
    require("turnserver")
    with networks() as network:
        started = start_all(network)
        yield {name: doctor.rest() for name, doctor in started.items()}


@pytest.mark.parametrize(("case", "level", "words"), SAID)
def test_what_it_says(
    reports: Mapping[str, list[Finding]], case: str, level: str, words: str
) -> None:
    texts = [finding["text"] for finding in reports[case] if finding["level"] == level]
    assert any(words in text for text in texts), reports[case]


def test_no_more_is_wrong_than_is(reports: Mapping[str, list[Finding]]) -> None:
    expected = {(case, words) for case, level, words in SAID if level == "fault"}
    faults = [
        (case, finding["text"])
        for case, findings in reports.items()
        for finding in findings
        if finding["level"] == "fault" and INSECURE not in finding["text"]
    ]
    assert len(faults) == len(expected)
    for case, text in faults:
        assert any(case == of and words in text for of, words in expected), text


def test_every_fault_comes_with_advice(reports: Mapping[str, list[Finding]]) -> None:
    findings = [finding for findings in reports.values() for finding in findings]
    assert all(finding["advice"] for finding in findings if finding["level"] == "fault")
