"""Who is measured, and what is installed for it."""

from functools import cache
from pathlib import Path
from typing import Final

from benchmarks import environments
from benchmarks.subjects import Contestant

MEMBERS: Final = (
    *("fastrtc-core", "fastrtc-gradio", "fastrtc-telephony", "fastrtc-webrtc"),
    "fastrtc-websocket[server]",
)
"""What `fastrtc` brings with it."""

FASTRTC_PAGE: Final = ("fastrtc==0.0.34", "gradio<6")
"""The predecessor without extras. Its page does not load on Gradio 6."""


def everything() -> tuple[str, ...]:
    """Our `fastrtc` without extras, from wheels built now.

    Its wheel is named by its place: the name alone would be the predecessor's.
    """
    return (*MEMBERS, f"fastrtc @ {environments.wheel('fastrtc').as_uri()}")


@cache
def ours() -> Path:
    """The Python that serves our page."""
    return environments.fresh("ours-gradio", everything())


OURS: Final = Contestant("ours", "ours", "benchmarks.gradio.servers.ours", ours)
FASTRTC: Final = Contestant(
    "fastrtc",
    "FastRTC 0.0.34",
    "benchmarks.gradio.servers.fastrtc_0_0_34",
    environments.fastrtc,
)
SUBJECTS: Final = (OURS, FASTRTC)
