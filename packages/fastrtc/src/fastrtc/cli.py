"""The command line: ``fastrtc serve``, ``talk``, ``doctor`` and ``plugins``."""

import argparse
import asyncio
import json
import logging
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from fastrtc import __version__
from fastrtc_core import FastRTCError, MissingPackageError, Stream
from fastrtc_core.audio import read_wav, write_wav

if TYPE_CHECKING:
    from fastrtc.talk import Talk
    from fastrtc_webrtc.doctor import Finding

FAILED: Final = 1
WRONG_USE: Final = 2
"""What argparse exits with, too."""
INTERRUPTED: Final = 130
"""128 + SIGINT, as shells report it."""

Command = Callable[[argparse.Namespace], int]


class CommandError(Exception):
    """A command can't be carried out; the text tells the person what to change."""


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


def write(text: object, *, error: bool = False) -> None:
    """Write a line to the terminal; everything that a command says goes through here."""
    print(text, file=sys.stderr if error else sys.stdout, flush=True)


@contextmanager
def needing(extra: str, what: str) -> Iterator[None]:
    """Turn a failed import in the block into the name of the extra to install.

    Raises:
        MissingPackageError: Something that the extra brings is not there.

    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingPackageError(what, f"fastrtc[{extra}]") from error


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

    doctor = commands.add_parser("doctor", help="say why WebRTC connections fail, or would")
    doctor.set_defaults(command=_doctor)
    doctor.add_argument(
        "url", metavar="URL", nargs="?", help="of a running stream, such as http://127.0.0.1:8000"
    )
    doctor.add_argument(
        "--ice-server",
        action="append",
        default=[],
        metavar="URL",
        help="a STUN or TURN server to ask, such as turn:example.org:3478; may be repeated",
    )
    doctor.add_argument("--username", help="of the TURN servers")
    doctor.add_argument("--credential", help="the password that goes with it")
    doctor.add_argument(
        "--patience",
        type=seconds,
        default=5.0,
        help="seconds for a server to answer (default: %(default)g)",
    )
    doctor.add_argument("--json", action="store_true", help="print one JSON object per line")

    plugins = commands.add_parser("plugins", help="list the installed parts that plug in")
    plugins.set_defaults(command=_plugins)
    return parser


def add_address(parser: argparse.ArgumentParser) -> None:
    """Add the options for where to serve."""
    parser.add_argument("--host", default="127.0.0.1", help="address (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="port (default: %(default)s)")


def seconds(text: str) -> float:
    """Read a duration; argparse names this function when it refuses one."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise ValueError(text)
    return value


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


def read_recording(path: Path) -> tuple[int, NDArray[np.int16]]:
    """Read what is to be said.

    Raises:
        CommandError: It is no WAV file that can be read, or there is nothing in it.

    """
    try:
        rate, samples = read_wav(path)
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}") from None
    except ValueError as error:
        raise CommandError(str(error)) from None
    if not samples.size:
        raise CommandError(f"{path} is empty")
    return rate, samples


def check_output(path: Path | None) -> None:
    """Check that a file can be written, before work is done for it.

    Raises:
        CommandError: Its folder is not there.

    """
    if path is not None and not path.parent.is_dir():
        raise CommandError(f"there is no folder {path.parent} to write {path.name} to")


def save(talk: "Talk", path: Path | None) -> None:
    """Write what was heard.

    Raises:
        CommandError: The file can't be written.

    """
    if path is None:
        return
    try:
        write_wav(path, (talk.rate, talk.heard))
    except OSError as error:
        raise CommandError(f"{path} can't be written: {error.strerror}") from None


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


# doctor


def _doctor(options: argparse.Namespace) -> int:
    servers = _ice_servers(options)
    with needing("webrtc", "fastrtc doctor"):
        from fastrtc_webrtc.doctor import examine

    async def report() -> int:
        faults = 0
        async for finding in examine(options.url, servers, patience=options.patience):
            write(json.dumps(asdict(finding)) if options.json else _as_line(finding))
            faults += finding.level == "fault"
        return faults

    faults = asyncio.run(report())
    if not options.json:
        write(_summary(faults))
    return FAILED if faults else 0


def _ice_servers(options: argparse.Namespace) -> dict[str, object] | None:
    """Return a configuration with the servers that are named.

    Raises:
        CommandError: There is an account without a server, or half of an account.

    """
    account = {"username": options.username, "credential": options.credential}
    given = {name: value for name, value in account.items() if value is not None}
    if given and not options.ice_server:
        raise CommandError(f"--{next(iter(given))} is for a TURN server: name it, --ice-server")
    if len(given) == 1:
        raise CommandError("--username and --credential go together")
    return {"iceServers": [{"urls": options.ice_server, **given}]} if options.ice_server else None


def _summary(faults: int) -> str:
    if faults:
        return f"{faults} faults were found." if faults > 1 else "1 fault was found."
    return "No fault was found."


_SIGNS: Final = {"ok": "+", "note": "!", "fault": "-"}


def _as_line(finding: "Finding") -> str:
    return f"{_SIGNS[finding.level]} {finding}"


# plugins


def _plugins(_: argparse.Namespace) -> int:
    groups = sorted(group for group in entry_points().groups if group.startswith("fastrtc."))
    for group in groups:
        write(group)
        for entry in sorted(entry_points(group=group)):
            owner = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "unknown package"
            write(f"  {entry.name:<12} {owner:<28} {entry.value}")
    if not groups:
        write("nothing is installed that plugs in; try: pip install 'fastrtc[all]'")
    return 0
