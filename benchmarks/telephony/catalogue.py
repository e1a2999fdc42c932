"""The rows of the table of telephone calls and what this library aims at, in the table's order."""

from typing import Final

from benchmarks.catalogue import Row

ROWS: Final = (
    Row("interruption.p50", "Caller starts to speak → silence at the caller's ear, p50", "ms"),
    Row("interruption.p95", "… p95", "ms", at_most=300),
    Row("position.p95", "Heard position against what the fake carrier played, p95", "ms"),
    Row("position.max", "… worst", "ms", at_most=60),
    Row("greeting.p50", "Answer → first greeting audio, p50", "ms"),
    Row("greeting.max", "… worst", "ms", at_most=300),
    Row(
        "cpu.speaking_20",
        "CPU per call speaking into `ReplyOnPause`, 20 calls",
        "% of a core",
        at_most=2,
    ),
    Row("load.answered", "… turns answered", "%", at_least=100),
    Row("memory.callers_20", "… memory with all of them", "MiB"),
    Row("snr.limit", "1 kHz tone, limit of one G.711 coding", "dB"),
    Row("snr.in", "… 8 kHz line to 16 kHz handler", "dB"),
    Row("snr.in.loss", "… … less than the limit", "dB", at_most=0.5),
    Row("snr.out", "… 16 kHz handler to 8 kHz line", "dB"),
    Row("snr.out.loss", "… … less than the limit", "dB", at_most=0.5),
    Row("hangups.shutdowns", "5 hang-ups: `shutdown` calls", "", at_least=5),
    Row("hangups.teardown", "… hang-up → `shutdown`, worst", "ms", at_most=500),
    Row("hangups.accepted", "Limit of 1, 5 calls at once: accepted", "", at_most=1),
    Row("install.telephone.mb", "Install size, core + vad + telephony", "MB", at_most=160),
    Row("install.telephone.import_ms", "… import", "ms"),
)
