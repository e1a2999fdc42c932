"""The built-in page and the client over WebRTC in a real browser, with a real server."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc import demo
from fastrtc_core import (
    AsyncStreamHandler,
    ConnectionRequest,
    Session,
    Stream,
    UnauthorizedError,
    VideoStreamHandler,
)
from fastrtc_vad import ReplyOnPause

if TYPE_CHECKING:
    from playwright.sync_api import Route
    from tests.browser.conftest import Visit

pytest.importorskip("fastrtc_webrtc")

Audio = tuple[int, NDArray[np.int16]]
Picture = NDArray[np.uint8]
Open = Callable[..., "Visit"]
Serve = Callable[..., str]

BOTH = ("microphone", "camera")

AS_IT_IS = {"echoCancellation": False, "noiseSuppression": False, "autoGainControl": False}
"""Constraints that keep a tone's level."""

RED, GREEN, BLUE = (254, 0, 0), (0, 255, 0), (0, 0, 254)


class Echo(AsyncStreamHandler):
    """Sends back what it hears; answers messages; tells its inputs."""

    def __init__(self) -> None:
        super().__init__(input_sample_rate=48_000, output_sample_rate=48_000)
        self._sound: asyncio.Queue[Audio] = asyncio.Queue(16)

    async def start_up(self) -> None:
        async for data in self.session.messages.listen():
            await self.send_message(json.dumps({"type": "answer", "data": data}))

    async def receive(self, frame: Audio) -> None:
        await self._sound.put(frame)

    async def emit(self) -> Audio:
        return await self._sound.get()

    def copy(self) -> "Echo":
        return type(self)()


class Silent(AsyncStreamHandler):
    """Takes what is said and says nothing."""

    async def receive(self, frame: Audio) -> None:
        pass

    async def emit(self) -> None:
        await self.wait_for_args()  # never come

    def copy(self) -> "Silent":
        return Silent()


def echo(**options: Any) -> Stream:
    return Stream(Echo(), modality="audio", mode="send-receive", **options)


def start(seen: "Visit") -> None:
    seen.page.get_by_role("button", name="Start").click()


def stop(seen: "Visit") -> None:
    seen.page.get_by_role("button", name="Stop").click()
    seen.wait("now.state === 'ended'")


def alert(seen: "Visit") -> str:
    return seen.page.get_by_role("alert").inner_text()


def tone_heard(seen: "Visit", *, loud: float = 0.1) -> tuple[float, float]:
    """Return frequency and level of what comes, once it is loud."""
    hz, rms = seen.page.evaluate(
        """async (loud) => {
          const context = new AudioContext();
          const tap = new AnalyserNode(context, { fftSize: 8192 });
          context.createMediaStreamSource(fastrtcPage.client.stream).connect(tap);
          const wave = new Float32Array(tap.fftSize);
          const bins = new Float32Array(tap.frequencyBinCount);
          const level = async (milliseconds) => {
            await new Promise((resolve) => setTimeout(resolve, milliseconds));
            tap.getFloatTimeDomainData(wave);
            return Math.hypot(...wave) / Math.sqrt(wave.length);
          };
          for (const end = performance.now() + 10000; performance.now() < end; ) {
            if ((await level(100)) > loud) break;
          }
          const rms = await level(400); // all that is looked at is loud now
          tap.getFloatFrequencyData(bins);
          const top = bins.indexOf(Math.max(...bins));
          const hz = (top * context.sampleRate) / tap.fftSize;
          await context.close();
          return [hz, rms];
        }""",
        loud,
    )
    return hz, rms


def colours(seen: "Visit", video: str = "remote") -> list[tuple[int, int, int]]:
    """Return the colours in the middle of a picture's left and right halves."""
    found = seen.page.evaluate(
        """(id) => {
          const video = document.getElementById(id);
          const [width, height] = [video.videoWidth, video.videoHeight];
          const context = new OffscreenCanvas(width, height).getContext("2d");
          context.drawImage(video, 0, 0);
          return [0.25, 0.75].map((part) =>
            Array.from(context.getImageData(part * width, height / 2, 1, 1).data).slice(0, 3));
        }""",
        video,
    )
    return [(red, green, blue) for red, green, blue in found]


def near(wanted: tuple[int, int, int]) -> Any:
    return pytest.approx(wanted, abs=24)


# Media, in every mode


def test_a_tone_comes_back(visit: Open, serve: Serve) -> None:
    seen = visit(serve(echo(track_constraints=AS_IT_IS)), sound="tone")
    start(seen)
    seen.wait("now.state === 'listening' && now.connection === 'webrtc'")
    hz, rms = tone_heard(seen)
    assert hz == pytest.approx(440, abs=6)
    assert rms == pytest.approx(0.283, abs=0.03)
    seen.wait("!sound.paused && sound.currentTime > 0.5")
    seen.wait("now.summary?.received.audio && now.counts.packetsReceived > 50")
    summary = seen.page.evaluate("fastrtcPage.read().summary")
    assert summary["received"]["audio"]["codec"] == "opus"
    assert summary["received"]["audio"]["lost"] == 0
    assert summary["path"]["protocol"] == "udp"
    assert summary["rtt"] < 0.1
    assert "WebRTC, direct" in str(seen.read("via"))
    stop(seen)
    assert seen.faults == []


def test_a_mirror(visit: Open, serve: Serve) -> None:
    stream = Stream(demo.mirror, modality="video", mode="send-receive")
    seen = visit(serve(stream), devices=["camera"])
    assert seen.page.get_by_label("Connection").is_hidden()
    start(seen)
    seen.wait("now.state === 'running' && now.pictures.remote && now.pictures.self")
    seen.wait("now.summary?.received.video?.fps > 15")
    assert colours(seen) == [near(BLUE), near(RED)]
    assert colours(seen, "self") == [near(RED), near(BLUE)]
    assert seen.read("pictures.remote") == [320, 240]
    stop(seen)
    assert seen.read("pictures") == {"remote": None, "self": None}
    assert seen.faults == []


def test_sound_and_pictures(visit: Open, serve: Serve) -> None:
    stream = Stream(
        demo.Echo(), modality="audio-video", mode="send-receive", track_constraints=AS_IT_IS
    )
    seen = visit(serve(stream), devices=BOTH, sound="tone")
    start(seen)
    seen.wait("now.state === 'running' && now.pictures.remote")
    hz, rms = tone_heard(seen)
    assert hz == pytest.approx(440, abs=6)
    assert rms == pytest.approx(0.283, abs=0.04)
    assert colours(seen) == [near(RED), near(BLUE)]
    assert seen.read("loudest > 0.2")
    assert seen.page.evaluate("!remote.paused && !remote.muted && remote.currentTime > 0.3")
    seen.page.get_by_role("button", name="Camera off").click()
    seen.wait("now.pictures.remote")
    black = near((0, 0, 0))
    while colours(seen)[0] != black:
        seen.page.wait_for_timeout(50)
    stop(seen)
    assert seen.faults == []


def test_sending_only(visit: Open, serve: Serve) -> None:
    pictures: list[tuple[int, ...]] = []

    def look(picture: Picture) -> None:
        height, width = picture.shape[:2]
        pictures.append(tuple(int(value) for value in picture[height // 2, width // 4]))

    stream = Stream(VideoStreamHandler(look), modality="video", mode="send")
    seen = visit(serve(stream), devices=["camera"])
    start(seen)
    seen.wait("now.state === 'running' && now.pictures.self && now.counts.packetsSent > 60")
    assert pictures[-1] == near((0, 0, 254))  # blue, green, red
    assert seen.read("pictures.remote") is None
    assert "Sending" in seen.page.get_by_role("status").inner_text()
    stop(seen)
    assert seen.faults == []


def test_watching_needs_no_devices(visit: Open, serve: Serve) -> None:
    def green() -> Iterator[Picture]:
        while True:
            yield np.full((240, 320, 3), GREEN, np.uint8)

    seen = visit(serve(Stream(green, modality="video", mode="receive")), devices=[])
    start(seen)
    seen.wait("now.state === 'running' && now.pictures.remote")
    assert colours(seen) == [near(GREEN), near(GREEN)]
    assert seen.page.get_by_role("button", name="Mute").is_hidden()
    stop(seen)
    assert seen.faults == []


def test_listening_needs_no_devices(visit: Open, serve: Serve) -> None:
    def hum() -> Iterator[Audio]:
        wave = 12_000 * np.sin(2 * np.pi * 500 * np.arange(24_000) / 24_000)
        for _ in range(60):
            yield 24_000, wave.astype(np.int16)[np.newaxis]

    seen = visit(serve(Stream(hum, modality="audio", mode="receive")), devices=[])
    start(seen)
    seen.wait("now.state === 'running'")
    hz, rms = tone_heard(seen)
    assert hz == pytest.approx(500, abs=6)
    assert rms == pytest.approx(12_000 / 32_768 / 2**0.5, abs=0.03)
    stop(seen)
    assert seen.faults == []


# Conversation


def test_a_conversation(visit: Open, serve: Serve) -> None:
    def repeat(audio: Audio) -> Iterator[Audio]:
        yield audio

    stream = Stream(ReplyOnPause(repeat), modality="audio", mode="send-receive")
    seen = visit(serve(stream))
    start(seen)
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
    entries = seen.page.get_by_role("log").inner_text()
    for words in ("You started talking", "Pause detected", "You interrupted", "is finished"):
        assert words in entries
    assert seen.read("loudest > 0.05")
    assert seen.read("counts.speechWindows * 0.032") == pytest.approx(seen.read("seconds"), abs=0.7)
    stop(seen)
    assert seen.faults == []


def test_mute(visit: Open, serve: Serve) -> None:
    seen = visit(serve(echo(track_constraints=AS_IT_IS)), sound="tone")
    start(seen)
    seen.wait("now.state === 'listening'")
    assert tone_heard(seen)[1] > 0.2
    seen.page.get_by_role("button", name="Mute").click()
    seen.page.evaluate(
        """() => new Promise((resolve) => {
          const stop = fastrtcPage.client.watchLevels(({ input, output }) => {
            if (input < 0.001 && output < 0.001) resolve(stop());
          });
        })"""
    )
    seen.page.get_by_role("button", name="Mute").click()
    assert tone_heard(seen)[1] > 0.2
    stop(seen)
    assert seen.faults == []


def test_messages(visit: Open, serve: Serve) -> None:
    inputs: list[object] = []

    class Asking(Echo):
        async def emit(self) -> Audio:
            await self.wait_for_args()
            inputs.append(self.current_args())
            return await super().emit()

    seen = visit(serve(Stream(Asking(), modality="audio", mode="send-receive")))
    start(seen)
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
    stop(seen)
    assert seen.faults == []


# Connections


def test_ice_restart(visit: Open, serve: Serve) -> None:
    stream = echo(track_constraints=AS_IT_IS)
    seen = visit(serve(stream), sound="tone")
    start(seen)
    seen.wait("now.state === 'listening'")
    before = [session.id for session in stream.sessions]
    found = seen.page.evaluate(
        """async () => {
          const { client } = fastrtcPage;
          const ufrag = () => /ice-ufrag:(.*)/.exec(client.connection.localDescription.sdp)[1];
          const before = ufrag();
          return { done: await client.restartIce(), changed: ufrag() !== before };
        }"""
    )
    assert found == {"done": True, "changed": True}
    seen.wait("now.counts.packetsReceived > 100")
    assert tone_heard(seen)[0] == pytest.approx(440, abs=6)
    assert seen.read("state") == "listening"
    assert [session.id for session in stream.sessions] == before
    stop(seen)
    assert seen.faults == []


def test_a_new_connection_keeps_the_session(visit: Open, serve: Serve) -> None:
    stream = echo(track_constraints=AS_IT_IS)
    seen = visit(serve(stream), sound="tone")
    start(seen)
    seen.wait("now.state === 'listening'")
    before = [session.id for session in stream.sessions]
    assert before == [seen.page.evaluate("fastrtcPage.client.id")]
    assert seen.page.evaluate("fastrtcPage.client.reconnect()") is True
    assert seen.read("counts.reconnections") == 1
    seen.wait("!sound.paused && sound.currentTime > 0.3")
    assert tone_heard(seen)[0] == pytest.approx(440, abs=6)
    assert [session.id for session in stream.sessions] == before
    assert "the conversation goes on" in seen.page.get_by_role("log").inner_text()
    assert isinstance(seen.page.evaluate("fastrtcPage.client.ping()"), int | float)
    stop(seen)
    assert seen.faults == []


def test_leaving_ends_the_session(visit: Open, serve: Serve) -> None:
    left = threading.Event()

    class Leaving(Silent):
        async def shutdown(self) -> None:
            left.set()

        def copy(self) -> "Leaving":
            return Leaving()

    url = serve(Stream(Leaving(), modality="audio", mode="send-receive"))
    for leave in (stop, lambda seen: seen.page.goto("about:blank")):
        left.clear()
        seen = visit(url)
        start(seen)
        seen.wait("now.state === 'listening'")
        leave(seen)
        assert left.wait(2)  # long before it would be missed


def test_start_again_after_stop(visit: Open, serve: Serve) -> None:
    seen = visit(serve(Stream(Silent(), modality="audio", mode="send-receive")))
    for _ in range(3):
        start(seen)
        seen.wait("now.state === 'listening'")
        stop(seen)
    assert seen.faults == []


@pytest.mark.parametrize("state", ["asking", "connecting", "connected"])
def test_closed_at_any_moment(state: str, visit: Open, serve: Serve) -> None:
    stream = Stream(Silent(), modality="audio", mode="send-receive")
    seen = visit(serve(stream))
    outcome = seen.page.evaluate(
        """async (state) => {
          const { WebRTCClient } = await import("./webrtc/fastrtc-webrtc.js");
          const client = new WebRTCClient();
          const states = [];
          client.addEventListener("state", ({ detail }) => {
            states.push(detail.state);
            if (detail.state === state) client.close();
          });
          const connected = await client.connect();
          await new Promise((resolve) => setTimeout(resolve, 300));
          const tracks = [...client.local.getTracks(), ...client.stream.getTracks()];
          return { connected, last: states.at(-1), tracks: tracks.length };
        }""",
        state,
    )
    assert outcome == {"connected": False, "last": "ended", "tracks": 0}
    while len(stream.sessions):
        seen.page.wait_for_timeout(20)
    assert seen.faults == []


def test_the_server_is_gone(visit: Open) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    command = [sys.executable, "-m", "fastrtc.demo", "--modality", "video", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert f"127.0.0.1:{port}" in process.stdout.readline()
            seen = visit(f"http://127.0.0.1:{port}/", devices=BOTH)
            start(seen)
            seen.wait("now.state === 'running' && now.pictures.remote")
            process.send_signal(signal.SIGKILL)
            process.wait(10)
            seen.wait("now.state === 'reconnecting'")
            assert "being restored" in seen.page.get_by_role("status").inner_text()
            stop(seen)
            start(seen)
            seen.wait("now.state === 'failed'")
            assert "cannot be reached" in alert(seen)
        finally:
            process.kill()


# Words


def test_refused_by_the_limit(visit: Open, serve: Serve) -> None:
    url = serve(Stream(Silent(), modality="audio", mode="send-receive", concurrency_limit=1))
    first, second = visit(url), visit(url)
    start(first)
    first.wait("now.state === 'listening'")
    start(second)
    second.wait("now.state === 'failed'")
    assert "The server is full: 1 person is connected" in alert(second)
    stop(first)
    start(second)
    second.wait("now.state === 'listening'")
    assert first.faults == second.faults == []


def test_unauthorized(visit: Open, serve: Serve) -> None:
    def authorize(request: ConnectionRequest) -> None:
        raise UnauthorizedError

    seen = visit(serve(echo(authorize=authorize)))
    start(seen)
    seen.wait("now.state === 'failed'")
    assert "you are not authorized" in alert(seen)


@pytest.mark.parametrize(
    ("devices", "words"),
    [
        (["microphone"], "The camera was refused"),
        (["camera"], "The microphone was refused"),
        ([], "The microphone or the camera was refused"),
    ],
)
def test_a_device_is_refused(devices: list[str], words: str, visit: Open, serve: Serve) -> None:
    url = serve(Stream(demo.Echo(), modality="audio-video", mode="send-receive"))
    seen = visit(url, devices=devices)
    start(seen)
    seen.wait("now.state === 'failed'")
    assert words in alert(seen)
    assert seen.faults == []


def test_insecure_page(visit: Open, serve: Serve) -> None:
    url = serve(Stream(demo.mirror, modality="video", mode="send-receive"))
    seen = visit(url.replace("127.0.0.1", "voice.test"), devices=[])
    start(seen)
    seen.wait("now.state === 'failed'")
    assert "camera only to pages from https://" in alert(seen)


def test_time_limit(visit: Open, serve: Serve) -> None:
    seen = visit(serve(echo(time_limit=0.5)))
    start(seen)
    seen.wait("now.state === 'ended'")
    assert "The server ended the conversation" in str(seen.read("text"))
    assert seen.faults == []


def test_failing_function(visit: Open, serve: Serve) -> None:
    def fail(audio: Audio) -> Iterator[Audio]:
        raise LookupError

    seen = visit(serve(Stream(ReplyOnPause(fail), modality="audio", mode="send-receive")))
    start(seen)
    seen.wait("now.entries.some(({ kind }) => kind === 'error') && now.state === 'listening'")
    assert "LookupError" in seen.page.get_by_role("log").inner_text()
    assert seen.faults == []


def test_no_network_path(visit: Open, serve: Serve) -> None:
    """Candidates that lead nowhere: relays only, without a relay."""
    relayed = {"iceServers": [], "iceTransportPolicy": "relay"}

    def only_relays(route: "Route") -> None:
        config = route.fetch().json()
        route.fulfill(json=config | {"rtcConfiguration": relayed})

    seen = visit(serve(echo()))
    seen.page.route("**/webrtc/config", only_relays)
    seen.page.clock.install()
    start(seen)
    seen.wait("now.state === 'connecting'")
    for _ in range(25):
        seen.page.clock.run_for(1000)
    seen.wait("now.state === 'failed'")
    assert "a TURN server is needed" in alert(seen)


# Choices


def test_the_connection_is_a_choice(visit: Open, serve: Serve) -> None:
    sessions: list[str] = []

    def note(session: Session, event: object) -> None:
        if session.request.transport not in sessions:
            sessions.append(session.request.transport)

    seen = visit(serve(echo(on_event=note)))
    seen.wait("now.connection === 'webrtc'")
    choice = seen.page.get_by_label("Connection")
    assert choice.locator("option").all_inner_texts() == ["WebRTC", "WebSocket"]
    for name, transport in (("WebSocket", "websocket"), ("WebRTC", "webrtc")):
        choice.select_option(name)
        assert seen.read("via") == f"Connects over {name}."
        start(seen)
        seen.wait("now.state === 'listening'")
        assert choice.is_disabled()
        stop(seen)
        assert sessions[-1] == transport
    assert seen.faults == []


def test_without_webrtc_the_page_says_so(visit: Open, serve: Serve) -> None:
    seen = visit("about:blank")
    seen.page.route("**/transports.json", lambda route: route.fulfill(json=["websocket"]))
    seen.page.goto(serve(echo()))
    seen.wait("now.connection === 'websocket'")
    assert seen.read("via") == "Connects over WebSocket. This server has no WebRTC."
    start(seen)
    seen.wait("now.state === 'listening' && now.counts.framesReceived > 10")
    stop(seen)


def test_devices_are_a_choice(visit: Open, serve: Serve) -> None:
    stream = Stream(demo.mirror, modality="video", mode="send-receive")
    seen = visit(serve(stream), devices=BOTH)
    start(seen)
    seen.wait("now.state === 'running' && now.pictures.remote")
    before = seen.page.evaluate("fastrtcPage.client.local.getVideoTracks()[0].id")
    assert seen.page.evaluate("fastrtcPage.client.switchTo('video')") is True
    assert seen.page.evaluate("fastrtcPage.client.local.getVideoTracks()[0].id") != before
    sent = seen.page.evaluate("fastrtcPage.read().counts.packetsSent")
    seen.wait(f"now.counts.packetsSent > {sent + 30}")
    assert colours(seen) == [near(BLUE), near(RED)]
    stop(seen)
    assert seen.faults == []


def test_the_screen_is_a_choice(visit: Open, serve: Serve) -> None:
    stream = Stream(demo.mirror, modality="video", mode="send-receive")
    seen = visit(serve(stream), devices=["camera"], sound="screen")
    choice = seen.page.get_by_label("Picture", exact=True)
    choice.select_option("Screen or window")
    start(seen)
    seen.wait("now.state === 'running' && now.pictures.remote?.[0] > 320")
    assert seen.page.evaluate("document.getElementById('self').dataset.source") == "screen"
    # What a browser does when sharing is ended there; the camera takes over.
    seen.page.evaluate("fastrtcPage.client.local.getTracks()[0].dispatchEvent(new Event('ended'))")
    seen.wait("now.pictures.remote?.[0] === 320")
    assert colours(seen) == [near(BLUE), near(RED)]
    choice.select_option("Screen or window")
    seen.wait("now.pictures.remote?.[0] > 320")
    stop(seen)
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
    start(seen)
    seen.wait("now.summary?.received.video?.fps > 10 && now.summary.sent.video?.fps > 10")
    assert seen.read("summary.sent.video.codec") == "H264"
    assert seen.read("summary.received.video.codec") == "H264"
    assert colours(seen) == [near(BLUE), near(RED)]
    parameters = seen.page.evaluate("fastrtcPage.client.connection.getSenders()[0].getParameters()")
    assert parameters["degradationPreference"] == "maintain-resolution"
    assert parameters["encodings"][0]["maxBitrate"] == 400_000
    stop(seen)
    assert seen.faults == []


def test_what_is_offered_for_sound(visit: Open, serve: Serve) -> None:
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


def test_a_page_that_may_not_play_asks_for_a_click(visit: Open, serve: Serve) -> None:
    seen = visit(serve(echo(track_constraints=AS_IT_IS)), sound="tone")
    seen.page.evaluate(
        """() => {
          const forbid = () => Promise.reject(new DOMException("no click", "NotAllowedError"));
          Object.assign(sound, { autoplay: false, play: forbid });
          hear.addEventListener("click", () => delete sound.play, { capture: true });
        }"""
    )
    seen.wait("now.connection === 'webrtc'")
    start(seen)
    seen.page.get_by_role("button", name="Press to hear").click()
    seen.wait("now.state === 'listening' && !sound.paused && sound.currentTime > 0.5")
    assert seen.page.get_by_role("button", name="Press to hear").is_hidden()
    stop(seen)
    assert seen.faults == []


@pytest.mark.parametrize("modality", ["audio", "video", "audio-video"])
@pytest.mark.parametrize("width", [360, 1280])
def test_fits_the_screen(width: int, modality: str, visit: Open, serve: Serve) -> None:
    handlers = {"audio": Silent(), "video": demo.mirror, "audio-video": demo.Echo()}
    stream = Stream(handlers[modality], modality=modality, mode="send-receive")  # type: ignore[arg-type] # one of three
    seen = visit(serve(stream), devices=BOTH, viewport={"width": width, "height": 720})
    start(seen)
    seen.wait("['listening', 'running'].includes(now.state)")
    seen.wait("now.modality === 'audio' || now.pictures.remote")
    size = seen.page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    )
    assert size[0] == width
    assert size[1] == 720 or width < 1280
    stop(seen)


def test_keyboard(visit: Open, serve: Serve) -> None:
    seen = visit(serve(Stream(Silent(), modality="audio", mode="send-receive")))
    seen.page.keyboard.press("Tab")
    seen.page.keyboard.press("Enter")
    seen.wait("now.state === 'listening'")
    seen.page.keyboard.press("Enter")
    seen.wait("now.state === 'ended'")
