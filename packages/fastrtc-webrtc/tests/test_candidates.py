from pathlib import Path

import pytest
from aiortc.sdp import candidate_from_sdp
from hypothesis import given
from hypothesis import strategies as st

from fastrtc_core import ProtocolError
from fastrtc_webrtc.candidates import (
    Candidate,
    admit,
    objection,
    parse_candidate,
)
from fastrtc_webrtc.testing.mutations import load_candidates, mutations

CORPUS = load_candidates(Path(__file__).parent / "data" / "candidates.txt")
READABLE = [text for verdict, text in CORPUS if verdict != "bad"]
CLIENT = "1.2.3.4"


def candidate(address: str, *, kind: str = "host", port: int = 5000) -> Candidate:
    return parse_candidate(f"1 1 udp 1 {address} {port} typ {kind}")


# Form


def test_all_parts() -> None:
    found = parse_candidate(
        "candidate:842163049 1 UDP 1677729535 1.2.3.4 61015 typ srflx raddr 10.0.0.7 rport 41234 "
        "generation 0 ufrag XSmV network-cost 999",
        mid="0",
    )
    assert found == Candidate(
        foundation="842163049",
        component=1,
        transport="udp",
        priority=1677729535,
        address="1.2.3.4",
        port=61015,
        type="srflx",
        related_address="10.0.0.7",
        related_port=41234,
        ufrag="XSmV",
        extensions=(("generation", "0"), ("network-cost", "999")),
        mid="0",
    )


def test_eight_words_are_enough() -> None:
    found = parse_candidate("candidate:0 1 UDP 2122252543 192.168.1.40 47512 typ host")
    assert (found.address, found.port, found.extensions) == ("192.168.1.40", 47512, ())


def test_tcp() -> None:
    found = parse_candidate("candidate:2 1 TCP 2105524479 192.168.1.40 9 typ host tcptype active")
    assert (found.transport, found.tcp_type, found.port) == ("tcp", "active", 9)


@pytest.mark.parametrize("prefix", ["", "candidate:", "a=candidate:", " a=candidate:"])
def test_prefixes(prefix: str) -> None:
    assert parse_candidate(f"{prefix}1 1 udp 1 1.2.3.4 5000 typ host\r\n").address == "1.2.3.4"


@pytest.mark.parametrize(
    ("text", "address", "is_name"),
    [
        ("::ffff:10.0.0.1", "10.0.0.1", False),
        ("2A00:0:0:0:0:0:0:1", "2a00::1", False),
        ("Some-Name.LOCAL", "some-name.local", True),
    ],
)
def test_addresses_have_one_form(text: str, address: str, is_name: bool) -> None:
    found = candidate(text)
    assert (found.address, found.is_name) == (address, is_name)


@pytest.mark.parametrize(("verdict", "text"), CORPUS)
def test_corpus(verdict: str, text: str) -> None:
    if verdict == "bad":
        with pytest.raises(ProtocolError) as caught:
            parse_candidate(text)
        assert caught.value.code == "bad_candidate"
        return
    found = parse_candidate(text)
    assert admit(found, client=CLIENT) == (verdict == "yes"), objection(found, client=CLIENT)


@pytest.mark.parametrize("text", READABLE)
def test_what_is_written_is_read_the_same(text: str) -> None:
    found = parse_candidate(text)
    assert parse_candidate(found.to_text()) == found


def test_a_long_candidate_is_refused() -> None:
    text = "1 1 udp 1 1.2.3.4 5000 typ host" + " x y" * 300
    with pytest.raises(ProtocolError, match="1024 are allowed"):
        parse_candidate(text)


def test_other_names_are_refused_with_a_reason() -> None:
    with pytest.raises(ProtocolError, match="other names are not looked up"):
        candidate("internal.example.org")


@given(st.text())
def test_any_text_is_a_candidate_or_a_protocol_error(text: str) -> None:
    try:
        parse_candidate(text)
    except ProtocolError as error:
        assert error.code == "bad_candidate"  # noqa: PT017 - most texts raise, some need not


@pytest.mark.parametrize("text", READABLE)
def test_what_passes_can_be_read_by_aiortc(text: str) -> None:
    for mutated in mutations(text, seed=7, count=200):
        try:
            found = parse_candidate(mutated)
        except ProtocolError:
            continue
        theirs = candidate_from_sdp(found.to_text())
        assert (theirs.ip, theirs.port, theirs.component) == (
            found.address,
            found.port,
            found.component,
        )


# Policy


@pytest.mark.parametrize(
    ("address", "client", "allowed"),
    [
        # the request's own address
        ("1.2.3.4", "1.2.3.4", True),
        ("::ffff:1.2.3.4", "1.2.3.4", True),
        ("1.2.3.4", "::ffff:1.2.3.4", True),
        ("2a00::1", "2a00:0::1", True),
        ("192.0.2.2", "192.0.2.2", True),
        ("127.0.0.1", "127.0.0.1", True),
        # somebody else's
        ("1.2.3.5", "1.2.3.4", False),
        ("1.2.3.4", None, False),
        ("1.2.3.4", "10.0.0.1", False),
        ("1.2.3.4", "127.0.0.1", False),
        ("192.0.2.3", "192.0.2.2", False),
        # private ones, for clients that are near
        ("10.0.0.7", "1.2.3.4", False),
        ("10.0.0.7", None, False),
        ("10.0.0.7", "192.168.1.2", True),
        ("10.0.0.7", "127.0.0.1", True),
        ("10.0.0.7", "::1", True),
        ("100.64.0.7", "192.168.1.2", True),
        ("169.254.1.7", "192.168.1.2", True),
        ("fd12::7", "192.168.1.2", True),
        ("fe80::7", "fe80::8", True),
        ("::ffff:10.0.0.7", "192.168.1.2", True),
        # loopback, for clients on this machine
        ("127.0.0.1", "192.168.1.2", False),
        ("127.0.0.1", "1.2.3.4", False),
        ("127.0.0.1", "::1", True),
        ("::1", "127.0.0.1", True),
        # names
        ("some-name.local", "1.2.3.4", True),
        ("some-name.local", None, True),
        # never
        ("169.254.169.254", "192.168.1.2", False),
        ("169.254.169.254", "127.0.0.1", False),
        ("fd00:ec2::254", "fd12::7", False),
        ("224.0.0.251", "192.168.1.2", False),
        ("255.255.255.255", "192.168.1.2", False),
        ("0.0.0.0", "127.0.0.1", False),
        ("0.0.0.0", "0.0.0.0", False),
        ("ff02::fb", "fe80::8", False),
        ("64:ff9b::a9fe:a9fe", "192.168.1.2", False),
    ],
)
def test_local_policy(address: str, client: str | None, allowed: bool) -> None:
    reason = objection(candidate(address), client=client)
    assert (reason is None) == allowed, reason
    assert admit(candidate(address), client=client) == allowed


@pytest.mark.parametrize(
    ("address", "allowed"),
    [("1.2.3.5", True), ("2a00::5", True), ("10.0.0.7", False), ("203.0.113.5", False)],
)
def test_relays_need_public_addresses(address: str, allowed: bool) -> None:
    assert admit(candidate(address, kind="relay"), client=CLIENT) == allowed


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("1.2.3.5", True),
        ("10.0.0.7", True),
        ("127.0.0.1", True),
        ("203.0.113.5", True),
        ("169.254.169.254", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("224.0.0.251", False),
        ("255.255.255.255", False),
        ("240.1.2.3", False),
        ("0.0.0.0", False),
        ("::", False),
    ],
)
def test_any_policy(address: str, allowed: bool) -> None:
    assert admit(candidate(address), client=None, policy="any") == allowed


@pytest.mark.parametrize(
    ("port", "local", "everything"),
    [
        (0, False, False),
        (1, False, True),
        (53, False, True),
        (1023, False, True),
        (1024, True, True),
    ],
)
def test_privileged_ports(port: int, local: bool, everything: bool) -> None:
    found = candidate(CLIENT, port=port)
    assert admit(found, client=CLIENT) == local
    assert admit(found, client=CLIENT, policy="any") == everything


def test_tcp_is_not_used() -> None:
    found = parse_candidate(f"1 1 tcp 1 {CLIENT} 5000 typ host tcptype passive")
    assert objection(found, client=CLIENT, policy="any") == "candidates over TCP are not used"


def test_a_second_component_is_not_used() -> None:
    found = parse_candidate(f"1 2 udp 1 {CLIENT} 5000 typ host")
    assert not admit(found, client=CLIENT)


def test_a_client_whose_address_is_no_address_counts_as_public() -> None:
    assert not admit(candidate("10.0.0.7"), client="testclient")
