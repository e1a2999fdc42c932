"""Stand-ins for weights: ONNX files with a model's signature. Needs `onnx`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

RATE: Final = 24_000
PHONEME_SECONDS: Final = 0.075
VOICES: Final = ("af_heart", "af_bella")
STYLES: Final = 510
"""Rows of a voice: one for each number of phonemes."""

OPSET: Final = 17
IR: Final = 8


def kokoro(folder: Path) -> None:
    """Write a model that speaks a tone for each phoneme, and two voices; as Kokoro 1.0's files."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(_tones(), folder / "kokoro-v1.0.onnx")
    with (folder / "voices-v1.0.bin").open("wb") as file:
        styles = {name: np.full((STYLES, 1, 256), 0.1, np.float32) for name in VOICES}
        np.savez(file, **styles)  # type: ignore[arg-type]  # arrays by name


def _tones() -> onnx.ModelProto:
    """Samples = sin(pitch of each token * time), of a length that goes with the speed."""
    steps: Sequence[tuple[str, list[str], str, dict[str, Any]]] = (
        ("Squeeze", ["speed"], "rate", {}),
        ("Div", ["full", "rate"], "length", {}),
        ("Cast", ["length"], "count", {"to": TensorProto.INT64}),
        ("Range", ["zero", "count", "one"], "index", {}),
        ("Cast", ["index"], "time", {"to": TensorProto.FLOAT}),
        ("Unsqueeze", ["time", "front"], "times", {}),
        ("Cast", ["tokens"], "pitch", {"to": TensorProto.FLOAT}),
        ("Mul", ["pitch", "step"], "angle", {}),
        ("Reshape", ["angle", "column"], "angles", {}),
        ("Mul", ["angles", "times"], "phases", {}),
        ("Sin", ["phases"], "waves", {}),
        ("ReduceMean", ["style"], "colour", {"keepdims": 0}),
        ("Mul", ["waves", "colour"], "sound", {}),
        ("Reshape", ["sound", "flat"], "audio", {}),
    )
    constants = {
        "full": np.float32(RATE * PHONEME_SECONDS),
        "zero": np.int64(0),
        "one": np.int64(1),
        "front": np.array([0]),
        "column": np.array([-1, 1]),
        "flat": np.array([-1]),
        "step": np.float32(2 * np.pi * 20 / RATE),
    }
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node(kind, ins, [out], **more) for kind, ins, out, more in steps],
        "tones",
        [
            value("tokens", TensorProto.INT64, [1, "n"]),
            value("style", TensorProto.FLOAT, [1, 256]),
            value("speed", TensorProto.FLOAT, [1]),
        ],
        [value("audio", TensorProto.FLOAT, ["samples"])],
        [numpy_helper.from_array(np.asarray(one), name) for name, one in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR
    onnx.checker.check_model(model)
    return model
