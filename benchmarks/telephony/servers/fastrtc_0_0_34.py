"""FastRTC 0.0.34 as published; see `benchmarks.servers.fastrtc_0_0_34`."""

import os
from pathlib import Path

from fastapi import FastAPI

from benchmarks.servers.fastrtc_0_0_34 import SileroV6, fastrtc
from benchmarks.servers.replies import Replies
from benchmarks.servers.serve import arguments, serve, stats
from benchmarks.settings import RATE
from benchmarks.telephony.servers.common import Notes, handlers


def main() -> None:
    name, port, folder = arguments()
    name, _, limit = name.partition("/")
    notes = Notes(folder)
    classes = handlers(fastrtc.AsyncStreamHandler, notes)
    if name in classes:
        handler = classes[name]()
    else:
        model = SileroV6(Path(os.environ["BENCHMARK_SILERO"]))
        model.warmup()  # as FastRTC does when it loads its own
        handler = fastrtc.ReplyOnPause(
            Replies(folder).named(name),
            input_sample_rate=RATE,
            output_sample_rate=RATE,
            model=model,
        )
    stream = fastrtc.Stream(
        handler,
        modality="audio",
        mode="send-receive",
        concurrency_limit=int(limit or 10_000),
    )
    app = FastAPI()
    app.add_route("/stats", stats)
    app.add_route("/notes", notes.answer)
    stream.mount(app)
    serve(app, port)


if __name__ == "__main__":
    main()
