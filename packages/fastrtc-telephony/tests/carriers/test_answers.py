"""What carriers are told to do with calls, and what they say of them."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import pytest

from fastrtc_telephony import (
    Answer,
    Asterisk,
    CallControlError,
    CallInfo,
    Carrier,
    CarrierRequest,
    Exotel,
    Genesys,
    Manners,
    Plivo,
    Telnyx,
    Twilio,
    Vonage,
)
from fastrtc_telephony.media import LONGEST_PARAMETER, MOST_PARAMETERS

STREAM = "wss://example.org/a&b/telephone/handler"
TOKEN = "a&\"<b>' c"
GREETING = 'Fish & <chips> for "Ada" isn\'t \u0660 €'
ASKING = [Twilio("x"), Telnyx("x"), Plivo("x"), Vonage("x"), Exotel("x")]
names = pytest.mark.parametrize("carrier", ASKING, ids=[carrier.name for carrier in ASKING])
in_xml = pytest.mark.parametrize("carrier", ASKING[:3], ids=["twilio", "telnyx", "plivo"])


def xml(answer: Answer) -> ET.Element:
    assert (answer.media_type, answer.status) == ("application/xml", 200)
    root = ET.fromstring(answer.body)
    assert root.tag == "Response"
    return root


def tree(element: ET.Element) -> Any:
    """An element as nested tuples."""
    return (element.tag, element.attrib, element.text, [tree(child) for child in element])


def children(answer: Answer) -> list[Any]:
    return [tree(child) for child in xml(answer)]


def with_token(url: str) -> str:
    """Check the token of a URL, and return the rest."""
    parts = urlsplit(url)
    assert parse_qs(parts.query, strict_parsing=True) == {"fastrtc_token": [TOKEN]}
    return parts._replace(query="").geturl()


# Connecting


def test_twilio_is_told_to_connect() -> None:
    (connect,) = children(Twilio("x").connect(STREAM, TOKEN, Manners()))
    parameter = ("Parameter", {"name": "fastrtc_token", "value": TOKEN}, None, [])
    assert connect == ("Connect", {}, None, [("Stream", {"url": STREAM}, None, [parameter])])


def test_telnyx_is_told_to_connect() -> None:
    ((tag, _, _, [stream]),) = children(Telnyx("x").connect(STREAM, TOKEN, Manners()))
    assert (tag, stream[0]) == ("Connect", "Stream")
    assert with_token(stream[1].pop("url")) == STREAM
    assert stream[1] == {"bidirectionalMode": "rtp"}


def test_plivo_is_told_to_connect() -> None:
    ((tag, attributes, url, _),) = children(Plivo("x").connect(STREAM, TOKEN, Manners()))
    assert tag == "Stream"
    assert with_token(url) == STREAM
    assert attributes == {
        "bidirectional": "true",
        "keepCallAlive": "true",
        "contentType": "audio/x-mulaw;rate=8000",
    }


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_vonage_is_told_to_connect(rate: int) -> None:
    answer = Vonage("x", rate).connect(STREAM, TOKEN, Manners())
    assert (answer.media_type, answer.status) == ("application/json", 200)
    (connect,) = json.loads(answer.body)
    (endpoint,) = connect.pop("endpoint")
    assert connect == {"action": "connect"}
    assert with_token(endpoint.pop("uri")) == STREAM
    assert endpoint == {"type": "websocket", "content-type": f"audio/l16;rate={rate}"}


@pytest.mark.parametrize("rate", [0, 22050, 48000])
def test_vonage_has_no_other_rate(rate: int) -> None:
    with pytest.raises(ValueError, match=str(rate)):
        Vonage("x", rate)


@pytest.mark.parametrize("greeting", [None, GREETING])
def test_exotel_is_told_a_url(greeting: str | None) -> None:
    answer = Exotel("x").connect(STREAM, TOKEN, Manners(greeting))
    assert (answer.media_type, answer.status) == ("application/json", 200)
    found = json.loads(answer.body)
    assert with_token(found.pop("url")) == STREAM
    assert found == {}


# Greeting


@in_xml
def test_a_greeting_is_said_before(carrier: Carrier) -> None:
    manners = Manners(GREETING, language="de-DE", voice='Polly."Vicki"')
    said, _ = children(carrier.connect(STREAM, TOKEN, manners))
    verb = "Speak" if carrier.name == "plivo" else "Say"
    assert said == (verb, {"language": "de-DE", "voice": 'Polly."Vicki"'}, GREETING, [])


@in_xml
def test_the_voice_is_the_carriers_choice(carrier: Carrier) -> None:
    said, _ = children(carrier.connect(STREAM, TOKEN, Manners("Hello")))
    assert said[1:3] == ({"language": "en-US"}, "Hello")


def test_a_greeting_is_said_before_by_vonage() -> None:
    manners = Manners(GREETING, language="de-DE")
    talk, connect = json.loads(Vonage("x").connect(STREAM, TOKEN, manners).body)
    assert talk == {"action": "talk", "text": GREETING, "language": "de-DE"}
    assert connect["action"] == "connect"


@names
def test_an_empty_greeting_is_none(carrier: Carrier) -> None:
    empty = carrier.connect(STREAM, TOKEN, Manners(""))
    assert empty == carrier.connect(STREAM, TOKEN, Manners())


# No room


@pytest.mark.parametrize(
    ("carrier", "busy"),
    [
        (ASKING[0], ("Reject", {"reason": "busy"}, None, [])),
        (ASKING[1], ("Reject", {"reason": "busy"}, None, [])),
        (ASKING[2], ("Hangup", {"reason": "busy"}, None, [])),
    ],
)
def test_a_caller_hears_the_busy_tone(carrier: Carrier, busy: Any) -> None:
    assert children(carrier.refuse(Manners())) == [busy]


@in_xml
def test_a_caller_hears_a_sentence(carrier: Carrier) -> None:
    said, hangup = children(carrier.refuse(Manners(busy=GREETING)))
    verb = "Speak" if carrier.name == "plivo" else "Say"
    assert said == (verb, {"language": "en-US"}, GREETING, [])
    assert hangup == ("Hangup", {}, None, [])


def test_a_caller_hears_a_sentence_of_vonage_or_nothing() -> None:
    assert json.loads(Vonage("x").refuse(Manners()).body) == []
    (talk,) = json.loads(Vonage("x").refuse(Manners(busy=GREETING)).body)
    assert talk == {"action": "talk", "text": GREETING, "language": "en-US"}


@pytest.mark.parametrize("busy", [None, GREETING])
def test_exotel_goes_on_to_its_next_applet(busy: str | None) -> None:
    answer = Exotel("x").refuse(Manners(busy=busy))
    assert (answer.media_type, answer.status) == ("application/json", 503)
    assert json.loads(answer.body) == {"error": "busy"}


@names
def test_a_greeting_is_not_for_those_who_are_refused(carrier: Carrier) -> None:
    assert carrier.refuse(Manners(greeting="Hello")) == carrier.refuse(Manners())


# What webhooks say

WEBHOOKS: list[tuple[Carrier, list[tuple[str, str]]]] = [
    (ASKING[0], [("CallSid", "C1"), ("From", "+1"), ("To", "+2"), ("CallerCity", "ROME")]),
    (ASKING[1], [("CallControlId", "C1"), ("From", "+1"), ("To", "+2"), ("CallerCity", "ROME")]),
    (ASKING[2], [("CallUUID", "C1"), ("From", "+1"), ("To", "+2"), ("CallerCity", "ROME")]),
    (ASKING[3], [("uuid", "C1"), ("from", "+1"), ("to", "+2"), ("CallerCity", "ROME")]),
    (ASKING[4], [("CallSid", "C1"), ("CallFrom", "+1"), ("CallTo", "+2"), ("CallerCity", "ROME")]),
]
webhooks = pytest.mark.parametrize(("carrier", "fields"), WEBHOOKS)


@webhooks
@pytest.mark.parametrize("where", ["query", "form"])
def test_a_webhook_tells_who_calls(carrier: Carrier, fields: Any, where: str) -> None:
    if (carrier.name, where) == ("vonage", "form"):
        return  # it sends JSON
    given: dict[str, Any] = {where: [*fields, ("fastrtc_token", "forged")]}
    info = carrier.read(CarrierRequest("POST", "https://example.org", **given))
    assert info == CallInfo(carrier.name, "C1", "", "+1", "+2", dict(fields))


def test_vonage_may_tell_who_calls_in_json() -> None:
    body = json.dumps({"uuid": "C1", "from": "+1", "to": "+2", "n": 7}).encode()
    info = Vonage("x").read(CarrierRequest("POST", "https://example.org", body=body))
    parameters = {"uuid": "C1", "from": "+1", "to": "+2", "n": "7"}
    assert info == CallInfo("vonage", "C1", "", "+1", "+2", parameters)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff\xfe\x00", b"[" * 100_000, b'{"a":' * 100_000]
)
def test_a_body_of_vonage_that_tells_nothing(body: bytes) -> None:
    request = CarrierRequest("POST", "https://example.org", query=[("uuid", "C1")], body=body)
    assert Vonage("x").read(request) == CallInfo("vonage", "C1", parameters={"uuid": "C1"})


@webhooks
def test_a_webhook_may_tell_nothing(carrier: Carrier, fields: Any) -> None:
    assert carrier.read(CarrierRequest("GET", "https://example.org")) == CallInfo(carrier.name, "")


@webhooks
def test_the_form_goes_before_the_query(carrier: Carrier, fields: Any) -> None:
    forged = [(name, "forged") for name, _ in fields]
    given: dict[str, Any] = {"form": fields}
    if carrier.name == "vonage":
        given = {"body": json.dumps(dict(fields)).encode()}
    request = CarrierRequest("POST", "https://example.org", query=forged, **given)
    info = carrier.read(request)
    assert (info.call_id, info.caller, info.called) == ("C1", "+1", "+2")
    assert info.parameters == dict(fields)


def test_other_names_of_the_same() -> None:
    form = [("CallSid", "C1"), ("From", "+1"), ("To", "+2")]
    request = CarrierRequest("POST", "https://example.org", form=form)
    for carrier in (ASKING[1], ASKING[4]):
        info = carrier.read(request)
        assert (info.call_id, info.caller, info.called) == ("C1", "+1", "+2")


@webhooks
@pytest.mark.parametrize("where", ["query", "form", "body"])
def test_parameters_are_bounded(carrier: Carrier, fields: Any, where: str) -> None:
    pairs = [(f"x{number}", "y" * (LONGEST_PARAMETER + 100)) for number in range(100)]
    value = json.dumps(dict(pairs)).encode() if where == "body" else pairs
    given: dict[str, Any] = {where: value}
    info = carrier.read(CarrierRequest("POST", "https://example.org", **given))
    assert len(info.parameters) <= MOST_PARAMETERS
    assert all(len(value) <= LONGEST_PARAMETER for value in info.parameters.values())


# Carriers that open streams at once


@pytest.mark.parametrize("carrier", [Genesys("k", "c2VjcmV0"), Asterisk("x")])
def test_some_carriers_are_not_told_anything(carrier: Carrier) -> None:
    assert not carrier.answers
    with pytest.raises(NotImplementedError):
        carrier.connect(STREAM, TOKEN, Manners())
    with pytest.raises(NotImplementedError):
        carrier.refuse(Manners())


@pytest.mark.parametrize("carrier", [*ASKING[1:], Genesys("k", "c2VjcmV0"), Asterisk("x")])
def test_only_twilio_transfers_calls_from_here(carrier: Carrier) -> None:
    call = CallInfo(carrier.name, "C1")
    with pytest.raises(CallControlError, match=carrier.name):
        carrier.transfer(call, "+3")
    carrier.hang_up(call)


# Twilio's REST interface


class Calls:
    """What a client of Twilio's is asked for."""

    def __init__(self, fails: bool = False) -> None:
        self.fails = fails
        self.asked: list[Any] = []
        self.sid = "CA9"

    def made(self, *account: str) -> "Calls":
        self.asked.append(account)
        return self

    @property
    def calls(self) -> "Calls":
        return self

    def __call__(self, call_id: str) -> "Calls":
        self.asked.append(call_id)
        return self

    def update(self, **changes: Any) -> None:
        if self.fails:
            raise RuntimeError("no such call")
        self.asked.append(changes)

    def create(self, **options: Any) -> "Calls":
        self.update(**options)
        return self


def test_twilio_transfers_a_call() -> None:
    rest = Calls()
    twilio = Twilio("token", "AC1", client=rest.made)
    twilio.transfer(CallInfo("twilio", "CA1"), "+1<&>2")
    account, call_id, changes = rest.asked
    assert (account, call_id) == (("AC1", "token"), "CA1")
    assert children(Answer(changes["twiml"])) == [("Dial", {}, "+1<&>2", [])]


def test_twilio_ends_a_call() -> None:
    rest = Calls()
    Twilio("token", "AC1", client=rest.made).hang_up(CallInfo("twilio", "CA1"))
    assert rest.asked == [("AC1", "token"), "CA1", {"status": "completed"}]


def test_twilio_calls_somebody() -> None:
    rest = Calls()
    twilio = Twilio("token", "AC1", client=rest.made)
    sid = twilio.dial(to="+1", from_="+2", url="https://example.org", timeout=20)
    assert sid == "CA9"
    options = {"to": "+1", "from_": "+2", "url": "https://example.org", "timeout": 20}
    assert rest.asked == [("AC1", "token"), options]


def test_twilio_can_not_do_it() -> None:
    twilio = Twilio("token", "AC1", client=Calls(fails=True).made)
    with pytest.raises(CallControlError, match="CA1: no such call"):
        twilio.transfer(CallInfo("twilio", "CA1"), "+3")
    with pytest.raises(CallControlError, match=r"\+1: no such call"):
        twilio.dial(to="+1", from_="+2", url="https://example.org")


def test_without_an_account_there_is_no_rest_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TWILIO_ACCOUNT_SID", raising=False)
    rest = Calls()
    twilio = Twilio("token", client=rest.made)
    twilio.hang_up(CallInfo("twilio", "CA1"))
    assert rest.asked == []
    with pytest.raises(CallControlError, match="TWILIO_ACCOUNT_SID"):
        twilio.transfer(CallInfo("twilio", "CA1"), "+3")
