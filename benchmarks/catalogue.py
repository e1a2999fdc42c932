"""The rows of the table and what this library aims at in each: data, in the order of the table."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Share:
    """A target that is a part of another figure of the same run: the best that others reach."""

    row: str
    subjects: tuple[str, ...]
    factor: float
    words: str


@dataclass(frozen=True, slots=True)
class Row:
    """One figure, asked of each subject that it can be asked of."""

    id: str
    title: str
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    at_most_of: Share | None = None

    @property
    def target(self) -> str:
        """The aim in words."""
        if self.at_most_of is not None:
            return f"≤ {self.at_most_of.words}"
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        return "" if self.at_least is None else f"≥ {self.at_least:g}"

    def met_by(self, value: float, reference: float | None = None) -> bool:
        """Whether the value reaches the aim.

        Args:
            value: The figure.
            reference: The figure that `at_most_of` names.

        """
        most = self.at_most
        if self.at_most_of is not None and reference is not None:
            most = reference * self.at_most_of.factor
        low = self.at_least is None or value >= self.at_least
        return low and (most is None or value <= most)


ROWS: Final = (
    Row("latency.mean", "End of speech → first reply audio, mean", "ms", at_most=560),
    Row("latency.p50", "… p50", "ms"),
    Row("latency.p95", "… p95: 500 ms of silence asked for, and 64", "ms", at_most=564),
    Row("latency.max", "… max", "ms"),
    Row("latency.answered", "Fluent turns answered", "%", at_least=100),
    Row("latency.whole", "Fluent turns not cut off", "%", at_least=100),
    Row("latency.first", "First connection after server start: the same, worst", "ms", at_most=564),
    Row("latency.instant", "Instant one-piece replies that reach the client", "%", at_least=100),
    Row(
        "cut.all",
        "Turns cut off in a pause of 0.3–0.7 s",
        "%",
        at_most_of=Share("cut.all", ("fastrtc",), 1.0, "FastRTC's"),
    ),
    Row("cut.short", "… of up to 0.5 s", "%"),
    Row("cut.long", "… of more", "%"),
    Row("onset.mean", "Speech lost before started_talking, mean", "ms", at_most=0),
    Row("onset.max", "… max", "ms", at_most=0),
    Row("onset.clipped", "Turns that lost any", "%", at_most=0),
    Row("interruption.sync.p50", "Interruption → old reply unheard, generator, p50", "ms"),
    Row("interruption.sync.p95", "… p95", "ms", at_most=300),
    Row("interruption.async.p50", "… async generator, p50", "ms"),
    Row("interruption.async.p95", "… p95", "ms", at_most=300),
    Row("interruption.paced.p50", "… generator that keeps to real time, p50", "ms"),
    Row("interruption.paced.p95", "… p95", "ms", at_most=300),
    Row("cpu.idle_1", "CPU, 1 idle session", "% of a core"),
    Row("cpu.idle_100", "CPU, 100 idle sessions together", "% of a core", at_most=5),
    Row(
        "cpu.silent_20",
        "CPU, 20 callers who send silence, each",
        "% of a core",
        at_most_of=Share("cpu.speaking_20", ("ours",), 1.0, "speaking"),
    ),
    Row("cpu.speaking_20", "CPU, 20 callers who speak, each", "% of a core", at_most=1.5),
    Row("load.answered", "… their turns answered within 3 s", "%", at_least=100),
    Row("load.p95", "… end of speech → first reply audio, p95", "ms"),
    Row(
        "cpu.echo_20",
        "CPU, 20 callers of an async echo, each",
        "% of a core",
        at_most_of=Share("cpu.echo_20", ("fastrtc",), 0.7, "0.7 of FastRTC's"),
    ),
    Row("cpu.floor_20", "… uvicorn and Starlette alone, the floor", "% of a core"),
    Row("load.echoed", "… of their audio that came back", "%", at_least=99),
    Row("memory.callers_20", "Memory with 20 speaking callers", "MiB", at_most=143),
    Row("memory.idle_session", "Memory of an idle session", "KiB", at_most=976),
    Row(
        "memory.cycles.rss",
        "After 1,000 connections (--quick: 200): memory gained",
        "MiB",
        at_most=5,
    ),
    Row("memory.cycles.tasks", "… tasks gained", "", at_most=0),
    Row("memory.cycles.fds", "… file descriptors gained", "", at_most=0),
    Row("install.core.mb", "Install size, core", "MB", at_most=80),
    Row("install.vad.mb", "… core and VAD", "MB", at_most=150),
    Row("install.server.mb", "… core, VAD and a WebSocket server", "MB"),
    Row("install.server.bytecode_mb", "… with bytecode", "MB"),
    Row("install.server.packages", "… packages", ""),
    Row("install.core.import_ms", "Import, core", "ms", at_most=200),
    Row("install.vad.import_ms", "… core and VAD", "ms", at_most=500),
    Row("install.server.import_ms", "… core, VAD and a WebSocket server", "ms"),
    Row("install.server.modules", "… modules", ""),
)
