"""The rows of the table of speech and what this library aims at in each, in the table's order."""

from typing import Final

from benchmarks.catalogue import Row

ROWS: Final = (
    Row("first.espeak", "200 words → first audio, espeak-ng in the process, p95", "ms", at_most=50),
    Row("first.program", "… espeak-ng as a program, p95", "ms", at_most=50),
    Row("first.kokoro", "… Kokoro with stand-in weights, p95", "ms", at_most=150),
    Row("first.kokoro.seconds", "… how long that first audio is", "s"),
    Row(
        "cancel.espeak",
        "Reply cancelled → engine stopped, espeak-ng in the process, worst",
        "ms",
        at_most=100,
    ),
    Row("cancel.program", "… espeak-ng as a program, worst", "ms", at_most=100),
    Row("cancel.kokoro", "… Kokoro with stand-in weights, worst", "ms", at_most=100),
    Row("idle.cpu", "CPU of warm idle models", "% of a core", at_most=0.1),
    Row("stop.p50", "End of a stop word → `stopword` message, pocketsphinx, p50", "ms"),
    Row("stop.worst", "… worst", "ms", at_most=400),
    Row("stop.found", "… stop words that were noticed", "%", at_least=100),
    Row("stop.false", "… messages without a stop word", "", at_most=0),
    Row("callers.lag", "20 callers with stop words: the loop's lag, p99", "ms", at_most=20),
    Row("callers.lag_max", "… max", "ms"),
    Row("callers.cpu", "… processor time, each", "% of a core"),
    Row("callers.memory", "… memory with all of them", "MiB"),
    Row("callers.found", "… stop words that were noticed", "%", at_least=100),
    Row("install.stt.mb", "Install size, fastrtc-stt", "MB", at_most=200),
    Row("install.stt_moonshine.mb", "… with Moonshine", "MB", at_most=200),
    Row("install.stt_pocketsphinx.mb", "… with pocketsphinx", "MB", at_most=200),
    Row("install.tts.mb", "Install size, fastrtc-tts", "MB", at_most=200),
    Row("install.tts_espeak.mb", "… with espeak-ng", "MB", at_most=200),
    Row("install.tts_kokoro.mb", "… with Kokoro", "MB", at_most=200),
    Row("install.stt.import_ms", "Import, fastrtc-stt", "ms", at_most=500),
    Row("install.tts.import_ms", "Import, fastrtc-tts", "ms", at_most=500),
)
