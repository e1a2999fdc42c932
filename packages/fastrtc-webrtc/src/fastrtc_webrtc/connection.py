"""One client: its session, and the peer connection that it has at the moment.

A session outlives its peer connection where the client comes back: with a new offer for the same
connection (renegotiation, ICE restart) or a new connection of its own. It ends when the client
closes its connection, when nothing was heard of it for the grace period, or when the session does.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from aiortc import RTCDataChannel

from fastrtc_core import CloseReason, ConnectionRequest, Session, Stream, UnknownSessionError
from fastrtc_core.handlers import StreamHandlerBase
from fastrtc_webrtc.candidates import Candidate, admit
from fastrtc_webrtc.ice import IceConnection
from fastrtc_webrtc.icelink import IceLink
from fastrtc_webrtc.offers import Offer
from fastrtc_webrtc.peerconnection import PeerConnection, PeerOptions
from fastrtc_webrtc.pictures import PictureConverter
from fastrtc_webrtc.reader import ChannelReader
from fastrtc_webrtc.settings import WebRTCSettings
from fastrtc_webrtc.wire import Outlets, PeerWire

logger = logging.getLogger("fastrtc_webrtc")

TRANSPORT: Final = "webrtc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who connects, and how."""

    request: ConnectionRequest
    session_id: str
    token: str
    """What the client must show to change its connection or to end it."""

    offer: Offer
    handler: StreamHandlerBase | None = None
    """Serves this client in place of the stream's own."""


class Connection:
    """One client, from its offer to its leaving.

    Args:
        stream: What it connects to.
        settings: The transport's.
        client: Who it is.
        wire: The way to it.
        outlets: What it is sent: its own session's, or those of the one it watches.
        options: Says how a peer connection is made at the moment; asked once the client is let in.
        converter: Makes arrays of its pictures.

    """

    def __init__(
        self,
        *,
        stream: Stream,
        settings: WebRTCSettings,
        client: Client,
        wire: PeerWire,
        outlets: Outlets,
        options: Callable[[], Awaitable[PeerOptions]],
        converter: PictureConverter,
    ) -> None:
        self.client: Final = client
        self._loop = asyncio.get_running_loop()
        self.answered: Final[asyncio.Future[str]] = self._loop.create_future()
        """The answer to the first offer, or why there is none."""
        self.answered.add_done_callback(_note_exception)  # who asked may have left meanwhile
        self.session: Final[asyncio.Future[Session]] = self._loop.create_future()
        """The session, once it has begun; cancelled if it never does."""
        self._stream = stream
        self._settings = settings
        self._wire = wire
        self.outlets: Final = outlets
        self._options = options
        self._converter = converter
        self._tasks = asyncio.TaskGroup()
        self._running: set[asyncio.Task[None]] = set()
        self._drops = asyncio.TaskGroup()  # of earlier peers, which the session's end must not cut
        self._negotiating = asyncio.Lock()
        self._left = asyncio.Event()
        self._peer: PeerConnection | None = None
        self.offer = client.offer
        """The newest."""
        self._candidates = 0
        self._check: asyncio.TimerHandle | None = None

    async def serve(self) -> None:
        """Serve the client until it has left, or its session has ended."""
        async with self._drops:
            await self._serve()

    async def _serve(self) -> None:
        client = self.client
        try:
            async with self._stream.connect(
                client.request, self._wire, client.session_id, handler=client.handler
            ) as session:
                await self._live(session)
        except Exception as error:
            if self.answered.done():
                raise
            self.answered.set_exception(error)
        finally:
            self.session.cancel()
            if not self.answered.done():
                self.answered.set_exception(UnknownSessionError(client.session_id))
            if self._has_goodbye:
                await self._wire.finish()
            if self._peer is not None:
                await self._drop(self._peer)

    @property
    def _has_goodbye(self) -> bool:
        """Whether the session was ended on this side, and the client is to know."""
        begun = self.session.done() and not self.session.cancelled()
        return begun and self.session.result().reason is not CloseReason.CLIENT_LEFT

    async def reoffer(self, offer: Offer) -> str:
        """Answer another offer of the same client.

        Raises:
            UnknownSessionError: The session has ended meanwhile.
            ValueError: The offer can't be answered.

        """
        async with self._negotiating:
            if self._peer is None or self._left.is_set():
                raise UnknownSessionError(self.client.session_id)
            if offer.transport.fingerprints != self.offer.transport.fingerprints:
                answer = await self._open_peer(offer)
            elif offer.transport.ufrag != self.offer.transport.ufrag:
                answer = await self._restart_ice(self._peer, offer)
            else:
                answer = await self._peer.answer(offer)
                self.outlets.attach(self._peer)
                self._take_media(self._peer)
            self.offer = offer
            self.add_candidates(offer.candidates)
            return answer

    def add_candidates(self, candidates: Iterable[Candidate]) -> None:
        """Try to reach the client at further addresses, those that the policy allows."""
        if self._peer is None or self._left.is_set():
            return
        client, policy = self.client.request.client, self._settings.candidate_policy
        for candidate in candidates:
            if candidate.mid not in (None, self.offer.mid):  # of another section: all are bundled
                continue
            self._candidates += 1
            if self._candidates > self._settings.max_candidates:
                logger.info("session %s: too many candidates", self.client.session_id)
                return
            if admit(candidate, client=client, policy=policy):
                for link in self._peer.links:
                    self._start(link.add_candidate(candidate))

    def leave(self) -> None:
        """End the session: the client has left."""
        self._left.set()

    def end(self, reason: CloseReason) -> None:
        """End the session, of the server's own accord."""
        if self.session.done() and not self.session.cancelled():
            self.session.result().close(reason)
        self._left.set()

    # The session's life

    async def _live(self, session: Session) -> None:
        self.session.set_result(session)
        async with self._tasks:
            if await self._answer():
                self.add_candidates(self.client.offer.candidates)
                self._check_in(self._settings.connect_timeout)
                try:
                    await self._left.wait()
                finally:
                    self._check_in(None)
            for task in self._running:
                task.cancel()

    async def _answer(self) -> bool:
        """Answer the first offer; returns whether there is an answer."""
        try:
            self.answered.set_result(await self._open_peer(self.client.offer))
        except Exception as error:  # noqa: BLE001 - who has sent the offer is told
            self.answered.set_exception(error)
            return False
        return True

    def _start(self, work: Coroutine[object, object, None]) -> None:
        """Run something beside the session; its failure is logged and ends nothing."""
        task = self._tasks.create_task(self._supervised(work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(lambda _: work.close())  # it may be cancelled before it began

    async def _supervised(self, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except Exception:
            logger.exception("session %s: a part of its connection failed", self.client.session_id)

    def _check_signs(self) -> None:
        """End the session if its client can't be reached, or was not heard for too long."""
        if self._left.is_set() or self._peer is None:
            return
        silence = self._loop.time() - self._peer.last_heard
        left = self._settings.reconnect_grace - silence
        if not self._wire.connected.is_set() or left <= 0:
            logger.info("session %s: its client can't be reached", self.client.session_id)
            self._left.set()
        else:
            self._check_in(left)

    def _check_in(self, seconds: float | None) -> None:
        if self._check is not None:
            self._check.cancel()
        later = self._loop.call_later
        self._check = None if seconds is None else later(seconds, self._check_signs)

    # Peer connections

    async def _open_peer(self, offer: Offer) -> str:
        """Make a peer connection for an offer; it takes the place of an earlier one."""
        peer = PeerConnection(await self._options())
        try:
            answer = await peer.answer(offer)
        except BaseException:
            await self._drop(peer)
            raise
        earlier, self._peer = self._peer, peer
        self._candidates = 0
        peer.on("connectionstatechange", partial(self._state_changed, peer))
        peer.on("datachannel", partial(self._channel_opened, peer))
        self.outlets.attach(peer)
        self._take_media(peer)
        if earlier is not None:
            self._drops.create_task(self._drop(earlier))
        return answer

    async def _restart_ice(self, peer: PeerConnection, offer: Offer) -> str:
        facts = offer.transport
        restarts = await peer.prepare_restart(facts.ufrag, facts.pwd)
        self._candidates = 0
        try:
            answer = await peer.answer(offer)
        except BaseException:
            for link, _ in restarts:
                await link.abandon_restart()
            raise
        for link, fresh in restarts:
            self._start(self._finish_restart(link, fresh))
        return answer

    async def restart_ice(self, ufrag: str, pwd: str) -> IceConnection:
        """Restart ICE without another offer (RFC 9725 section 4.3.3).

        Args:
            ufrag: The client's new user fragment.
            pwd: Its new password.

        Returns:
            The agent on this side, for its credentials and candidates.

        Raises:
            UnknownSessionError: The session has ended meanwhile.

        """
        async with self._negotiating:
            if self._peer is None or self._left.is_set():
                raise UnknownSessionError(self.client.session_id)
            restarts = await self._peer.prepare_restart(ufrag, pwd)
            self._candidates = 0
            for link, fresh in restarts:
                self._start(self._finish_restart(link, fresh))
            facts = replace(self.offer.transport, ufrag=ufrag, pwd=pwd)
            self.offer = replace(self.offer, transport=facts)
            return restarts[0][1]

    async def _finish_restart(self, link: IceLink, fresh: IceConnection) -> None:
        try:
            async with asyncio.timeout(self._settings.connect_timeout):
                await link.finish_restart(fresh)
            if self._peer is not None and self._peer.video_receiver is not None:
                await self._peer.video_receiver.request_key_frame()
        except (ConnectionError, TimeoutError):
            logger.info("session %s: an ICE restart came to nothing", self.client.session_id)

    async def _drop(self, peer: PeerConnection) -> None:
        peer.remove_all_listeners()
        self.outlets.detach(peer)
        await peer.shut_down()

    def _state_changed(self, peer: PeerConnection) -> None:
        state = peer.connectionState
        logger.debug("session %s: connection %s", self.client.session_id, state)
        if peer is not self._peer:
            return
        if state not in ("connected", "failed", "closed"):
            return
        if state == "connected":
            self._wire.connected.set()
            self._check_in(self._settings.reconnect_grace)
        elif self._wire.connected.is_set() and (state == "failed" or peer.lost):
            self._check_signs()
        else:
            self._left.set()

    # Media and messages

    def _take_media(self, peer: PeerConnection) -> None:
        session = self.session.result()
        sound, pictures = peer.audio_receiver, peer.video_receiver
        if sound is not None and not sound.listening:
            handler = session.handler
            channels = 1 if handler.expected_layout == "mono" else 2
            sound.listen(session.offer_audio, handler.input_sample_rate, channels)
        if pictures is not None and not pictures.listening:
            pictures.listen(lambda picture: session.push_video(self._converter.lazy(picture)))

    def _channel_opened(self, peer: PeerConnection, channel: RTCDataChannel) -> None:
        if peer is not self._peer:
            return
        self._wire.use_channel(channel)
        reader = ChannelReader(self.session.result(), self._stream.limits(TRANSPORT), self.leave)
        channel.on("message", reader.receive)


def _note_exception(answered: asyncio.Future[str]) -> None:
    """Have asyncio know that a failure was seen to."""
    if not answered.cancelled():
        answered.exception()
