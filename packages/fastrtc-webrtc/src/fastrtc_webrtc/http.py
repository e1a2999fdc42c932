"""What the routes have in common: bodies of a bounded length, and failures."""

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from fastrtc_webrtc.protocol import failure


def failed(code: str, message: str) -> Response:
    """Return the answer to a request that failed, in the form of `fastrtc_webrtc.protocol`."""
    status, body = failure(code, message)
    return JSONResponse(body, status)


async def read_body(request: Request, most: int) -> bytes | Response:
    """Return the body of a request, or the answer if it is longer than `most` bytes."""
    body = b""
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > most:
                return failed("too_large", f"at most {most} bytes are taken")
    except ClientDisconnect:
        return failed("bad_request", "the body was cut off")
    return body
