"""Kokoro on PyTorch: the real network with small layers and random weights, where it is installed.

`hatch run kokoro-torch:test` installs it.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastrtc_core import MissingPackageError
from fastrtc_core.speech import Stop, WeightsError
from fastrtc_core.stopping import within
from fastrtc_tts import (
    EngineError,
    KokoroTorchModel,
    KokoroTTSOptions,
    UnknownVoiceError,
    get_tts_model,
)

# Of PyTorch, about how kokoro makes its layers.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:dropout option adds dropout:UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch"),
]

SYMBOLS = ' ;:,.!?—…"abdefhijklmnopstuvwzæðŋɐɑɔəɚɛɜɡɪɹɾʃʊʌʒʔˈˌːθᵊᵻAIOQSTWY'  # noqa: RUF001
CONFIG: dict[str, Any] = {
    "dropout": 0.0,
    "hidden_dim": 512,
    "istftnet": {
        "upsample_kernel_sizes": [20, 12],
        "upsample_rates": [10, 6],
        "gen_istft_hop_size": 5,
        "gen_istft_n_fft": 20,
        "resblock_dilation_sizes": [[1, 3, 5]],
        "resblock_kernel_sizes": [3],
        "upsample_initial_channel": 512,
    },
    "max_dur": 4,
    "n_layer": 1,
    "n_mels": 80,
    "n_token": 178,
    "plbert": {
        "hidden_size": 64,
        "num_attention_heads": 2,
        "intermediate_size": 128,
        "max_position_embeddings": 512,
        "num_hidden_layers": 1,
        "dropout": 0.0,
    },
    "style_dim": 128,
    "text_encoder_kernel_size": 5,
    "vocab": {symbol: number for number, symbol in enumerate(SYMBOLS, 1)},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch = pytest.importorskip("torch")
    kokoro = pytest.importorskip("kokoro")
    folder = tmp_path_factory.mktemp("kokoro-torch")
    (folder / "config.json").write_text(json.dumps(CONFIG))
    torch.manual_seed(1)
    torch.save({}, folder / "empty.pth")
    network = kokoro.KModel("hexgrad/Kokoro-82M", CONFIG, str(folder / "empty.pth"))
    parts = {name: part.state_dict() for name, part in network.named_children()}
    parts["decoder"]["generator.conv_post.bias"] -= 4  # of a logarithm: random weights are loud
    torch.save(parts, folder / "kokoro-v1_0.pth")
    (folder / "voices").mkdir()
    for name in ("af_heart", "bm_george"):
        torch.save(torch.randn(510, 1, 256), folder / "voices" / f"{name}.pt")
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> KokoroTorchModel:
    return KokoroTorchModel(folder)


def test_making_one_loads_nothing(tmp_path: Path) -> None:
    model = get_tts_model("kokoro-torch", path=tmp_path)
    assert isinstance(model, KokoroTorchModel)
    assert model.sample_rate == 24_000
    assert model.capabilities.voices == ()


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises((MissingPackageError, WeightsError), match="kokoro-torch"):
        KokoroTorchModel(tmp_path).tts("hello")
    with pytest.raises((MissingPackageError, EngineError), match="kokoro-torch"):
        KokoroTorchModel().tts("hello")


def test_voices_are_the_files_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "voices").mkdir()
    (tmp_path / "voices" / "af_sky.pt").touch()
    assert KokoroTorchModel(tmp_path).capabilities.voices == ("af_sky",)


def test_it_speaks(model: KokoroTorchModel) -> None:
    rate, short = model.tts("Good morning.")
    assert rate == 24_000
    assert short.dtype == np.float32
    assert np.abs(short).max() > 0
    _, long = model.tts("Good morning, and a very good evening to all of you.")
    assert long.size > 2 * short.size
    _, slow = model.tts("Good morning.", KokoroTTSOptions(speed=0.5))
    assert slow.size > 1.3 * short.size


def test_a_clause_longer_than_the_window_is_spoken_whole(model: KokoroTorchModel) -> None:
    text = "one and one more " * 60
    chunks = list(model.synthesize(text, None))
    assert len(chunks) > 1
    _, once = model.tts("one and one more")
    assert sum(chunk.samples.size for chunk in chunks) > 40 * once.size


def test_an_inference_ends_when_its_reply_is_cancelled(model: KokoroTorchModel) -> None:
    stop = Stop()
    layers = 0

    def count(layer: Any, inputs: Any) -> None:
        nonlocal layers
        layers += 1
        if layers == 20:
            stop.set()

    hooks = [layer.register_forward_pre_hook(count) for layer in model._loaded().modules()]
    speak = within(stop, lambda: list(model.synthesize("Good morning.", None)))
    assert speak() == []
    assert layers in (20, 21)
    for hook in hooks:
        hook.remove()
    assert model.tts("Good morning.")[1].size


def test_it_conforms(conforms: Any, folder: Path) -> None:
    conforms.tts(lambda: KokoroTorchModel(folder))


def test_what_there_is_not_is_told(model: KokoroTorchModel, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownVoiceError, match=r"nobody.*af_heart, bm_george"):
        model.tts("hello", KokoroTTSOptions(voice="nobody"))
    with pytest.raises(EngineError, match="can't read 'xx-yy' aloud"):
        model.tts("hello", KokoroTTSOptions(lang="xx-yy"))
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    (tmp_path / "kokoro-v1_0.pth").write_bytes(b"damaged")
    with pytest.raises(WeightsError, match=r"kokoro-v1_0.pth does not fit"):
        KokoroTorchModel(tmp_path).tts("hello")
