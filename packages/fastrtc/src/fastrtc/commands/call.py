"""``fastrtc call``: ring a server as a telephone carrier does."""

import argparse
import asyncio
import json
import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from fastrtc.recordings import check_output, read_recording, write_recording
from fastrtc.terminal import FAILED, CommandError, needing, seconds, write

if TYPE_CHECKING:
    from fastrtc_telephony.testing import CallReport, Phone

CARRIERS: Final = ("twilio", "telnyx", "plivo", "vonage", "exotel", "genesys", "asterisk")
QUIET: Final = 3.0
"""Seconds without sound from the server after which the call is over, unless --tail says else."""

PATIENCE: Final = 10.0
"""Seconds for the first sound to come."""

BETWEEN: Final = 0.3
"""Seconds from one key to the next."""

WAIT: Final = 0.5
"""Seconds that a ``w`` among the keys waits."""

Recording = tuple[int, NDArray[np.int16]]


def add(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser("call", help="ring a stream as a telephone carrier does")
    parser.set_defaults(command=_call)
    parser.add_argument(
        "url", metavar="URL", help="of the server and its mount path, such as http://127.0.0.1:8000"
    )
    parser.add_argument(
        "--carrier", choices=CARRIERS, default="twilio", help="whose way (default: %(default)s)"
    )
    parser.add_argument(
        "--secret",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="shared with the server, such as auth_token=...; by default as the server has it in "
        "the environment (TWILIO_AUTH_TOKEN)",
    )
    parser.add_argument("--path", help="of the webhook or stream, where it is not the usual one")
    parser.add_argument("--from", dest="caller", default="+14155550100", help="who calls")
    parser.add_argument("--to", dest="called", default="+14155550123", help="who is called")
    parser.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a custom parameter of the stream; may be repeated",
    )
    voice = parser.add_mutually_exclusive_group()
    voice.add_argument("--wav", type=Path, help="what to say, 16-bit PCM")
    voice.add_argument("--microphone", action="store_true", help="talk and listen; Ctrl-C hangs up")
    parser.add_argument(
        "--keys", default="", help="to press, after what is said; w waits for half a second"
    )
    parser.add_argument("--out", type=Path, help="where to write what the caller heard")
    parser.add_argument("--tail", type=seconds, help="seconds to listen after that")
    parser.add_argument("--json", action="store_true", help="print one JSON object, at the end")


def _call(options: argparse.Namespace) -> int:
    recording = None if options.wav is None else read_recording(options.wav)
    check_output(options.out)
    with needing("telephony", "fastrtc call"):
        from fastrtc_telephony.testing import DIALECTS
    given = _pairs(options.secret, "--secret")
    known = DIALECTS[options.carrier].environment
    if unknown := sorted(set(given) - set(known) - {"format"}):
        raise CommandError(f"{options.carrier} has no secret {unknown[0]}, but {', '.join(known)}")
    secrets = {**DIALECTS[options.carrier].secrets(os.environ), **given}
    report = asyncio.run(_ring(options, recording, secrets))
    if options.out is not None:
        write_recording(options.out, (report.rate, report.heard[np.newaxis]))
    write(_as_json(report) if options.json else _as_text(report, options.out))
    return 0 if report.first_sound is not None else FAILED


async def _ring(
    options: argparse.Namespace, recording: Recording | None, secrets: dict[str, str]
) -> "CallReport":
    from fastrtc_telephony.testing import Caller, dial

    caller = Caller(
        options.caller, options.called, parameters=_pairs(options.parameter, "--parameter")
    )
    ringing = dial(options.url, options.carrier, secrets=secrets, caller=caller, path=options.path)
    async with ringing as phone:
        if options.microphone:
            with needing("telephony", "fastrtc call --microphone"):
                from fastrtc.microphone import talk
            await talk(phone)
        if recording is not None:
            await phone.say(*recording)
        await _press(phone, options.keys)
        await _listen(phone, options.tail)
    return phone.report()


async def _press(phone: "Phone", keys: str) -> None:
    for key in keys:
        if key in "wW":
            await phone.listen(WAIT)
        else:
            await phone.press(key)
            await phone.listen(BETWEEN)


async def _listen(phone: "Phone", tail: float | None) -> None:
    """Listen for so many seconds; or until the server has ended, and has been quiet for long."""
    if tail is not None:
        await phone.listen(tail)
        return
    began = phone.now
    while not phone.over.is_set():
        end = max(phone.ear.ends, began) + (QUIET if phone.ear.ends else PATIENCE)
        with suppress(TimeoutError):
            async with asyncio.timeout(end - phone.now):
                await phone.next_heard()  # which puts off the end
                continue
        return


def _pairs(given: list[str], option: str) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise CommandError(f"{option} must be NAME=VALUE, not {name!r}")
    return {name: value for name, _, value in pairs}


def _as_text(report: "CallReport", out: Path | None) -> str:
    lines = [report.told()]
    if report.first_sound is None:
        lines.append("nothing was heard")
    else:
        where = "" if out is None else f"; {out} has it"
        heard = np.count_nonzero(report.heard) / report.rate
        lines.append(
            f"answered after {report.answered_after:.2f} s, first sound at "
            f"{report.first_sound:.2f} s, {heard:.1f} s of sound{where}"
        )
    return "\n".join(lines)


def _as_json(report: "CallReport") -> str:
    return json.dumps(
        {
            "carrier": report.carrier,
            "call_id": report.call_id,
            "answered_after": report.answered_after,
            "first_sound": report.first_sound,
            "heard_seconds": np.count_nonzero(report.heard) / report.rate,
            "notes": [asdict(note) for note in report.notes],
            "ended": report.ended,
        }
    )
