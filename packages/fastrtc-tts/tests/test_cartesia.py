"""Cartesia's HTTP interface, spoken to a server on this machine."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from fastrtc_tts import (
    CartesiaModel,
    CartesiaTTSOptions,
    EngineError,
    ServiceError,
    get_tts_model,
)

httpx = pytest.importorskip("httpx")

SOUND = np.sin(np.arange(22_050) / 10).astype("<f4")


class Service:
    """Speaks a second of a tone for every text, and notes what it was asked."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.status = 200
        self.answer = SOUND.tobytes()
        self.holds_back = 0.0
        self.broken = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                service.requests.append((self.path, dict(self.headers), body))
                self.send_response(service.status)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                try:
                    for start in range(0, len(service.answer), 5001):  # in the midst of a sample
                        piece = service.answer[start : start + 5001]
                        self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                        self.wfile.flush()
                        time.sleep(service.holds_back)
                    self.wfile.write(b"0\r\n\r\n")
                except OSError:
                    service.broken.set()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    threading.Thread(target=made.server.serve_forever, daemon=True).start()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def model(service: Service) -> Iterator[CartesiaModel]:
    made = CartesiaModel("secret", service.url)
    yield made
    if made._client is not None:
        made._client.close()


def test_it_speaks(model: CartesiaModel, service: Service) -> None:
    rate, samples = model.tts("Good morning.")
    assert rate == 22_050
    assert np.array_equal(samples, SOUND)
    [(path, headers, body)] = service.requests
    assert path == "/tts/bytes"
    assert headers["X-API-Key"] == "secret"
    assert headers["Cartesia-Version"] == "2024-06-10"
    assert body == {
        "model_id": "sonic-2",
        "transcript": "Good morning.",
        "voice": {"mode": "id", "id": "71a7ad14-091c-4e8e-a314-022ece01c121"},
        "language": "en",
        "output_format": {"container": "raw", "encoding": "pcm_f32le", "sample_rate": 22_050},
    }


def test_every_option_is_told(model: CartesiaModel, service: Service) -> None:
    options = CartesiaTTSOptions(
        voice="v",
        language="de",
        emotion=["positivity:high", "curiosity"],
        cartesia_version="2024-11-13",
        model="sonic-turbo",
        sample_rate=8_000,
        speed=-0.5,
    )
    rate, _ = model.tts("Guten Morgen.", options)
    assert rate == 8_000
    [(_, headers, body)] = service.requests
    assert headers["Cartesia-Version"] == "2024-11-13"
    assert (body["model_id"], body["language"]) == ("sonic-turbo", "de")
    assert body["output_format"]["sample_rate"] == 8_000
    assert body["voice"] == {
        "mode": "id",
        "id": "v",
        "__experimental_controls": {"speed": -0.5, "emotion": ["positivity:high", "curiosity"]},
    }


def test_later_models_have_their_controls_elsewhere(model: CartesiaModel, service: Service) -> None:
    options = CartesiaTTSOptions(model="sonic-3", emotion=["calm"], speed=1.2, volume=0.8)
    model.tts("Good morning.", options)
    [(_, _, body)] = service.requests
    assert body["generation_config"] == {"speed": 1.2, "emotion": "calm", "volume": 0.8}
    assert "__experimental_controls" not in body["voice"]


def test_sound_comes_as_it_is_made(model: CartesiaModel, service: Service) -> None:
    service.holds_back = 0.05
    chunks = list(model.chunks("Good morning. And good night."))
    assert [chunk.text for chunk in chunks if chunk.text] == ["Good morning.", "And good night."]
    assert len(chunks) > 20
    assert len(service.requests) == 2


def test_closing_ends_the_request(model: CartesiaModel, service: Service) -> None:
    service.holds_back = 0.02
    service.answer = SOUND.tobytes() * 100
    spoken = model.stream_tts_sync("A long story.")
    next(spoken)
    spoken.close()
    assert service.broken.wait(10)


@pytest.mark.parametrize(("status", "hint"), [(401, "is the key right"), (429, "429")])
def test_a_refusal_is_told(model: CartesiaModel, service: Service, status: int, hint: str) -> None:
    service.status, service.answer = status, b"no more credits"
    with pytest.raises(ServiceError, match=f"{hint}.*no more credits") as caught:
        model.tts("Good morning.")
    assert caught.value.status == status


def test_a_service_that_is_not_there_is_told(service: Service) -> None:
    model = CartesiaModel("secret", "http://127.0.0.1:1")
    with pytest.raises(EngineError, match="can't be reached"):
        model.tts("Good morning.")
    model._client.close()


def test_a_key_is_needed(monkeypatch: pytest.MonkeyPatch, service: Service) -> None:
    monkeypatch.delenv("CARTESIA_API_KEY", raising=False)
    with pytest.raises(EngineError, match="cartesia_api_key=, or CARTESIA_API_KEY"):
        CartesiaModel(base_url=service.url).tts("hello")
    monkeypatch.setenv("CARTESIA_API_KEY", "from the environment")
    model = CartesiaModel(base_url=service.url)
    model.tts("hello")
    model._client.close()
    assert service.requests[0][1]["X-API-Key"] == "from the environment"


def test_options_that_can_not_be_are_refused() -> None:
    with pytest.raises(ValueError, match="not at 12345"):
        CartesiaTTSOptions(sample_rate=12_345)
    with pytest.raises(ValueError, match="sonic-2 has no volume"):
        CartesiaTTSOptions(volume=1.0)


def test_it_is_found_by_name() -> None:
    assert isinstance(get_tts_model("cartesia", cartesia_api_key="k"), CartesiaModel)
