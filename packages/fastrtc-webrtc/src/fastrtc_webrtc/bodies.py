"""JSON objects that clients send: read without trust, and errors that say which field is wrong."""

import json
from collections.abc import Mapping
from reprlib import repr as shortened
from typing import Final

from fastrtc_core import ProtocolError
from fastrtc_core.messages import JSON

Fields = Mapping[str, JSON]


def read_object(text: str, code: str) -> dict[str, JSON]:
    """Return the JSON object that a text is.

    Args:
        text: The text.
        code: Of the error.

    Raises:
        ProtocolError: It is no JSON (RFC 8259), nested too deep to be read, or no object.

    """
    try:
        value: JSON = _JSON.decode(text)
    except (ValueError, RecursionError):
        raise ProtocolError(code, f"not JSON: {shortened(text)}") from None
    if not isinstance(value, dict):
        raise ProtocolError(code, f"not a JSON object: {shortened(value)}")
    return value


def size_of(value: JSON, code: str) -> int:
    """Return the length of a value as JSON, in bytes.

    Raises:
        ProtocolError: It can't be written again, being nested too deep.

    """
    try:
        return len(json.dumps(value))
    except RecursionError:
        raise ProtocolError(code, "a value is nested too deep") from None


def wrong_field(code: str, name: str, expected: str, value: JSON) -> ProtocolError:
    """Return the error for a field that is not what it should be."""
    return ProtocolError(code, f"{name} must be {expected}, not {shortened(value)}")


def _refuse_constant(name: str) -> JSON:
    raise ValueError(f"{name} is no JSON")


_JSON: Final = json.JSONDecoder(parse_constant=_refuse_constant)  # NaN and the infinities
