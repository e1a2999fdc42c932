"""WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): publishing and watching without a page.

OBS, ffmpeg, GStreamer and players speak them: an offer is posted as it is, the answer names a
resource by which candidates are told, ICE is restarted and the session is ended. The resource's
path holds the session's id and token, so that nobody else can use it.
"""

import logging
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fastrtc_core import AdmissionError, ProtocolError, UnknownSessionError
from fastrtc_webrtc.connection import Connection
from fastrtc_webrtc.fragments import Fragment, format_fragment, parse_fragment
from fastrtc_webrtc.http import failed, read_body
from fastrtc_webrtc.iceservers import ConfigurationError
from fastrtc_webrtc.links import link_headers
from fastrtc_webrtc.protocol import from_admission

if TYPE_CHECKING:
    from fastrtc_webrtc.transport import WebRTCTransport

logger = logging.getLogger("fastrtc_webrtc")

SDP: Final = "application/sdp"
FRAGMENT: Final = "application/trickle-ice-sdpfrag"

ANY_ENTITY: Final = ("*", '"*"')
"""What If-Match says in a restart: with quotes in RFC 9725 section 4.3.3, without in RFC 9110."""

CREATED: Final = 201
NO_CONTENT: Final = 204
FORBIDDEN: Final = 403
PRECONDITION_FAILED: Final = 412
UNSUPPORTED_MEDIA_TYPE: Final = 415
UNAVAILABLE: Final = 503


class WhipRoutes:
    """The routes of publishers and players.

    Args:
        transport: Whose routes.

    """

    def __init__(self, transport: "WebRTCTransport") -> None:
        self._transport = transport

    async def publish(self, request: Request) -> Response:
        """Take the offer of a publisher (WHIP)."""
        if self._transport.stream.mode == "receive":
            return _refused(FORBIDDEN, "this stream takes nothing; it is watched by WHEP")
        return await self._open(request, None)

    async def watch(self, request: Request) -> Response:
        """Take the offer of a player (WHEP): of the stream, or of what a publisher is sent by it.

        Which publisher: the one whose session id the path ends with, or else the newest.
        """
        stream, signalling = self._transport.stream, self._transport.signalling
        watched: str | None = request.path_params.get("watched")
        if stream.mode == "send":
            return _refused(FORBIDDEN, "this stream sends nothing; it is published to by WHIP")
        if stream.mode == "receive":
            return await self._open(request, None)
        watched = watched or signalling.newest
        if watched is None:
            return failed("unknown_session", "nobody publishes at the moment")
        return await self._open(request, watched)

    async def change(self, request: Request) -> Response:
        """Take candidates, or restart ICE."""
        body = await self._body(request, FRAGMENT)
        if isinstance(body, Response):
            return body
        try:
            fragment = parse_fragment(body)
            connection = self._connection(request)
            if fragment.ufrag not in (None, connection.offer.transport.ufrag):
                return await self._restart(request, fragment.ufrag, fragment)
            connection.add_candidates(fragment.candidates)
        except ProtocolError as error:
            return failed(error.code, error.message)
        except UnknownSessionError as error:
            return failed("unknown_session", str(error))
        return Response(status_code=NO_CONTENT)

    async def end(self, request: Request) -> Response:
        """End the session."""
        try:
            self._connection(request).leave()
        except UnknownSessionError as error:
            return failed("unknown_session", str(error))
        return Response(status_code=200)

    async def _open(self, request: Request, watched: str | None) -> Response:
        body = await self._body(request, SDP)
        if isinstance(body, Response):
            return body
        transport = self._transport
        try:
            answer, client = await transport.signalling.offer(
                transport.who(request), body, watch=watched
            )
        except ProtocolError as error:
            return failed(error.code, error.message)
        except AdmissionError as error:
            status, content = from_admission(error)
            # RFC 9725 section 4.5: a server that is full says so by its status.
            return JSONResponse(content, UNAVAILABLE if status == 200 else status)
        except UnknownSessionError as error:
            return failed("unknown_session", str(error))
        resource = f"/webrtc/resource/{client.session_id}/{client.token}"
        response = Response(answer, CREATED, media_type=SDP)
        response.headers["Location"] = _prefix(request) + resource
        response.headers["ETag"] = f'"{client.offer.transport.ufrag}"'
        response.headers["Accept-Patch"] = FRAGMENT
        for link in await self._links():
            response.headers.append("Link", link)
        return response

    async def _restart(self, request: Request, ufrag: str, fragment: Fragment) -> Response:
        if request.headers.get("if-match") not in ANY_ENTITY:
            return _refused(PRECONDITION_FAILED, 'an ICE restart needs the field If-Match: "*"')
        if fragment.pwd is None:
            return failed("bad_sdp", "an ICE restart needs a new password: a=ice-pwd")
        connection = self._connection(request)
        agent = await connection.restart_ice(ufrag, fragment.pwd)
        connection.add_candidates(fragment.candidates)
        mids = [section.mid for section in connection.offer.sections if section.use != "rejected"]
        body = format_fragment(
            agent.local_username,
            agent.local_password,
            mids[0] or "0",
            (candidate.to_sdp() for candidate in agent.local_candidates),
        )
        return Response(body, media_type=FRAGMENT, headers={"ETag": f'"{ufrag}"'})

    def _connection(self, request: Request) -> Connection:
        session_id, token = request.path_params["id"], request.path_params["token"]
        return self._transport.signalling.get(session_id, token)

    async def _body(self, request: Request, media_type: str) -> str | Response:
        sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if sent != media_type:
            return _refused(UNSUPPORTED_MEDIA_TYPE, f"the body must be {media_type}, not {sent!r}")
        body = await read_body(request, self._transport.settings.max_sdp_bytes)
        return body if isinstance(body, Response) else body.decode(errors="replace")

    async def _links(self) -> list[str]:
        try:
            configuration = await self._transport.signalling.client_configuration.get()
        except ConfigurationError as error:
            logger.warning("a client was given no ICE servers: %s", error)
            return []
        return link_headers((configuration or {}).get("iceServers", []))


def _prefix(request: Request) -> str:
    """Return where the stream is mounted, whatever is mounted on what."""
    root, path = request.scope.get("root_path", ""), request.scope["path"]
    whole: str = path if path.startswith(root) else root + path
    watched = request.path_params.get("watched")
    ending = f"/whep/{watched}" if watched else whole[whole.rindex("/") :]
    return whole.removesuffix(ending)


def _refused(status: int, message: str) -> Response:
    return JSONResponse({"detail": message}, status)
