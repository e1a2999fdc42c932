from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrtc_core import FastRTCError
from fastrtc_webrtc.credentials import TurnCredentials
from fastrtc_webrtc.iceservers import (
    ConfigurationError,
    end_of,
    ice_configuration,
    parse_ice_url,
)

STUN = {"urls": "stun:s.example:3478"}
TURN = {"urls": ["turn:t.example"], "username": "u", "credential": "p"}


@pytest.mark.parametrize(
    ("value", "servers"),
    [
        ({"iceServers": [STUN, TURN]}, [STUN, TURN]),
        ([STUN, TURN], [STUN, TURN]),
        ((STUN,), [STUN]),
        ({"iceServers": TURN}, [TURN]),  # Cloudflare's earlier form
        (TURN, [TURN]),
        ({"iceServers": []}, []),
        ({"iceServers": None}, []),
        ({}, []),
        ([], []),
        # Twilio names the URL twice; older code names it in one way only.
        ([{**STUN, "url": "stun:s.example:3478"}], [STUN]),
        ([{"url": "stun:s.example"}], [{"urls": "stun:s.example"}]),
        ([{**STUN, "username": None, "credential": None}], [STUN]),
        ([{"urls": ("stun:a", "stun:b")}], [{"urls": ["stun:a", "stun:b"]}]),
    ],
)
def test_forms(value: Any, servers: list[Any]) -> None:
    assert ice_configuration(value) == {"iceServers": servers}


def test_the_rest_is_kept_but_for_the_lifetime() -> None:
    rest = {"iceTransportPolicy": "relay", "iceCandidatePoolSize": 2}
    value = {"iceServers": [TURN], **rest, "ttl": 60, "expires": 5}
    assert ice_configuration(value) == {"iceServers": [TURN], **rest}
    assert "ttl" in value


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("stun:s.example", "a dict with iceServers, or a list of servers, not an object of .* str"),
        (5, "not an object of the type int"),
        (["stun:s.example"], "a dict with urls; this one has only: str"),
        ([{"username": "u", "credential": "secret"}], "has only: username, credential"),
        ([{"urls": []}], "has only: urls"),
        ([{"urls": [None]}], "None is no URL of an ICE server"),
        (
            [{"urls": "http://s.example"}],
            "'http://s.example' is no URL of an ICE server: write stun:",
        ),
        ([{"urls": "stun://s.example"}], "'stun://s.example' is no URL"),
        ([{"urls": ["stun:ok", "turn:"]}], "'turn:' is no URL"),
        ([{"urls": "turn:t.example?transport=sctp"}], "is no URL of an ICE server"),
        ([{"urls": "turn:u@t.example"}], "is no URL of an ICE server"),
        ([{"urls": "stun:s.example:99999"}], "'stun:s.example:99999' has no valid port"),
        ([{"urls": "stun:s.example:0"}], "has no valid port"),
        ([{"urls": "stun:s.example?transport=udp"}], "a URL of STUN names no transport"),
        ([{"urls": "turn:t.example"}], "'turn:t.example' needs a username and a credential"),
        ([{"urls": "turns:t.example", "username": "u"}], "needs a username and a credential"),
        ({"iceServers": [STUN], "iceTransportPolicy": "none"}, "must be all or relay, not 'none'"),
        ({"iceServers": [STUN], "iceTransportPolicy": "relay"}, "no server is a TURN server"),
    ],
)
def test_what_is_none(value: Any, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as failure:
        ice_configuration(value)
    assert isinstance(failure.value, FastRTCError)
    assert isinstance(failure.value, ValueError)
    assert "secret" not in str(failure.value)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("stun:s.example", ("stun", "s.example", None)),
        ("stuns:s.example:5349", ("stuns", "s.example", None)),
        ("turn:192.0.2.1:3478?transport=udp", ("turn", "192.0.2.1", "udp")),
        ("turns:t.example:443?transport=tcp", ("turns", "t.example", "tcp")),
        ("turn:[2001:db8::1]:3478", ("turn", "[2001:db8::1]", None)),
    ],
)
def test_urls(url: str, parts: tuple[str, str, str | None]) -> None:
    parsed = parse_ice_url(url)
    assert (parsed.scheme, parsed.host, parsed.transport) == parts
    assert parsed.text == url
    assert parsed.is_turn == url.startswith("turn")


@given(st.one_of(st.text(), st.none(), st.integers(), st.from_regex(r"(stun|turns?):.*")))
def test_no_url_brings_it_down(url: Any) -> None:
    try:
        parsed = parse_ice_url(url)
    except ConfigurationError:
        return
    assert parsed.text == url


VALUES = st.recursive(
    st.none() | st.integers() | st.text() | st.floats(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("urls"), inner),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["iceServers", "urls", "ttl", "iceTransportPolicy"]), VALUES)
)
def test_no_value_brings_it_down(value: Any) -> None:
    try:
        once = ice_configuration(value)
        end_of(value, now=0.0)
    except ConfigurationError:
        return
    assert ice_configuration(once) == once


NOW = 1_700_000_000.0


def user(name: str) -> dict[str, Any]:
    return {"urls": "turn:t.example", "username": name, "credential": "p"}


@pytest.mark.parametrize(
    ("value", "end"),
    [
        ([STUN], None),
        ({"iceServers": [STUN], "ttl": 60}, NOW + 60),
        ({"iceServers": [STUN], "ttl": "86400"}, NOW + 86_400),
        ({"iceServers": [STUN], "ttl": None}, None),
        ({"iceServers": [STUN], "expires": NOW + 5}, NOW + 5),
        ({"iceServers": [STUN], "expires": "1700000005"}, NOW + 5),
        ({"iceServers": [STUN], "expires": "2023-11-14T22:13:25Z"}, NOW + 5),
        ({"iceServers": [STUN], "expires": datetime.fromtimestamp(NOW + 5, UTC)}, NOW + 5),
        ([user("1700000060:fastrtc")], NOW + 60),
        ([user("1700000060")], NOW + 60),
        ([user("1700000060x")], None),
        ([user("alice")], None),
        ([user("1700000060:a"), user("1700000030:b")], NOW + 30),
        ({"iceServers": user("1700000060:a"), "ttl": 10}, NOW + 10),
        (TurnCredentials({"iceServers": [TURN]}, expires=NOW + 7), NOW + 7),
    ],
)
def test_when_it_ends(value: Any, end: float | None) -> None:
    assert end_of(value, now=NOW) == end


@pytest.mark.parametrize(
    "lifetime", [{"ttl": "soon"}, {"ttl": []}, {"expires": "soon"}, {"expires": {}}]
)
def test_a_lifetime_that_is_none(lifetime: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"ttl must be a number|expires"):
        end_of({"iceServers": [], **lifetime}, now=NOW)
