import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrtc_core import (
    AdmissionError,
    ConcurrencyLimitError,
    IdInUseError,
    ProtocolError,
    UnauthorizedError,
    WorkersExhaustedError,
)
from fastrtc_webrtc.protocol import (
    MOST_METADATA_BYTES,
    STATUSES,
    SUCCESS,
    ByeRequest,
    CandidateRequest,
    OfferRequest,
    answer,
    failure,
    from_admission,
    from_error,
    parse_request,
)
from fastrtc_webrtc.testing.mutations import mutations

OFFER = {"sdp": "v=0", "type": "offer", "webrtc_id": "k3x9q"}
HOST = "candidate:0 1 UDP 2122252543 192.168.1.40 47512 typ host"
CANDIDATE: dict[str, Any] = {
    "type": "ice-candidate",
    "webrtc_id": "k3x9q",
    "candidate": {
        "candidate": HOST,
        "sdpMid": "0",
        "sdpMLineIndex": 0,
        "usernameFragment": "nVpX",
    },
}
BYE = {"type": "bye", "webrtc_id": "k3x9q", "token": "secret"}

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def parse(body: Any, content_type: str | None = "application/json") -> Any:
    return parse_request(body if isinstance(body, str | bytes) else json.dumps(body), content_type)


def refusal(body: Any, content_type: str | None = "application/json") -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        parse(body, content_type)
    return caught.value


# Requests


def test_documented_offer() -> None:
    assert parse(OFFER) == OfferRequest("v=0", "k3x9q")


def test_offer_with_everything() -> None:
    request = parse(
        {
            **OFFER,
            "metadata": {"name": "Ada"},
            "wants": ["speech"],
            "token": "secret",
            "unknown": [1],
        }
    )
    assert request == OfferRequest("v=0", "k3x9q", {"name": "Ada"}, frozenset({"speech"}), "secret")


def test_an_offer_may_leave_the_id_to_the_server() -> None:
    assert parse({"sdp": "v=0", "type": "offer"}).webrtc_id is None
    assert parse({**OFFER, "webrtc_id": None}).webrtc_id is None


def test_optional_fields_may_be_null() -> None:
    body = {**OFFER, "metadata": None, "wants": None, "token": None}
    assert parse(body) == OfferRequest("v=0", "k3x9q")


def test_candidate() -> None:
    request = parse({**CANDIDATE, "token": "secret"})
    assert isinstance(request, CandidateRequest)
    assert (request.webrtc_id, request.mline_index, request.token) == ("k3x9q", 0, "secret")
    assert request.candidate is not None
    assert request.candidate.port == 47512
    assert (request.candidate.mid, request.candidate.ufrag) == ("0", "nVpX")


def test_a_candidate_may_be_its_text_alone() -> None:
    request = parse({**CANDIDATE, "candidate": HOST})
    assert (request.candidate.address, request.candidate.mid) == ("192.168.1.40", None)


def test_what_the_candidate_says_of_its_generation_counts() -> None:
    fields = {**CANDIDATE["candidate"], "candidate": f"{HOST} ufrag Abcd"}
    assert parse({**CANDIDATE, "candidate": fields}).candidate.ufrag == "Abcd"


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        {"candidate": ""},
        {"candidate": None},
        {},
        {"candidate": "", "sdpMid": "0", "sdpMLineIndex": 0, "usernameFragment": None},
    ],
)
def test_end_of_candidates(value: Any) -> None:
    request = parse({**CANDIDATE, "candidate": value})
    assert isinstance(request, CandidateRequest)
    assert request.candidate is None


def test_bye() -> None:
    assert parse(BYE) == ByeRequest("k3x9q", "secret")


@pytest.mark.parametrize("content_type", ["text/plain", "text/plain;charset=UTF-8", None, ""])
def test_a_bye_may_be_plain_text(content_type: str | None) -> None:
    assert parse(BYE, content_type) == ByeRequest("k3x9q", "secret")


@pytest.mark.parametrize("body", [OFFER, CANDIDATE])
def test_nothing_else_may_be_plain_text(body: Any) -> None:
    assert "only a bye may be plain text" in refusal(body, "text/plain").message
    assert parse(body, "Application/JSON; charset=utf-8")
    assert parse(body, None)


def test_other_types_of_bodies_are_refused() -> None:
    error = refusal(OFFER, "application/x-www-form-urlencoded")
    assert error.code == "bad_request"
    assert "application/json is expected" in error.message


def test_bytes_are_utf8() -> None:
    body = json.dumps({**OFFER, "metadata": {"name": "Zoë"}}, ensure_ascii=False)
    assert parse(body.encode()).metadata == {"name": "Zoë"}
    assert "UTF-8" in refusal(body.encode("latin-1")).message


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        "1",
        '"offer"',
        "{",
        '{"type": NaN}',
        "{}",
        {"type": None},
        {"type": ["offer"]},
        {"type": "answer"},
        "[" * 100_000,
        '{"type": "offer", "sdp": "v=0", "metadata": ' + '{"a":' * 100_000,
        '{"type": ' + "9" * 5000 + "}",
    ],
)
def test_bodies_that_are_no_requests(body: Any) -> None:
    assert refusal(body).code == "bad_request"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sdp", None),
        ("sdp", ""),
        ("sdp", 1),
        ("webrtc_id", ""),
        ("webrtc_id", 1),
        ("webrtc_id", "x" * 129),
        ("webrtc_id", "two words"),
        ("webrtc_id", "../etc"),
        ("webrtc_id", "é"),
        ("webrtc_id", "line\n"),
        ("metadata", []),
        ("metadata", "x"),
        ("metadata", {"x": "y" * MOST_METADATA_BYTES}),
        ("wants", "speech"),
        ("wants", [1]),
        ("wants", ["a", "a"]),
        ("wants", [str(number) for number in range(100)]),
        ("token", 1),
        ("token", ""),
        ("token", "x" * 257),
        ("token", "two words"),
    ],
)
def test_a_wrong_field_of_an_offer_is_named(field: str, value: Any) -> None:
    error = refusal({**OFFER, field: value})
    assert error.code == "bad_request"
    assert error.message.startswith(field)


def test_a_wrong_token_is_not_shown() -> None:
    assert "hush hush" not in refusal({**OFFER, "token": "hush hush"}).message


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("candidate", 1),
        ("candidate", ["x"]),
        ("sdpMid", 0),
        ("sdpMid", "x" * 65),
        ("sdpMLineIndex", -1),
        ("sdpMLineIndex", 65_536),
        ("sdpMLineIndex", True),
        ("sdpMLineIndex", 0.0),
        ("sdpMLineIndex", "0"),
        ("usernameFragment", "a b"),
        ("usernameFragment", 4),
    ],
)
def test_a_wrong_field_of_a_candidate_is_named(field: str, value: Any) -> None:
    error = refusal({**CANDIDATE, "candidate": {**CANDIDATE["candidate"], field: value}})
    assert error.code == "bad_request"
    assert error.message.startswith(field)


def test_a_candidate_that_is_none() -> None:
    assert refusal({**CANDIDATE, "candidate": "hello"}).code == "bad_candidate"
    body = {name: value for name, value in CANDIDATE.items() if name != "candidate"}
    assert refusal(body).message == "candidate is missing; null says that there are no more"


@pytest.mark.parametrize("body", [CANDIDATE, BYE])
def test_an_id_is_needed(body: dict[str, Any]) -> None:
    error = refusal({name: value for name, value in body.items() if name != "webrtc_id"})
    assert error.message.startswith("webrtc_id must be")


@settings(deadline=None)  # the machine may be busy
@given(
    st.sampled_from([OFFER, CANDIDATE, BYE]),
    st.sampled_from(["type", "sdp", "webrtc_id", "metadata", "wants", "token", "candidate"]),
    JSON_VALUES,
)
def test_any_value_in_any_field(body: dict[str, Any], field: str, value: Any) -> None:
    try:
        parse({**body, field: value})
    except ProtocolError as error:
        assert STATUSES[error.code] == 400  # noqa: PT017 - some of these bodies pass


@settings(deadline=None)  # the machine may be busy
@given(st.binary() | st.text())
def test_any_body(body: bytes | str) -> None:
    with pytest.raises(ProtocolError):
        parse(body)


@pytest.mark.parametrize("body", [OFFER, CANDIDATE, BYE])
def test_mutated_bodies(body: dict[str, Any]) -> None:
    text = json.dumps(body, indent=0)
    for mutated in mutations(text, seed=3, count=1000):
        try:
            parse(mutated)
            parse(mutated.encode(errors="surrogatepass"))
        except ProtocolError as error:
            assert STATUSES[error.code] == 400  # noqa: PT017 - some of these bodies pass


# Answers


def test_answers() -> None:
    assert answer("v=0", "k3x9q", "secret") == {
        "sdp": "v=0",
        "type": "answer",
        "webrtc_id": "k3x9q",
        "token": "secret",
    }
    assert SUCCESS == {"status": "success"}


def test_failure() -> None:
    assert failure("unknown_session", "no live session", webrtc_id="x") == (
        404,
        {
            "status": "failed",
            "meta": {"error": "unknown_session", "message": "no live session", "webrtc_id": "x"},
        },
    )
    assert from_error(ProtocolError("bad_sdp", "why"))[0] == 400
    assert from_error(ProtocolError("something_else", "why"))[0] == 400


class UnheardOfError(AdmissionError):
    code = "unheard_of"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ConcurrencyLimitError(10), 200, "concurrency_limit_reached"),
        (UnauthorizedError("no ticket"), 401, "unauthorized"),
        (IdInUseError("k3x9q"), 409, "id_in_use"),
        (WorkersExhaustedError(40), 503, "workers_exhausted"),
        (AdmissionError("no"), 403, "refused"),
        (UnheardOfError("no"), 403, "refused"),
    ],
)
def test_clients_that_are_not_let_in(error: AdmissionError, status: int, code: str) -> None:
    found, body = from_admission(error)
    assert found == status
    meta = body["meta"]
    assert isinstance(meta, dict)
    assert (meta["error"], meta["message"]) == (code, str(error))


def test_the_documented_refusal() -> None:
    _, body = from_admission(ConcurrencyLimitError(10))
    assert body["status"] == "failed"
    assert isinstance(body["meta"], dict)
    assert body["meta"]["limit"] == 10
