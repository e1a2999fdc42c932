import pytest
from fastrtc_webrtcvad import WebRTCVad

from fastrtc_core import plugins
from fastrtc_core.testing.pytest_plugin import Conforms


@pytest.mark.parametrize("mode", range(4))
def test_it_keeps_the_rules(conforms: Conforms, mode: int) -> None:
    conforms.vad(lambda: WebRTCVad(mode))


def test_importing_it_is_quick(conforms: Conforms) -> None:
    conforms.imports("fastrtc_webrtcvad", seconds=3.0, forbidden=("onnxruntime", "torch"))


def test_it_is_found() -> None:
    assert plugins.load("fastrtc.pause_detection", "webrtcvad") is WebRTCVad


def test_modes_are_named() -> None:
    with pytest.raises(ValueError, match="0 to 3, not 7"):
        WebRTCVad(7)
