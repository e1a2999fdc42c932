"""The built-in page and the client over WebRTC in a real browser, with a real server."""

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc import demo
from fastrtc_core import (
    AsyncStreamHandler,
    ConnectionRequest,
    Stream,
    VideoStreamHandler,
)
from fastrtc_vad import ReplyOnPause

if TYPE_CHECKING:
    from tests.browser.conftest import Visit

pytest.importorskip("fastrtc_webrtc")

Audio = tuple[int, NDArray[np.int16]]
Picture = NDArray[np.uint8]
Open = Callable[..., "Visit"]
Serve = Callable[..., str]
Make = Callable[..., Stream]

BOTH = ("microphone", "camera")

AS_IT_IS = {"echoCancellation": False, "noiseSuppression": False, "autoGainControl": False}
"""Constraints that keep a tone's level."""

RED, GREEN, BLUE = (254, 0, 0), (0, 255, 0), (0, 0, 254)


def near(wanted: tuple[int, int, int]) -> Any:
    return pytest.approx(wanted, abs=24)


# Media, in every mode


def test_a_tone_comes_back(visit: Open, serve: Serve, echo: Make) -> None:
    seen = visit(serve(echo()), sound="tone")
    seen.start()
    seen.wait("now.state === 'listening' && now.connection === 'webrtc'")
    hz, rms = seen.hear()
    assert hz == pytest.approx(440, abs=8)
    assert rms == pytest.approx(0.283, abs=0.03)
    seen.wait("!sound.paused && sound.currentTime > 0.5")
    seen.wait("now.summary?.received.audio && now.counts.packetsReceived > 50")
    summary = seen.page.evaluate("fastrtcPage.read().summary")
    assert summary["received"]["audio"]["codec"] == "opus"
    assert summary["received"]["audio"]["lost"] == 0
    assert summary["path"]["protocol"] == "udp"
    assert summary["rtt"] < 0.1
    assert "WebRTC, direct" in str(seen.read("via"))
    seen.stop()
    assert seen.faults == []


def test_a_mirror(visit: Open, serve: Serve) -> None:
    stream = Stream(demo.mirror, modality="video", mode="send-receive")
    seen = visit(serve(stream), devices=["camera"])
    assert seen.page.get_by_label("Connection").is_hidden()
    seen.start()
    seen.wait("now.state === 'running' && now.pictures.remote && now.pictures.self")
    seen.wait("now.summary?.received.video?.fps > 15")
    assert seen.look() == [near(BLUE), near(RED)]
    assert seen.look("self") == [near(RED), near(BLUE)]
    assert seen.read("pictures.remote") == [320, 240]
    seen.stop()
    assert seen.read("pictures") == {"remote": None, "self": None}
    assert seen.faults == []


def test_sound_and_pictures(visit: Open, serve: Serve) -> None:
    stream = Stream(
        demo.Echo(), modality="audio-video", mode="send-receive", track_constraints=AS_IT_IS
    )
    seen = visit(serve(stream), devices=BOTH, sound="tone")
    seen.start()
    seen.wait("now.state === 'running' && now.pictures.remote")
    hz, rms = seen.hear()
    assert hz == pytest.approx(440, abs=8)
    assert rms == pytest.approx(0.283, abs=0.04)
    assert seen.look() == [near(RED), near(BLUE)]
    assert seen.read("loudest > 0.2")
    assert seen.page.evaluate("!remote.paused && !remote.muted && remote.currentTime > 0.3")
    seen.page.get_by_role("button", name="Camera off").click()
    seen.wait("now.pictures.remote")
    black = near((0, 0, 0))
    while seen.look()[0] != black:
        seen.page.wait_for_timeout(50)
    seen.stop()
    assert seen.faults == []


def test_sending_only(visit: Open, serve: Serve) -> None:
    pictures: list[tuple[int, ...]] = []

    def look(picture: Picture) -> None:
        height, width = picture.shape[:2]
        pictures.append(tuple(int(value) for value in picture[height // 2, width // 4]))

    stream = Stream(VideoStreamHandler(look), modality="video", mode="send")
    seen = visit(serve(stream), devices=["camera"])
    seen.start()
    seen.wait("now.state === 'running' && now.pictures.self && now.counts.packetsSent > 60")
    assert pictures[-1] == near((0, 0, 254))  # blue, green, red
    assert seen.read("pictures.remote") is None
    assert "Sending" in seen.page.get_by_role("status").inner_text()
    seen.stop()
    assert seen.faults == []


def test_watching_needs_no_devices(visit: Open, serve: Serve) -> None:
    def green() -> Iterator[Picture]:
        while True:
            yield np.full((240, 320, 3), GREEN, np.uint8)

    seen = visit(serve(Stream(green, modality="video", mode="receive")), devices=[])
    seen.start()
    seen.wait("now.state === 'running' && now.pictures.remote")
    assert seen.look() == [near(GREEN), near(GREEN)]
    assert seen.page.get_by_role("button", name="Mute").is_hidden()
    seen.stop()
    assert seen.faults == []


def test_listening_needs_no_devices(visit: Open, serve: Serve) -> None:
    def hum() -> Iterator[Audio]:
        wave = 12_000 * np.sin(2 * np.pi * 500 * np.arange(24_000) / 24_000)
        for _ in range(60):
            yield 24_000, wave.astype(np.int16)[np.newaxis]

    seen = visit(serve(Stream(hum, modality="audio", mode="receive")), devices=[])
    seen.start()
    seen.wait("now.state === 'running'")
    hz, rms = seen.hear()
    assert hz == pytest.approx(500, abs=8)
    assert rms == pytest.approx(12_000 / 32_768 / 2**0.5, abs=0.03)
    seen.stop()
    assert seen.faults == []


# Conversation


def test_a_conversation(visit: Open, serve: Serve) -> None:
    def repeat(audio: Audio) -> Iterator[Audio]:
        yield audio

    stream = Stream(ReplyOnPause(repeat), modality="audio", mode="send-receive")
    seen = visit(serve(stream))
    seen.start()
    seen.wait("now.marks.some(({ kind }) => kind === 'response_finished')")
    marks = seen.page.evaluate("fastrtcPage.read().marks.map(({ kind }) => kind)")
    assert marks[:7] == [
        "started_talking",
        "pause_detected",
        "response_starting",
        "interrupted",
        "started_talking",
        "pause_detected",
        "response_starting",
    ]
    entries = seen.log()
    for words in ("You started talking", "Pause detected", "You interrupted", "is finished"):
        assert words in entries
    assert seen.read("loudest > 0.05")
    assert seen.read("counts.speechWindows * 0.032") == pytest.approx(seen.read("seconds"), abs=0.7)
    seen.stop()
    assert seen.faults == []


def test_mute(visit: Open, serve: Serve, echo: Make) -> None:
    seen = visit(serve(echo()), sound="tone")
    seen.start()
    seen.wait("now.state === 'listening'")
    assert seen.hear()[1] > 0.2
    seen.page.get_by_role("button", name="Mute").click()
    seen.page.evaluate(
        """() => new Promise((resolve) => {
          const stop = fastrtcPage.client.watchLevels(({ input, output }) => {
            if (input < 0.001 && output < 0.001) resolve(stop());
          });
        })"""
    )
    seen.page.get_by_role("button", name="Mute").click()
    assert seen.hear()[1] > 0.2
    seen.stop()
    assert seen.faults == []


def test_messages(visit: Open, serve: Serve) -> None:
    inputs: list[object] = []

    class Asking(AsyncStreamHandler):
        """Asks for inputs and answers messages."""

        async def start_up(self) -> None:
            async for data in self.session.messages.listen():
                await self.send_message(json.dumps({"type": "answer", "data": data}))

        async def receive(self, frame: Audio) -> None:
            pass

        async def emit(self) -> Audio:
            await self.wait_for_args()
            inputs.append(self.current_args())
            return 24_000, np.full((1, 480), 3000, np.int16)

        def copy(self) -> "Asking":
            return Asking()

    seen = visit(serve(Stream(Asking(), modality="audio", mode="send-receive")))
    seen.start()
    seen.wait("now.entries.some(({ text }) => text.includes('asks for inputs'))")
    answer = seen.page.evaluate(
        """async () => {
          const { client } = fastrtcPage;
          const answered = new Promise((resolve) => {
            client.addEventListener("message", ({ detail }) => {
              if (detail.type === "answer") resolve(detail.data);
            });
          });
          client.setInput("loud", { factor: 2 });
          client.sendMessage({ text: "hello", list: [1, null] });
          return { data: await answered, ping: await client.ping() };
        }"""
    )
    assert answer["data"] == {"text": "hello", "list": [1, None]}
    assert 0 <= answer["ping"] < 1000
    seen.wait("now.loudest > 0")
    assert inputs[0] == ["loud", {"factor": 2}]
    seen.stop()
    assert seen.faults == []


# Choices


def test_the_connection_is_a_choice(visit: Open, serve: Serve, echo: Make) -> None:
    transports: list[str] = []

    def note(request: ConnectionRequest) -> bool:
        transports.append(request.transport)
        return True

    seen = visit(serve(echo(authorize=note)))
    seen.wait("now.connection === 'webrtc'")
    choice = seen.page.get_by_label("Connection")
    assert choice.locator("option").all_inner_texts() == ["WebRTC", "WebSocket"]
    for name, transport in (("WebSocket", "websocket"), ("WebRTC", "webrtc")):
        choice.select_option(name)
        assert seen.read("via") == f"Connects over {name}."
        seen.start()
        seen.wait("now.state === 'listening'")
        assert choice.is_disabled()
        seen.stop()
        assert transports[-1] == transport
    assert seen.faults == []


def test_without_webrtc_the_page_says_so(visit: Open, serve: Serve, echo: Make) -> None:
    seen = visit("about:blank")
    seen.page.route("**/transports.json", lambda route: route.fulfill(json=["websocket"]))
    seen.page.goto(serve(echo()))
    seen.wait("now.connection === 'websocket'")
    assert seen.read("via") == "Connects over WebSocket. This server has no WebRTC."
    seen.start()
    seen.wait("now.state === 'listening' && now.counts.framesReceived > 10")
    seen.stop()


def test_devices_are_a_choice(visit: Open, serve: Serve) -> None:
    stream = Stream(demo.mirror, modality="video", mode="send-receive")
    seen = visit(serve(stream), devices=BOTH)
    seen.start()
    seen.wait("now.state === 'running' && now.pictures.remote")
    before = seen.page.evaluate("fastrtcPage.client.local.getVideoTracks()[0].id")
    assert seen.page.evaluate("fastrtcPage.client.switchTo('video')") is True
    assert seen.page.evaluate("fastrtcPage.client.local.getVideoTracks()[0].id") != before
    sent = seen.page.evaluate("fastrtcPage.read().counts.packetsSent")
    seen.wait(f"now.counts.packetsSent > {sent + 30}")
    assert seen.look() == [near(BLUE), near(RED)]
    seen.stop()
    assert seen.faults == []


def test_the_screen_is_a_choice(visit: Open, serve: Serve) -> None:
    stream = Stream(demo.mirror, modality="video", mode="send-receive")
    seen = visit(serve(stream), devices=["camera"], sound="screen")
    choice = seen.page.get_by_label("Picture", exact=True)
    choice.select_option("Screen or window")
    seen.start()
    seen.wait("now.state === 'running' && now.pictures.remote?.[0] > 320")
    assert seen.page.evaluate("document.getElementById('self').dataset.source") == "screen"
    # What a browser does when sharing is ended there; the camera takes over.
    seen.page.evaluate("fastrtcPage.client.local.getTracks()[0].dispatchEvent(new Event('ended'))")
    seen.wait("now.pictures.remote?.[0] === 320")
    assert seen.look() == [near(BLUE), near(RED)]
    choice.select_option("Screen or window")
    seen.wait("now.pictures.remote?.[0] > 320")
    seen.stop()
    assert seen.faults == []


def test_sending_parameters(visit: Open, serve: Serve) -> None:
    stream = Stream(
        demo.mirror,
        modality="video",
        mode="send-receive",
        rtp_params={
            "codec": "H264",
            "degradationPreference": "maintain-resolution",
            "encodings": [{"maxBitrate": 400_000}],
        },
    )
    seen = visit(serve(stream), devices=["camera"])
    seen.start()
    seen.wait("now.summary?.received.video?.fps > 10 && now.summary.sent.video?.fps > 10")
    assert seen.read("summary.sent.video.codec") == "H264"
    assert seen.read("summary.received.video.codec") == "H264"
    assert seen.look() == [near(BLUE), near(RED)]
    parameters = seen.page.evaluate("fastrtcPage.client.connection.getSenders()[0].getParameters()")
    assert parameters["degradationPreference"] == "maintain-resolution"
    assert parameters["encodings"][0]["maxBitrate"] == 400_000
    seen.stop()
    assert seen.faults == []


def test_what_is_offered_for_sound(visit: Open, serve: Serve, echo: Make) -> None:
    seen = visit(serve(echo()))
    offers = seen.page.evaluate(
        """async () => {
          const { WebRTCClient } = await import("./webrtc/fastrtc-webrtc.js");
          const offers = [];
          for (const stereo of [false, true]) {
            const client = new WebRTCClient();
            await client.connect({ stereo });
            const { localDescription, remoteDescription } = client.connection;
            offers.push([localDescription.sdp, remoteDescription.sdp]);
            client.close();
          }
          return offers;
        }"""
    )
    for stereo, (offer, answer) in enumerate(offers):
        for sdp in (offer, answer):
            assert "a=rtcp-fb:111 nack\r\n" in sdp
            assert "useinbandfec=1" in sdp
            assert sdp.count("a=fmtp:111 ") == 1
        assert ("stereo=1" in offer) is bool(stereo)
    assert seen.faults == []


def test_a_page_that_may_not_play_asks_for_a_click(visit: Open, serve: Serve, echo: Make) -> None:
    seen = visit(serve(echo()), sound="tone")
    seen.page.evaluate(
        """() => {
          const forbid = () => Promise.reject(new DOMException("no click", "NotAllowedError"));
          Object.assign(sound, { autoplay: false, play: forbid });
          hear.addEventListener("click", () => delete sound.play, { capture: true });
        }"""
    )
    seen.wait("now.connection === 'webrtc'")
    seen.start()
    seen.page.get_by_role("button", name="Press to hear").click()
    seen.wait("now.state === 'listening' && !sound.paused && sound.currentTime > 0.5")
    assert seen.page.get_by_role("button", name="Press to hear").is_hidden()
    seen.stop()
    assert seen.faults == []


@pytest.mark.parametrize("modality", ["audio", "video", "audio-video"])
@pytest.mark.parametrize("width", [360, 1280])
def test_fits_the_screen(width: int, modality: str, visit: Open, serve: Serve) -> None:
    handlers = {
        "audio": ReplyOnPause(lambda audio: audio),
        "video": demo.mirror,
        "audio-video": demo.Echo(),
    }
    stream = Stream(handlers[modality], modality=modality, mode="send-receive")  # type: ignore[arg-type] # one of three
    seen = visit(serve(stream), devices=BOTH, viewport={"width": width, "height": 720})
    seen.start()
    seen.wait("['listening', 'running'].includes(now.state)")
    seen.wait("now.modality === 'audio' || now.pictures.remote")
    size = seen.page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    )
    assert size[0] == width
    assert size[1] == 720 or width < 1280
    seen.stop()


def test_keyboard(visit: Open, serve: Serve, echo: Make) -> None:
    seen = visit(serve(echo()))
    seen.page.keyboard.press("Tab")
    seen.page.keyboard.press("Enter")
    seen.wait("now.state === 'listening'")
    seen.page.keyboard.press("Enter")
    seen.wait("now.state === 'ended'")
