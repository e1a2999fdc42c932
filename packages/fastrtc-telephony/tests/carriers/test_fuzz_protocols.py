"""Whatever comes, only `ProtocolError` is raised, and what is wrong changes nothing."""

import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastrtc_core import ProtocolError
from fastrtc_telephony import (
    Asterisk,
    Carrier,
    CarrierRequest,
    ConfigurationError,
    Exotel,
    Genesys,
    Plivo,
    SignatureError,
    Telnyx,
    Twilio,
    Vonage,
)
from fastrtc_telephony.events import Audio, CallEvent
from fastrtc_telephony.media import MediaProtocol

fast = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
texts = st.text(max_size=30)
numbers = st.integers() | st.floats() | st.sampled_from(["0", "1", "3", "8000", "9" * 15, 2, 3, 4])
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
junk: st.SearchStrategy[str | bytes] = (
    st.text(max_size=200)
    | st.binary(max_size=200)
    | values.map(json.dumps)
    | st.sampled_from(
        [
            "[" * 5000,
            '{"event":' * 5000,
            '{"type":"open","parameters":' + "[" * 900 + "]" * 900 + "}",
        ]
    )
)


def known(events: Sequence[CallEvent]) -> list[Any]:
    """Events that can be compared."""
    return [
        ("audio", one.samples.shape, one.samples.tobytes()) if isinstance(one, Audio) else one
        for one in events
    ]


def state(protocol: MediaProtocol) -> Any:
    """What a protocol shows of itself; some count what they send."""
    sent = [*protocol.send_clear(), *protocol.send_mark("m"), *protocol.send_end()]
    return protocol.started, protocol.line, sent


def has_words(*told: str) -> None:
    assert all(told)


def converse(make: Callable[[], MediaProtocol], messages: Sequence[str | bytes]) -> None:
    """Show that a protocol is as if the messages that it has refused had not come."""
    protocol, other = make(), make()
    for message in messages:
        try:
            events = known(protocol.receive(message))
        except ProtocolError as error:
            if error.fatal:
                return
            if error.code == "carrier_error":  # the message was right, and tells of another
                with pytest.raises(ProtocolError):
                    other.receive(message)
        else:
            assert known(other.receive(message)) == events
    assert state(protocol) == state(other)


def paths(found: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Ways to all that an object holds."""
    inner = found.items() if isinstance(found, dict) else enumerate(found)
    every: list[tuple[Any, ...]] = []
    for name, value in inner:
        every.append((*way, name))
        if isinstance(value, dict | list):
            every += paths(value, (*way, name))
    return every


@st.composite
def altered(draw: st.DrawFn, message: Any) -> Any:
    """A message with one fault."""
    if isinstance(message, bytes):
        return draw(st.sampled_from([message[:-1], message * 3, b"", draw(st.binary())]))
    if isinstance(message, str):
        at = draw(st.integers(0, len(message)))
        return message[:at] + draw(texts) + message[at + draw(st.integers(0, 9)) :]
    if not message or draw(st.integers(0, 4)) == 0:
        text = json.dumps(message)
        at = draw(st.integers(0, len(text)))
        return text[:at] + draw(texts) + text[at + draw(st.integers(0, 9)) :]
    copy = deepcopy(message)
    if not (ways := paths(copy)):
        return copy
    *way, last = draw(st.sampled_from(ways))
    found = copy
    for name in way:
        found = found[name]
    if draw(st.booleans()):
        found[last] = draw(values)
    else:
        del found[last]
    return copy


@st.composite
def faulty(draw: st.DrawFn, messages: Sequence[Any]) -> list[Any]:
    """A conversation whose messages were left out, repeated, moved and altered."""
    found = list(messages)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(found) - 1))
        match draw(st.sampled_from(["leave out", "repeat", "move", "alter", "alter more"])):
            case "leave out" if len(found) > 1:
                del found[at]
            case "repeat":
                found.insert(draw(st.integers(at, len(found))), found[at])
            case "move":
                found.insert(draw(st.integers(0, len(found) - 1)), found.pop(at))
            case _:
                found.insert(at, draw(altered(found[at])))
    return found


def like(talk: Any) -> st.SearchStrategy[Any]:
    """Objects that look like messages of a carrier."""
    names = sorted({name for one in talk.messages if isinstance(one, dict) for name in one})
    names += ["stream_id", "streamSid", "media", "start", "parameters", "seq", "version"]
    fields = st.dictionaries(st.sampled_from(names) | texts, values, max_size=6)
    sorts = st.sampled_from(talk.kinds)
    return st.builds(lambda given, kind: {**given, talk.kind: kind}, fields, sorts)


def test_text_and_bytes(talk: Any) -> None:
    good = [talk.sent(message) for message in talk.messages]

    @fast
    @given(st.lists(st.tuples(st.integers(0, len(good)), junk), max_size=6))
    def check(extra: list[tuple[int, str | bytes]]) -> None:
        messages = list(good)
        for at, message in extra:
            messages.insert(at, message)
        converse(talk.make, messages)

    check()


def test_objects_that_look_like_messages(talk: Any) -> None:
    good = list(talk.messages)

    @fast
    @given(st.lists(st.tuples(st.integers(0, len(good)), like(talk)), max_size=6))
    def check(extra: list[tuple[int, Any]]) -> None:
        messages = list(good)
        for at, message in extra:
            messages.insert(at, message)
        converse(talk.make, [talk.sent(message) for message in messages])

    check()


def test_conversations_with_faults(talk: Any) -> None:
    @settings(fast, max_examples=100)
    @given(faulty(talk.messages))
    def check(messages: list[Any]) -> None:
        converse(talk.make, [talk.sent(message) for message in messages])

    check()


def test_a_good_conversation_goes_on_among_refusals(talk: Any) -> None:
    good = [talk.sent(message) for message in talk.messages]
    fresh = talk.make()
    expected = [known(fresh.receive(message)) for message in good]

    @fast
    @given(st.lists(st.text(max_size=50) | like(talk).map(json.dumps), max_size=5))
    def check(extra: list[str]) -> None:
        refused = []
        for message in extra:
            try:
                talk.make().receive(message)
            except ProtocolError as error:
                if not error.fatal and error.code != "carrier_error":
                    refused.append(message)
        protocol = talk.make()
        for message in refused:
            with pytest.raises(ProtocolError):
                protocol.receive(message)
        assert [known(protocol.receive(message)) for message in good] == expected

    check()


# Requests

NOW = 1_700_000_000.0
CARRIERS: dict[str, Callable[[], Carrier]] = {
    "twilio": lambda: Twilio("secret"),
    "telnyx": lambda: Telnyx("A" * 43 + "="),
    "plivo": lambda: Plivo("secret"),
    "vonage": lambda: Vonage("a secret that is long enough for HMAC-SHA256"),
    "exotel": lambda: Exotel("secret"),
    "genesys": lambda: Genesys("key", "c2VjcmV0"),
    "asterisk": lambda: Asterisk("secret"),
}
PACKAGES = {"telnyx": "cryptography", "vonage": "jwt"}
latin = st.text(st.characters(max_codepoint=255), max_size=40)
headers = st.fixed_dictionaries(
    {},
    optional={
        "x-twilio-signature": latin,
        "x-twilio-webhooks-signature-settings": latin
        | st.sampled_from(["algorithm=", "algorithm=HMAC_SHA256", "algorithm", ",=,"]),
        "telnyx-timestamp": latin | st.sampled_from(["1700000000", "0" * 999]),
        "telnyx-signature-ed25519": latin | st.binary(max_size=70).map(lambda one: one.hex()),
        "x-plivo-signature-v3": latin,
        "x-plivo-signature-v3-nonce": latin,
        "authorization": latin
        | st.builds("{} {}".format, st.sampled_from(["Basic", "bearer", "Bearer"]), latin)
        | st.builds("Bearer {}.{}.{}".format, latin, latin, latin)
        | st.sampled_from(
            ["Bearer e30.e30.", "Bearer eyJhbGciOiJIUzI1NiJ9.e30.AAAA", "Basic 4pyT"]
        ),
        "x-api-key": latin | st.just("key"),
        "signature": latin | st.just("sig1=:AAAA:"),
        "signature-input": latin
        | st.builds(
            'sig1=("@request-target" "audiohook-organization-id" "audiohook-session-id" '
            '"x-api-key"{}){}'.format,
            latin,
            latin | st.sampled_from([";created=1700000000", ";created=1;expires=99999999999"]),
        ),
        "audiohook-organization-id": latin,
        "audiohook-session-id": latin,
    },
)
pairs = st.lists(st.tuples(texts, texts), max_size=4)


@pytest.mark.parametrize("name", CARRIERS)
def test_requests(name: str) -> None:
    if name in PACKAGES:
        pytest.importorskip(PACKAGES[name])
    carrier = CARRIERS[name]()

    @settings(fast, max_examples=100)
    @given(
        headers,
        st.sampled_from(["GET", "POST"]),
        st.sampled_from(["https://example.org/a", "wss://example.org:1/a?b=%ff&=&c", "http:///"]),
        pairs,
        pairs,
        st.binary(max_size=30),
    )
    def check(given: Any, method: str, url: str, query: Any, form: Any, body: bytes) -> None:
        request = CarrierRequest(method, url, given, query, form, body)
        for verify in (carrier.verify, carrier.verify_socket):
            try:
                verified = verify(request, NOW)
            except (SignatureError, ConfigurationError):
                verified = False
            assert verified is False
        info = carrier.read(request)
        assert all(isinstance(value, str) for value in info.parameters.values())

    check()
