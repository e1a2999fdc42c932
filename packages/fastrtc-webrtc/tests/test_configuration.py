import asyncio
import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from aiortc import RTCBundlePolicy, RTCPeerConnection
from aiortc.rtcconfiguration import RTCIceTransportPolicy

from fastrtc_core.testing import in_virtual_time
from fastrtc_core.workers import WorkerPool
from fastrtc_webrtc.configuration import (
    ConfigurationError,
    ConfigurationSource,
    server_configuration,
)
from fastrtc_webrtc.credentials import TurnCredentials, get_coturn_credentials

STUN = {"urls": "stun:s.example:3478"}
TURN = {"urls": "turn:t.example", "username": "u", "credential": "p"}
NOW = 1_700_000_000.0


async def no_call(call: Callable[[], object]) -> object:
    raise AssertionError(f"{call} was called")


def source(value: object, **options: Any) -> ConfigurationSource:
    options = {"call": WorkerPool(4).call, "clock": lambda: NOW, **options}
    return ConfigurationSource(value, **options)


class Counted:
    """An async function that returns a configuration with the number of the call."""

    def __init__(self, **more: Any) -> None:
        self.more = more
        self.calls = 0
        self.error: Exception | None = None
        self.takes = 0.0

    async def __call__(self) -> dict[str, Any]:
        self.calls += 1
        number = self.calls
        await asyncio.sleep(self.takes)
        if self.error is not None:
            raise self.error
        return {"iceServers": [STUN], "number": number, **self.more}


async def numbers(configurations: ConfigurationSource, readers: int) -> list[int]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(configurations.get()) for _ in range(readers)]
    return [(task.result() or {})["number"] for task in tasks]


# What can be given


class Object:
    def __init__(self) -> None:
        self.thread: str | None = None

    def __call__(self) -> list[Any]:
        self.thread = threading.current_thread().name
        return [STUN]

    def method(self) -> list[Any]:
        return self()

    async def coroutine(self) -> list[Any]:
        return self()


def given(servers: list[Any]) -> list[Any]:
    return servers


async def given_async(servers: list[Any]) -> list[Any]:
    return servers


@pytest.mark.parametrize(
    "value",
    [
        [STUN],
        {"iceServers": STUN},
        lambda: [STUN],
        partial(given, [STUN]),
        partial(given_async, [STUN]),
        lambda: given_async([STUN]),
        Object(),
        Object().method,
        Object().coroutine,
    ],
)
async def test_what_can_be_given(value: Any) -> None:
    assert await source(value).get() == {"iceServers": [STUN]}


async def test_none() -> None:
    assert await source(None).get() is None
    assert await source(lambda: None).get() is None


async def test_the_result_is_the_callers_own() -> None:
    configurations = source([STUN])
    first = await configurations.get()
    assert first is not None
    first["iceServers"][0]["urls"] = "changed"
    assert await configurations.get() == {"iceServers": [STUN]}
    assert STUN == {"urls": "stun:s.example:3478"}


async def test_where_functions_run() -> None:
    blocking, calling = Object(), Object()
    await source(blocking).get()
    assert blocking.thread == "fastrtc-worker"
    await source(calling.coroutine, call=no_call).get()
    assert calling.thread == "MainThread"


@pytest.mark.parametrize("value", ["stun:s.example", [{"urls": "s.example"}], 5])
def test_what_can_not_be_given(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="server_rtc_configuration: "):
        source(value, name="server_rtc_configuration")


async def test_a_configuration_that_has_ended(caplog: pytest.LogCaptureFixture) -> None:
    configurations = source(TurnCredentials({"iceServers": [TURN]}, expires=NOW - 1))
    for _ in range(2):
        assert await configurations.get() == {"iceServers": [TURN]}
    assert caplog.messages == [
        "the credentials in rtc_configuration have ended: give the function, not what it returned"
    ]


# When a function is asked


@in_virtual_time
async def test_it_is_asked_again_when_half_of_its_time_is_over() -> None:
    function = Counted(ttl=600)
    configurations = source(function)
    for at, number in [(0, 1), (1, 1), (299, 1), (301, 2), (600, 2), (602, 3)]:
        await asyncio.sleep(at - asyncio.get_running_loop().time())
        assert await configurations.get() == {"iceServers": [STUN], "number": number}


@in_virtual_time
@pytest.mark.parametrize(
    "more",
    [
        {"expires": NOW + 60},
        {"iceServers": [{**TURN, "username": f"{NOW + 60:.0f}:fastrtc"}]},
    ],
)
async def test_other_ways_to_say_when_it_ends(more: dict[str, Any]) -> None:
    function = Counted(**more)
    configurations = source(function)
    for _ in range(3):
        await configurations.get()
    assert function.calls == 1
    await asyncio.sleep(31)
    await configurations.get()
    assert function.calls == 2


@in_virtual_time
async def test_credentials_of_ours_know_when_they_end() -> None:
    calls = 0

    async def wrapped() -> dict[str, Any]:
        nonlocal calls
        calls += 1
        return TurnCredentials({"iceServers": [TURN]}, expires=NOW + 60)

    configurations = source(wrapped)
    for _ in range(3):
        await configurations.get()
    assert calls == 1


async def test_the_function_for_coturn() -> None:
    function = partial(get_coturn_credentials, "north", "turn:t.example", now=NOW)
    configurations = source(function)
    first = await configurations.get()
    assert first is not None
    assert first["iceServers"][0]["username"] == "1700000600:fastrtc"
    assert server_configuration(first).iceServers is not None


@in_virtual_time
async def test_without_an_end_it_is_asked_for_every_connection() -> None:
    function = Counted()
    function.takes = 1.0
    configurations = source(function)
    assert sorted(await numbers(configurations, 3)) == [1, 2, 3]
    began = asyncio.get_running_loop().time()
    assert sorted(await numbers(configurations, 50)) == list(range(4, 54))
    assert asyncio.get_running_loop().time() - began == pytest.approx(1.0)  # none waits for another


@in_virtual_time
async def test_an_end_may_come_and_go() -> None:
    function = Counted()
    configurations = source(function)
    await configurations.get()
    function.more = {"ttl": 60}
    assert [(await numbers(configurations, 1))[0] for _ in range(3)] == [2, 2, 2]
    function.more = {}
    await asyncio.sleep(31)
    assert [(await numbers(configurations, 1))[0] for _ in range(3)] == [3, 4, 5]


@in_virtual_time
async def test_what_has_ended_already_is_not_kept() -> None:
    function = Counted(expires=NOW - 5)
    configurations = source(function)
    assert [(await numbers(configurations, 1))[0] for _ in range(3)] == [1, 2, 3]


@in_virtual_time
async def test_those_who_come_together_share_a_call() -> None:
    function = Counted(ttl=600)
    function.takes = 1.0
    configurations = source(function)
    assert await numbers(configurations, 20) == [1] * 20
    await asyncio.sleep(400)
    assert await numbers(configurations, 20) == [2] * 20


@in_virtual_time
async def test_whoever_leaves_does_not_take_the_others_along() -> None:
    function = Counted(ttl=600)
    function.takes = 1.0
    configurations = source(function)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(configurations.get())
        others = [group.create_task(configurations.get()) for _ in range(3)]
        await asyncio.sleep(0.5)
        first.cancel()
    assert first.cancelled()
    assert [(task.result() or {})["number"] for task in others] == [2, 2, 2]


# Failures


def broken() -> object:
    raise LookupError("the password is in the other coat")


async def broken_async() -> object:
    return broken()


@pytest.mark.parametrize("function", [broken, broken_async, partial(broken), partial(broken_async)])
async def test_a_function_that_fails(function: Any) -> None:
    sentence = (
        r"rtc_configuration: broken\w* failed: LookupError: the password is in the other coat"
    )
    with pytest.raises(ConfigurationError, match=sentence) as failure:
        await source(function).get()
    assert isinstance(failure.value.__cause__, LookupError)


@pytest.mark.parametrize("result", ["stun:s.example", {"iceServers": ["x"]}, {"ttl": "soon"}])
async def test_a_function_that_returns_nonsense(result: Any) -> None:
    def nonsense() -> Any:
        return result

    with pytest.raises(ConfigurationError, match="nonsense returned no configuration: "):
        await source(nonsense).get()


@in_virtual_time
async def test_a_function_that_takes_too_long() -> None:
    function = Counted()
    function.takes = 60.0
    with pytest.raises(ConfigurationError, match=r"Counted\.__call__ took longer than 5 s"):
        await source(function, timeout=5.0).get()
    assert asyncio.get_running_loop().time() == pytest.approx(5.0)


async def test_a_thread_that_takes_too_long() -> None:
    left = threading.Event()
    with pytest.raises(ConfigurationError, match=r"wait took longer than 0\.05 s"):
        await source(left.wait, timeout=0.05).get()
    left.set()


async def test_a_timeout_of_the_functions_own() -> None:
    async def late() -> object:
        raise TimeoutError("theirs")

    with pytest.raises(ConfigurationError, match="late failed: TimeoutError: theirs"):
        await source(late).get()


@in_virtual_time
async def test_a_failure_is_shared_too() -> None:
    function = Counted()
    function.takes, function.error = 1.0, OSError("no network")
    configurations = source(function)
    results = await asyncio.gather(
        *(configurations.get() for _ in range(9)), return_exceptions=True
    )
    assert function.calls == 1
    assert {str(result) for result in results} == {
        "rtc_configuration: Counted.__call__ failed: OSError: no network"
    }
    function.error = None
    assert await numbers(configurations, 1) == [2]


@in_virtual_time
async def test_while_the_last_result_holds_a_failure_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    function = Counted(ttl=600)
    configurations = source(function)
    assert await numbers(configurations, 1) == [1]
    function.error = OSError("no network")
    await asyncio.sleep(400)
    assert await numbers(configurations, 5) == [1] * 5
    assert function.calls == 2
    assert "failed: OSError: no network; its last result still holds" in caplog.text
    await asyncio.sleep(31)
    assert await numbers(configurations, 1) == [1]
    assert function.calls == 3  # not more often than that
    await asyncio.sleep(200)
    with pytest.raises(ConfigurationError, match="no network"):
        await configurations.get()
    function.error = None
    assert await numbers(configurations, 1) == [5]


# For aiortc


def urls(configuration: object) -> list[Any]:
    servers = server_configuration(configuration).iceServers
    assert servers is not None
    return [server.urls for server in servers]


def turn(*addresses: str, **more: Any) -> dict[str, Any]:
    return {"urls": list(addresses), "username": "u", "credential": "p", **more}


def test_no_servers() -> None:
    for nothing in (None, {}, [], {"iceServers": []}):
        configuration = server_configuration(nothing)
        assert configuration.iceServers == []
        assert configuration.bundlePolicy is RTCBundlePolicy.MAX_BUNDLE
        assert configuration.iceTransportPolicy is RTCIceTransportPolicy.ALL


@pytest.mark.parametrize(
    ("servers", "used"),
    [
        ([STUN, {"urls": "stun:b.example"}], ["stun:s.example:3478"]),
        ([{"urls": "stuns:s.example"}, {"urls": "stun:b.example"}], ["stun:b.example"]),
        (
            [
                turn("turns:t:443?transport=tcp", "turn:t:80?transport=tcp", "turn:t:3478"),
                turn("turn:u:3478?transport=udp"),
            ],
            ["turn:t:3478"],
        ),
        ([turn("turns:t:443", "turn:t:80?transport=tcp")], ["turn:t:80?transport=tcp"]),
        ([turn("turns:t:443?transport=udp", "turns:t:443")], ["turns:t:443"]),
        ([turn("turn:[2001:db8::1]:3478", "turn:t:80?transport=tcp")], ["turn:t:80?transport=tcp"]),
        ([turn("turn:a", credentialType="oauth"), turn("turn:b")], ["turn:b"]),
        ([turn("turn:t", "stun:t")], ["stun:t", "turn:t"]),
    ],
)
async def test_the_servers_it_uses(servers: list[Any], used: list[str]) -> None:
    assert urls(servers) == used
    # aiortc can use what is left.
    await RTCPeerConnection(server_configuration(servers)).close()


def test_the_account_belongs_to_the_server() -> None:
    configuration = server_configuration(
        {
            "iceServers": [
                turn("turn:a?transport=tcp", username="a"),
                turn("turn:b", username="b", credential="q"),
            ],
            "iceTransportPolicy": "relay",
        }
    )
    assert configuration.iceServers is not None
    (server,) = configuration.iceServers
    assert (server.urls, server.username, server.credential) == ("turn:b", "b", "q")
    assert configuration.iceTransportPolicy is RTCIceTransportPolicy.RELAY


def test_turn_servers_that_it_can_not_use(caplog: pytest.LogCaptureFixture) -> None:
    assert urls([STUN, turn("turns:t?transport=udp")]) == ["stun:s.example:3478"]
    assert "the server can use no TURN server of its configuration" in caplog.text


def test_a_bad_url() -> None:
    with pytest.raises(ValueError, match=r"'turn:t\.example/path' is no URL of an ICE server"):
        server_configuration([turn("turn:t.example/path")])
