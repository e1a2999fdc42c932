"""What an installation weighs, and how long it takes to import."""

from typing import Final

from benchmarks import environments
from benchmarks.findings import Findings
from benchmarks.probes.install import Installation, weighed
from benchmarks.subjects import Contestant
from benchmarks.webrtc.settings import Settings

FASTRTC: Final = ("fastrtc==0.0.34", "gradio<6")
AIORTC: Final = Installation(environments.AIORTC, "aiortc, starlette")

INSTALLATIONS: Final[dict[str, dict[str, Installation]]] = {
    "ours": {
        "webrtc": Installation(environments.WEBRTC, "fastrtc_core, fastrtc_webrtc"),
        "turns": Installation(
            (*environments.WEBRTC, "fastrtc-vad"), "fastrtc_core, fastrtc_vad, fastrtc_webrtc"
        ),
    },
    "fastrtc": {
        "webrtc": Installation(FASTRTC, "fastrtc"),
        "turns": Installation(environments.FASTRTC, "fastrtc"),
    },
    "aiortc": {"webrtc": AIORTC},
}


async def install(subject: Contestant, _: Settings) -> Findings:
    """Sizes, package counts and import times of the subject's installations."""
    return weighed(INSTALLATIONS[subject.key])
