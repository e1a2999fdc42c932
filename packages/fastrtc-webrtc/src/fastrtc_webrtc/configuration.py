"""The ICE servers of a stream: given once, or by a function that is asked again in time."""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Final

from aiortc import RTCBundlePolicy, RTCConfiguration, RTCIceServer, RTCIceTransportPolicy

from fastrtc_core.signatures import is_async, unwrapped
from fastrtc_webrtc.credentials.values import unix_time
from fastrtc_webrtc.iceservers import (
    ConfigurationError,
    IceUrl,
    end_of,
    ice_configuration,
    server_urls,
)

__all__ = ["ConfigurationError", "ConfigurationSource", "server_configuration"]

logger = logging.getLogger("fastrtc_webrtc")

Call = Callable[[Callable[[], object]], Awaitable[object]]
"""Runs a function of the user's off the event loop, as `fastrtc_core.workers.WorkerPool.call`."""

FRESH: Final = 0.5
"""For this part of its life a configuration is given out; who gets it then can use it for as long
again, to reconnect for example."""

TIMEOUT: Final = 10.0
"""Seconds a function may take: a client waits for it."""

RETRY: Final = 30.0
"""Seconds between attempts while a function fails and its last result still holds."""

TURN_PREFERENCE: Final = (("turn", "udp"), ("turn", "tcp"), ("turns", "tcp"))
"""What aiortc can use, and in which order we want it: TCP makes sound wait for what was lost."""

DEFAULT_TRANSPORT: Final = {"turn": "udp", "turns": "tcp"}


@dataclass(frozen=True, slots=True)
class _Result:
    """What a function returned; the times are the event loop's, if the result is kept at all."""

    configuration: dict[str, Any] | None
    fresh_until: float | None = None
    valid_until: float | None = None

    def fresh(self, now: float) -> bool:
        return self.fresh_until is not None and now < self.fresh_until

    def valid(self, now: float) -> bool:
        return self.valid_until is not None and now < self.valid_until


class ConfigurationSource:
    """What a stream was given as ``rtc_configuration`` or ``server_rtc_configuration``.

    A function whose result says when it ends (`end_of`) is asked again when half of that time is
    over; any other function is asked for every connection. Those who ask at the same time share one
    call, and its failure. Used on one event loop.

    Args:
        source: None, a configuration (`ice_configuration`), or a function, sync or async, that
            takes nothing and returns either.
        call: Runs a sync function off the event loop.
        name: What it is called in errors.
        timeout: Seconds the function may take.
        clock: Seconds since 1970.

    Raises:
        ConfigurationError: It is none of these.

    """

    def __init__(
        self,
        source: object,
        *,
        call: Call,
        name: str = "rtc_configuration",
        timeout: float = TIMEOUT,
        clock: Callable[[], float] = unix_time,
    ) -> None:
        self._name = name
        self._call = call
        self._timeout = timeout
        self._clock = clock
        self._function = source if callable(source) else None
        self._result = _Result(None)
        self._end: float | None = None
        self._failure: ConfigurationError | None = None
        self._calls = 0
        self._asked_every_time = False
        self._lock = asyncio.Lock()
        if source is not None and self._function is None:
            try:
                self._result = _Result(ice_configuration(source))
                self._end = end_of(source, now=clock())
            except ConfigurationError as error:
                raise ConfigurationError(f"{name}: {error}") from error

    async def get(self) -> dict[str, Any] | None:
        """Return the configuration for a connection that is made now; it is the caller's own.

        Raises:
            ConfigurationError: The function failed, took too long, or returned no configuration,
                and no earlier result holds any more.

        """
        if self._function is None:
            self._warn_of_end()
            result = self._result
        elif self._asked_every_time:
            result = await self._ask(self._function)
        else:
            result = await self._shared(self._function)
        return deepcopy(result.configuration)

    def _warn_of_end(self) -> None:
        if self._end is not None and self._end <= self._clock():
            self._end = None  # once is enough
            logger.warning(
                "the credentials in %s have ended: give the function, not what it returned",
                self._name,
            )

    async def _shared(self, function: Callable[[], object]) -> _Result:
        calls = self._calls
        async with self._lock:
            if self._result.fresh(asyncio.get_running_loop().time()):
                return self._result
            if self._failure is not None and self._calls != calls:  # while we waited
                raise ConfigurationError(str(self._failure)) from self._failure
            if not self._asked_every_time:
                return await self._renewed(function)
        return await self._ask(function)

    async def _renewed(self, function: Callable[[], object]) -> _Result:
        try:
            result = await self._ask(function)
        except ConfigurationError as error:
            self._calls += 1
            now = asyncio.get_running_loop().time()
            if not self._result.valid(now):
                self._failure = error
                raise
            logger.warning("%s; its last result still holds", error, exc_info=error)
            self._result = replace(self._result, fresh_until=now + RETRY)
            return self._result
        self._calls += 1
        self._failure = None
        return result

    async def _ask(self, function: Callable[[], object]) -> _Result:
        """Call the function, and keep what it returns if that says how long it holds."""
        began = asyncio.get_running_loop().time()
        value = await self._called(function)
        try:
            configuration = None if value is None else ice_configuration(value)
            now = self._clock()
            end = None if value is None else end_of(value, now=now)
        except ConfigurationError as error:
            raise self._error(function, f"returned no configuration: {error}") from error
        self._asked_every_time = end is None
        if end is None:
            return _Result(configuration)
        left = end - now
        self._result = _Result(configuration, began + left * FRESH, began + left)
        return self._result

    async def _called(self, function: Callable[[], object]) -> object:
        limit = asyncio.timeout(self._timeout)
        try:
            async with limit:
                value = function() if is_async(function) else await self._call(function)
                return await value if inspect.isawaitable(value) else value
        except Exception as error:  # whatever user code raises
            if limit.expired():
                raise self._error(function, f"took longer than {self._timeout:g} s") from error
            raise self._error(function, f"failed: {type(error).__name__}: {error}") from error

    def _error(self, function: Callable[[], object], problem: str) -> ConfigurationError:
        inner = unwrapped(function)  # a partial's repr would show what it holds
        function_name = getattr(inner, "__qualname__", type(inner).__name__)
        return ConfigurationError(f"{self._name}: {function_name} {problem}")


def server_configuration(configuration: object) -> RTCConfiguration:
    """Return a configuration for aiortc, which uses one STUN and one TURN server.

    Of the TURN servers the first that is reached over UDP is taken, else over TCP, else over TLS.

    Args:
        configuration: What `ice_configuration` takes; or None, for no servers at all: left to
            itself, aiortc would ask a public one.

    Raises:
        ConfigurationError: It is no configuration.

    """
    checked = ice_configuration([] if configuration is None else configuration)
    servers: list[RTCIceServer] = []
    usable = [pair for pair in server_urls(checked) if not pair[1].host.startswith("[")]
    if stun := next((url for _, url in usable if url.scheme == "stun"), None):
        servers.append(RTCIceServer(urls=stun.text))
    relays = [
        (server, url)
        for server, url in usable
        if _transport(url) in TURN_PREFERENCE
        and server.get("credentialType", "password") == "password"
    ]
    if relays:
        server, url = min(relays, key=lambda relay: TURN_PREFERENCE.index(_transport(relay[1])))
        servers.append(
            RTCIceServer(
                urls=url.text, username=server["username"], credential=server["credential"]
            )
        )
    elif any(url.is_turn for _, url in server_urls(checked)):
        logger.warning(
            "the server can use no TURN server of its configuration: it takes turn:, and turns: "
            "over TCP, with a password and a host name or an IPv4 address"
        )
    return RTCConfiguration(
        iceServers=servers,
        iceTransportPolicy=RTCIceTransportPolicy(checked.get("iceTransportPolicy", "all")),
        bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
    )


def _transport(url: IceUrl) -> tuple[str, str]:
    return url.scheme, url.transport or DEFAULT_TRANSPORT.get(url.scheme, "")
