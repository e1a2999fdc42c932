import asyncio
import sys
import threading
from collections.abc import Callable
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import numpy as np
import pytest

from fastrtc_core import (
    AdditionalOutputs,
    AsyncStreamHandler,
    CloseReason,
    ConcurrencyLimitError,
    ConnectionRequest,
    HandlerError,
    Limits,
    MissingPackageError,
    PluginError,
    Stream,
    StreamHandler,
    UnauthorizedError,
    UnknownSessionError,
    WorkersExhaustedError,
    plugins,
)
from fastrtc_core.testing import MemoryClient, connect, in_virtual_time

RATE = 24000
SOUND = np.full(RATE, 7, dtype=np.int16)
Audio = tuple[int, np.ndarray]


class Quiet(AsyncStreamHandler):
    async def receive(self, frame: Audio) -> None:
        pass

    async def emit(self) -> None:
        await asyncio.Event().wait()


class Sync(StreamHandler):
    def receive(self, frame: Audio) -> None: ...
    def emit(self) -> None: ...


def quiet(**options: Any) -> Stream:
    return Stream(Quiet, modality="audio", **options)


async def works(stream: Stream) -> bool:
    """Whether a client is let in, heard and answered."""
    async with connect(stream) as client:
        await client.send_silence(0.1)
        await client.session.say((RATE, SOUND)).wait()
        return sum(frame.duration for _, frame in client.heard) == pytest.approx(1.0)


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mode": "both"}, "mode must be one of"),
        ({"modality": "smell"}, "modality must be one of"),
        ({"concurrency_limit": 0}, "concurrency_limit must be positive, not 0"),
        ({"time_limit": -1}, "time_limit must be positive, not -1"),
        ({"max_workers": 0}, "at least one thread"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Stream(Quiet, **{"modality": "audio", **options})


def test_a_handler_that_does_not_fit_is_refused_at_once() -> None:
    with pytest.raises(HandlerError):
        Stream(Quiet(), modality="video")


# Admission


def _judge(verdict: Any) -> Any:
    if isinstance(verdict, Exception):
        raise verdict
    return verdict


def authorizer(verdict: Any, is_async: bool) -> Callable[[ConnectionRequest], Any]:
    async def authorize(request: ConnectionRequest) -> Any:
        await asyncio.sleep(0)
        return _judge(verdict)

    return authorize if is_async else lambda request: _judge(verdict)


each_kind = pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])


@each_kind
@pytest.mark.parametrize("verdict", [True, "ada", {"name": "ada"}, 0, ""])
def test_whoever_is_authorized_is_the_user(verdict: Any, is_async: bool) -> None:
    @in_virtual_time
    async def test() -> None:
        async with connect(quiet(authorize=authorizer(verdict, is_async))) as client:
            assert client.session.user == verdict

    test()


@each_kind
@pytest.mark.parametrize("verdict", [False, None, UnauthorizedError("wrong key")])
def test_others_are_refused(verdict: Any, is_async: bool) -> None:
    made: list[Quiet] = []

    class Noted(Quiet):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

    @in_virtual_time
    async def test() -> None:
        stream = Stream(Noted, modality="audio", authorize=authorizer(verdict, is_async))
        with pytest.raises(UnauthorizedError):
            async with connect(stream):
                pass
        assert made == []
        assert len(stream.sessions) == 0

    test()


@each_kind
def test_an_authorize_that_fails_lets_nobody_in_and_holds_no_slot(is_async: bool) -> None:
    verdict: list[Any] = [ZeroDivisionError()]

    @in_virtual_time
    async def test() -> None:
        stream = quiet(authorize=lambda request: _judge(verdict[0]), concurrency_limit=1)
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                async with connect(stream):
                    pass
        verdict[0] = "ada"
        assert await works(stream)

    test()


@in_virtual_time
async def test_authorize_sees_the_request() -> None:
    seen: list[ConnectionRequest] = []
    request = ConnectionRequest("memory", client="192.0.2.1", headers={"authorization": "x"})
    async with connect(quiet(authorize=lambda r: seen.append(r) or 1), request=request):
        assert seen[0].headers == {"authorization": "x"}
        assert seen[0].client == "192.0.2.1"


@in_virtual_time
async def test_a_full_stream_refuses_and_recovers() -> None:
    stream = quiet(concurrency_limit=2)
    async with connect(stream) as first, connect(stream):
        with pytest.raises(ConcurrencyLimitError, match="2 sessions are open"):
            async with connect(stream):
                pass
        await first.leave()
        assert await works(stream)


@in_virtual_time
async def test_a_transport_has_limits_of_its_own() -> None:
    stream = quiet(limits={"memory": Limits(concurrency=1, time=5)}, time_limit=60)
    other = ConnectionRequest("elsewhere")
    async with connect(stream) as client, connect(stream, request=other) as elsewhere:
        with pytest.raises(ConcurrencyLimitError, match="over memory"):
            async with connect(stream):
                pass
        assert await client.wait_closed() is CloseReason.TIME_LIMIT
        assert now() == pytest.approx(5)
        assert await elsewhere.wait_closed() is CloseReason.TIME_LIMIT
        assert now() == pytest.approx(60)


def test_the_lower_time_limit_holds() -> None:
    stream = quiet(limits={"a": Limits(time=5), "b": Limits(time=90)}, time_limit=60)
    assert [stream.limits(name).time for name in ("a", "b", "c")] == [5, 60, 60]
    assert quiet().limits("a").time is None


@pytest.mark.parametrize("name", ["concurrency", "time", "message_bytes", "handshake"])
def test_limits_must_be_positive(name: str) -> None:
    with pytest.raises(ValueError, match=rf"Limits\({name}=0\)"):
        Limits(**{name: 0})  # type: ignore[arg-type]  # names of numbers only


@in_virtual_time
async def test_no_threads_left_is_a_refusal() -> None:
    stream = Stream(Sync, modality="audio", max_workers=5)
    async with connect(stream) as first, connect(stream):
        with pytest.raises(WorkersExhaustedError, match="all 5 threads"):
            async with connect(stream):
                pass
        await first.leave()
        assert await works(stream)


@in_virtual_time
async def test_stuck_threads_count_until_they_return() -> None:
    gate = threading.Event()

    class Stuck(Sync):
        def receive(self, frame: Audio) -> None:
            gate.wait(30)

    stream = Stream(Stuck, modality="audio", max_workers=2)
    async with connect(stream) as client:
        await client.send_silence(0.1)
    with pytest.raises(WorkersExhaustedError):
        async with connect(stream):
            pass
    gate.set()
    while stream._pool.lanes:
        await asyncio.sleep(0.001)
    assert await works(stream)


# Inputs and outputs


@in_virtual_time
async def test_inputs_of_an_unknown_session() -> None:
    with pytest.raises(UnknownSessionError, match="'nobody'"):
        quiet().set_input("nobody", 1)


@in_virtual_time
async def test_outputs_reach_every_listener_and_a_slow_one_holds_up_none() -> None:
    stream = quiet()
    quick: list[int] = []
    slow: list[int] = []

    async def listen(client: MemoryClient, into: list[int], pause: float) -> None:
        async for output in stream.output_stream(client.id):
            into.append(int(str(output.args[0])))
            await asyncio.sleep(pause)

    async with asyncio.TaskGroup() as tasks, connect(stream) as client:
        tasks.create_task(listen(client, quick, 0))
        tasks.create_task(listen(client, slow, 0.1))
        for number in range(1000):
            client.session.say(AdditionalOutputs(number))
            await asyncio.sleep(0.01)
    assert quick == list(range(1000))
    assert slow == sorted(set(slow))
    assert 100 < len(slow) < 500
    assert slow[-1] == 999


@in_virtual_time
async def test_outputs_of_one_session_reach_no_other() -> None:
    stream = quiet()
    async with connect(stream) as mine, connect(stream) as other:
        other.session.say(AdditionalOutputs("other"))
        mine.session.say(AdditionalOutputs("mine"))
        assert (await stream.fetch_latest_output(mine.id)).args == ("mine",)
        assert await mine.next_message("fetch_output") == {"type": "fetch_output", "data": []}
        assert len(mine.messages) == 1


@in_virtual_time
async def test_listening_may_begin_before_the_session() -> None:
    stream = quiet()
    seen: list[object] = []

    async def listen() -> None:
        async for output in stream.output_stream("soon"):
            seen.extend(output.args)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(listen())
        await asyncio.sleep(5)
        async with connect(stream, session_id="soon") as client:
            await client.session.say(AdditionalOutputs("here")).wait()
    assert seen == ["here"]


@in_virtual_time
async def test_listening_to_nobody_ends_with_an_error() -> None:
    with pytest.raises(UnknownSessionError):
        await anext(quiet().output_stream("nobody"))
    assert now() == pytest.approx(10)


@in_virtual_time
async def test_the_latest_output() -> None:
    stream = quiet()
    with pytest.raises(UnknownSessionError):
        await stream.fetch_latest_output("nobody")
    async with connect(stream) as client:
        for number in range(3):
            await client.session.say(AdditionalOutputs(number)).wait()
        assert (await stream.fetch_latest_output(client.id)).args == (2,)
        with pytest.raises(TimeoutError):
            await stream.fetch_latest_output(client.id)
        assert now() == pytest.approx(10)


@in_virtual_time
async def test_waiting_for_the_latest_output_ends_with_the_session() -> None:
    stream = quiet(time_limit=3)
    async with connect(stream) as client:
        with pytest.raises(UnknownSessionError):
            await stream.fetch_latest_output(client.id)
        assert now() == pytest.approx(3)


# Parts that may not be installed

Install = Callable[..., None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Pretend that these and no other plugins are installed: (group, name, object's place)."""

    def pretend(*entries: tuple[str, str, str]) -> None:
        found = EntryPoints(EntryPoint(name, place, group) for group, name, place in entries)
        monkeypatch.setitem(sys.modules, "pretended", sys.modules[__name__])
        monkeypatch.setattr(plugins, "entry_points", lambda group: found.select(group=group))

    pretend()
    return pretend


class Mounted:
    """A transport that notes how it was used."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def mount(self, app: list[object], path: str, tags: list[str] | None) -> None:
        app.append((path, tags))

    async def websocket_offer(self, websocket: object) -> object:
        return websocket


not_a_transport = 42


@pytest.mark.parametrize(
    ("what", "package"),
    [
        ("offer", "fastrtc-webrtc"),
        ("websocket_offer", "fastrtc-websocket"),
        ("telephone_handler", "fastrtc-telephony"),
        ("handle_incoming_call", "fastrtc-telephony"),
    ],
)
async def test_a_missing_way_in_is_named(install: Install, what: str, package: str) -> None:
    with pytest.raises(MissingPackageError, match=rf"Stream\.{what} needs .*pip install {package}"):
        await getattr(quiet(), what)(object())


def test_a_missing_telephone_is_named(install: Install) -> None:
    with pytest.raises(MissingPackageError, match=r"Stream\.fastphone needs fastrtc-telephony"):
        quiet().fastphone()


def test_a_missing_user_interface_is_named(install: Install) -> None:
    with pytest.raises(MissingPackageError, match=r"Stream\.ui needs fastrtc-gradio"):
        _ = quiet().ui


def test_mounting_nothing_is_an_error(install: Install) -> None:
    with pytest.raises(MissingPackageError, match=r"Stream\.mount needs fastrtc-websocket"):
        quiet().mount([])


def test_every_installed_transport_is_mounted(install: Install) -> None:
    install(
        ("fastrtc.transports", "first", "pretended:Mounted"),
        ("fastrtc.transports", "second", "pretended:Mounted"),
    )
    app: list[object] = []
    quiet().mount(app, "/voice/", tags=["audio"])
    assert app == [("/voice", ["audio"])] * 2


async def test_a_way_in_is_made_once(install: Install) -> None:
    install(("fastrtc.transports", "websocket", "pretended:Mounted"))
    stream = quiet()
    await stream.websocket_offer("socket")
    await stream.websocket_offer("socket")
    [transport] = stream._transports.values()
    assert isinstance(transport, Mounted)
    assert transport.stream is stream


def test_what_is_no_transport_is_refused(install: Install) -> None:
    install(("fastrtc.transports", "odd", "pretended:not_a_transport"))
    with pytest.raises(PluginError, match=r"'odd' in fastrtc\.transports is no transport: 42"):
        quiet().mount([])


def test_the_user_interface_may_be_set(install: Install) -> None:
    stream = quiet()
    stream.ui = "blocks"
    assert stream.ui == "blocks"


def test_the_user_interface_is_made_once(install: Install) -> None:
    install(("fastrtc.ui", "default", "pretended:Mounted"))
    stream = quiet()
    assert isinstance(stream.ui, Mounted)
    assert stream.ui is stream.ui
