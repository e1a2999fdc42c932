"""Which probe fills which rows for whom, and how long it may take."""

from typing import Final

from benchmarks.speech.probes import callers, install, programs
from benchmarks.speech.settings import Settings
from benchmarks.speech.subjects import OURS, SUBJECTS
from benchmarks.suite import Probe

PROBES: Final[tuple[Probe[Settings], ...]] = (
    Probe("first", programs.first, ("first.",), SUBJECTS, 300),
    Probe("cancel", programs.cancel, ("cancel.",), (OURS,), 120),
    Probe("idle", programs.idle, ("idle.",), SUBJECTS, 120),
    Probe("stop", callers.stop_words, ("stop.",), (OURS,), 180),
    Probe("callers", callers.many, ("callers.",), (OURS,), 180),
    Probe("install", install.install, ("install.",), SUBJECTS, 900, quick=False),
)
