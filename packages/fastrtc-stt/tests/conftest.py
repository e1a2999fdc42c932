"""Models that stand in for weights, and synthetic speech."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core.audio import Resampler, read_wav, to_float32, to_int16, ulaw_decode, ulaw_encode

RATE = 16_000
HOP = 384
"""Samples of a frame of Moonshine's features."""
SHORT = "turn on the light"
LONG = "what is the weather like in the city where you live today and is it going to rain"
WRONG = "wrong"
WORDS = ["<unk>", "<s>", "</s>", WRONG, *sorted({*SHORT.split(), *LONG.split()})]
SHAPES = {"tiny": (6, 8, 36), "base": (8, 8, 52)}
LIMIT = 60
"""Frames up to which a sound says `SHORT`: 1.44 seconds."""
PHRASES = [
    "what is the weather today",
    "what is the weather tomorrow",
    "please turn on the kitchen light",
    "set a timer for five minutes",
    "set a timer for ten minutes",
    "set a timer for twenty minutes",
    "stop",
    "yes",
    "no",
    "tell me a joke",
    "play some music",
    "what time is it",
    "call my mother",
    "open the window",
    "good morning",
]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "weights: runs real weights, where they are present")


def ids_of(text: str) -> list[int]:
    return [WORDS.index(word) for word in text.split()]


class Graph:
    """An ONNX graph, written node by node."""

    def __init__(self) -> None:
        self.onnx: Any = pytest.importorskip("onnx")
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []

    def constant(self, value: object) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(self.onnx.numpy_helper.from_array(np.asarray(value), name))
        return name

    def take(self, name: str, shape: list[object], kind: str = "FLOAT") -> str:
        self.inputs.append(self._info(name, shape, kind))
        return name

    def give(self, name: str, shape: list[object]) -> str:
        self.outputs.append(self._info(name, shape, "FLOAT"))
        return name

    def _info(self, name: str, shape: list[object], kind: str) -> Any:
        kinds = self.onnx.TensorProto
        return self.onnx.helper.make_tensor_value_info(name, getattr(kinds, kind), shape)

    def node(self, operator: str, *inputs: str, to: str = "", **attributes: object) -> str:
        name = to or f"n{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(operator, inputs, [name], **attributes))
        return name

    def cast(self, name: str, kind: int) -> str:
        made = f"n{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node("Cast", [name], [made], to=kind))
        return made

    def size(self, name: str, axis: int) -> str:
        """One element: how long an input is."""
        return self.node("Gather", self.node("Shape", name), self.constant([axis]))

    def save(self, path: Path) -> None:
        helper = self.onnx.helper
        graph = helper.make_graph(self.nodes, "g", self.inputs, self.outputs, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        self.onnx.checker.check_model(model)
        self.onnx.save(model, str(path))


def write_encoder(path: Path, width: int, *, masked: bool) -> None:
    """The mean of every 384 samples, as often as features are wide."""
    graph = Graph()
    sound = graph.take("input_values", ["b", "n"])
    if masked:
        mask = graph.take("attention_mask", ["b", "n"], "INT64")
        sound = graph.node("Mul", sound, graph.cast(mask, 1))
    mean = graph.constant(np.full((width, 1, HOP), 1 / HOP, np.float32))
    row = graph.node("Unsqueeze", sound, graph.constant([1]))
    found = graph.node("Conv", row, mean, strides=[HOP], auto_pad="SAME_UPPER")
    graph.node("Transpose", found, to="last_hidden_state", perm=[0, 2, 1])
    graph.give("last_hidden_state", ["b", "t", width])
    graph.save(path)


def write_decoder(path: Path, shape: tuple[int, int, int], *, masked: bool) -> None:
    """Says `SHORT`, or `LONG` if there are more frames; `WRONG` if the cache or the mask is."""
    layers, heads, size = shape
    graph = Graph()
    constant, node = graph.constant, graph.node
    if masked:
        graph.take("encoder_attention_mask", ["b", "n"], "INT64")
    graph.take("input_ids", ["b", "t"], "INT64")
    graph.take("encoder_hidden_states", ["b", "f", heads * size])
    for layer in range(layers):
        for side in ("decoder", "encoder"):
            for part in ("key", "value"):
                name = f"past_key_values.{layer}.{side}.{part}"
                graph.take(name, ["b0", heads, f"p_{side}", size])
    cached = graph.take("use_cache_branch", [1], "BOOL")

    frames, tokens = graph.size("encoder_hidden_states", 1), graph.size("input_ids", 1)
    past = graph.size("past_key_values.0.decoder.value", 2)
    kept = graph.size(f"past_key_values.{layers - 1}.encoder.key", 2)
    nothing = constant([0])
    place = node("Where", cached, past, nothing)
    right = node("Or", node("Not", cached), node("Equal", kept, frames))
    if masked:
        rest = node("Add", graph.size("encoder_attention_mask", 1), constant([HOP - 1]))
        right = node("And", right, node("Equal", node("Div", rest, constant([HOP])), frames))

    length = max(len(SHORT.split()), len(LONG.split())) + 1
    table = np.full((3, length), 2)  # which ends a text
    for row, text in enumerate((SHORT, LONG)):
        table[row, : len(text.split())] = ids_of(text)
    table[2] = WORDS.index(WRONG)
    is_long = graph.cast(node("Greater", frames, constant([LIMIT])), 7)
    which = node("Where", right, is_long, constant([2]))
    column = node("Min", place, constant([length - 1]))
    said = node("GatherND", constant(table), node("Concat", which, column, axis=0))
    spread = node("Expand", said, node("Concat", constant([1]), tokens, axis=0))
    levels = constant(np.array([0, 10], np.float32))
    node("OneHot", spread, constant(np.int64(len(WORDS))), levels, to="logits", axis=-1)
    graph.give("logits", ["b", "t", len(WORDS)])

    zero, one, h, d = (
        constant(np.zeros(1, np.float32)),
        constant([1]),
        *map(constant, ([heads], [size])),
    )
    grown = node("Add", place, tokens)
    first = node("Where", cached, nothing, frames)  # later calls compute none of these
    for layer in range(layers):
        for side, many in (("decoder", grown), ("encoder", first)):
            for part in ("key", "value"):
                name = f"present.{layer}.{side}.{part}"
                node("Expand", zero, node("Concat", one, h, many, d, axis=0), to=name)
                graph.give(name, ["b1", heads, f"q_{side}", size])
    graph.save(path)


@pytest.fixture(scope="session")
def moonshine_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write Moonshine's three files, with the real signatures, and return their folder."""

    def written(size: str = "tiny", *, masked: bool = False) -> Path:
        tokenizers = pytest.importorskip("tokenizers")
        pytest.importorskip("onnxruntime")
        folder = tmp_path_factory.mktemp("moonshine")
        shape = SHAPES[size]
        write_encoder(folder / "encoder_model.onnx", shape[1] * shape[2], masked=masked)
        write_decoder(folder / "decoder_model_merged.onnx", shape, masked=masked)
        vocabulary = {word: at for at, word in enumerate(WORDS)}
        model = tokenizers.models.WordLevel(vocabulary, unk_token="<unk>")
        tokenizer = tokenizers.Tokenizer(model)
        tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
        tokenizer.save(str(folder / "tokenizer.json"))
        return folder

    return written


@pytest.fixture(scope="session")
def voice_folder(moonshine_folder: Callable[..., Path], tmp_path_factory: Any) -> Path:
    """The same network as moonshine-voice has it."""
    library = pytest.importorskip("moonshine_voice")
    made: Path = tmp_path_factory.mktemp("voice") / "tiny"
    shutil.copytree(moonshine_folder("tiny"), made)
    convert = ("-m", "onnxruntime.tools.convert_onnx_models_to_ort", str(made))
    subprocess.run(
        [sys.executable, *convert, "--optimization_style", "Fixed"], check=True, capture_output=True
    )
    shutil.copy(Path(library.__file__).parent / "assets" / "tiny-en" / "tokenizer.bin", made)
    return made


@pytest.fixture(scope="session")
def texts() -> tuple[str, str]:
    return SHORT, LONG


@pytest.fixture(scope="session")
def phrases() -> list[str]:
    return PHRASES


@pytest.fixture(scope="session")
def speak(
    require: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., NDArray[np.float32]]:
    """Say a text: float32 at 16 kHz, half of full scale, with silence before and after."""
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    made: dict[tuple[str, str], NDArray[np.float32]] = {}

    def speech(text: str, voice: str = "en-us+f2", *, telephone: bool = False) -> Any:
        if (text, voice) not in made:
            program = require("espeak-ng")
            subprocess.run([program, "-v", voice, "-s", "150", "-w", str(path), text], check=True)
            rate, samples = read_wav(path)
            sound = Resampler(rate, RATE, 1).process(to_float32(samples))[0]
            sound *= np.float32(0.5 / np.abs(sound).max())
            made[text, voice] = np.pad(sound, (RATE // 5, RATE * 3 // 10))
        sound = made[text, voice]
        if not telephone:
            return sound
        narrow = to_int16(Resampler(RATE, 8_000, 1).process(sound[None])[0])
        coded = to_float32(ulaw_decode(ulaw_encode(narrow)))
        return Resampler(8_000, RATE, 1).process(coded[None])[0]

    return speech
