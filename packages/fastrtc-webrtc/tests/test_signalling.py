"""Requests and what becomes of them, without a client that really connects."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from fastrtc_core import (
    AsyncStreamHandler,
    CloseReason,
    ConnectionRequest,
    Limits,
    SessionClosed,
    UnauthorizedError,
)
from fastrtc_core.factory import HandlerFactory
from fastrtc_webrtc import signalling

OFFERS = Path(__file__).parent / "data" / "offers"


def offer_of(name: str = "chrome_audio_trickle", **changes: str) -> str:
    sdp = (OFFERS / f"{name}.sdp").read_bytes().decode()
    for old, new in changes.items():
        sdp = sdp.replace(old, new)
    return sdp


def without_codecs(sdp: str) -> str:
    """Offer nothing but a codec that nobody here speaks."""
    formats = "9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126"
    assert formats in sdp
    return sdp.replace(formats, "9 UDP/TLS/RTP/SAVPF 111").replace("opus/48000/2", "speex/16000")


OFFER = offer_of()
RESTARTED = OFFER.replace("0IvZ", "1JwA").replace("qFkXIYzmqY3S", "rGlYJZanrZ4T")
OTHER_CLIENT = RESTARTED.replace("69:A0:9B", "96:0A:B9")


# Answers


async def test_an_answer(target_of: Any) -> None:
    async with target_of() as target:
        answer = await target.offer("mine")
        assert answer["type"] == "answer"
        assert answer["webrtc_id"] == "mine"
        assert len(answer["token"]) >= 22
        assert "a=candidate:" in answer["sdp"]
        assert [session.id for session in target.stream.sessions] == ["mine"]
        assert target.signalling.newest == "mine"


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in OFFERS.iterdir() if "stopped" not in path.stem)
)
async def test_offers_of_all_kinds_of_clients(name: str, target_of: Any) -> None:
    async with target_of(
        HandlerFactory(_both), modality="audio-video", allow_extra_tracks=True
    ) as target:
        answer = await target.offer(sdp=offer_of(name))
        assert answer["sdp"].startswith("v=0\r\n")


def _both() -> Any:
    from fastrtc_core import AsyncAudioVideoStreamHandler

    class Both(AsyncAudioVideoStreamHandler):
        def copy(self) -> "Both":
            return Both()

        async def receive(self, frame: Any) -> None: ...

        async def emit(self) -> None:
            await asyncio.Event().wait()

        async def video_receive(self, frame: Any) -> None: ...

        async def video_emit(self) -> None:
            await asyncio.Event().wait()

    return Both()


async def test_an_answer_is_fast(target_of: Any) -> None:
    loop = asyncio.get_running_loop()
    async with target_of() as target:
        await target.offer("first")  # with which codecs are looked up, and so on
        began = loop.time()
        await target.offer("second")
        assert loop.time() - began < 0.5


async def test_ids_that_the_server_makes(target_of: Any) -> None:
    async with target_of() as target:
        one, other = await target.offer(None), await target.offer(None)
        assert len(one["webrtc_id"]) >= 22
        assert one["webrtc_id"] != other["webrtc_id"]
        assert one["token"] != other["token"]


async def test_stereo_is_for_those_who_ask_for_it(target_of: Any) -> None:
    asks = OFFER.replace("minptime=10;useinbandfec=1", "minptime=10;stereo=1;useinbandfec=1")
    async with target_of() as target:
        await target.offer("one")
        await target.offer("two", asks)
        assert target.connection("one")._wire.channels == 1
        assert target.connection("two")._wire.channels == 2


# Who is let in


async def test_the_concurrency_limit_is_said_as_documented(target_of: Any) -> None:
    async with target_of(concurrency_limit=2) as target:
        await target.offer("one")
        await target.offer("two")
        meta = await target.fails(200, "concurrency_limit_reached", webrtc_id="three")
        assert meta["limit"] == 2
        _, goodbye = await target.post(
            type="bye", webrtc_id="one", token=target.connection("one").client.token
        )
        assert goodbye == {"status": "success"}
        while len(target.stream.sessions) == 2:
            await asyncio.sleep(0.01)
        await target.offer("three")


async def test_the_limit_of_the_transport(target_of: Any) -> None:
    async with target_of(limits={"webrtc": Limits(concurrency=1)}) as target:
        await target.offer("one")
        meta = await target.fails(200, "concurrency_limit_reached", webrtc_id="two")
        assert meta["limit"] == 1


async def test_who_asks(target_of: Any) -> None:
    seen: list[ConnectionRequest] = []

    async def authorize(request: ConnectionRequest) -> object:
        seen.append(request)
        return {"name": "Ada"}

    async with target_of(authorize=authorize) as target:
        body = {"type": "offer", "sdp": OFFER, "webrtc_id": "abc"}
        extra = {"metadata": {"language": "en"}, "wants": ["speech"]}
        headers = {"Authorization": "Bearer x"}
        response = await target.http.post(
            "/webrtc/offer?room=4", json=body | extra, headers=headers
        )
        assert response.status_code == 200
        [request] = seen
        assert request.transport == "webrtc"
        assert request.client == "127.0.0.1"
        assert request.path == "/webrtc/offer"
        assert request.headers["authorization"] == "Bearer x"
        assert request.query == {"room": "4"}
        assert request.metadata == {"language": "en"}
        assert request.wants == {"speech"}
        [session] = target.stream.sessions
        assert session.user == {"name": "Ada"}
        assert session.metadata == {"language": "en"}


@pytest.mark.parametrize("verdict", [False, None, UnauthorizedError("no")])
async def test_who_is_not_let_in(leaving_nothing: Any, verdict: Any, target_of: Any) -> None:
    async def authorize(request: ConnectionRequest) -> object:
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    async with leaving_nothing(), target_of(authorize=authorize) as target:
        await target.fails(401, "unauthorized")
        await target.emptied()


# Offers that can't be answered

UNANSWERABLE = {
    "no_description": "hello",
    "no_sound": offer_of("chrome_video"),
    "other_codecs": without_codecs(OFFER),
    "no_fingerprint": "\r\n".join(
        line for line in OFFER.splitlines() if not line.startswith("a=fingerprint")
    ),
}


@pytest.mark.parametrize("sdp", UNANSWERABLE.values(), ids=UNANSWERABLE)
async def test_an_offer_that_can_not_be_answered(
    leaving_nothing: Any, sdp: str, target_of: Any
) -> None:
    async with leaving_nothing(), target_of(concurrency_limit=1) as target:
        await target.fails(400, "bad_sdp", sdp=sdp)
        await target.emptied()
        await target.offer()  # the place is free


async def test_a_handler_that_can_not_be_made(
    leaving_nothing: Any, caplog: pytest.LogCaptureFixture, target_of: Any
) -> None:
    def fail() -> AsyncStreamHandler:
        raise ZeroDivisionError

    async with leaving_nothing(), target_of(HandlerFactory(fail)) as target:
        await target.fails(500, "negotiation_failed")
        await target.emptied()
    assert "ZeroDivisionError" in caplog.text


async def test_a_configuration_that_can_not_be_had(
    leaving_nothing: Any, caplog: pytest.LogCaptureFixture, target_of: Any
) -> None:
    async def fail() -> dict[str, Any]:
        raise ZeroDivisionError

    async with leaving_nothing(), target_of(server_rtc_configuration=fail) as target:
        await target.fails(500, "negotiation_failed")
        await target.emptied()
    assert "ZeroDivisionError" in caplog.text


async def test_an_answer_that_takes_too_long(
    leaving_nothing: Any, monkeypatch: pytest.MonkeyPatch, target_of: Any
) -> None:
    monkeypatch.setattr(signalling, "ANSWER_TIMEOUT", 0.1)

    async def authorize(request: ConnectionRequest) -> object:
        await asyncio.Event().wait()
        return True

    async with leaving_nothing(), target_of(authorize=authorize) as target:
        meta = await target.fails(500, "negotiation_failed")
        assert "within 0.1 s" in meta["message"]
        await target.emptied()


async def test_a_request_that_is_given_up(leaving_nothing: Any, target_of: Any) -> None:
    asked = asyncio.Event()

    async def authorize(request: ConnectionRequest) -> object:
        asked.set()
        await asyncio.Event().wait()
        return True

    async with leaving_nothing(), target_of(authorize=authorize) as target:
        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(target.offer())
            await asked.wait()
            assert target.signalling.live == 1
            asking.cancel()
        await target.emptied()


# Live sessions


async def test_an_id_that_is_in_use(target_of: Any) -> None:
    async with target_of() as target:
        token = (await target.offer())["token"]
        for wrong in (None, "x", token[:-1], "ä" * 20):
            if wrong == "ä" * 20:
                await target.fails(400, "bad_request", token=wrong)
            else:
                await target.fails(409, "id_in_use", token=wrong)
        assert len(target.stream.sessions) == 1


async def test_an_id_that_another_transport_uses(target_of: Any) -> None:
    from fastrtc_core.testing import connect

    async with target_of() as target, connect(target.stream, session_id="abc"):
        await target.fails(409, "id_in_use")


async def test_two_offers_at_once_with_one_id(target_of: Any) -> None:
    async def authorize(request: ConnectionRequest) -> object:
        await asyncio.sleep(0.05)
        return True

    async with target_of(authorize=authorize) as target:
        body = {"type": "offer", "sdp": OFFER, "webrtc_id": "abc"}
        answers = await asyncio.gather(*(target.post(**body) for _ in range(3)))
        assert sorted(status for status, _ in answers) == [200, 409, 409]
        assert len(target.stream.sessions) == 1


async def test_negotiating_again(target_of: Any) -> None:
    async with target_of() as target:
        first = await target.offer()
        connection, peer = target.connection(), target.connection()._peer
        again = await target.offer(token=first["token"])
        assert again["token"] == first["token"]
        assert target.connection() is connection
        assert connection._peer is peer
        assert _ufrag(again) == _ufrag(first)


async def test_restarting_ice(target_of: Any) -> None:
    async with target_of() as target:
        first = await target.offer()
        peer = target.connection()._peer
        again = await target.offer(sdp=RESTARTED, token=first["token"])
        assert target.connection()._peer is peer
        assert _ufrag(again) != _ufrag(first)
        assert len(target.stream.sessions) == 1


async def test_coming_back_by_another_connection(target_of: Any) -> None:
    async with target_of() as target:
        first = await target.offer()
        [session] = target.stream.sessions
        peer = target.connection()._peer
        again = await target.offer(sdp=OTHER_CLIENT, token=first["token"])
        assert target.connection()._peer is not peer
        assert _ufrag(again) != _ufrag(first)
        assert list(target.stream.sessions) == [session]


@pytest.mark.parametrize("sdp", [OTHER_CLIENT, RESTARTED, OFFER], ids=["back", "restart", "same"])
async def test_another_offer_that_can_not_be_answered(sdp: str, target_of: Any) -> None:
    # Which aiortc finds to be wrong, not the check before.
    wrong = without_codecs(sdp).replace("speex/16000", "G722/8000")
    async with target_of() as target:
        first = await target.offer()
        peer = target.connection()._peer
        await target.fails(400, "bad_sdp", sdp=wrong, token=first["token"])
        assert target.connection()._peer is peer
        assert len(target.stream.sessions) == 1
        again = await target.offer(sdp=sdp, token=first["token"])
        assert again["token"] == first["token"]


def _ufrag(answer: Any) -> str:
    return next(line for line in answer["sdp"].splitlines() if line.startswith("a=ice-ufrag:"))


async def test_bye(ends: Any, leaving_nothing: Any, target_of: Any) -> None:
    async with leaving_nothing(), target_of(ends=ends) as target:
        token = (await target.offer())["token"]
        await target.fails(404, "unknown_session", type="bye", token="wrong")
        await target.fails(404, "unknown_session", type="bye", token=None)
        await target.fails(404, "unknown_session", type="bye", webrtc_id="x", token=token)
        body = json.dumps({"type": "bye", "webrtc_id": "abc", "token": token})
        # As navigator.sendBeacon does it.
        response = await target.http.post(
            "/webrtc/offer", content=body, headers={"content-type": "text/plain;charset=UTF-8"}
        )
        assert response.json() == {"status": "success"}
        assert (await ends.next())[1].reason is CloseReason.CLIENT_LEFT
        await target.emptied()
        await target.fails(404, "unknown_session", type="bye", token=token)


async def test_shutdown(ends: Any, leaving_nothing: Any, target_of: Any) -> None:
    async with leaving_nothing():
        async with target_of(ends=ends) as target:
            for number in range(3):
                await target.offer(f"session-{number}")
            await target.signalling.close()
            assert target.signalling.live == 0
        closed: list[SessionClosed] = [(await ends.next())[1] for _ in range(3)]
        assert {event.reason for event in closed} == {CloseReason.SHUTDOWN}


# Watching


async def test_watching_somebody_who_is_not_there(target_of: Any) -> None:
    async with target_of() as target:
        from fastrtc_core import UnknownSessionError

        with pytest.raises(UnknownSessionError):
            await target.signalling.offer(ConnectionRequest("webrtc"), OFFER, watch="nobody")
        assert target.signalling.live == 0


async def test_the_newest_is_no_viewer(target_of: Any) -> None:
    async with target_of(mode="send-receive") as target:
        assert target.signalling.newest is None
        await target.offer("one")
        await target.offer("two")
        watching = offer_of("chrome_audio_trickle", **{"a=sendrecv": "a=recvonly"})
        request = ConnectionRequest("webrtc", client="127.0.0.1")
        await target.signalling.offer(request, watching, "viewer", watch="one")
        assert target.signalling.newest == "two"
        assert target.connection("viewer").outlets is target.connection("one").outlets
