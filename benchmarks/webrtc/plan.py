"""Which probe fills which rows for whom, and how long it may take."""

from typing import Final

from benchmarks.suite import Probe
from benchmarks.webrtc.probes import cycles, install, latency, load, loss, video
from benchmarks.webrtc.settings import Settings
from benchmarks.webrtc.subjects import FASTRTC, OURS, SUBJECTS

BOTH: Final = (OURS, FASTRTC)
VIDEO_CYCLES: Final = "cycles.video."
AUDIO_CYCLES: Final = ("cycles.tasks", "cycles.fds", "cycles.rss")


PROBES: Final[tuple[Probe[Settings], ...]] = (
    Probe("latency", latency.first_loud, ("latency.",), SUBJECTS, 150),
    Probe("one-lost", loss.one_packet, ("one.",), SUBJECTS, 90),
    Probe("loss", loss.many_packets, ("loss.",), SUBJECTS, 120),
    Probe("cpu", load.echo, ("cpu.",), SUBJECTS, 120),
    Probe("video", video.slow, ("video.",), BOTH, 180),
    Probe("skip", video.skipping, ("skip.",), BOTH, 180, quick=False),
    Probe("cycles", cycles.audio, AUDIO_CYCLES, SUBJECTS, 300),
    Probe("video-cycles", cycles.video, (VIDEO_CYCLES,), BOTH, 300, quick=False),
    Probe("install", install.install, ("install.",), SUBJECTS, 300, quick=False),
)
