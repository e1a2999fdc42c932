"""Which probe fills which rows for whom, and how long it may take."""

from typing import Final

from benchmarks.suite import Probe
from benchmarks.telephony.probes import calls, install, load
from benchmarks.telephony.settings import Settings
from benchmarks.telephony.subjects import SUBJECTS

PROBES: Final[tuple[Probe[Settings], ...]] = (
    Probe("interruptions", calls.interruptions, ("interruption.", "position."), SUBJECTS, 900),
    Probe("greetings", calls.greetings, ("greeting.",), SUBJECTS, 400),
    Probe("sound", calls.sound, ("snr.",), SUBJECTS, 120),
    Probe("hang-ups", calls.hang_ups, ("hangups.",), SUBJECTS, 240),
    Probe("speaking", load.speaking, ("cpu.", "load.", "memory."), SUBJECTS, 180),
    Probe("install", install.install, ("install.",), SUBJECTS, 900, quick=False),
)
