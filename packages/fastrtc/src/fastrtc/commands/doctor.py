"""``fastrtc doctor``: why WebRTC connections fail, or would."""

import argparse
import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from fastrtc.terminal import FAILED, CommandError, needing, seconds, write

if TYPE_CHECKING:
    from fastrtc_webrtc.doctor import Finding


def add(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser("doctor", help="say why WebRTC connections fail, or would")
    parser.set_defaults(command=_doctor)
    parser.add_argument(
        "url", metavar="URL", nargs="?", help="of a running stream, such as http://127.0.0.1:8000"
    )
    parser.add_argument(
        "--ice-server",
        action="append",
        default=[],
        metavar="URL",
        help="a STUN or TURN server to ask, such as turn:example.org:3478; may be repeated",
    )
    parser.add_argument("--username", help="of the TURN servers")
    parser.add_argument("--credential", help="the password that goes with it")
    parser.add_argument(
        "--patience",
        type=seconds,
        default=5.0,
        help="seconds for a server to answer (default: %(default)g)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")


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
