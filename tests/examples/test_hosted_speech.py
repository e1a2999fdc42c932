"""The hosted engines against servers that speak their protocols on this machine.

What is answered has the shape of their documented answers; what is asked is checked to the letter.
"""

import base64
import importlib.util
import io
import json
import os
import subprocess
import sys
import threading
import wave
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from numpy.typing import NDArray
from websockets.sync.server import ServerConnection, serve

from fastrtc.talk import talk_to
from fastrtc_core.speech import Transcript
from fastrtc_core.testing.conformance import check_stt_model, check_tts_model

Audio = tuple[int, NDArray[np.int16]]
Running = Callable[..., AbstractContextManager[str]]

EXAMPLES = Path(__file__).parents[2] / "examples"
SOUND = (np.sin(np.arange(24_000) / 20) * 9000).astype("<i2")  # a second
TONE = (0.3 * np.sin(np.arange(16_000) / 10)).astype(np.float32)


def example(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Service:
    """An HTTP service: what it was asked, and the parts in which it answers."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    status: int = 200
    type: str = "application/json"
    parts: list[bytes] = field(default_factory=list)
    elsewhere: dict[str, list[bytes]] = field(default_factory=dict)
    """What is answered on other paths."""
    hold_after: int | None = None
    """Parts after which it waits until the client has hung up."""
    hung_up: threading.Event = field(default_factory=threading.Event)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: Service

    def do_POST(self) -> None:
        service = self.service
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        service.asked.append(Asked(self.command, self.path, headers, body))
        self.send_response(service.status)
        self.send_header("Content-Type", service.type)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")  # models live as long as the process, not these
        self.end_headers()
        try:
            self._send_parts()
        except ConnectionError:  # a reset, or a broken pipe, if the client had not read all
            service.hung_up.set()
            self.close_connection = True

    def _send_parts(self) -> None:
        for index, part in enumerate(self.service.elsewhere.get(self.path, self.service.parts)):
            if index == self.service.hold_after:
                self.connection.settimeout(30)
                assert self.rfile.read(1) == b""  # nothing comes but the end
                raise ConnectionAbortedError
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[Service]:
    about = Service()
    handler = type("Handler", (_Handler,), {"service": about})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        http.daemon_threads = True
        about.url = f"http://127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield about
        http.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI", "DEEPGRAM", "ELEVENLABS"):
        monkeypatch.delenv(f"{name}_API_KEY", raising=False)
        monkeypatch.delenv(f"{name}_BASE_URL", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def in_odd_parts(data: bytes) -> list[bytes]:
    return [data[begin : begin + 3333] for begin in range(0, len(data), 3333)]


def same(heard: NDArray[np.float32]) -> bool:
    return np.array_equal((heard * 32768).astype(np.int16), SOUND)


def form(asked: Asked) -> dict[str, bytes]:
    """The fields of a form with files."""
    head = f"Content-Type: {asked.headers['content-type']}\r\n\r\n".encode()
    fields = {}
    for part in message_from_bytes(head + asked.body).get_payload():
        assert not isinstance(part, str)
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        fields[str(part.get_param("name", header="content-disposition"))] = content
    return fields


def test_openai_is_sent_a_wav_and_its_text_comes_back(service: Service) -> None:
    service.parts = [json.dumps({"text": " Good morning. "}).encode()]
    module = example("openai_speech")
    model = module.OpenAIRecognizer(language="en", api_key="k", base_url=f"{service.url}/v1")
    assert model.stt((16_000, TONE)) == "Good morning."
    (asked,) = service.asked
    assert (asked.method, asked.path) == ("POST", "/v1/audio/transcriptions")
    assert asked.headers["authorization"] == "Bearer k"
    fields = form(asked)
    assert fields["model"] == b"gpt-4o-mini-transcribe"
    assert (fields["language"], fields["response_format"]) == (b"en", b"json")
    with wave.open(io.BytesIO(fields["file"])) as sound:
        assert sound.getparams()[:4] == (1, 2, 16_000, 16_000)
    assert model.stt((16_000, np.zeros(16_000, np.int16))) == ""
    assert len(service.asked) == 1  # silence is not paid for


def test_openai_speaks_as_the_sound_comes(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "from the environment")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{service.url}/v1")
    service.type, service.parts = "audio/pcm", in_odd_parts(SOUND.tobytes())
    module = example("openai_speech")
    model = module.OpenAISynthesizer()
    rate, heard = model.tts("Hello.", module.OpenAIVoice("verse", 1.25, "Whisper."))
    assert rate == 24_000
    assert same(heard)
    (asked,) = service.asked
    assert (asked.method, asked.path) == ("POST", "/v1/audio/speech")
    assert asked.headers["authorization"] == "Bearer from the environment"
    assert json.loads(asked.body) == {
        "model": "gpt-4o-mini-tts",
        "voice": "verse",
        "input": "Hello.",
        "speed": 1.25,
        "instructions": "Whisper.",
        "response_format": "pcm",
    }


def test_deepgram_speaks_as_the_sound_comes(service: Service) -> None:
    service.type, service.parts = "audio/l16", in_odd_parts(SOUND.tobytes())
    module = example("deepgram_speech")
    model = module.DeepgramSynthesizer(api_key="k", base_url=service.url)
    _, heard = model.tts("Hello.", module.DeepgramVoice("aura-2-luna-en"))
    assert same(heard)
    (asked,) = service.asked
    assert (asked.method, urlsplit(asked.path).path) == ("POST", "/v1/speak")
    assert parse_qs(urlsplit(asked.path).query) == {
        "model": ["aura-2-luna-en"],
        "encoding": ["linear16"],
        "container": ["none"],
        "sample_rate": ["24000"],
    }
    assert asked.headers["authorization"] == "Token k"
    assert json.loads(asked.body) == {"text": "Hello."}
    service.status, service.parts = 401, [b'{"err_msg": "Invalid credentials."}']
    with pytest.raises(module.DeepgramError, match=r"refused.*Invalid credentials"):
        model.tts("Hello.")


def aligned(text: str, begin: float) -> dict[str, Any]:
    starts = [begin + 0.1 * index for index in range(len(text))]
    return {
        "characters": list(text),
        "character_start_times_seconds": starts,
        "character_end_times_seconds": [start + 0.1 for start in starts],
    }


def test_elevenlabs_tells_the_places_of_words(service: Service) -> None:
    half = SOUND.tobytes()[: SOUND.nbytes // 2], SOUND.tobytes()[SOUND.nbytes // 2 :]
    places = aligned("Well, t", 0), aligned("wo.", 0.7)
    service.parts = [
        json.dumps({"audio_base64": base64.b64encode(sound).decode(), "alignment": place}).encode()
        + b"\n"
        for sound, place in zip(half, places, strict=True)
    ]
    module = example("elevenlabs_speech")
    model = module.ElevenLabsSynthesizer(api_key="k", base_url=service.url)
    chunks = list(model.chunks("Well, two.", module.ElevenLabsVoice("voice", 1.1, "en")))
    assert same(np.concatenate([chunk.samples for chunk in chunks]))
    words = [word for chunk in chunks for word in chunk.words]
    assert [word.text for word in words] == ["Well,", "two."]
    assert [word.start for word in words] == pytest.approx([0, 0.6])
    assert [word.end for word in words] == pytest.approx([0.5, 1.0])
    (asked,) = service.asked
    assert urlsplit(asked.path).path == "/v1/text-to-speech/voice/stream/with-timestamps"
    assert parse_qs(urlsplit(asked.path).query) == {"output_format": ["pcm_24000"]}
    assert asked.headers["xi-api-key"] == "k"
    body = json.loads(asked.body)
    assert body.pop("voice_settings")["speed"] == 1.1
    assert body == {"text": "Well, two.", "model_id": "eleven_flash_v2_5", "language_code": "en"}
    narration = model.narrate("Well, two.")
    list(narration)
    assert [narration.heard(seconds) for seconds in (0.4, 0.55, 1)] == ["", "Well,", "Well, two."]


@pytest.mark.parametrize(
    "make",
    [
        lambda url: example("openai_speech").OpenAISynthesizer(api_key="k", base_url=url),
        lambda url: example("deepgram_speech").DeepgramSynthesizer(api_key="k", base_url=url),
    ],
)
def test_who_stops_listening_hangs_up(service: Service, make: Callable[[str], Any]) -> None:
    service.type, service.hold_after = "audio/pcm", 4
    service.parts = in_odd_parts(SOUND.tobytes())
    stream = make(service.url).stream_tts_sync("Hello.")
    next(stream)
    stream.close()
    assert service.hung_up.wait(20)


def run(name: str, *arguments: object, **settings: str) -> str:
    """Run an example as a program."""
    return subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py", *map(str, arguments)],
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=True,
    ).stdout


def test_elevenlabs_writes_a_file(service: Service, tmp_path: Path) -> None:
    sound = base64.b64encode(SOUND.tobytes()).decode()
    service.parts = [json.dumps({"audio_base64": sound, "alignment": None}).encode() + b"\n"]
    access = {"ELEVENLABS_API_KEY": "k", "ELEVENLABS_BASE_URL": service.url}
    run("elevenlabs_speech", "Hello.", tmp_path / "hello.wav", **access)
    with wave.open(str(tmp_path / "hello.wav")) as written:
        assert written.getparams()[:4] == (1, 2, 24_000, 24_000)


async def test_openai_says_again_what_was_understood(
    service: Service, monkeypatch: pytest.MonkeyPatch, running: Running, question: Audio
) -> None:
    service.parts = [json.dumps({"text": "Good morning."}).encode()]
    service.elsewhere["/v1/audio/speech"] = in_odd_parts(SOUND.tobytes())
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{service.url}/v1")
    with running("openai_speech", "--factory") as url:
        talk = await talk_to(url, question)
    (turn,) = talk.turns
    assert turn.reply_seconds == pytest.approx(1.0, abs=0.1)
    transcribed, spoken = service.asked
    with wave.open(io.BytesIO(form(transcribed)["file"])) as sound:
        assert sound.getnframes() / sound.getframerate() > 1  # the question, whole
    assert json.loads(spoken.body)["input"] == "Good morning."


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("openai_speech", "OpenAIRecognizer"),
        ("openai_speech", "OpenAISynthesizer"),
        ("deepgram_speech", "DeepgramRecognizer"),
        ("deepgram_speech", "DeepgramSynthesizer"),
        ("elevenlabs_speech", "ElevenLabsSynthesizer"),
    ],
)
def test_without_a_key_it_says_where_to_put_one(name: str, kind: str) -> None:
    with pytest.raises(Exception, match="_API_KEY"):
        getattr(example(name), kind)()


@dataclass
class Live:
    """A fake of Deepgram's live transcription: a partial result at 0.5 s, a final one at 1 s."""

    url: str = ""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    received: list[int] = field(default_factory=list)
    """Bytes of each utterance."""
    breaks: bool = False

    def serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.asked.append((socket.request.path, socket.request.headers["Authorization"]))
        size = told = 0
        for message in socket:
            if isinstance(message, bytes):
                size += len(message) * any(message)  # it hears nothing in zeros
                if self.breaks:
                    socket.close(1011, "NET-0000")
                    return
                while told < size // 16_000:
                    told += 1
                    text = "good" if told % 2 else "Good morning."
                    socket.send(results(text, not told % 2, (told - 1) // 2))
                continue
            assert json.loads(message) == {"type": "CloseStream"}
            if told % 2:
                socket.send(results("Good.", True, told // 2))
            socket.send(results("", True, 0))
            socket.send(json.dumps({"type": "Metadata", "duration": size / 32_000}))
            break
        self.received.append(size)


def results(text: str, final: bool, second: int) -> str:
    words = [
        {"word": word.lower().strip("."), "punctuated_word": word, "confidence": 0.9}
        | {"start": second + 0.1 + 0.4 * index, "end": second + 0.4 + 0.4 * index}
        for index, word in enumerate(text.split())
    ]
    heard = {"transcript": text, "confidence": 0.9, "words": words}
    about = {"type": "Results", "is_final": final, "speech_final": final}
    return json.dumps(about | {"channel": {"alternatives": [heard]}})


@pytest.fixture
def live() -> Iterator[Live]:
    fake = Live()
    with serve(fake.serve, "127.0.0.1", 0, close_timeout=1) as server:
        fake.url = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield fake
        server.shutdown()
        thread.join()


def test_deepgram_tells_what_it_hears_meanwhile(live: Live) -> None:
    module = example("deepgram_speech")
    stream = module.DeepgramRecognizer(api_key="k", base_url=live.url).stream()
    assert live.asked == []
    told: list[Transcript] = []
    while not any(transcript.final for transcript in told):  # its answers take a moment
        told += stream.push(TONE[:1600])
    assert [(t.text, t.final) for t in told[:2]] == [("good", False), ("Good morning.", True)]
    assert [(word.text, word.start, word.end) for word in told[1].words] == [
        ("Good", 0.1, 0.4),
        ("morning.", 0.5, 0.8),
    ]
    assert not [transcript for transcript in stream.finish() if not transcript.text]
    assert stream.finish() == ()
    stream.push(TONE[:8000])
    assert [(t.text, t.final) for t in stream.finish()][-1] == ("Good.", True)
    stream.close()
    stream.close()
    ((path, authorization), _) = live.asked  # an utterance each
    assert live.received[1] == 16_000
    assert (urlsplit(path).path, authorization) == ("/v1/listen", "Token k")
    assert parse_qs(urlsplit(path).query) == {
        "model": ["nova-3"],
        "language": ["en"],
        "encoding": ["linear16"],
        "sample_rate": ["16000"],
        "interim_results": ["true"],
        "punctuate": ["true"],
    }


def test_deepgram_transcribes_a_whole_utterance(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPGRAM_API_KEY", "k")
    monkeypatch.setenv("DEEPGRAM_BASE_URL", live.url)
    model = example("deepgram_speech").DeepgramRecognizer()
    assert model.stt((16_000, TONE)) == "Good morning."


def test_deepgram_shows_what_it_hears_of_a_recording(live: Live, tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "tone.wav"), "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        out.writeframes((TONE * 32767).astype("<i2").tobytes())
    access = {"DEEPGRAM_API_KEY": "k", "DEEPGRAM_BASE_URL": live.url}
    shown = run("deepgram_speech", tmp_path / "tone.wav", **access)
    assert shown.splitlines() == ["perhaps: good", "said: Good morning."]


def test_deepgram_that_breaks_off_is_told_and_can_be_tried_again(live: Live) -> None:
    module = example("deepgram_speech")
    stream = module.DeepgramRecognizer(api_key="k", base_url=live.url).stream()
    live.breaks = True

    def speak() -> None:
        for _ in range(100_000):  # it breaks off a moment after the first
            stream.push(TONE[:160])

    with pytest.raises(module.DeepgramError, match=r"broke off.*NET-0000"):
        speak()
    live.breaks = False
    stream.push(TONE)
    assert [t.text for t in stream.finish() if t.final] == ["Good morning."]


async def test_deepgram_passes_the_checks_of_speech_to_text(live: Live) -> None:
    module = example("deepgram_speech")
    report = await check_stt_model(
        lambda: module.DeepgramRecognizer(api_key="k", base_url=live.url), speech=(16_000, TONE)
    )
    assert report.passed, str(report)


async def test_voices_pass_the_checks_of_text_to_speech(service: Service) -> None:
    service.type, service.parts = "audio/pcm", in_odd_parts(SOUND.tobytes())
    for make in (
        lambda: example("openai_speech").OpenAISynthesizer(api_key="k", base_url=service.url),
        lambda: example("deepgram_speech").DeepgramSynthesizer(api_key="k", base_url=service.url),
    ):
        report = await check_tts_model(make)
        assert report.passed, str(report)
