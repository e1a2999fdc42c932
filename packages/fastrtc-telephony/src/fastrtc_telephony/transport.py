"""A stream's telephone routes in a web application."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, Router, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from fastrtc_core import (
    AdmissionError,
    ConnectionRequest,
    FastRTCError,
    MissingPackageError,
    ProtocolError,
    Stream,
)
from fastrtc_core.asgi import Socket
from fastrtc_core.transport import TELEPHONE
from fastrtc_telephony.addresses import public_url, stream_url
from fastrtc_telephony.carrier import TOKEN, Answer, Carrier, CarrierRequest, time_of_day
from fastrtc_telephony.connection import CLOSING, Connection
from fastrtc_telephony.errors import ConfigurationError, SignatureError, TicketError
from fastrtc_telephony.events import CallInfo
from fastrtc_telephony.requests import carrier_request
from fastrtc_telephony.settings import INSECURE, TelephoneSettings
from fastrtc_telephony.tickets import Tickets

logger = logging.getLogger("fastrtc_telephony")

HANDLER: Final = "/telephone/handler"

BAD_REQUEST: Final = 400
FORBIDDEN: Final = 403
UNAVAILABLE: Final = 503


class TelephoneTransport:
    """Serves a stream to telephone carriers.

    Found by `Stream.mount`, `Stream.telephone_handler` and `Stream.handle_incoming_call` under the
    name ``telephone``.

    Args:
        stream: What is served.
        settings: How; by default ``transport_settings["telephone"]`` of the stream.

    Raises:
        TypeError: ``transport_settings["telephone"]`` is something else.

    """

    def __init__(self, stream: Stream, settings: TelephoneSettings | None = None) -> None:
        settings = settings or stream.transport_settings.get(TELEPHONE)  # type: ignore[assignment]
        self._explicit = settings is not None
        if settings is None:
            settings = TelephoneSettings()
        if not isinstance(settings, TelephoneSettings):
            raise TypeError(
                f"transport_settings['telephone'] must be TelephoneSettings, not {settings!r}"
            )
        self._stream = stream
        self.settings: Final = settings
        self._tickets = Tickets()
        self._mounted_at = ""

    @property
    def carrier(self) -> Carrier:
        """The first carrier."""
        return self.settings.carriers[0]

    def mount(self, app: object, path: str, tags: list[str] | None) -> None:
        """Add the routes of every carrier, ``{path}/telephone/...``.

        A stream of pictures has none. Without secrets that were asked for in the stream's own
        settings, it fails here; without any settings, when somebody calls.

        Args:
            app: A Starlette or FastAPI application, or a router of either.
            path: Prefix of the routes.
            tags: FastAPI: tags of the routes in its documentation.

        Raises:
            ConfigurationError: A carrier's secret is missing.
            MissingPackageError: What checks its signatures is missing.
            TypeError: The application is neither.

        """
        if not isinstance(app, Starlette | Router):
            raise TypeError(
                f"a stream is mounted on a Starlette or FastAPI application, not {app!r}"
            )
        if self._stream.modality != "audio":
            return
        self._mounted_at = path
        if self.settings.insecure:
            logger.warning("telephone calls are taken from anybody: for development only")
        elif self._explicit:
            for carrier in self.settings.carriers:
                carrier.check()
        for carrier in self.settings.carriers:
            names = ["", f"/{carrier.name}"] if carrier is self.carrier else [f"/{carrier.name}"]
            for name in names:
                self._add(app, path, name, carrier, tags)

    def _add(
        self,
        app: Starlette | Router,
        path: str,
        name: str,
        carrier: Carrier,
        tags: list[str] | None,
    ) -> None:
        router = app.router if isinstance(app, Starlette) else app

        async def media(websocket: WebSocket) -> None:
            await self._serve(websocket, carrier)

        router.routes.append(WebSocketRoute(f"{path}/telephone{name}/handler", media))
        if carrier.answers:
            _add_webhook(app, f"{path}/telephone{name}/incoming", self._webhook(carrier), tags)

    def _webhook(self, carrier: Carrier) -> Callable[[Request], Awaitable[Response]]:
        async def incoming(request: Request) -> Response:
            return await self._answer(request, carrier)

        incoming.__doc__ = f"Have {carrier.name} connect a call to the stream."
        return incoming

    # Webhooks

    async def handle_incoming_call(self, request: Request) -> Response:
        """Answer the first carrier's webhook, from a route of the application's own.

        The call's media stream is where the stream was mounted.
        """
        return await self._answer(request, self.carrier)

    async def _answer(self, request: Request, carrier: Carrier) -> Response:
        try:
            asked = await carrier_request(request, public_url(request, self.settings))
        except ProtocolError as error:
            logger.warning("%s: refused: %s", carrier.name, error)
            return PlainTextResponse(f"{error}\n", BAD_REQUEST)
        try:
            self._verify(carrier, asked)
        except (SignatureError, ConfigurationError, MissingPackageError) as error:
            return _refused(carrier, error)
        info = carrier.read(asked)
        url = self._stream_url(request, asked, carrier)
        try:
            limits = self._stream.limits(TELEPHONE)
            token = self._tickets.issue(info, self._stream.sessions.slot(TELEPHONE, limits))
        except AdmissionError as error:
            logger.info("%s: call %s refused: %s", carrier.name, info.call_id, error)
            return _as_response(carrier.refuse(self.settings.manners))
        return _as_response(carrier.connect(url, token, self.settings.manners))

    def _stream_url(self, request: Request, asked: CarrierRequest, carrier: Carrier) -> str:
        """Return where a call's media stream is: beside the webhook, if that is one of ours."""
        path = request.url.path
        for name in (f"/{carrier.name}", ""):
            if path.endswith(f"/telephone{name}/incoming"):
                return stream_url(asked.url, "/incoming", "/handler")
        return stream_url(
            asked.url, path, f"{request.scope.get('root_path', '')}{self._mounted_at}{HANDLER}"
        )

    def _verify(self, carrier: Carrier, request: CarrierRequest) -> None:
        if not self.settings.insecure:
            carrier.check()
            carrier.verify(request, time_of_day())

    # Media streams

    async def telephone_handler(self, websocket: WebSocket) -> None:
        """Serve the first carrier's media stream, from a WebSocket route of the application's own.

        Args:
            websocket: Not accepted yet.

        """
        await self._serve(websocket, self.carrier)

    async def _serve(self, websocket: WebSocket, carrier: Carrier) -> None:
        asked = CarrierRequest(
            "GET",
            public_url(websocket, self.settings),
            dict(websocket.headers),
            websocket.query_params.multi_items(),
        )
        try:
            known = self._known(carrier, asked)
        except (FastRTCError, MissingPackageError) as error:
            _refused(carrier, error)
            await websocket.close()  # before it is accepted: status 403
            return
        wanted = websocket.scope.get("subprotocols", [])
        chosen = next((name for name in carrier.subprotocols if name in wanted), None)
        await websocket.accept(subprotocol=chosen)
        await Connection(
            stream=self._stream,
            socket=Socket(websocket, WebSocketDisconnect, CLOSING),
            carrier=carrier,
            settings=self.settings,
            request=connection_request(websocket),
            admit=lambda token, info: self._admit(known, token or asked.get(TOKEN), info),
        ).serve()

    def _known(self, carrier: Carrier, request: CarrierRequest) -> bool:
        """Return whether a stream's request shows that it is the carrier's.

        Raises:
            FastRTCError: It shows that it is not, and nothing that follows can change that.

        """
        if self.settings.insecure:
            return True
        carrier.check()
        if carrier.verify_socket(request, time_of_day()):
            return True
        if not carrier.token_in_start and not request.get(TOKEN):
            raise TicketError("the media stream has neither a token nor a signature")
        return False

    def _admit(self, known: bool, token: str | None, info: CallInfo) -> CallInfo:
        """Return what is known of a call whose media stream has started."""
        if token and (token in self._tickets or not self.settings.insecure):
            return _both(self._tickets.redeem(token, info), info)
        if not known:
            raise TicketError("the media stream has neither a token nor a signature")
        return info

    def fastphone(
        self, token: str | None = None, host: str = "127.0.0.1", port: int = 8000, **options: Any
    ) -> None:
        """Serve the stream on a temporary telephone number, until Ctrl-C.

        Args:
            token: Of Hugging Face; None for ``HF_TOKEN`` or the one that is stored on this machine.
            host: Where to listen.
            port: Where to listen; 0 for any that is free.
            options: ``tunnel``, a URL that leads here or a command that opens one (see
                `fastrtc_telephony.tunnels`); the others are uvicorn's.

        Raises:
            FastPhoneError: There is no token, no tunnel, or no service.
            httpx.HTTPStatusError: The service refuses.
            RuntimeError: Called where an event loop runs: it blocks.

        """
        try:
            from fastrtc_telephony.fastphone import serve
        except ModuleNotFoundError as error:
            if error.name not in ("httpx", "uvicorn"):
                raise
            raise MissingPackageError("Stream.fastphone", "fastrtc-telephony[fastphone]") from None
        _check_no_loop()
        with suppress(KeyboardInterrupt):  # raised again by uvicorn when all is done
            asyncio.run(serve(self._stream, token, host, port, options))


def _check_no_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError("fastphone() blocks: call it from a script, not where an event loop runs")


def connection_request(connection: HTTPConnection) -> ConnectionRequest:
    """Return who has connected, for `authorize`."""
    return ConnectionRequest(
        transport=TELEPHONE,
        client=connection.client.host if connection.client else None,
        path=connection.url.path,
        headers=dict(connection.headers),  # names are in lower case by the ASGI specification
        query={name: value for name, value in connection.query_params.items() if name != TOKEN},
    )


def _both(answered: CallInfo, started: CallInfo) -> CallInfo:
    """Join what the webhook and the media stream say of a call."""
    return CallInfo(
        carrier=started.carrier,
        call_id=started.call_id or answered.call_id,
        stream_id=started.stream_id,
        caller=started.caller or answered.caller,
        called=started.called or answered.called,
        parameters={**answered.parameters, **started.parameters},
    )


def _refused(carrier: Carrier, error: Exception) -> Response:
    if isinstance(error, AdmissionError):
        logger.warning("%s: refused: %s", carrier.name, error)
        return PlainTextResponse("This is not the carrier's.\n", FORBIDDEN)
    logger.error(
        "%s: refused, as it is not set up: %s. For local development: "
        "TelephoneSettings(insecure=True), or %s=1 in the environment",
        carrier.name,
        error,
        INSECURE,
    )
    return PlainTextResponse(f"Calls of {carrier.name} are not set up here.\n", UNAVAILABLE)


def _as_response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, media_type=answer.media_type)


def _add_webhook(
    app: Starlette | Router,
    path: str,
    answer: Callable[[Request], Awaitable[Response]],
    tags: list[str] | None,
) -> None:
    """Add a route for GET and POST; FastAPI documents it."""
    add_documented: Callable[..., None] | None = getattr(app, "add_api_route", None)
    if add_documented is None:
        router = app.router if isinstance(app, Starlette) else app
        router.routes.append(Route(path, answer, methods=["GET", "POST"]))
        return
    for method in ("GET", "POST"):
        add_documented(
            path,
            answer,
            methods=[method],
            tags=tags,
            response_class=Response,
            summary="Answer a telephone call",
        )
