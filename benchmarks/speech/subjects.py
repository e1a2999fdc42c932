"""Who is measured."""

from typing import Final

from benchmarks import environments
from benchmarks.subjects import Contestant

OURS: Final = Contestant(
    "ours", "ours", "benchmarks.speech.programs.ours", environments.ours_speech
)
FASTRTC: Final = Contestant(
    "fastrtc",
    "FastRTC 0.0.34",
    "benchmarks.speech.programs.fastrtc_0_0_34",
    environments.fastrtc_speech,
)
SUBJECTS: Final = (OURS, FASTRTC)
