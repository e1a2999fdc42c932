"""Signalling: bodies of requests in, typed requests out; results in, JSON out.

One route takes all of it, ``POST {path}/webrtc/offer``; the type says what a body is::

    client                                                          request
    {"type": "offer", "sdp", "webrtc_id"?, "metadata"?, "wants"?, "token"?}     OfferRequest
    {"type": "ice-candidate", "webrtc_id", "candidate": {...} | null, "token"?} CandidateRequest
    {"type": "bye", "webrtc_id", "token"?}                                      ByeRequest

What else a body has is ignored. A failure is
``{"status": "failed", "meta": {"error": code, "message": sentence, ...facts}}``.

The rest of what is said between client and server is next door, and named here too: messages on
the data channel (`channel`), fragments with candidates (`fragments`), links to ICE servers
(`links`).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from reprlib import repr as shortened
from typing import Final

from fastrtc_core import AdmissionError, ConcurrencyLimitError, ProtocolError
from fastrtc_core.messages import JSON
from fastrtc_webrtc.bodies import Fields, read_object, size_of, wrong_field
from fastrtc_webrtc.candidates import Candidate, parse_candidate
from fastrtc_webrtc.channel import (
    LONGEST_MESSAGE,
    PONG,
    AppMessage,
    ChannelEvent,
    Inputs,
    Ping,
    Stop,
    error_message,
    parse_message,
)
from fastrtc_webrtc.fragments import Fragment, format_fragment, parse_fragment
from fastrtc_webrtc.links import link_headers
from fastrtc_webrtc.sdp import TOKEN

STATUSES: Final[Mapping[str, int]] = {
    "concurrency_limit_reached": 200,  # as documented; every other failure has a status of its own
    "bad_request": 400,
    "bad_sdp": 400,
    "bad_candidate": 400,
    "unauthorized": 401,
    "origin_not_allowed": 403,
    "refused": 403,
    "unknown_session": 404,
    "id_in_use": 409,
    "too_large": 413,
    "too_many_requests": 429,
    "negotiation_failed": 500,
    "configuration_failed": 500,
    "workers_exhausted": 503,
}
"""HTTP status of every failure."""

SUCCESS: Final[Mapping[str, JSON]] = {"status": "success"}
"""Answer to a candidate and to a bye."""

MOST_METADATA_BYTES: Final = 16_384
"""Length of metadata as JSON."""

MOST_WANTS: Final = 32
HIGHEST_INDEX: Final = 65_535  # sdpMLineIndex is an unsigned short

_ID: Final = re.compile(r"[A-Za-z0-9._~-]{1,128}")
_SECRET: Final = re.compile(r"[!-~]{1,256}")
_UFRAG: Final = re.compile(r"[A-Za-z0-9+/]{4,256}")


@dataclass(frozen=True, slots=True)
class OfferRequest:
    """A client opens a session, or negotiates one anew."""

    sdp: str
    """Not checked yet."""

    webrtc_id: str | None = None
    """The id that the client chose."""

    metadata: Mapping[str, JSON] = field(default_factory=dict)
    """What the client says of itself."""

    wants: frozenset[str] = frozenset()
    """Optional message types to send."""

    token: str | None = None
    """What proves that a live session of this id is the client's own."""


@dataclass(frozen=True, slots=True)
class CandidateRequest:
    """A client tells one of its candidates, or that there are no more."""

    webrtc_id: str
    candidate: Candidate | None
    """None: there are no more."""

    mline_index: int | None = None
    """Index of the media section; its mid is the candidate's."""

    token: str | None = None


@dataclass(frozen=True, slots=True)
class ByeRequest:
    """A client ends its session."""

    webrtc_id: str
    token: str | None = None


SignallingRequest = OfferRequest | CandidateRequest | ByeRequest


def parse_request(body: bytes | str, content_type: str | None = None) -> SignallingRequest:
    """Read the body of a request.

    Args:
        body: The body, of a length that the caller has checked.
        content_type: The Content-Type field. JSON is expected; plain text only of a bye, which a
            page that is being closed can send in no other way; where there is none, anything.

    Raises:
        ProtocolError: ``bad_request`` or ``bad_candidate``.

    """
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type not in ("", "application/json", "text/plain"):
        raise _bad(
            f"a body of the type {shortened(media_type)}, where application/json is expected"
        )
    try:
        text = body if isinstance(body, str) else body.decode()
    except UnicodeDecodeError:
        raise _bad("the body is not UTF-8") from None
    fields = read_object(text, "bad_request")
    kind = fields.get("type")
    read = _READERS.get(kind) if isinstance(kind, str) else None
    if read is None:
        raise _bad(f"type must be {', '.join(_READERS)}, not {shortened(kind)}")
    if media_type == "text/plain" and kind != "bye":
        raise _bad("only a bye may be plain text; send application/json")
    return read(fields)


def answer(sdp: str, webrtc_id: str, token: str) -> dict[str, JSON]:
    """Return the body that answers an offer."""
    return {"sdp": sdp, "type": "answer", "webrtc_id": webrtc_id, "token": token}


def failure(code: str, message: str, **facts: JSON) -> tuple[int, dict[str, JSON]]:
    """Return the status and the body of a failure.

    Args:
        code: One of `STATUSES`; others have the status 400.
        message: What was wrong, in a sentence.
        facts: What programs may want to know.

    """
    body: dict[str, JSON] = {
        "status": "failed",
        "meta": {**facts, "error": code, "message": message},
    }
    return STATUSES.get(code, 400), body


def from_error(error: ProtocolError) -> tuple[int, dict[str, JSON]]:
    """Return the status and the body for a request that was wrong."""
    return failure(error.code, error.message)


def from_admission(error: AdmissionError) -> tuple[int, dict[str, JSON]]:
    """Return the status and the body for a client that is not let in."""
    facts: dict[str, JSON] = {}
    if isinstance(error, ConcurrencyLimitError):
        facts["limit"] = error.limit
    code = error.code if error.code in STATUSES else "refused"
    return failure(code, str(error), **facts)


def _offer(fields: Fields) -> OfferRequest:
    sdp = fields.get("sdp")
    if not isinstance(sdp, str) or not sdp:
        raise _wrong("sdp", "a session description", sdp)
    return OfferRequest(
        sdp=sdp,
        webrtc_id=_session_id(fields) if fields.get("webrtc_id") is not None else None,
        metadata=_metadata(fields),
        wants=_wants(fields),
        token=_token(fields),
    )


def _candidate(fields: Fields) -> CandidateRequest:
    webrtc_id, token = _session_id(fields), _token(fields)
    if "candidate" not in fields:
        raise _bad("candidate is missing; null says that there are no more")
    value = fields["candidate"]
    described = value if isinstance(value, dict) else {"candidate": value}
    text = described.get("candidate")
    if text is not None and not isinstance(text, str):
        raise _wrong("candidate", "the text of a candidate, or null", text)
    index = described.get("sdpMLineIndex")
    if index is not None and not (type(index) is int and 0 <= index <= HIGHEST_INDEX):
        raise _wrong("sdpMLineIndex", f"0 to {HIGHEST_INDEX}", index)
    mid = _optional(described, "sdpMid", TOKEN, "a mid of 1 to 64 characters")
    ufrag = _optional(described, "usernameFragment", _UFRAG, "4 to 256 letters, digits, + or /")
    if not text:  # end of candidates, as browsers write it
        return CandidateRequest(webrtc_id, None, index, token)
    found = parse_candidate(text, mid)
    if found.ufrag is None:
        found = replace(found, ufrag=ufrag)
    return CandidateRequest(webrtc_id, found, index, token)


def _bye(fields: Fields) -> ByeRequest:
    return ByeRequest(_session_id(fields), _token(fields))


def _session_id(fields: Fields) -> str:
    value = fields.get("webrtc_id")
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise _wrong("webrtc_id", "1 to 128 letters, digits, or . _ ~ -", value)
    return value


def _token(fields: Fields) -> str | None:
    value = fields.get("token")
    if value is None:
        return None
    if not isinstance(value, str) or not _SECRET.fullmatch(value):  # which is not shown
        raise _bad("token must be 1 to 256 printable ASCII characters")
    return value


def _metadata(fields: Fields) -> Mapping[str, JSON]:
    value = fields.get("metadata")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong("metadata", "an object", value)
    size = size_of(value, "bad_request")
    if size > MOST_METADATA_BYTES:
        raise _bad(f"metadata of {size} bytes, where {MOST_METADATA_BYTES} are allowed")
    return value


def _wants(fields: Fields) -> frozenset[str]:
    value = fields.get("wants")
    if value is None:
        return frozenset()
    if not isinstance(value, list) or len(value) > MOST_WANTS:
        raise _wrong("wants", f"a list of {MOST_WANTS} strings at most", value)
    wants = frozenset(item for item in value if isinstance(item, str))
    if len(wants) != len(value):
        raise _wrong("wants", "a list of different strings", value)
    return wants


def _optional(fields: Fields, name: str, pattern: re.Pattern[str], expected: str) -> str | None:
    value = fields.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _wrong(name, expected, value)
    return value


def _bad(message: str) -> ProtocolError:
    return ProtocolError("bad_request", message)


def _wrong(name: str, expected: str, value: JSON) -> ProtocolError:
    return wrong_field("bad_request", name, expected, value)


_READERS: Final[Mapping[str, Callable[[Fields], SignallingRequest]]] = {
    "offer": _offer,
    "ice-candidate": _candidate,
    "bye": _bye,
}

__all__ = [
    "LONGEST_MESSAGE",
    "PONG",
    "STATUSES",
    "SUCCESS",
    "AppMessage",
    "ByeRequest",
    "CandidateRequest",
    "ChannelEvent",
    "Fragment",
    "Inputs",
    "OfferRequest",
    "Ping",
    "SignallingRequest",
    "Stop",
    "answer",
    "error_message",
    "failure",
    "format_fragment",
    "from_admission",
    "from_error",
    "link_headers",
    "parse_fragment",
    "parse_message",
    "parse_request",
]
