"""A stream's WebRTC routes in a web application."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Router

from fastrtc_core import (
    AdmissionError,
    ConnectionRequest,
    ProtocolError,
    Stream,
    UnknownSessionError,
)
from fastrtc_core.messages import JSON
from fastrtc_webrtc.candidates import client_address
from fastrtc_webrtc.connection import TRANSPORT
from fastrtc_webrtc.iceservers import ConfigurationError
from fastrtc_webrtc.libopus import libopus
from fastrtc_webrtc.protocol import (
    SUCCESS,
    CandidateRequest,
    OfferRequest,
    SignallingRequest,
    answer,
    failure,
    from_admission,
    from_error,
    parse_request,
)
from fastrtc_webrtc.routes import add_routes
from fastrtc_webrtc.settings import WebRTCSettings
from fastrtc_webrtc.signalling import Signalling

logger = logging.getLogger("fastrtc_webrtc")

Reply = tuple[int, Mapping[str, JSON]]
"""An HTTP status and the JSON that goes with it."""

INTERNAL: Final = "negotiation_failed"


class WebRTCTransport:
    """Serves a stream over WebRTC.

    Found by `Stream.mount` and `Stream.offer` under the name ``webrtc``. Its settings are
    ``Stream(transport_settings={"webrtc": WebRTCSettings(...)})``.

    Args:
        stream: What is served.

    Raises:
        TypeError: The settings are no `WebRTCSettings`.
        ValueError: The stream's RTC configurations or RTP parameters can't be used.
        ImportError: There is no libopus.

    """

    def __init__(self, stream: Stream) -> None:
        settings = stream.transport_settings.get(TRANSPORT, WebRTCSettings())
        if not isinstance(settings, WebRTCSettings):
            raise TypeError(f"the settings of webrtc are WebRTCSettings(...), not {settings!r}")
        if stream.modality != "video":
            libopus()  # a missing library shows now, and not when the first client speaks
        self.stream: Final = stream
        self.signalling: Final = Signalling(stream, settings)

    @property
    def settings(self) -> WebRTCSettings:
        """What was set."""
        return self.signalling.settings

    def mount(self, app: object, path: str, tags: list[str] | None) -> None:
        """Add the routes below `path`, see `fastrtc_webrtc.routes`.

        The sessions end when the application shuts down.

        Args:
            app: A Starlette or FastAPI application, or a router of either.
            path: Prefix of the routes.
            tags: FastAPI: tags of the routes in its documentation.

        Raises:
            TypeError: The application is neither.

        """
        if not isinstance(app, Starlette | Router):
            raise TypeError(
                f"a stream is mounted on a Starlette or FastAPI application, not {app!r}"
            )
        add_routes(self, app, path, tags)
        router = app.router if isinstance(app, Starlette) else app
        _end_with(router, self.signalling)

    async def offer(self, body: object, request: Request | None = None) -> Mapping[str, JSON]:
        """Do what a signalling request asks for, and return the JSON to answer with.

        For a route of the application's own. Failures have the form of the protocol; who wants
        their HTTP status too uses the routes that `mount` adds.

        Args:
            body: A dict, JSON text, or a pydantic model of the same content.
            request: Who asks. Without it nothing is known of the client, and addresses on this
                machine or in private networks are neither offered to it nor taken from it.

        """
        who = self.who(request) if request is not None else ConnectionRequest(TRANSPORT)
        _, reply = await self.reply(_text(body), None, who)
        return reply

    def throttled(self, client: str | None) -> Reply | None:
        """Count a request of a client's address; the refusal if there were too many of late."""
        if self.signalling.limiter.allow(client, asyncio.get_running_loop().time()):
            return None
        return failure("too_many_requests", "too many requests; try again in a moment")

    async def configuration(self) -> Reply:
        """Return what a page needs to know to connect."""
        stream = self.stream
        try:
            configuration = await self.signalling.client_configuration.get()
        except ConfigurationError:
            return failure("configuration_failed", "the server has no ICE configuration to give")
        return 200, {
            "rtcConfiguration": configuration,
            "trackConstraints": stream.track_constraints,
            "rtpParams": stream.rtp_params,
            "mode": stream.mode,
            "modality": stream.modality,
        }

    def who(self, request: Request) -> ConnectionRequest:
        """Return who has sent an HTTP request."""
        headers = request.headers
        return ConnectionRequest(
            transport=TRANSPORT,
            client=client_address(
                request.client.host if request.client else None,
                ", ".join(headers.getlist("x-forwarded-for")) or None,
                self.settings.trusted_proxies,
            ),
            path=request.url.path,
            headers=dict(headers),
            query=dict(request.query_params),
        )

    async def reply(
        self, body: bytes | str, content_type: str | None, who: ConnectionRequest
    ) -> Reply:
        """Do what the body of a signalling request asks for.

        Args:
            body: What was sent, of a length that was checked.
            content_type: The Content-Type field, if there is one.
            who: Who asks.

        """
        try:
            return await self._done(parse_request(body, content_type), who)
        except ProtocolError as error:
            logger.info("a signalling request was wrong: %s", error)
            return from_error(error)
        except AdmissionError as error:
            logger.info("a client was refused: %s", error)
            return from_admission(error)
        except UnknownSessionError as error:
            return failure("unknown_session", str(error))
        except Exception:
            logger.exception("an offer could not be answered")
            return failure(INTERNAL, "the server met an error while it answered")

    async def _done(self, asked: SignallingRequest, who: ConnectionRequest) -> Reply:
        if isinstance(asked, OfferRequest):
            who = _with(who, asked)
            sdp, client = await self.signalling.offer(who, asked.sdp, asked.webrtc_id, asked.token)
            return 200, answer(sdp, client.session_id, client.token)
        if isinstance(asked, CandidateRequest):
            candidates = [] if asked.candidate is None else [asked.candidate]
            await self.signalling.add_candidates(asked.webrtc_id, candidates)
        else:
            self.signalling.leave(asked.webrtc_id, asked.token or "")
        return 200, SUCCESS


def _with(who: ConnectionRequest, asked: OfferRequest) -> ConnectionRequest:
    return ConnectionRequest(
        transport=who.transport,
        client=who.client,
        path=who.path,
        headers=who.headers,
        query=who.query,
        metadata=asked.metadata,
        wants=asked.wants,
    )


def _text(body: object) -> bytes | str:
    """Return a body as JSON, whatever a framework has made of it."""
    if isinstance(body, bytes | str):
        return body
    dump = getattr(body, "model_dump", None)
    fields: Any = dump(exclude_none=False) if callable(dump) else body
    return json.dumps(fields)


def _end_with(router: Router, signalling: Signalling) -> None:
    """Have the sessions end when an application does."""
    inner = router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[Any]:
        async with inner(app) as state:
            try:
                yield state
            finally:
                await signalling.close()

    router.lifespan_context = lifespan
