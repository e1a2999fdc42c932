import sys
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_vad.silero import SileroVADModel
from fastrtc_vad.silero_torch import SileroTorchModel


@pytest.mark.filterwarnings("ignore:.*torch.jit.load.* is deprecated:DeprecationWarning")
def test_it_hears_what_the_onnx_form_hears(
    model: SileroVADModel, speak: Callable[[str, str], NDArray[np.float32]]
) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("silero_vad", reason="without silero-vad there is no network to load")
    torch_model = SileroTorchModel()
    sentence = speak("What is the weather like today?", "en-us+f2")
    sounds = np.stack(
        [np.pad(sentence, (8000 + 3000 * row, 12_000 - 3000 * row)) for row in range(3)]
    )
    windows = sounds[:, : sounds.shape[1] // 512 * 512].reshape(3, -1, 512)
    states = [model.new_state() for _ in sounds], [torch_model.new_state() for _ in sounds]
    for at in range(windows.shape[1]):
        expected = model.infer(windows[:, at], states[0])
        assert torch_model.infer(windows[:, at], states[1]) == pytest.approx(expected, abs=1e-3)


def test_without_torch_the_error_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"pip install .*fastrtc-vad\[torch\]"):
        SileroTorchModel()
