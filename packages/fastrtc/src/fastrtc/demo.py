"""``python -m fastrtc.demo``: what you say comes back when you pause.

Without arguments it serves a page to talk to; with ``--modality video`` the page is a mirror, and
with ``--modality audio-video`` picture and sound come back as they are. With ``--agent`` what you
say is understood and answered, without a network. With ``--wav`` the demo says a recording to
itself over the WebSocket and tells what happened.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from fastrtc.cli import (
    FAILED,
    CommandError,
    add_address,
    check_output,
    needing,
    read_recording,
    run,
    save,
    sum_up,
    write,
)
from fastrtc_core import AsyncAudioVideoStreamHandler, MissingPackageError, Stream, plugins
from fastrtc_core.speech import Synthesizer, get_stt_model, get_tts_model
from fastrtc_core.stream import TRANSPORTS

if TYPE_CHECKING:
    from fastrtc.talk import Talk

RATE: Final = 24000
"""The page's, so that nothing is converted."""

MOST_WAITING: Final = 16
"""Frames of sound that may wait to be sent back."""


def echo(
    audio: tuple[int, NDArray[np.int16]],
) -> Iterator[tuple[int, NDArray[np.int16]]]:
    """Yield what was said."""
    yield audio


def mirror(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture with left and right exchanged."""
    return picture[:, ::-1]


class Echo(AsyncAudioVideoStreamHandler):
    """Sends back what it sees and hears."""

    def __init__(self) -> None:
        super().__init__(input_sample_rate=RATE, output_sample_rate=RATE)
        self._sound: asyncio.Queue[tuple[int, NDArray[np.int16]]] = asyncio.Queue(MOST_WAITING)
        self._pictures: asyncio.Queue[NDArray[np.uint8]] = asyncio.Queue(1)

    async def receive(self, frame: tuple[int, NDArray[np.int16]]) -> None:
        """Take sound."""
        await self._sound.put(frame)

    async def emit(self) -> tuple[int, NDArray[np.int16]]:
        """Return the sound that was taken."""
        return await self._sound.get()

    async def video_receive(self, frame: NDArray[np.uint8]) -> None:
        """Take a picture."""
        await self._pictures.put(frame)

    async def video_emit(self) -> NDArray[np.uint8]:
        """Return the picture that was taken."""
        return await self._pictures.get()

    def copy(self) -> "Echo":
        """Return one for another session."""
        return Echo()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo and return its exit code."""
    parser = argparse.ArgumentParser("python -m fastrtc.demo", description="A voice echo.")
    add_address(parser)
    parser.add_argument(
        "--modality",
        choices=("audio", "video", "audio-video"),
        default="audio",
        help="what comes back (default: %(default)s)",
    )
    parser.add_argument("--wav", type=Path, help="say this recording instead, 16-bit PCM")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("reply.wav"),
        help="where to write what comes back to the recording (default: %(default)s)",
    )
    _add_agent(parser)
    options = parser.parse_args(arguments)
    return run(_serve if options.wav is None else _speak, options)


def _add_agent(parser: argparse.ArgumentParser) -> None:
    agent = parser.add_argument_group("a voice agent")
    agent.add_argument("--agent", action="store_true", help="understand, answer and speak")
    agent.add_argument(
        "--stt",
        metavar="NAME",
        default="pocketsphinx",
        help="the model of speech to text (default: %(default)s)",
    )
    agent.add_argument(
        "--tts",
        metavar="NAME",
        default="espeak",
        help="the model of text to speech (default: %(default)s)",
    )
    agent.add_argument(
        "--llm",
        metavar="URL",
        help="where answers come from, in place of a table: an endpoint of OpenAI's chat protocol, "
        "such as http://127.0.0.1:11434/v1",
    )
    agent.add_argument(
        "--llm-model", metavar="NAME", default="default", help="the model's name at the endpoint"
    )


def _stream(options: argparse.Namespace) -> Stream:
    modality: str = options.modality
    if options.agent:
        return _agent(options)
    if modality == "audio":
        with needing("vad", "the demo"):
            from fastrtc_vad import ReplyOnPause
        handler = ReplyOnPause(echo, input_sample_rate=RATE, output_sample_rate=RATE)
        return Stream(handler, modality="audio", mode="send-receive")
    if "webrtc" not in plugins.names(TRANSPORTS):
        raise MissingPackageError("the demo with pictures", "fastrtc[webrtc]")
    if modality == "video":
        return Stream(mirror, modality="video", mode="send-receive")
    return Stream(Echo(), modality="audio-video", mode="send-receive")


def _agent(options: argparse.Namespace) -> Stream:
    from fastrtc.agent import Agent, ChatEndpoint, Replies, Rules

    if options.modality != "audio":
        raise CommandError(f"--agent is for sound, and not for --modality {options.modality}")
    with needing("vad", "the demo"):
        from fastrtc_vad import ReplyOnPause
    # A grammar is understood better than whatever may be said, and only a table needs no more.
    closed = options.stt == "pocketsphinx" and options.llm is None
    stt = get_stt_model(options.stt, **({"phrases": Rules().phrases} if closed else {}))
    tts = get_tts_model(options.tts)
    if not isinstance(tts, Synthesizer):
        raise CommandError(f"{options.tts} can't tell what it speaks: it is no Synthesizer")

    def replies() -> Replies:
        if options.llm is None:
            return Rules()
        return ChatEndpoint(options.llm, options.llm_model, os.environ.get("OPENAI_API_KEY", ""))

    agent = Agent(stt, tts, replies, lambda who, text: write(f"{who}: {text}"))
    handler = ReplyOnPause(agent.reply, input_sample_rate=RATE, output_sample_rate=RATE)
    return Stream(handler, modality="audio", mode="send-receive", on_event=agent.note)


def _serve(options: argparse.Namespace) -> int:
    with needing("websocket", "the demo"):
        from fastrtc.serve import Server
    server = Server(_stream(options), host=options.host, port=options.port)
    server.run(lambda: write(f"Talk to it at {server.url} (Ctrl-C ends it)"))
    return 0


def _speak(options: argparse.Namespace) -> int:
    audio = read_recording(options.wav)
    check_output(options.out)
    write(f"saying {options.wav}, {audio[1].shape[1] / audio[0]:.1f} s")
    talk = asyncio.run(_talk_to_itself(audio, options))
    save(talk, options.out)
    sum_up(talk, options.out)
    if not any(turn.reply_seconds for turn in talk.turns):
        write(f"fastrtc: no turn was answered; is there speech in {options.wav}?", error=True)
        return FAILED
    return 0


async def _talk_to_itself(
    audio: tuple[int, NDArray[np.int16]], options: argparse.Namespace
) -> "Talk":
    with needing("websocket", "the demo"):
        from fastrtc.serve import Server
        from fastrtc.talk import talk_to
    server = Server(_stream(options), port=0, page=False)
    async with server.running():
        return await talk_to(server.url, audio, on_turn=write)


if __name__ == "__main__":
    sys.exit(main())
