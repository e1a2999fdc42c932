"""FastRTC in Gradio: the component `WebRTC`, and the automatic page behind `Stream.ui`."""

from fastrtc_gradio.component import WebRTC
from fastrtc_gradio.data import WebRTCData
from fastrtc_gradio.ui import UIArgs, build_ui

__all__ = ["UIArgs", "WebRTC", "WebRTCData", "build_ui"]
