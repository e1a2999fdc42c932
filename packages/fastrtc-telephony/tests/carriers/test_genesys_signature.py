"""HTTP message signatures, as Genesys makes them."""

import base64
import hmac
from typing import Any

import pytest

from fastrtc_telephony import (
    Carrier,
    CarrierRequest,
    ConfigurationError,
    Genesys,
    SignatureError,
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


# The example of "Security Details", AudioHook's documentation.
SIGNED_AT = 1_641_013_200.0
KEY = "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh"
SECRET = "TXlTdXBlclNlY3JldEtleVRlbGxOby0xITJAMyM0JDU="
HOOK = "wss://audiohook.example.com/api/v1/voicebiometrics/ws"
COVERED = (
    '"@request-target" "@authority" "audiohook-organization-id" "audiohook-session-id" '
    '"audiohook-correlation-id" "x-api-key"'
)
HEADERS = {
    "audiohook-organization-id": "d7934305-0972-4844-938e-9060eef73d05",
    "audiohook-session-id": "30b0e395-84d3-4570-ac13-9a62d8f514c0",
    "audiohook-correlation-id": "e160e428-53e2-487c-977d-96989bf5c99d",
    "x-api-key": KEY,
    "signature": "sig1=:NZBwyBHRRyRoeLqy1IzOa9VYBuI8TgMFt2GRDkDuJh4=:",
    "signature-input": (
        f'sig1=({COVERED});keyid="{KEY}";nonce="VGhpc0lzQVVuaXF1ZU5vbmNl";alg="hmac-sha256";'
        "created=1641013200;expires=3282026430"
    ),
}
GENESYS = Genesys(KEY, SECRET)


def hook(url: str = HOOK, /, **headers: Any) -> CarrierRequest:
    """The example, with fields altered, or left out if None."""
    given = HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}
    return CarrierRequest("GET", url, {name: one for name, one in given.items() if one is not None})


def resigned(
    names: str = COVERED, rest: str = ";created=1641013200", *, label: str = "sig1"
) -> CarrierRequest:
    """The example, but signed here, as RFC 9421 has it."""
    values = {
        **HEADERS,
        "@request-target": "/api/v1/voicebiometrics/ws",
        "@authority": "audiohook.example.com",
    }
    lines = [f"{name}: {values.get(name.strip(chr(34)), '')}" for name in names.split()]
    lines.append(f'"@signature-params": ({names}){rest}')
    digest = hmac.digest(base64.b64decode(SECRET), "\n".join(lines).encode(), "sha256")
    return hook(
        signature=f"{label}=:{encoded(digest)}:", signature_input=f"{label}=({names}){rest}"
    )


def test_the_documented_signature_of_genesys() -> None:
    GENESYS.verify(hook(), SIGNED_AT)
    assert GENESYS.verify_socket(hook(), SIGNED_AT) is True


@pytest.mark.parametrize(
    "name",
    ["audiohook-organization-id", "audiohook-session-id", "audiohook-correlation-id", "x-api-key"],
)
def test_a_field_that_genesys_has_signed_is_altered(name: str) -> None:
    refused(GENESYS, hook(**{name: "other"}), SIGNED_AT)
    refused(GENESYS, hook(**{name: None}), SIGNED_AT)


@pytest.mark.parametrize(
    "url",
    [
        "wss://audiohook.example.org/api/v1/voicebiometrics/ws",
        "wss://audiohook.example.com/api/v1/voicebiometrics",
        f"{HOOK}?a=b",
        "wss://audiohook.example.com:8443/api/v1/voicebiometrics/ws",
    ],
)
def test_genesys_has_signed_another_url(url: str) -> None:
    assert "public_url" in refused(GENESYS, hook(url), SIGNED_AT)


def test_a_host_is_compared_in_small_letters() -> None:
    GENESYS.verify(hook(HOOK.replace("audiohook", "AudioHook")), SIGNED_AT)


def test_what_genesys_has_not_signed_may_be_altered() -> None:
    GENESYS.verify(hook(user_agent="GenesysCloud-AudioHook-Client"), SIGNED_AT)


@pytest.mark.parametrize("name", ["created", "expires", "nonce", "alg", "keyid"])
def test_a_parameter_of_the_signature_is_altered(name: str) -> None:
    forged = HEADERS["signature-input"].replace(f"{name}=", f"{name}x=")
    refused(GENESYS, hook(signature_input=forged), SIGNED_AT)


@pytest.mark.parametrize("change", [("3282026430", "3282026431"), ("1641013200", "1641013199")])
def test_the_time_of_the_signature_is_altered(change: tuple[str, str]) -> None:
    forged = HEADERS["signature-input"].replace(*change)
    assert "does not fit" in refused(GENESYS, hook(signature_input=forged), SIGNED_AT)


def test_a_signature_of_genesys_expires() -> None:
    GENESYS.verify(hook(), 3_282_026_430.0)
    assert "expired" in refused(GENESYS, hook(), 3_282_026_431.0)


def test_a_signature_that_does_not_say_when_it_expires() -> None:
    GENESYS.verify(resigned(), SIGNED_AT + 299)
    assert "expired" in refused(GENESYS, resigned(), SIGNED_AT + 301)


def test_a_signature_of_the_future() -> None:
    GENESYS.verify(hook(), SIGNED_AT - 299)
    assert "not now" in refused(GENESYS, hook(), SIGNED_AT - 301)


def test_a_signature_that_does_not_say_when_it_was_made() -> None:
    assert "not now" in refused(GENESYS, resigned(rest=";expires=3282026430"), SIGNED_AT)
    hidden = resigned(rest=';nonce=";created=1641013200";expires=3282026430')
    assert "not now" in refused(GENESYS, hidden, SIGNED_AT)


@pytest.mark.parametrize(
    "left_out",
    ["@request-target", "audiohook-organization-id", "audiohook-session-id", "x-api-key"],
)
def test_a_signature_must_cover_what_matters(left_out: str) -> None:
    names = COVERED.replace(f'"{left_out}"', "").replace("  ", " ").strip()
    message = refused(GENESYS, resigned(names), SIGNED_AT)
    assert f"does not cover {left_out}" in message


def test_a_signature_may_cover_less_than_the_example() -> None:
    names = '"@request-target" "audiohook-organization-id" "audiohook-session-id" "x-api-key"'
    GENESYS.verify(resigned(names), SIGNED_AT)


def test_a_signature_may_have_any_label() -> None:
    GENESYS.verify(resigned(label="my-sig_2"), SIGNED_AT)


def test_a_signature_that_covers_what_is_not_there() -> None:
    message = refused(GENESYS, resigned(f'{COVERED} "x-nothing"'), SIGNED_AT)
    assert "'x-nothing', which is not there" in message


@pytest.mark.parametrize(
    "garbage",
    [
        None,
        "",
        "sig1",
        "sig1=",
        "sig1=(",
        "sig1=()",
        f"({COVERED})",
        f"sig1=({COVERED}",
        f"SIG1=({COVERED});created=1641013200",
        f"sig1=({COVERED});created=x",
        f"sig1=({COVERED});created=" + "9" * 5000,
        f"sig1=({COVERED});created=1641013200\n",
        "é",
        '("' * 10_000,
    ],
)
def test_a_signature_input_that_is_none(garbage: str | None) -> None:
    refused(GENESYS, hook(signature_input=garbage), SIGNED_AT)


@pytest.mark.parametrize("given", ["", "sig1=::", "sig1=:AAAA:", "sig2=:AAAA:", "é", None])
def test_a_signature_of_genesys_that_is_none(given: str | None) -> None:
    refused(GENESYS, hook(signature=given), SIGNED_AT)


def test_the_label_of_signature_and_input_must_be_the_same() -> None:
    other = HEADERS["signature"].replace("sig1", "sig2")
    refused(GENESYS, hook(signature=other), SIGNED_AT)


def test_genesys_has_another_secret() -> None:
    refused(Genesys(KEY, encoded(b"other")), hook(), SIGNED_AT)
    assert "X-API-KEY" in refused(Genesys("other", SECRET), hook(), SIGNED_AT)


@pytest.mark.parametrize("secret", ["not base64", "A", "é"])
def test_a_secret_of_genesys_that_is_none(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="base64"):
        Genesys(KEY, secret).verify(hook(), SIGNED_AT)


def test_a_stream_of_genesys_without_a_signature() -> None:
    assert GENESYS.verify_socket(hook(signature=None), SIGNED_AT) is False
