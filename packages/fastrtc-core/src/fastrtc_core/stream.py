"""`Stream`: a handler, how it may be reached, and by whom."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from inspect import isawaitable
from typing import Any, Final, Literal

from fastrtc_core import plugins
from fastrtc_core.errors import (
    MissingPackageError,
    PluginError,
    PluginNotFoundError,
    UnauthorizedError,
    UnknownSessionError,
)
from fastrtc_core.events import Event
from fastrtc_core.factory import HandlerType, Modality, handler_factory
from fastrtc_core.handlers import StreamHandlerBase
from fastrtc_core.origins import parse_origin
from fastrtc_core.outputs import AdditionalOutputs
from fastrtc_core.registry import Registry
from fastrtc_core.session import Mode, Session
from fastrtc_core.signatures import is_async
from fastrtc_core.transport import ConnectionRequest, Limits, TransportPlugin, Wire
from fastrtc_core.workers import DEFAULT_WORKERS, WorkerPool

DEFAULT_CONCURRENCY: Final = 100
"""Sessions at a time unless the stream says otherwise: bounded, and far from a demo's needs."""

ID_BYTES: Final = 16
"""128 random bits: ids are capabilities, so they must not be guessed."""

OUTPUT_TIMEOUT: Final = 10.0
"""Seconds to wait for a session to begin, or for its next output."""

TRANSPORTS: Final = "fastrtc.transports"

Authorize = Callable[[ConnectionRequest], object | Awaitable[object]]
Observer = Callable[[Session, Event], object]
RTCConfiguration = dict[str, Any] | Callable[..., Any] | None
"""What the browser's RTCPeerConnection takes (W3C), or a function that returns it."""


class Stream:
    """A real-time stream made of a Python function.

    Args:
        handler: A function, a generator function, a `StreamHandler` of any kind (an instance,
            which is copied for every session, or the class), or a `HandlerFactory`.
        additional_outputs_handler: For the user interface: what to do with `AdditionalOutputs`.
        mode: Direction, as the client sees it.
        modality: What is streamed.
        concurrency_limit: Sessions at a time, over all transports; None for any number,
            ``"default"`` for 100.
        time_limit: Seconds a session may last.
        allow_extra_tracks: Accept WebRTC offers with more tracks than the modality needs.
        rtp_params: WebRTC: parameters of the browser's senders.
        rtc_configuration: WebRTC: the browser's configuration, a dict or a function that returns
            one.
        server_rtc_configuration: WebRTC: the server's.
        track_constraints: WebRTC: constraints on the browser's microphone and camera.
        additional_inputs: For the user interface: components whose values the handler gets.
        additional_outputs: For the user interface: components that show `AdditionalOutputs`.
        ui_args: For the user interface: title, icon and so on.
        authorize: Called for every connection before anything else; what it returns becomes
            `Session.user`. False, None or `UnauthorizedError` refuse the connection.
        limits: Limits for one transport, by its name.
        transport_settings: What else can be set about one transport, by its name; the transport's
            package says what.
        allowed_origins: Origins (``"https://example.org"``) of pages that may connect, beside the
            server's own; ``"*"`` for any. See `fastrtc_core.origins`.
        on_event: Called with the session and every `Event` of it.
        max_workers: Threads for sync handlers, over all sessions.

    Raises:
        HandlerError: The handler does not fit the modality and mode.
        ValueError: An argument is out of range.

    """

    def __init__(  # noqa: PLR0913 - the documented constructor
        self,
        handler: HandlerType,
        *,
        additional_outputs_handler: Callable[..., object] | None = None,
        mode: Mode = "send-receive",
        modality: Modality = "video",
        concurrency_limit: int | Literal["default"] | None = "default",
        time_limit: float | None = None,
        allow_extra_tracks: bool = False,
        rtp_params: dict[str, Any] | None = None,
        rtc_configuration: RTCConfiguration = None,
        server_rtc_configuration: RTCConfiguration = None,
        track_constraints: dict[str, Any] | None = None,
        additional_inputs: list[Any] | None = None,
        additional_outputs: list[Any] | None = None,
        ui_args: Mapping[str, Any] | None = None,
        authorize: Authorize | None = None,
        limits: Mapping[str, Limits] | None = None,
        transport_settings: Mapping[str, object] | None = None,
        allowed_origins: Sequence[str] = (),
        on_event: Observer | None = None,
        max_workers: int = DEFAULT_WORKERS,
    ) -> None:
        _check_choice("mode", mode, ("send-receive", "send", "receive"))
        _check_choice("modality", modality, ("audio", "video", "audio-video"))
        _check_positive("concurrency_limit", concurrency_limit)
        _check_positive("time_limit", time_limit)
        if concurrency_limit == "default":
            concurrency_limit = DEFAULT_CONCURRENCY
        self._new_handler = handler_factory(handler, modality, mode)
        self.event_handler = handler
        self.mode: Mode = mode
        self.modality: Modality = modality
        self.concurrency_limit = concurrency_limit
        self.time_limit = time_limit
        self.allow_extra_tracks = allow_extra_tracks
        self.rtp_params = rtp_params
        self.rtc_configuration = rtc_configuration
        self.server_rtc_configuration = server_rtc_configuration
        self.track_constraints = track_constraints
        self.additional_input_components = additional_inputs
        self.additional_output_components = additional_outputs
        self.additional_outputs_handler = additional_outputs_handler
        self.ui_args = dict(ui_args or {})
        self.allowed_origins = _origins(allowed_origins)
        self.sessions: Final = Registry(concurrency_limit)
        self._authorize = authorize
        self._limits = dict(limits or {})
        self.transport_settings: Final[Mapping[str, object]] = dict(transport_settings or {})
        self._observer = on_event
        self._pool = WorkerPool(max_workers)
        self._transports: dict[str, TransportPlugin] = {}
        self._ui: object = None

    # For transports

    def limits(self, transport: str) -> Limits:
        """Return the limits of a transport's clients, the stream's time limit among them."""
        limits = self._limits.get(transport) or Limits()
        times = [time for time in (limits.time, self.time_limit) if time is not None]
        return replace(limits, time=min(times, default=None))

    @asynccontextmanager
    async def connect(
        self,
        request: ConnectionRequest,
        wire: Wire,
        session_id: str | None = None,
        *,
        handler: StreamHandlerBase | None = None,
        internal: bool = False,
    ) -> AsyncIterator[Session]:
        """Open a session for a client; inside the block the transport feeds it.

        The block's body is cancelled when the session ends before it does, and the block then ends
        without an exception: the session's `reason` says why.

        Args:
            request: Who asks.
            wire: The way to the client.
            session_id: The id the client asks for, where its protocol lets it choose; otherwise
                an unguessable one is made.
            handler: Serves this client in place of the stream's own: somebody who only watches.
            internal: Nobody connects, the transport itself needs the stream's output: no place is
                taken and nobody is asked for permission.

        Raises:
            AdmissionError: The client is refused; nothing was started for it.
            HandlerError: No handler could be made.

        """
        limits = self.limits(request.transport)
        session_id = session_id or secrets.token_urlsafe(ID_BYTES)
        place = nullcontext() if internal else self.sessions.slot(request.transport, limits)
        with place:
            user = None if internal else await self._identify(request)
            self.sessions.check_free(session_id)
            if handler is None:
                handler = await self._pool.call(self._new_handler)
            self.sessions.check_free(session_id)  # others may have come while the handler was made
            session = Session(
                session_id=session_id,
                request=request,
                user=user,
                handler=handler,
                wire=wire,
                pool=self._pool,
                mode=self.mode,
                time_limit=None if internal else limits.time,
                observer=self._observer,
            )
            with self.sessions.listed(session):
                async with session:
                    yield session

    async def call(self, function: Callable[[], object]) -> object:
        """Run a function of the application's off the event loop, in a thread for user code.

        Raises:
            WorkersExhaustedError: No thread is free.
            Exception: What the function raises.

        """
        return await self._pool.call(function)

    async def _identify(self, request: ConnectionRequest) -> object:
        if self._authorize is None:
            return None
        if is_async(self._authorize):
            user = self._authorize(request)
        else:
            user = await self._pool.call(self._authorize, request)
        if isawaitable(user):
            user = await user
        if user is None or user is False:
            raise UnauthorizedError
        return user

    # Inputs and outputs of live sessions

    def set_input(self, webrtc_id: str, *args: object) -> None:
        """Give a session's handler its inputs, to be used from its next call on.

        Args:
            webrtc_id: Id of the session, whatever its transport.
            *args: The inputs.

        Raises:
            UnknownSessionError: No live session has this id.

        """
        self.sessions.get(webrtc_id).set_args(*args)

    async def output_stream(self, webrtc_id: str) -> AsyncIterator[AdditionalOutputs]:
        """Yield a session's additional outputs, until it ends.

        A listener that is far behind loses the oldest; several may listen at once.

        Args:
            webrtc_id: Id of the session, which may begin up to ten seconds later.

        Raises:
            UnknownSessionError: No live session has this id.

        """
        session = await self.sessions.wait_for(webrtc_id, OUTPUT_TIMEOUT)
        async for output in session.outputs.listen():
            yield output

    async def fetch_latest_output(self, webrtc_id: str) -> AdditionalOutputs:
        """Return a session's newest additional output that was not fetched before; waits for it.

        Raises:
            UnknownSessionError: No live session has this id, or it ended.
            TimeoutError: Nothing new came within ten seconds.

        """
        session = self.sessions.get(webrtc_id)
        try:
            async with asyncio.timeout(OUTPUT_TIMEOUT):
                return await session.outputs.latest()
        except EOFError:
            raise UnknownSessionError(webrtc_id) from None

    # Ways in, each from the package that has it

    def transport(self, name: str, what: str = "Stream.transport") -> TransportPlugin:
        """Return the transport of this name that serves the stream, always the same one.

        Args:
            name: Its entry point.
            what: What it is needed for, to be said where it is missing.

        Raises:
            MissingPackageError: It is one of ours, and not installed.
            PluginNotFoundError: Nothing that is installed has one of this name.
            PluginError: It can't be loaded.

        """
        if name not in self._transports:
            self._transports[name] = self._load(name, what)
        return self._transports[name]

    def _load(self, name: str, what: str) -> TransportPlugin:
        try:
            make = plugins.load(TRANSPORTS, name)
        except PluginNotFoundError:
            if name not in _PACKAGES:
                raise
            raise MissingPackageError(what, _PACKAGES[name]) from None
        transport = make(self) if callable(make) else None
        if not isinstance(transport, TransportPlugin):
            raise PluginError(f"the plugin {name!r} in {TRANSPORTS} is no transport: {make!r}")
        return transport

    def mount(self, app: Any, path: str = "", tags: list[str] | None = None) -> None:
        """Add the routes of every installed transport to a Starlette or FastAPI application.

        Args:
            app: The application.
            path: Prefix of the routes, for example ``"/voice"``.
            tags: FastAPI: tags of the routes in its documentation.

        Raises:
            MissingPackageError: No transport is installed.
            PluginError: A transport can't be loaded.

        """
        installed = plugins.names(TRANSPORTS)
        if not installed:
            raise MissingPackageError("Stream.mount", "fastrtc-websocket")
        for name in installed:
            self.transport(name, "Stream.mount").mount(app, path.rstrip("/"), tags)

    async def offer(self, body: Any, request: Any = None) -> Any:
        """Answer a WebRTC client from a route of the application's own; see fastrtc-webrtc.

        Args:
            body: What the client has sent: a dict, JSON, or a pydantic model.
            request: The request, a Starlette or FastAPI one: who asks is taken from it.

        """
        return await self._way_in("webrtc", "offer")(body, request)

    async def websocket_offer(self, websocket: Any) -> None:
        """Serve a client that has connected to a WebSocket route of the application's own."""
        await self._way_in("websocket", "websocket_offer")(websocket)

    async def telephone_handler(self, websocket: Any) -> None:
        """Serve a telephone carrier's media stream; see fastrtc-telephony."""
        await self._way_in("telephone", "telephone_handler")(websocket)

    async def handle_incoming_call(self, request: Any) -> Any:
        """Answer a telephone carrier's webhook; see fastrtc-telephony."""
        return await self._way_in("telephone", "handle_incoming_call")(request)

    def fastphone(
        self, token: str | None = None, host: str = "127.0.0.1", port: int = 8000, **kwargs: Any
    ) -> None:
        """Serve the stream on a temporary telephone number; see fastrtc-telephony."""
        self._way_in("telephone", "fastphone")(token=token, host=host, port=port, **kwargs)

    @property
    def ui(self) -> Any:
        """The user interface: the one that was set, or the automatic one of fastrtc-gradio."""
        if self._ui is None:
            try:
                make = plugins.load("fastrtc.ui", "default")
            except PluginNotFoundError:
                raise MissingPackageError("Stream.ui", "fastrtc-gradio") from None
            if not callable(make):
                raise PluginError(f"the plugin 'default' in fastrtc.ui is no function: {make!r}")
            self._ui = make(self)
        return self._ui

    @ui.setter
    def ui(self, blocks: Any) -> None:
        self._ui = blocks

    def _way_in(self, transport: str, method: str) -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(self.transport(transport, f"Stream.{method}"), method)
        return found


_PACKAGES: Final = {
    "webrtc": "fastrtc-webrtc",
    "websocket": "fastrtc-websocket",
    "telephone": "fastrtc-telephony",
}


def _origins(allowed: Sequence[str]) -> tuple[str, ...]:
    origins = (allowed,) if isinstance(allowed, str) else tuple(allowed)
    for origin in origins:
        if origin != "*":
            parse_origin(origin)  # a mistake shows here, not when the first page connects
    return origins


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}; not {value!r}")


def _check_positive(name: str, value: float | str | None) -> None:
    if isinstance(value, int | float) and not value > 0:
        raise ValueError(f"{name} must be positive, not {value!r}")
