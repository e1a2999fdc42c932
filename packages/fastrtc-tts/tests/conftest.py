"""Weights that stand in for Kokoro's, and a place for the real ones."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

RATE = 24_000
PHONEME = 0.05
"""Seconds of a tone for each token."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "weights: runs real weights where they are on this machine")


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of Kokoro's signature, a tone for each token, and two voices."""
    onnx = pytest.importorskip("onnx", reason="the model is written by onnx")
    folder = tmp_path_factory.mktemp("kokoro")
    onnx.save(_tones(onnx), folder / "kokoro-v1.0.onnx")
    with (folder / "voices-v1.0.bin").open("wb") as file:
        np.savez(
            file,
            af_heart=np.full((510, 1, 256), 0.5, np.float32),
            bm_george=np.full((510, 1, 256), 0.1, np.float32),
        )
    return folder


def _tones(onnx: Any) -> Any:
    kinds, helper, arrays = onnx.TensorProto, onnx.helper, onnx.numpy_helper
    steps: Sequence[tuple[str, list[str], str, dict[str, Any]]] = (
        ("Squeeze", ["speed"], "rate", {}),
        ("Div", ["full", "rate"], "length", {}),
        ("Cast", ["length"], "count", {"to": kinds.INT64}),
        ("Range", ["zero", "count", "one"], "index", {}),
        ("Cast", ["index"], "time", {"to": kinds.FLOAT}),
        ("Unsqueeze", ["time", "front"], "times", {}),
        ("Cast", ["tokens"], "pitch", {"to": kinds.FLOAT}),
        ("Mul", ["pitch", "step"], "angle", {}),
        ("Reshape", ["angle", "column"], "angles", {}),
        ("Mul", ["angles", "times"], "phases", {}),
        ("Sin", ["phases"], "waves", {}),
        ("ReduceMean", ["style"], "level", {"keepdims": 0}),
        ("Mul", ["waves", "level"], "sound", {}),
        ("Reshape", ["sound", "flat"], "audio", {}),
    )
    constants = {
        "full": np.float32(RATE * PHONEME),
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
            value("tokens", kinds.INT64, [1, "n"]),
            value("style", kinds.FLOAT, [1, 256]),
            value("speed", kinds.FLOAT, [1]),
        ],
        [value("audio", kinds.FLOAT, ["samples"])],
        [arrays.from_array(np.asarray(one), name) for name, one in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model


@pytest.fixture
def weights() -> Path | None:
    """Where real weights are, as FASTRTC_WEIGHTS says; None to look in the cache."""
    named = os.environ.get("FASTRTC_WEIGHTS")
    return Path(named) / "kokoro" if named else None
