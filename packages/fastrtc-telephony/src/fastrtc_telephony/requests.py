"""A carrier's webhook as Starlette gives it, of a bounded length."""

from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from fastrtc_core import ProtocolError
from fastrtc_telephony.carrier import CarrierRequest

LONGEST_BODY: Final = 64 * 1024
MOST_FIELDS: Final = 200
FORM: Final = "application/x-www-form-urlencoded"


async def carrier_request(request: Request, url: str) -> CarrierRequest:
    """Return a webhook.

    Args:
        request: It.
        url: As the carrier has used it.

    Raises:
        ProtocolError: It is too long, or its form can't be read.

    """
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LONGEST_BODY:
            raise ProtocolError("too_large", f"a webhook of more than {LONGEST_BODY} bytes")
    form: list[tuple[str, str]] = []
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM:
        try:
            form = parse_qsl(
                body.decode("ascii"),
                keep_blank_values=True,
                max_num_fields=MOST_FIELDS,
                errors="strict",
            )
        except ValueError as error:
            raise ProtocolError("bad_form", f"the webhook's form can't be read: {error}") from None
    return CarrierRequest(
        request.method,
        url,
        dict(request.headers),
        request.query_params.multi_items(),
        form,
        bytes(body),
    )
