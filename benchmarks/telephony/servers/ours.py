"""This library as its wheels install it, with its defaults."""

import time

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks.servers.replies import Replies
from benchmarks.servers.serve import arguments, serve, stats
from benchmarks.settings import RATE
from benchmarks.telephony.servers.common import Notes, handlers
from benchmarks.telephony.settings import AUTH_TOKEN
from fastrtc_core import AsyncStreamHandler, Stream
from fastrtc_telephony import TelephoneSettings, Twilio
from fastrtc_vad import ReplyOnPause


def main() -> None:
    name, port, folder = arguments()
    name, _, limit = name.partition("/")
    notes = Notes(folder)
    classes = handlers(AsyncStreamHandler, notes)
    stream = Stream(
        classes[name]()
        if name in classes
        else ReplyOnPause(
            Replies(folder).named(name), input_sample_rate=RATE, output_sample_rate=RATE
        ),
        modality="audio",
        mode="send-receive",
        concurrency_limit=int(limit or 10_000),
        transport_settings={"telephone": TelephoneSettings(carriers=[Twilio(AUTH_TOKEN)])},
    )

    async def position(_: Request) -> JSONResponse:
        (session,) = stream.sessions
        return JSONResponse({"at": time.monotonic(), "played": session.played})

    app = Starlette(
        routes=[
            Route("/stats", stats),
            Route("/position", position),
            Route("/notes", notes.answer),
        ]
    )
    stream.mount(app)
    serve(app, port)


if __name__ == "__main__":
    main()
