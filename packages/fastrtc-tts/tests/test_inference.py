"""An inference is broken off, on a network that takes long."""

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastrtc_core.speech import Stop
from fastrtc_core.stopping import within
from fastrtc_tts.inference import StoppableSession, StoppedError

SIZE = 300
STEPS = 400


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Multiplies a matrix by itself, over and over."""
    onnx = pytest.importorskip("onnx")
    ort = pytest.importorskip("onnxruntime")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("MatMul", [f"m{step}", "m0"], [f"m{step + 1}"]) for step in range(STEPS)
    ]
    shape = [SIZE, SIZE]
    graph = helper.make_graph(
        nodes,
        "powers",
        [helper.make_tensor_value_info("m0", kind, shape)],
        [helper.make_tensor_value_info(f"m{STEPS}", kind, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    path: Path = tmp_path_factory.mktemp("model") / "powers.onnx"
    onnx.save(model, path)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


MATRIX = {"m0": np.eye(SIZE, dtype=np.float32)}


def test_without_a_word_it_is_the_session(session: Any) -> None:
    made = StoppableSession(session)
    assert [one.name for one in made.get_inputs()] == ["m0"]
    assert np.array_equal(made.run(None, MATRIX)[0], MATRIX["m0"])
    assert np.array_equal(within(Stop(), made.run)(None, MATRIX)[0], MATRIX["m0"])


def test_it_is_broken_off_and_works_afterwards(session: Any) -> None:
    made = StoppableSession(session)
    begun = time.perf_counter()
    made.run(None, MATRIX)
    whole = time.perf_counter() - begun
    stop = Stop()
    timer = threading.Timer(whole / 10, stop.set)
    timer.start()
    with pytest.raises(StoppedError):
        within(stop, made.run)(None, MATRIX)
    timer.join()
    with pytest.raises(StoppedError):
        within(stop, made.run)(None, MATRIX)
    assert np.array_equal(made.run(None, MATRIX)[0], MATRIX["m0"])


def test_what_the_network_refuses_is_not_taken_for_a_stop(session: Any) -> None:
    made = StoppableSession(session)
    with pytest.raises(Exception, match="m0"):
        within(Stop(), made.run)(None, {"m0": np.zeros((1, 1), np.float32)})
