"""From a signalling request to its answer, whatever has brought it."""

import asyncio
import hmac
import logging
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_address
from typing import Final

from fastrtc_core import (
    CloseReason,
    ConnectionRequest,
    IdInUseError,
    ProtocolError,
    Stream,
    UnknownSessionError,
)
from fastrtc_webrtc.allocator import Trimmer, settle
from fastrtc_webrtc.audiooutlet import AudioOutlet
from fastrtc_webrtc.candidates import Candidate
from fastrtc_webrtc.configuration import ConfigurationSource, server_configuration
from fastrtc_webrtc.connection import Client, Connection
from fastrtc_webrtc.encoded import MediaClock
from fastrtc_webrtc.encoderthreads import EncoderThreads
from fastrtc_webrtc.ice import IceOptions
from fastrtc_webrtc.iceservers import ConfigurationError
from fastrtc_webrtc.offers import Offer, check_offer
from fastrtc_webrtc.peerconnection import PeerOptions
from fastrtc_webrtc.pictures import PictureConverter
from fastrtc_webrtc.ratelimit import RateLimiter
from fastrtc_webrtc.settings import WebRTCSettings
from fastrtc_webrtc.supervisor import Supervisor
from fastrtc_webrtc.videooutlet import VideoOutlet
from fastrtc_webrtc.videoparameters import VideoParameters
from fastrtc_webrtc.watching import SharedSource, Source, WatchHandler
from fastrtc_webrtc.wire import Outlets, PeerWire

logger = logging.getLogger("fastrtc_webrtc")

ID_BYTES: Final = 16
"""128 random bits: ids and tokens are capabilities, so they must not be guessed."""

CANDIDATE_PATIENCE: Final = 5.0
"""Seconds that a candidate waits for the offer that it belongs to."""

REFUSAL_PATIENCE: Final = 1.0
"""Seconds that a refusal waits for what had begun to be cleared away."""

MOST_WAITING: Final = 256
"""Candidates that may wait for offers at a time, over all clients."""

ANSWER_TIMEOUT: Final = 15.0
"""Seconds for an answer; gathering from servers is bounded by less."""


class Signalling:
    """The live connections of a stream, and how they are made and changed.

    Args:
        stream: What clients connect to.
        settings: The transport's.

    """

    def __init__(self, stream: Stream, settings: WebRTCSettings) -> None:
        self.settings: Final = settings
        self.limiter: Final = RateLimiter(settings.requests_per_minute)
        self.client_configuration: Final = ConfigurationSource(
            stream.rtc_configuration, call=stream.call, name="rtc_configuration"
        )
        self._server_configuration = ConfigurationSource(
            stream.server_rtc_configuration,
            call=stream.call,
            name="server_rtc_configuration",
        )
        self._stream = stream
        self._parameters = VideoParameters.from_rtp_params(stream.rtp_params)
        self._supervisor = Supervisor()
        self._threads = EncoderThreads()
        self._trimmer = Trimmer(self._threads)
        settle()
        self._connections: dict[str, Connection] = {}
        self._joined = asyncio.Event()
        self._waiting = 0
        self._shared = SharedSource(stream, self._make_outlets, self._supervisor)

    # Requests

    async def offer(
        self,
        request: ConnectionRequest,
        sdp: str,
        session_id: str | None = None,
        token: str | None = None,
        watch: str | None = None,
    ) -> tuple[str, Client]:
        """Answer an offer.

        Args:
            request: Who asks.
            sdp: The offer.
            session_id: The id the client asks for.
            token: What the client was given when its session began, to change its connection.
            watch: Id of a session to watch, in place of having one with the stream's handler.

        Returns:
            The answer, and the client with its id and its token.

        Raises:
            ProtocolError: The offer is wrong.
            AdmissionError: The client is refused.
            UnknownSessionError: The session ended, or the one to be watched is not there.

        """
        live = self._connections.get(session_id) if session_id is not None else None
        offer = self._check(sdp, watching=watch is not None, renegotiation=live is not None)
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                if live is not None:
                    if token is None or not _same(live.client.token, token):
                        raise IdInUseError(live.client.session_id)
                    return await live.reoffer(offer), live.client
                return await self._open(request, offer, session_id, watch)
        except TimeoutError:
            message = f"no answer could be made within {ANSWER_TIMEOUT:g} s"
            raise ProtocolError("negotiation_failed", message) from None
        except ConfigurationError:
            raise  # of the server's own: the offer is not to blame
        except ValueError as error:
            raise ProtocolError("bad_sdp", str(error)) from error

    async def add_candidates(self, session_id: str, candidates: Iterable[Candidate]) -> None:
        """Take further addresses of a client, whose offer may still be on its way.

        Raises:
            UnknownSessionError: No such client came.

        """
        connection = self._connections.get(session_id)
        if connection is None or not connection.answered.done():
            connection = await self._wait_for(session_id)
        connection.add_candidates(candidates)

    def leave(self, session_id: str, token: str) -> None:
        """End a session because its client leaves.

        Raises:
            UnknownSessionError: There is none with this id and token.

        """
        self.get(session_id, token).leave()

    def get(self, session_id: str, token: str) -> Connection:
        """Return a live connection, to somebody who knows its token.

        Raises:
            UnknownSessionError: There is none with this id and token.

        """
        connection = self._connections.get(session_id)
        if connection is None or not _same(connection.client.token, token):
            raise UnknownSessionError(session_id)
        return connection

    @property
    def live(self) -> int:
        """Connections at this moment, those that are being opened or closed included."""
        return len(self._connections)

    @property
    def newest(self) -> str | None:
        """Id of the newest session that is no viewer's."""
        own = [id for id, live in self._connections.items() if live.client.handler is None]
        return own[-1] if own else None

    async def close(self) -> None:
        """End every session: the server shuts down."""
        for connection in tuple(self._connections.values()):
            connection.end(CloseReason.SHUTDOWN)
        self._shared.close()
        await self._supervisor.close()
        self._trimmer.close()
        self._threads.shutdown(wait=False)

    # Inside

    def _check(self, sdp: str, *, watching: bool, renegotiation: bool) -> Offer:
        stream = self._stream
        return check_offer(
            sdp,
            modality=stream.modality,
            mode="receive" if watching else stream.mode,
            allow_extra_tracks=stream.allow_extra_tracks,
            max_bytes=self.settings.max_sdp_bytes,
            renegotiation=renegotiation,
        )

    async def _open(
        self, request: ConnectionRequest, offer: Offer, session_id: str | None, watch: str | None
    ) -> tuple[str, Client]:
        session_id = session_id or secrets.token_urlsafe(ID_BYTES)
        self._check_free(session_id)
        source = self._source(watch)
        client = Client(
            request=request,
            session_id=session_id,
            token=secrets.token_urlsafe(ID_BYTES),
            offer=offer,
            handler=None if source is None else WatchHandler(source.session),
        )
        outlets = self._make_outlets() if source is None else source.outlets
        connection = Connection(
            stream=self._stream,
            settings=self.settings,
            client=client,
            wire=PeerWire(outlets, channels=_channels(offer), has_messages=offer.has_data),
            outlets=outlets,
            options=partial(self._peer_options, request, outlets.clock, watches=source is not None),
            converter=PictureConverter(self.settings.pixel_format, self._threads),
        )
        self._connections[session_id] = connection
        self._tell_joined()
        task = self._supervisor.start(self._serve(connection, source), f"session {session_id}")
        try:
            return await asyncio.shield(connection.answered), client
        except asyncio.CancelledError:  # nobody waits for an answer any more
            task.cancel()
            raise
        except Exception:  # refused: a client that tries again at once must find its place free
            await asyncio.wait([task], timeout=REFUSAL_PATIENCE)
            raise

    async def _serve(self, connection: Connection, source: Source | None) -> None:
        try:
            await connection.serve()
        finally:
            del self._connections[connection.client.session_id]
            self._trimmer.soon()
            if source is None:
                connection.outlets.close()
            else:
                self._shared.leave(source)

    def _check_free(self, session_id: str) -> None:
        self._stream.sessions.check_free(session_id)
        if session_id in self._connections:  # one that is being admitted
            raise IdInUseError(session_id)

    def _source(self, watch: str | None) -> Source | None:
        """Return what a client watches; None for one that has a handler of its own."""
        if watch is not None:
            connection = self._connections.get(watch)
            if connection is None:
                raise UnknownSessionError(watch)
            return Source(connection.outlets, connection.session)
        if self.settings.shared and self._stream.mode == "receive":
            return self._shared.join()
        return None

    def _make_outlets(self) -> Outlets:
        clock = MediaClock(asyncio.get_running_loop().time(), datetime.now(UTC).timestamp())
        modality = self._stream.modality
        video = None
        if modality != "audio":
            video = VideoOutlet(
                clock,
                pixel_format=self.settings.pixel_format,
                parameters=self._parameters,
                executor=self._threads,
            )
        return Outlets(clock, AudioOutlet(clock), video)

    async def _peer_options(
        self, request: ConnectionRequest, clock: MediaClock, *, watches: bool
    ) -> PeerOptions:
        codec = self._parameters.codec
        return PeerOptions(
            ice=self._ice_options(request),
            clock=clock,
            configuration=server_configuration(await self._server_configuration.get()),
            threads=self._threads,
            sends=watches or self._stream.mode != "send",
            receives=not watches and self._stream.mode != "receive",
            video_codec=None if codec is None else f"video/{codec}",
        )

    def _ice_options(self, request: ConnectionRequest) -> IceOptions:
        settings = self.settings
        return IceOptions(
            bind=settings.bind_addresses,
            announced=settings.announced_addresses,
            ports=settings.port_range,
            loopback=request.client is not None and ip_address(request.client).is_loopback,
        )

    def _tell_joined(self) -> None:
        self._joined.set()
        self._joined = asyncio.Event()

    async def _wait_for(self, session_id: str) -> Connection:
        if self._waiting >= MOST_WAITING:
            raise UnknownSessionError(session_id)
        self._waiting += 1
        try:
            async with asyncio.timeout(CANDIDATE_PATIENCE):
                while (connection := self._connections.get(session_id)) is None:
                    await self._joined.wait()
                await asyncio.wait([connection.answered])
        except TimeoutError:
            raise UnknownSessionError(session_id) from None
        finally:
            self._waiting -= 1
        return connection


def _same(secret: str, other: str) -> bool:
    return hmac.compare_digest(secret.encode(), other.encode(errors="surrogatepass"))


def _channels(offer: Offer) -> int:
    """Return the channels of sound that a client wants: 1 unless it asks for stereo."""
    section = offer.media("audio")
    return 2 if section is not None and section.opus is not None and section.opus.stereo else 1
