"""Signalling texts with faults in them, the same ones every time.

::

    for name, offer in load_offers(Path("tests/data/offers")).items():
        for text in mutations(offer, seed=1, count=100):
            ...  # must be refused in words, or work

A mutated text may have an address of any host in it. Whoever lets a server act on such texts must
see to it that nothing it sends leaves the machine.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Final

MOST_FAULTS: Final = 4
"""Faults in one text."""

TOKENS: Final = (
    "",
    "-1",
    "0",
    "256",
    "65536",
    "4294967296",
    "9" * 5000,  # more digits than int() takes
    "1e9",
    "1_0",
    "٣",  # a digit, but not one of ASCII
    "*",
    "/",
    ":",
    "=",
    ";",
    "null",
    "actpass",
    "holdconn",
    "BUNDLE",
    "sendrecv",
    "udp",
    "host",
    "::1",
    "127.0.0.1",
    "fe80::1%lo",
    "x.local",
    "audio",
    "application",
    "webrtc-datachannel",
    "UDP/TLS/RTP/SAVPF",
    "apt=999",
    "apt=",
    "packetization-mode",
    "é",
    "\x00",
    "\u2028",
    "\x85",
    "\ud800",
    "😀",
)
"""What words are replaced with."""

LINES: Final = (
    "a=candidate:1 1 udp 1 127.0.0.1 9999 typ host",
    "a=candidate:",
    "a=end-of-candidates",
    "a=fmtp:99 apt=98",
    "a=fmtp:96",
    "a=rtcp-fb:*",
    "a=rtpmap:0 opus/48000/2",
    "a=rtpmap:111",
    "a=extmap:1/sendrecv/x y z",
    "a=ssrc:1",
    "a=ssrc:1 cname",
    "a=ssrc-group:FID one two",
    "a=fingerprint:",
    "a=fingerprint:sha-256",
    "a=setup:",
    "a=setup",
    "a=mid",
    "a=mid:0",
    "a=group:BUNDLE",
    "a=msid:x ",
    "a=rtcp:x IN IP4 host",
    "a=max-message-size:-",
    "a=sctp-port:x",
    "a=ice-lite",
    "a=inactive",
    "c=IN IP4",
    "c=",
    "m=",
    "m=audio 9 UDP/TLS/RTP/SAVPF",
    "m=video 0 UDP/TLS/RTP/SAVPF 0",
    "m=application 9 DTLS/SCTP webrtc-datachannel",
    "v=x",
    "",
    "?",
)
"""What is put between lines."""

Fault = Callable[[list[str], Random], None]


def load_offers(folder: Path) -> dict[str, str]:
    """Return the offers of a folder by name, with the line ends of SDP."""
    return {
        path.stem: path.read_text(encoding="utf-8").replace("\n", "\r\n")
        for path in sorted(folder.glob("*.sdp"))
    }


def load_candidates(path: Path) -> list[tuple[str, str]]:
    """Return the lines of a file of candidates, each as its first word and the rest."""
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = (line.partition(" ") for line in lines if line and not line.startswith("#"))
    return [(first, rest.strip()) for first, _, rest in pairs]


def mutations(text: str, *, seed: int, count: int) -> Iterator[str]:
    """Yield a text with one to `MOST_FAULTS` faults in it, again and again."""
    random = Random(seed)
    for _ in range(count):
        yield mutate(text, random)


def mutate(text: str, random: Random) -> str:
    """Return a text with one to `MOST_FAULTS` faults in it."""
    lines = text.splitlines() or [""]
    for _ in range(random.randint(1, MOST_FAULTS)):
        random.choice(FAULTS)(lines, random)
        lines = lines or [""]
    return random.choice(("\r\n", "\r\n", "\r\n", "\n", "\r")).join(lines)


def _delete(lines: list[str], random: Random) -> None:
    del lines[random.randrange(len(lines))]


def _delete_several(lines: list[str], random: Random) -> None:
    start = random.randrange(len(lines))
    del lines[start : start + random.randint(1, 20)]


def _duplicate(lines: list[str], random: Random) -> None:
    lines.insert(random.randrange(len(lines) + 1), random.choice(lines))


def _duplicate_many(lines: list[str], random: Random) -> None:
    start = random.randrange(len(lines))
    lines[start:start] = lines[start : start + random.randint(1, 40)] * random.randint(2, 12)


def _swap(lines: list[str], random: Random) -> None:
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]


def _insert(lines: list[str], random: Random) -> None:
    lines.insert(random.randrange(len(lines) + 1), random.choice(LINES))


def _cut(lines: list[str], random: Random) -> None:
    at = random.randrange(len(lines))
    lines[at] = lines[at][: random.randint(0, len(lines[at]))]


def _replace_word(lines: list[str], random: Random) -> None:
    at = random.randrange(len(lines))
    words = lines[at].split(" ")
    words[random.randrange(len(words))] = random.choice(TOKENS)
    lines[at] = " ".join(words)


def _replace_value(lines: list[str], random: Random) -> None:
    at = random.randrange(len(lines))
    name, colon, _ = lines[at].partition(":")
    lines[at] = name + colon + random.choice(TOKENS)


def _move_word(lines: list[str], random: Random) -> None:
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    words = lines[one].split(" ")
    words[random.randrange(len(words))] = random.choice(lines[other].split(" "))
    lines[one] = " ".join(words)


def _change_number(lines: list[str], random: Random) -> None:
    at = random.randrange(len(lines))
    digits = [place for place, char in enumerate(lines[at]) if char.isdigit()]
    if digits:
        place = random.choice(digits)
        lines[at] = lines[at][:place] + str(random.randint(0, 300)) + lines[at][place + 1 :]


def _flip_bit(lines: list[str], random: Random) -> None:
    at = random.randrange(len(lines))
    if lines[at]:
        place = random.randrange(len(lines[at]))
        flipped = chr(ord(lines[at][place]) ^ 1 << random.randrange(8))
        lines[at] = lines[at][:place] + flipped + lines[at][place + 1 :]


FAULTS: Final[Sequence[Fault]] = (
    _delete,
    _delete_several,
    _duplicate,
    _duplicate_many,
    _swap,
    _insert,
    _cut,
    _replace_word,
    _replace_value,
    _move_word,
    _change_number,
    _flip_bit,
)
"""What can be done to the lines of a text."""
