"""Who is measured over WebRTC."""

from typing import Final

from benchmarks import environments
from benchmarks.subjects import Contestant

OURS: Final = Contestant("ours", "ours", "benchmarks.webrtc.servers.ours", environments.ours_webrtc)
FASTRTC: Final = Contestant(
    "fastrtc", "FastRTC 0.0.34", "benchmarks.webrtc.servers.fastrtc_0_0_34", environments.fastrtc
)
BARE: Final = Contestant(
    "aiortc", "bare aiortc", "benchmarks.webrtc.servers.bare", environments.aiortc
)
SUBJECTS: Final = (OURS, FASTRTC, BARE)
