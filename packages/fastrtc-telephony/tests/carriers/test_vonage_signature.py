"""JSON Web Tokens, as Vonage signs its webhooks by."""

import base64
import hashlib
import json
from typing import Any

import pytest

from fastrtc_telephony import (
    Carrier,
    CarrierRequest,
    SignatureError,
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


LONG = "a secret that is long enough for HMAC-SHA256"


def by_vonage(
    body: bytes = b'{"uuid": "C1"}',
    *,
    secret: str = LONG,
    algorithm: str = "HS256",
    other: bytes | None = None,
    **claims: Any,
) -> CarrierRequest:
    jwt = pytest.importorskip("jwt")
    digest = hashlib.sha256(body).hexdigest()
    given = {"iat": int(NOW), "iss": "Vonage", "payload_hash": digest, **claims}
    given = {name: value for name, value in given.items() if value is not None}
    token = jwt.encode(given, secret if algorithm != "none" else None, algorithm=algorithm)
    headers = {"authorization": f"Bearer {token}"}
    return CarrierRequest("POST", URL, headers, body=body if other is None else other)


@pytest.mark.parametrize("later", [0, 299, -299])
def test_vonage_signs_the_body(later: float) -> None:
    Vonage(LONG).verify(by_vonage(), NOW + later)


def test_a_request_of_vonage_without_a_body() -> None:
    Vonage(LONG).verify(by_vonage(b"", payload_hash=None), NOW)


def test_the_scheme_may_be_in_small_letters() -> None:
    headers = {"authorization": by_vonage().headers["authorization"].replace("Bearer", "bearer")}
    Vonage(LONG).verify(CarrierRequest("POST", URL, headers, body=by_vonage().body), NOW)


def test_vonage_has_signed_another_body() -> None:
    assert "another body" in refused(Vonage(LONG), by_vonage(other=b'{"uuid": "C2"}'))


@pytest.mark.parametrize("digest", [None, "", 7, "None"])
def test_vonage_has_not_signed_the_body(digest: Any) -> None:
    refused(Vonage(LONG), by_vonage(payload_hash=digest))


@pytest.mark.parametrize("later", [301, -301, 1e9])
def test_vonage_has_signed_at_another_time(later: float) -> None:
    assert "not now" in refused(Vonage(LONG), by_vonage(), NOW + later)


@pytest.mark.parametrize(
    "iat", [None, "1700000000", [1], {}, True, float("nan"), float("inf"), 10**400]
)
def test_a_time_of_vonage_that_is_none(iat: Any) -> None:
    refused(Vonage(LONG), by_vonage(iat=iat))


@pytest.mark.parametrize("algorithm", ["none", "HS384", "HS512"])
def test_vonage_signs_by_one_algorithm_only(algorithm: str) -> None:
    secret = LONG * 2
    refused(Vonage(secret), by_vonage(secret=secret, algorithm=algorithm))


def test_vonage_has_another_secret() -> None:
    refused(Vonage(LONG), by_vonage(secret=LONG.upper()))


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a.b.c", "Bearer é", "Bearer e30.e30."]
)
def test_a_token_of_vonage_that_is_none(given: str) -> None:
    pytest.importorskip("jwt")
    refused(Vonage(LONG), CarrierRequest("POST", URL, {"authorization": given}))


def test_a_request_of_vonage_without_a_token() -> None:
    pytest.importorskip("jwt")
    assert "Bearer" in refused(Vonage(LONG), CarrierRequest("POST", URL))


@pytest.mark.parametrize("depth", [100, 10_000])
def test_a_token_of_vonage_that_is_very_deep(depth: int) -> None:
    pytest.importorskip("jwt")
    deep = base64.urlsafe_b64encode(b"[" * depth + b"]" * depth).decode().rstrip("=")
    refused(Vonage(LONG), CarrierRequest("POST", URL, {"authorization": f"Bearer {deep}.e30.AA"}))


def test_the_claims_of_a_token_are_as_json_has_them() -> None:
    claims = by_vonage().headers["authorization"].split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(claims + "=="))["iat"] == NOW
