"""What an installation weighs, and how long it takes to import."""

from typing import Final

from benchmarks import environments
from benchmarks.findings import Findings
from benchmarks.probes.install import Installation, weighed
from benchmarks.subjects import Contestant
from benchmarks.telephony.settings import Settings

INSTALLATIONS: Final[dict[str, dict[str, Installation]]] = {
    "ours": {
        "telephone": Installation(
            ("fastrtc-core", "fastrtc-vad", "fastrtc-telephony[server]"),
            "fastrtc_core, fastrtc_vad, fastrtc_telephony",
        ),
    },
    "fastrtc": {"telephone": Installation(environments.FASTRTC_TELEPHONY, "fastrtc")},
}


async def install(subject: Contestant, _: Settings) -> Findings:
    """Sizes and import times of the subject's installations."""
    return weighed(INSTALLATIONS[subject.key])
