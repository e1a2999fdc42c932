"""What an installation weighs, and how long it takes to import."""

from typing import Final

from benchmarks.findings import Findings
from benchmarks.probes.install import Installation, weighed
from benchmarks.speech.settings import Settings
from benchmarks.subjects import Contestant

INSTALLATIONS: Final[dict[str, dict[str, Installation]]] = {
    "ours": {
        "stt": Installation(("fastrtc-core", "fastrtc-stt"), "fastrtc_stt"),
        "stt_moonshine": Installation(
            ("fastrtc-core[hub]", "fastrtc-stt[moonshine]"), "fastrtc_stt"
        ),
        "stt_pocketsphinx": Installation(
            ("fastrtc-core", "fastrtc-stt[pocketsphinx]"), "fastrtc_stt"
        ),
        "tts": Installation(("fastrtc-core", "fastrtc-tts"), "fastrtc_tts"),
        "tts_espeak": Installation(("fastrtc-core", "fastrtc-tts[espeak]"), "fastrtc_tts"),
        "tts_kokoro": Installation(("fastrtc-core", "fastrtc-tts[kokoro]"), "fastrtc_tts"),
    },
    "fastrtc": {
        "stt": Installation(("fastrtc[stt]==0.0.34", "gradio<6"), "fastrtc"),
        "tts": Installation(("fastrtc[tts]==0.0.34", "gradio<6"), "fastrtc"),
    },
}


async def install(subject: Contestant, _: Settings) -> Findings:
    """Sizes and import times of the subject's installations."""
    return weighed(INSTALLATIONS[subject.key])
