"""The live sessions of a stream, and who is let in."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from fastrtc_core.errors import ConcurrencyLimitError, IdInUseError, UnknownSessionError
from fastrtc_core.session import Session
from fastrtc_core.transport import Limits


class Registry:
    """Live sessions by id.

    A slot is taken before anything else is done for a client, and given back however that ends.

    Args:
        limit: Sessions at a time over all transports; None for any number.

    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._sessions: dict[str, Session] = {}
        self._slots: Counter[str] = Counter()
        self._joined = asyncio.Event()

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._sessions.values()))

    def get(self, session_id: str) -> Session:
        """Return a live session.

        Raises:
            UnknownSessionError: There is none of this id.

        """
        session = self._sessions.get(session_id)
        if session is None:
            raise UnknownSessionError(session_id)
        return session

    async def wait_for(self, session_id: str, timeout: float) -> Session:
        """Return a live session, or one that begins within `timeout` seconds.

        Raises:
            UnknownSessionError: None of this id came.

        """
        try:
            async with asyncio.timeout(timeout):
                while session_id not in self._sessions:
                    await self._joined.wait()
        except TimeoutError:
            raise UnknownSessionError(session_id) from None
        return self._sessions[session_id]

    @contextmanager
    def slot(self, transport: str, limits: Limits) -> Iterator[None]:
        """Hold a place for a session.

        Raises:
            ConcurrencyLimitError: There is none, of the stream's or of the transport's.

        """
        if self._limit is not None and self._slots.total() >= self._limit:
            raise ConcurrencyLimitError(self._limit)
        if limits.concurrency is not None and self._slots[transport] >= limits.concurrency:
            raise ConcurrencyLimitError(limits.concurrency, transport)
        self._slots[transport] += 1
        try:
            yield
        finally:
            self._slots[transport] -= 1

    def check_free(self, session_id: str) -> None:
        """Check that no live session has this id.

        Raises:
            IdInUseError: One has.

        """
        if session_id in self._sessions:
            raise IdInUseError(session_id)

    @contextmanager
    def listed(self, session: Session) -> Iterator[None]:
        """Have a session found by its id.

        Raises:
            IdInUseError: Another one has it.

        """
        self.check_free(session.id)
        self._sessions[session.id] = session
        self._joined.set()
        self._joined = asyncio.Event()
        try:
            yield
        finally:
            del self._sessions[session.id]
