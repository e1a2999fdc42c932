"""Requests that are the carriers', and those that are not."""

import base64
import hmac
from typing import Any

import pytest

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

NOW = 1_700_000_000.0
URL = "https://example.org/telephone/incoming"
FIELDS = [("CallSid", "CA1"), ("From", "+14155550111"), ("To", "+14155550122"), ("Empty", "")]


def refused(carrier: Carrier, request: CarrierRequest, now: float = NOW) -> str:
    with pytest.raises(SignatureError) as caught:
        carrier.verify(request, now)
    assert caught.value.code == "bad_signature"
    return str(caught.value)


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


# Secrets


@pytest.mark.parametrize(
    ("make", "variable"),
    [
        (Twilio, "TWILIO_AUTH_TOKEN"),
        (Telnyx, "TELNYX_PUBLIC_KEY"),
        (Plivo, "PLIVO_AUTH_TOKEN"),
        (Vonage, "VONAGE_SIGNATURE_SECRET"),
        (Exotel, "EXOTEL_SECRET"),
        (Genesys, "GENESYS_CLIENT_SECRET"),
        (Asterisk, "ASTERISK_SECRET"),
    ],
)
def test_without_a_secret_the_message_says_where_to_put_it(
    make: Any, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if make is Telnyx:
        pytest.importorskip("cryptography")
    if make is Vonage:
        pytest.importorskip("jwt")
    monkeypatch.delenv(variable, raising=False)
    monkeypatch.delenv("GENESYS_API_KEY", raising=False)
    with pytest.raises(ConfigurationError, match=variable):
        make().check()
    monkeypatch.setenv(variable, encoded(bytes(32)))
    monkeypatch.setenv("GENESYS_API_KEY", "key")
    make().check()


# Twilio


class Fields(dict[str, list[str]]):
    """Repeated fields as Twilio's package takes them."""

    def __init__(self, pairs: Any) -> None:
        super().__init__()
        for name, value in pairs:
            self.setdefault(name, []).append(value)

    def getlist(self, name: str) -> list[str]:
        return self[name]


def by_twilio(
    url: str = URL,
    fields: Any = FIELDS,
    *,
    signed: Any = None,
    token: str = "secret",
    algorithm: str = "",
    method: str = "POST",
) -> CarrierRequest:
    """A request that Twilio's own package has signed, for another URL and other fields if given."""
    twilio = pytest.importorskip("twilio.request_validator")
    signed_url, signed_fields = signed or (url, fields)
    validator = twilio.RequestValidator(token)
    if algorithm == "HMAC_SHA256" and not hasattr(twilio, algorithm):
        pytest.skip("this version of twilio has one algorithm")
    given = (algorithm,) if hasattr(twilio, "HMAC_SHA256") and algorithm else ()
    headers = {
        "x-twilio-signature": validator.compute_signature(signed_url, Fields(signed_fields), *given)
    }
    if algorithm:
        headers["x-twilio-webhooks-signature-settings"] = f"key=abc, algorithm={algorithm}"
    return CarrierRequest(method, url, headers, form=fields)


@pytest.mark.parametrize("algorithm", ["", "HMAC_SHA1", "HMAC_SHA256"])
@pytest.mark.parametrize(
    "fields",
    [
        FIELDS,
        FIELDS[::-1],
        [],
        [("b", "2"), ("a", "1"), ("b", "1"), ("b", "2")],
        [("name", "Ada & Grace"), ("city", "Köln"), ("B", ""), ("a", "+")],
    ],
)
def test_twilio_signs_fields(fields: Any, algorithm: str) -> None:
    Twilio("secret").verify(by_twilio(fields=fields, algorithm=algorithm), NOW)


@pytest.mark.parametrize(
    ("url", "signed"),
    [
        ("https://example.org/a", "https://example.org:443/a"),
        ("https://example.org:443/a", "https://example.org/a"),
        ("http://example.org/a", "http://example.org:80/a"),
        ("https://example.org:8443/a", "https://example.org/a"),
        ("https://example.org:8443/a", "https://example.org:8443/a"),
        ("https://Example.org/a", "https://Example.org:443/a"),
        ("https://example.org/a?b=c&d=%20", "https://example.org:443/a?b=c&d=%20"),
        ("wss://example.org/a", "wss://example.org:443/a"),
        ("https://[::1]/a", "https://[::1]:443/a"),
        ("https://[::1]:8443/a", "https://[::1]/a"),
    ],
)
def test_twilio_signs_a_url_with_its_port_or_without(url: str, signed: str) -> None:
    Twilio("secret").verify(by_twilio(url, signed=(signed, FIELDS)), NOW)


@pytest.mark.parametrize(
    "signed",
    [
        "http://example.org/telephone/incoming",
        "https://example.com/telephone/incoming",
        "https://example.org/telephone/incoming/",
        "https://example.org/telephone/incoming?a=b",
        "https://example.org:8443/telephone/incoming",
    ],
)
def test_twilio_has_signed_another_url(signed: str) -> None:
    assert "public_url" in refused(Twilio("secret"), by_twilio(signed=(signed, FIELDS)))


@pytest.mark.parametrize(
    "forged",
    [FIELDS[:-2], [*FIELDS, ("To", "+1900")], [("From", "+1900"), *FIELDS], []],
)
def test_twilio_has_signed_other_fields(forged: Any) -> None:
    refused(Twilio("secret"), by_twilio(fields=forged, signed=(URL, FIELDS)))


def test_twilio_has_another_token() -> None:
    refused(Twilio("secret"), by_twilio(token="other"))


@pytest.mark.parametrize("given", ["", "AAAA", "é", "=", "\x00"])
def test_a_signature_of_twilio_that_is_none(given: str) -> None:
    refused(Twilio("secret"), CarrierRequest("POST", URL, {"x-twilio-signature": given}))


def test_a_request_without_a_signature_of_twilio() -> None:
    assert "X-Twilio-Signature" in refused(Twilio("secret"), CarrierRequest("POST", URL))


def test_an_algorithm_that_is_not_known() -> None:
    request = by_twilio()
    headers = {
        **request.headers,
        "x-twilio-webhooks-signature-settings": "algorithm=HMAC_SHA512",
    }
    message = refused(Twilio("secret"), CarrierRequest("POST", URL, headers, form=FIELDS))
    assert "HMAC_SHA512" in message


def test_one_algorithm_is_not_taken_for_the_other() -> None:
    request = by_twilio(algorithm="HMAC_SHA256")
    headers = {"x-twilio-signature": request.headers["x-twilio-signature"]}
    refused(Twilio("secret"), CarrierRequest("POST", URL, headers, form=FIELDS))


def test_a_get_of_twilio_has_no_fields() -> None:
    url = f"{URL}?CallSid=CA1"
    Twilio("secret").verify(by_twilio(url, [], method="GET"), NOW)


@pytest.mark.parametrize("url", ["https://example.org:99999/a", "https://example.org:x/a"])
def test_a_url_with_no_port_that_there_is(url: str) -> None:
    refused(Twilio("secret"), CarrierRequest("POST", url, {"x-twilio-signature": "AAAA"}))


def test_twilio_without_a_token_refuses_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TWILIO_AUTH_TOKEN", raising=False)
    with pytest.raises(ConfigurationError):
        Twilio().verify(by_twilio(token=""), NOW)


def test_a_stream_of_twilio_is_signed() -> None:
    url = "wss://example.org/telephone/handler"
    signed = by_twilio(url, [], method="GET")
    assert Twilio("secret").verify_socket(signed, NOW) is True
    assert Twilio("secret").verify_socket(CarrierRequest("GET", url), NOW) is False
    with pytest.raises(SignatureError):
        Twilio("other").verify_socket(signed, NOW)


# Telnyx


def telnyx(
    *, body: bytes = b"CallControlId=v3", at: str = "1700000000", signed: bytes | None = None
) -> tuple[Telnyx, CarrierRequest]:
    keys = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    private = keys.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    signature = private.sign(at.encode() + b"|" + (body if signed is None else signed))
    headers = {"telnyx-timestamp": at, "telnyx-signature-ed25519": encoded(signature)}
    public = encoded(private.public_key().public_bytes_raw())
    return Telnyx(public), CarrierRequest("POST", URL, headers, body=body)


@pytest.mark.parametrize("body", [b"CallControlId=v3", b"", bytes(range(256))])
def test_telnyx_signs_time_and_body(body: bytes) -> None:
    carrier, request = telnyx(body=body)
    carrier.verify(request, NOW)
    carrier.verify(request, NOW + 299)
    carrier.verify(request, NOW - 299)


def test_telnyx_has_signed_another_body() -> None:
    refused(*telnyx(signed=b"CallControlId=v4"))


@pytest.mark.parametrize("later", [301, -301, 1e9])
def test_telnyx_has_signed_at_another_time(later: float) -> None:
    assert "not now" in refused(*telnyx(), now=NOW + later)


@pytest.mark.parametrize(
    "at", ["", "now", "1700000000.0", "-1700000000", "²", "\u0661", "1" * 5000]
)
def test_a_time_of_telnyx_that_is_none(at: str) -> None:
    refused(*telnyx(at=at))


def test_telnyx_has_signed_another_time() -> None:
    carrier, request = telnyx(at="1700000001")
    headers = {**request.headers, "telnyx-timestamp": "1700000000"}
    refused(carrier, CarrierRequest("POST", URL, headers, body=request.body))


@pytest.mark.parametrize("given", ["", "AAAA", "not base64", "A", "é", "====", encoded(bytes(64))])
def test_a_signature_of_telnyx_that_is_none(given: str) -> None:
    carrier, request = telnyx()
    headers = {**request.headers, "telnyx-signature-ed25519": given}
    refused(carrier, CarrierRequest("POST", URL, headers, body=request.body))


@pytest.mark.parametrize("missing", ["telnyx-timestamp", "telnyx-signature-ed25519"])
def test_a_request_of_telnyx_without_a_field(missing: str) -> None:
    carrier, request = telnyx()
    headers = {name: value for name, value in request.headers.items() if name != missing}
    refused(carrier, CarrierRequest("POST", URL, headers, body=request.body))


@pytest.mark.parametrize("key", [None, "AAAA", "not base64", encoded(bytes(31)), "é" * 44])
def test_telnyx_without_a_key_that_is_one(key: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TELNYX_PUBLIC_KEY", raising=False)
    _, request = telnyx()
    with pytest.raises(ConfigurationError, match="TELNYX_PUBLIC_KEY"):
        Telnyx(key).check()
    with pytest.raises(ConfigurationError):
        Telnyx(key).verify(request, NOW)


def test_telnyx_has_another_key() -> None:
    keys = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    public = keys.Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
    _, request = telnyx()
    refused(Telnyx(encoded(public)), request)


def test_a_stream_of_telnyx_proves_nothing() -> None:
    carrier, request = telnyx()
    assert carrier.verify_socket(request, NOW) is False


# Plivo


def by_plivo(signed: str, *, token: str = "secret", nonce: str = "12345") -> dict[str, str]:
    digest = hmac.digest(token.encode(), f"{signed}.{nonce}".encode(), "sha256")
    return {"x-plivo-signature-v3": encoded(digest), "x-plivo-signature-v3-nonce": nonce}


@pytest.mark.parametrize(
    ("method", "url", "form", "signed"),
    [
        (
            "POST",
            "https://example.org/plivo",
            [("To", "2"), ("From", "1")],
            "https://example.org/plivo?From1To2",
        ),
        (
            "POST",
            "https://example.org/plivo?b=2&a=1",
            [("To", "2"), ("From", "1")],
            "https://example.org/plivo?a=1&b=2.From1To2",
        ),
        ("POST", "https://example.org/plivo", [], "https://example.org/plivo"),
        ("POST", "https://example.org/plivo?b=&a=1", [], "https://example.org/plivo?a=1&b="),
        (
            "POST",
            "https://example.org:8443/plivo?name=Ada%20L",
            [("b", "2"), ("b", "1"), ("a", "")],
            "https://example.org:8443/plivo?name=Ada L.ab1b2",
        ),
        (
            "GET",
            "https://example.org/plivo?To=2&From=1",
            [],
            "https://example.org/plivo?From=1&To=2",
        ),
        ("GET", "https://example.org/plivo", [], "https://example.org/plivo"),
    ],
)
def test_plivo_signs_url_query_and_fields(method: str, url: str, form: Any, signed: str) -> None:
    Plivo("secret").verify(CarrierRequest(method, url, by_plivo(signed), form=form), NOW)
    refused(Plivo("other"), CarrierRequest(method, url, by_plivo(signed), form=form))


def test_one_of_several_signatures_of_plivo_is_enough() -> None:
    headers = by_plivo(f"{URL}?a1")
    right = headers["x-plivo-signature-v3"]
    for several in (f"AAAA,{right}", f"{right},AAAA", f"AAAA, {right} ,é"):
        given = {**headers, "x-plivo-signature-v3": several}
        Plivo("secret").verify(CarrierRequest("POST", URL, given, form=[("a", "1")]), NOW)


@pytest.mark.parametrize(
    ("url", "form"),
    [
        (URL, [("a", "2")]),
        (URL, []),
        (URL, [("a", "1"), ("b", "2")]),
        (f"{URL}?b=2", [("a", "1")]),
        ("http://example.org/telephone/incoming", [("a", "1")]),
    ],
)
def test_plivo_has_signed_something_else(url: str, form: Any) -> None:
    request = CarrierRequest("POST", url, by_plivo(f"{URL}?a1"), form=form)
    assert "public_url" in refused(Plivo("secret"), request)


def test_plivo_has_signed_another_nonce() -> None:
    headers = {**by_plivo(URL), "x-plivo-signature-v3-nonce": "12346"}
    refused(Plivo("secret"), CarrierRequest("POST", URL, headers))


@pytest.mark.parametrize("missing", ["x-plivo-signature-v3", "x-plivo-signature-v3-nonce"])
def test_a_request_of_plivo_without_a_field(missing: str) -> None:
    headers = {name: value for name, value in by_plivo(URL).items() if name != missing}
    refused(Plivo("secret"), CarrierRequest("POST", URL, headers))


@pytest.mark.parametrize("given", ["", ",", "é", "AAAA,,AAAA"])
def test_a_signature_of_plivo_that_is_none(given: str) -> None:
    headers = {**by_plivo(URL), "x-plivo-signature-v3": given}
    refused(Plivo("secret"), CarrierRequest("POST", URL, headers))


# Passwords


def basic(text: str) -> dict[str, str]:
    return {"authorization": f"Basic {encoded(text.encode())}"}


@pytest.mark.parametrize("make", [Exotel, Asterisk])
@pytest.mark.parametrize("given", ["any:secret", ":secret"])
def test_the_right_password(make: Any, given: str) -> None:
    request = CarrierRequest("GET", URL, basic(given))
    make("secret").verify(request, NOW)
    assert make("secret").verify_socket(request, NOW) is True


@pytest.mark.parametrize("make", [Exotel, Asterisk])
def test_a_password_may_have_colons_and_any_letters(make: Any) -> None:
    make("a:b:é").verify(CarrierRequest("GET", URL, basic("any:a:b:é")), NOW)


@pytest.mark.parametrize("make", [Exotel, Asterisk])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("any:wrong"),
        basic("any:"),
        basic("secret"),
        basic("secret:"),
        basic("any:secret "),
        {"authorization": ""},
        {"authorization": "Basic"},
        {"authorization": "Basic !!!"},
        {"authorization": "Basic YQ"},
        {"authorization": "Basic é"},
        {"authorization": f"Basic {encoded(bytes([255, 58, 255]))}"},
        {"authorization": f"Bearer {encoded(b'any:secret')}"},
        {"authorization": "secret"},
    ],
)
def test_a_wrong_password(make: Any, headers: dict[str, str]) -> None:
    request = CarrierRequest("GET", URL, headers)
    refused(make("secret"), request)
    if headers:
        with pytest.raises(SignatureError):
            make("secret").verify_socket(request, NOW)


def test_a_stream_of_exotel_may_have_a_token_instead() -> None:
    assert Exotel("secret").verify_socket(CarrierRequest("GET", URL), NOW) is False


def test_asterisk_may_have_its_password_in_the_query() -> None:
    carrier = Asterisk("secret")
    request = CarrierRequest("GET", URL, query=[("fastrtc_token", "secret")])
    assert carrier.verify_socket(request, NOW) is True
    refused(carrier, CarrierRequest("GET", URL, query=[("fastrtc_token", "wrong")]))
    refused(carrier, CarrierRequest("GET", URL, query=[("token", "secret")]))
    with pytest.raises(SignatureError):
        carrier.verify_socket(CarrierRequest("GET", URL), NOW)
