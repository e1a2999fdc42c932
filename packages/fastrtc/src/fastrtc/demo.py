"""``python -m fastrtc.demo``: what you say comes back when you pause.

Without arguments it serves a page to talk to; with ``--wav`` it says a recording to itself over
the WebSocket and tells what happened.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from fastrtc.cli import (
    FAILED,
    add_address,
    check_output,
    needing,
    read_recording,
    run,
    save,
    sum_up,
    write,
)
from fastrtc_core import Stream

if TYPE_CHECKING:
    from fastrtc.talk import Talk

RATE: Final = 24000
"""The page's, so that nothing is converted."""


def echo(
    audio: tuple[int, NDArray[np.int16]],
) -> Iterator[tuple[int, NDArray[np.int16]]]:
    """Yield what was said."""
    yield audio


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo and return its exit code."""
    parser = argparse.ArgumentParser("python -m fastrtc.demo", description="A voice echo.")
    add_address(parser)
    parser.add_argument("--wav", type=Path, help="say this recording instead, 16-bit PCM")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("reply.wav"),
        help="where to write what comes back to the recording (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    return run(_serve if options.wav is None else _speak, options)


def _stream() -> Stream:
    with needing("vad", "the demo"):
        from fastrtc_vad import ReplyOnPause
    handler = ReplyOnPause(echo, input_sample_rate=RATE, output_sample_rate=RATE)
    return Stream(handler, modality="audio", mode="send-receive")


def _serve(options: argparse.Namespace) -> int:
    with needing("websocket", "the demo"):
        from fastrtc.serve import Server
    server = Server(_stream(), host=options.host, port=options.port)
    server.run(lambda: write(f"Talk to it at {server.url} (Ctrl-C ends it)"))
    return 0


def _speak(options: argparse.Namespace) -> int:
    audio = read_recording(options.wav)
    check_output(options.out)
    write(f"saying {options.wav}, {audio[1].shape[1] / audio[0]:.1f} s")
    talk = asyncio.run(_talk_to_itself(audio))
    save(talk, options.out)
    sum_up(talk, options.out)
    if not any(turn.reply_seconds for turn in talk.turns):
        write(f"fastrtc: no turn was answered; is there speech in {options.wav}?", error=True)
        return FAILED
    return 0


async def _talk_to_itself(audio: tuple[int, NDArray[np.int16]]) -> "Talk":
    with needing("websocket", "the demo"):
        from fastrtc.serve import Server
        from fastrtc.talk import talk_to
    server = Server(_stream(), port=0, page=False)
    async with server.running():
        return await talk_to(server.url, audio, on_turn=write)


if __name__ == "__main__":
    sys.exit(main())
