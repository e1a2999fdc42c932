"""The rows of the WebRTC table and what this library aims at in each, in the table's order."""

from typing import Final

from benchmarks.catalogue import Row, Share

GRAIN: Final = 2.5
"""ms: delays of coded sound are not found more exactly, see `codes.HOP`."""

ROWS: Final = (
    Row("latency.p50", "First loud frame in → first loud frame back, p50", "ms", at_most=120),
    Row("latency.p95", "… p95", "ms", at_most=150),
    Row("latency.wire.p50", "… on the wire, without the client's own buffer, p50", "ms"),
    Row("latency.wire.p95", "… p95", "ms"),
    Row("latency.answered", "… of the bursts that came back", "%", at_least=100),
    Row("one.first", "Delay added in the 5 s after one lost packet, median", "ms"),
    Row("one.rest", "… in the rest of the session, worst 5 s", "ms", at_most=GRAIN),
    Row("one.gap", "… longest silence heard", "ms", at_most=20),
    Row("loss.added", "5 % random loss: delay added, p95", "ms", at_most=120),
    Row("loss.thrown", "… packets that arrived and were thrown away", "%", at_most=0),
    Row("loss.gap", "… longest silence heard", "ms", at_most=40),
    Row(
        "cpu.echo",
        "CPU, 20 callers of an async echo, each",
        "% of a core",
        at_most_of=Share("cpu.echo", ("fastrtc", "aiortc"), 0.8, "0.8 of the better other"),
    ),
    Row("cpu.returned", "… of their packets that came back", "%", at_least=99),
    Row("cpu.memory", "… memory with all of them", "MiB"),
    Row("video.age", "720p30, 200 ms in the function: age of what is shown, p50", "ms"),
    Row("video.age_p95", "… p95", "ms", at_most=300),
    Row("video.age_max", "… max", "ms"),
    Row("video.fps", "… pictures a second", ""),
    Row("video.memory", "… memory gained after the first 5 s", "MiB", at_most=10),
    Row("video.lag", "… the loop's lag meanwhile, p99", "ms", at_most=20),
    Row("video.lag_max", "… max", "ms"),
    Row("video.jitter", "… another session's echo: p99 above its usual delay", "ms"),
    Row("skip.age", "The same with skip_frames=True: age, p50", "ms"),
    Row("skip.age_p95", "… p95", "ms", at_most=300),
    Row("skip.age_max", "… max", "ms"),
    Row("skip.fps", "… pictures a second", ""),
    Row("skip.memory", "… memory gained after the first 5 s", "MiB", at_most=10),
    Row("cycles.tasks", "1,000 connections (--quick: 100) of an echo: tasks left", "", at_most=0),
    Row("cycles.fds", "… file descriptors left", "", at_most=0),
    Row("cycles.rss", "… memory gained", "MiB", at_most=5),
    Row("cycles.rss_later", "… of it in the second half", "MiB"),
    Row("cycles.video.tasks", "… of a VideoStreamHandler: tasks left", "", at_most=0),
    Row("cycles.video.fds", "… file descriptors left", "", at_most=0),
    Row("cycles.video.rss", "… memory gained", "MiB", at_most=5),
    Row("cycles.video.rss_later", "… of it in the second half", "MiB"),
    Row("cycles.video.works", "… pictures come back after them", "%", at_least=100),
    Row("install.webrtc.mb", "Install size, core and WebRTC", "MB"),
    Row("install.turns.mb", "… with VAD", "MB"),
    Row("install.webrtc.packages", "Packages, core and WebRTC", ""),
    Row("install.turns.packages", "… with VAD", ""),
    Row("install.webrtc.import_ms", "Import, core and WebRTC", "ms"),
    Row("install.turns.import_ms", "… with VAD", "ms"),
)
