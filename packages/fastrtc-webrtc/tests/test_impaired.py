"""What a bad network does to sound and pictures: the content, and how late it is.

Sound is a new tone in every packet, so that each can be told apart after it was decoded: which of
them were heard, and when.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core import AsyncStreamHandler, EmitType, Stream
from fastrtc_webrtc.testing import Impairment, RTCClient
from fastrtc_webrtc.testing.media import level, numbered_picture, read_number, tone

RATE = 48_000
FRAME = 960
PEAK = 8000.0
PITCHES = 400.0 + 200.0 * np.arange(30)
"""One for each packet, the next 0.6 s later again."""

WINDOW = 480
HOP = 120

LATEST = 0.45
"""Seconds within which a packet counts as heard; well below the 0.6 s."""


def melody(packets: int) -> NDArray[np.int16]:
    tones = [tone(PITCHES[index % len(PITCHES)], 0.02, peak=PEAK) for index in range(packets)]
    return np.concatenate(tones, axis=1)


class Ear(AsyncStreamHandler):
    """Notes what it hears, and when."""

    def __init__(self) -> None:
        super().__init__(input_sample_rate=RATE, output_sample_rate=RATE)
        self.times: list[float] = []
        self.sounds: list[NDArray[np.int16]] = []

    async def receive(self, frame: tuple[int, NDArray[np.int16]]) -> None:
        self.times.append(self.session.loop.time())
        self.sounds.append(frame[1])

    async def emit(self) -> EmitType:
        await asyncio.Event().wait()
        return None

    def recording(self) -> NDArray[np.int16]:
        return np.concatenate(self.sounds, axis=1)

    def delays(self, client: RTCClient) -> dict[int, float]:
        """Return which tones were heard, and how many seconds after they were said."""
        sound = self.recording()[0]
        when = np.repeat(self.times, [piece.shape[1] for piece in self.sounds])
        windows = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP]
        spectra = np.abs(np.fft.rfft(windows * np.hanning(WINDOW), 4096))
        pitches = np.argmax(spectra, axis=1) * RATE / 4096
        loud = np.sqrt(2 * np.mean(windows.astype(float) ** 2, axis=1)) > PEAK / 4
        nearest = np.argmin(np.abs(pitches[:, np.newaxis] - PITCHES), axis=1)
        fits = loud & (np.abs(pitches - PITCHES[nearest]) < 60)
        times = when[WINDOW - 1 :: HOP]
        delays: dict[int, float] = {}
        for index, said in enumerate(client.microphone.said):
            later = times - said.time
            found = fits & (nearest == index % len(PITCHES)) & (later > 0) & (later < LATEST)
            if found.any():
                delays[index] = float(later[found][0])
        return delays


def with_audio_nack(sdp: str) -> str:
    """Offer retransmission of sound, as browsers can and aiortc does without saying so."""
    opus = next(line for line in sdp.splitlines() if line.endswith(" opus/48000/2"))
    payload_type = opus.removeprefix("a=rtpmap:").split()[0]
    return sdp.replace(opus, f"{opus}\r\na=rtcp-fb:{payload_type} nack")


class Call:
    """A client that says a melody to an `Ear`."""

    def __init__(self, client: RTCClient, ear: Ear) -> None:
        self.client = client
        self.ear = ear

    async def say(self, *parts: NDArray[np.int16], between: Callable[[], object] = str) -> None:
        """Say something in parts without a pause, and do something between them."""
        for index, part in enumerate(parts):
            if index:
                between()
            self.client.send_audio(part)
            await self.client.microphone.wait_said()
        await asyncio.sleep(LATEST)  # nothing tells that no more will come

    async def say_melody(self, packets: int) -> dict[int, float]:
        """Say so many tones; return which were heard, and how late."""
        await self.say(melody(packets))
        return self.ear.delays(self.client)

    def lost(self, impairment: Impairment) -> set[int]:
        """Return the tones whose packets an impairment like this one, but new, loses."""
        said = self.client.microphone.said
        silent = said[0].timestamp // FRAME
        fates = [impairment.decide(b"", 0.0) for _ in range(silent + len(said))]
        return {index - silent for index, fate in enumerate(fates) if not fate}


@pytest.fixture
def calling(serving_stream: Any, connected: Any) -> Any:
    @asynccontextmanager
    async def calling(**options: Any) -> AsyncIterator[Call]:
        ears: list[Ear] = []

        class Noted(Ear):
            def __init__(self) -> None:
                super().__init__()
                ears.append(self)

        stream = Stream(Noted, modality="audio", mode="send-receive")
        async with serving_stream(stream) as server, connected(server, **options) as client:
            yield Call(client, ears[-1])

    return calling


def near(lost: set[int]) -> set[int]:
    """Return the tones that a loss touches: a packet holds the end of the tone before it, and the
    one that is decoded after a gap begins with the concealed sound."""
    return {index + offset for index in lost for offset in (-1, 0, 1, 2)}


def percentile(delays: dict[int, float], share: float) -> float:
    return float(np.percentile(list(delays.values()), share))


async def test_a_good_network(calling: Any) -> None:
    async with calling() as call:
        delays = await call.say_melody(200)
    assert set(range(200)) - set(delays) == set()
    assert percentile(delays, 50) < 0.06
    assert percentile(delays, 95) < 0.1


async def test_one_lost_packet(calling: Any) -> None:
    outgoing = Impairment(only="rtp")
    async with calling(outgoing=outgoing) as call:
        sound = melody(350)
        await call.say(sound[:, : 60 * FRAME], sound[:, 60 * FRAME :], between=outgoing.drop_next)
        delays = call.ear.delays(call.client)
    assert outgoing.counts["lost"] == 1
    missing = set(range(350)) - set(delays)
    assert len(missing) <= 3
    assert missing <= set(range(57, 66))
    before = np.median([delay for index, delay in delays.items() if index < 55])
    after = np.median([delay for index, delay in delays.items() if index > 300])
    assert after - before < 0.005


async def test_a_gap_is_concealed(calling: Any) -> None:
    outgoing = Impairment(only="rtp")
    async with calling(outgoing=outgoing) as call:
        sound = tone(440, 2.0, peak=PEAK)
        await call.say(sound[:, : 50 * FRAME], sound[:, 50 * FRAME :], between=outgoing.drop_next)
        sound = call.ear.recording()
    windows = sound[0, : sound.shape[1] // 240 * 240].reshape(-1, 240)
    loud = np.array([level(window) for window in windows])
    (said,) = np.nonzero(loud > PEAK / 2)
    assert loud[said[0] : said[-1]].min() > PEAK / 3
    assert (said[-1] - said[0] + 1) * 0.005 == pytest.approx(2.0, abs=0.06)


async def test_five_percent_lost(calling: Any) -> None:
    loss = {"loss": 0.05, "seed": 3}
    async with calling(outgoing=Impairment(**loss, only="rtp")) as call:
        delays = await call.say_melody(250)
        lost = call.lost(Impairment(**loss))
    assert len([index for index in lost if 0 <= index < 250]) >= 8
    good = set(range(250)) - near(lost)
    assert good - set(delays) == set()
    assert percentile(delays, 95) < 0.12


async def test_lost_packets_that_are_sent_again(calling: Any) -> None:
    outgoing = Impairment(loss=0.05, seed=3, only="rtp")
    async with calling(outgoing=outgoing, alter=with_audio_nack) as call:
        delays = await call.say_melody(250)
    assert outgoing.counts["lost"] >= 8
    assert len(set(range(250)) - set(delays)) <= 4
    assert percentile(delays, 95) < 0.12


async def test_jitter(calling: Any) -> None:
    async with calling(outgoing=Impairment(jitter=0.04, only="rtp")) as call:
        delays = await call.say_melody(250)
    assert len(set(range(250)) - set(delays)) <= 8  # until the buffer knows of it
    assert percentile(delays, 95) < 0.16


async def test_packets_out_of_order(calling: Any) -> None:
    async with calling(outgoing=Impairment(reorder=0.1, only="rtp")) as call:
        delays = await call.say_melody(250)
    assert len(set(range(250)) - set(delays)) <= 8
    assert percentile(delays, 95) < 0.14


async def test_packets_that_come_twice(calling: Any) -> None:
    async with calling(outgoing=Impairment(duplicate=0.2, only="rtp")) as call:
        delays = await call.say_melody(200)
        heard = call.ear.recording().shape[1]
        span = call.ear.times[-1] - call.ear.times[0]
    assert set(range(200)) - set(delays) == set()
    assert heard / RATE == pytest.approx(span, abs=0.1)


async def test_an_outage(calling: Any) -> None:
    outgoing = Impairment(only="rtp")
    async with calling(outgoing=outgoing) as call:
        sound = melody(350)
        loop = asyncio.get_running_loop()
        await call.say(
            sound[:, : 50 * FRAME],
            sound[:, 50 * FRAME :],
            between=lambda: outgoing.cut(0.5, loop.time()),
        )
        delays = call.ear.delays(call.client)
    assert set(range(100, 350)) - set(delays) == set()
    before = np.median([delay for index, delay in delays.items() if index < 45])
    after = np.median([delay for index, delay in delays.items() if index > 300])
    assert after - before < 0.005


# The other way


async def test_the_server_sends_again(serving_stream: Any, connected: Any, echo: Any) -> None:
    incoming = Impairment(only="rtp")
    stream = Stream(echo(), modality="audio", mode="send-receive")
    async with (
        serving_stream(stream) as server,
        connected(server, incoming=incoming, alter=with_audio_nack) as client,
    ):
        client.send_audio(tone(440, 1.0))
        packets = client.audio.packets
        earlier = await packets.next()
        incoming.drop_next()
        while (later := await packets.next()).sequence == earlier.sequence + 1:
            earlier = later
        missing = earlier.sequence + 1
        assert later.sequence == missing + 1
        await client.audio.ask_again(missing)
        again = await packets.match(lambda packet: packet.sequence == missing)
        assert earlier.timestamp < again.timestamp < later.timestamp


def showing(number: int) -> Callable[[Any], bool]:
    return lambda picture: read_number(picture.pixels) == number


@pytest.mark.parametrize("direction", ["incoming", "outgoing"])
@pytest.mark.parametrize("codec", ["video/VP8", "video/H264"])
async def test_pictures_over_a_bad_network(
    serving_stream: Any, connected: Any, direction: str, codec: str
) -> None:
    impairment = Impairment(loss=0.05, jitter=0.02, reorder=0.05, duplicate=0.05, only="rtp")
    options = {"audio": None, "video": "sendrecv", "codecs": [codec], direction: impairment}
    stream = Stream(lambda picture: picture, modality="video", mode="send-receive")
    async with serving_stream(stream) as server, connected(server, **options) as client:
        for number in range(1, 60):
            client.send_picture(numbered_picture(number))
            await asyncio.sleep(0.033)
        await client.video.pictures.match(showing(59))
        shown = [read_number(picture.pixels) for picture in client.video.pictures]
    readable = [number for number in shown if number is not None]
    assert len(readable) > 0.9 * len(shown)
    assert readable == sorted(readable)
    assert impairment.counts["lost"] > 0
