"""Who is measured."""

from typing import Final

from benchmarks import environments
from benchmarks.subjects import Contestant

OURS: Final = Contestant(
    "ours", "ours", "benchmarks.telephony.servers.ours", environments.ours_telephony
)
FASTRTC: Final = Contestant(
    "fastrtc",
    "FastRTC 0.0.34",
    "benchmarks.telephony.servers.fastrtc_0_0_34",
    environments.fastrtc_telephony,
)
SUBJECTS: Final = (OURS, FASTRTC)
