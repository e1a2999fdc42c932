"""The command line: ``fastrtc serve`` and ``talk`` are here, the others in `fastrtc.commands`."""

import argparse
import asyncio
import json
import logging
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from fastrtc import __version__
from fastrtc.commands import call, doctor, models, new_plugin, plugins
from fastrtc.recordings import check_output, read_recording, write_recording
from fastrtc.terminal import (
    FAILED,
    INTERRUPTED,
    WRONG_USE,
    CommandError,
    needing,
    seconds,
    write,
)
from fastrtc_core import FastRTCError, MissingPackageError, Stream

if TYPE_CHECKING:
    from fastrtc.talk import Talk

__all__ = [
    "FAILED",
    "CommandError",
    "add_address",
    "check_output",
    "main",
    "needing",
    "read_recording",
    "run",
    "save",
    "sum_up",
    "write",
]

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    options = _parser().parse_args(arguments)
    return run(options.command, options)


def run(command: Command, options: argparse.Namespace) -> int:
    """Run a command; what went wrong is told in a sentence, and by the exit code."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    try:
        return command(options)
    except CommandError as error:
        write(f"fastrtc: {error}", error=True)
        return WRONG_USE
    except (FastRTCError, MissingPackageError) as error:
        write(f"fastrtc: {error}", error=True)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("fastrtc", description="Real-time audio and video streams.")
    parser.add_argument("--version", action="version", version=f"fastrtc {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="serve a stream, with a page to talk to it")
    serve.set_defaults(command=_serve)
    serve.add_argument(
        "stream", metavar="MODULE:STREAM", help="where the Stream is, such as voice:stream"
    )
    add_address(serve)
    serve.add_argument("--path", default="", help="prefix of the stream's routes and the page")
    serve.add_argument(
        "--page",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="serve the page (default: yes)",
    )

    talk = commands.add_parser("talk", help="say a recording to a stream and hear the reply")
    talk.set_defaults(command=_talk)
    talk.add_argument("url", metavar="URL", help="of the server, such as http://127.0.0.1:8000")
    talk.add_argument("--wav", type=Path, required=True, help="what to say, 16-bit PCM")
    talk.add_argument(
        "--out", type=Path, help="where to write what was heard, beginning with the recording"
    )
    talk.add_argument("--tail", type=seconds, help="seconds to listen after the recording")
    talk.add_argument("--json", action="store_true", help="print one JSON object, at the end")

    for command in (call, doctor, models, new_plugin, plugins):
        command.add(commands)
    return parser


def add_address(parser: argparse.ArgumentParser) -> None:
    """Add the options for where to serve."""
    parser.add_argument("--host", default="127.0.0.1", help="address (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="port (default: %(default)s)")


# serve


def _serve(options: argparse.Namespace) -> int:
    with needing("websocket", "fastrtc serve"):
        from fastrtc.serve import Server
    server = Server(
        _stream(options.stream),
        host=options.host,
        port=options.port,
        path=options.path,
        page=options.page,
    )
    server.run(lambda: write(f"{options.stream} is at {server.url} (Ctrl-C ends it)"))
    return 0


def _stream(target: str) -> Stream:
    """Import a stream, from the current folder too.

    Raises:
        CommandError: There is none.

    """
    name, _, attribute = target.partition(":")
    if not name or not attribute:
        raise CommandError(f"{target!r} must be a module and a name in it, such as voice:stream")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(import_module(name), attribute, None)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise CommandError(f"{name} can't be imported: {_told(error)}") from error
        raise CommandError(f"there is no module {error.name!r} in {Path.cwd()}") from None
    except Exception as error:
        raise CommandError(f"{name} can't be imported: {_told(error)}") from error
    if not isinstance(found, Stream):
        raise CommandError(f"{name} has no Stream called {attribute!r}")
    return found


def _told(error: Exception) -> str:
    """Say what was raised, and on which line of the person's own code."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(Path.cwd())]
    place = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    return f"{type(error).__name__}: {error}{place}"


# talk


def _talk(options: argparse.Namespace) -> int:
    audio = read_recording(options.wav)
    check_output(options.out)
    with needing("websocket", "fastrtc talk"):
        from fastrtc.talk import talk_to
    on_turn = None if options.json else write
    talk = asyncio.run(talk_to(options.url, audio, tail=options.tail, on_turn=on_turn))
    save(talk, options.out)
    if options.json:
        write(_as_json(talk))
    else:
        sum_up(talk, options.out)
    return 0 if talk.heard_seconds else FAILED


def save(talk: "Talk", path: Path | None) -> None:
    """Write what was heard.

    Raises:
        CommandError: The file can't be written.

    """
    if path is not None:
        write_recording(path, (talk.rate, talk.heard))


def sum_up(talk: "Talk", path: Path | None) -> None:
    """Write what was heard beside the turns."""
    for notice in talk.notices:
        if notice.type in ("error", "warning"):
            write(f"{notice.type} at {notice.time:.2f} s: {notice.data}", error=True)
    if talk.ended is not None:
        write(f"the server ended the conversation: {talk.ended}", error=True)
    if not talk.heard_seconds:
        write("fastrtc: nothing came back", error=True)
        return
    where = "" if path is None else f"; {path} has it, beginning with the recording"
    write(f"{talk.heard_seconds:.1f} s of sound came back{where}")


def _as_json(talk: "Talk") -> str:
    return json.dumps(
        {
            "rate": talk.rate,
            "heard_seconds": talk.heard_seconds,
            "ended": talk.ended,
            "turns": [asdict(turn) | {"delay": turn.delay} for turn in talk.turns],
            "notices": [asdict(notice) for notice in talk.notices],
        }
    )
