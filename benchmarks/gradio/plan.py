"""Which probe fills which rows for whom, and how long it may take."""

from typing import Final

from benchmarks.gradio.probes import install, load, page, wire
from benchmarks.gradio.settings import Settings
from benchmarks.gradio.subjects import SUBJECTS
from benchmarks.suite import Probe

PROBES: Final[tuple[Probe[Settings], ...]] = (
    Probe("imports", install.imports, ("import.",), SUBJECTS, 300),
    Probe("size", install.size, ("size.",), SUBJECTS, 60),
    Probe("visits", page.visits, ("page.",), SUBJECTS, 600),
    Probe("bare", page.bare, ("bare.",), SUBJECTS, 180),
    Probe("wire", wire.wire, ("wire.",), SUBJECTS, 90),
    Probe("silent", load.silent, ("cpu.", "memory."), SUBJECTS, 120),
    Probe("install", install.install, ("install.",), SUBJECTS, 900, quick=False),
)
