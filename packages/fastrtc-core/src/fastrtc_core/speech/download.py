"""Fetching a file by HTTP: resumed, by one at a time, and never half under its final name."""

import http.client
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

BLOCK: Final = 1 << 20
PATIENCE: Final = 5.0
"""Seconds for a server to answer, and to go on."""

if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        while True:
            try:
                msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # tries for ten seconds
            except OSError:
                continue
            return

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX)


@contextmanager
def alone(target: Path) -> Iterator[None]:
    """Keep other threads and processes from fetching the same file; they wait.

    The system lets go of the lock when its holder dies. The lock's file stays: if it was deleted,
    two could hold locks on files of the same name.
    """
    with target.with_name(f"{target.name}.lock").open("ab") as file:
        _lock(file)
        yield


def download(url: str, target: Path, size: int, check: Callable[[Path], None]) -> None:
    """Fetch a file unless it is there; what a broken transfer has left is gone on with.

    Args:
        url: Where it is.
        target: Where it shall be; it appears there whole and checked.
        size: In bytes, 0 if unknown.
        check: Raises, and deletes the file it is given, if that is not what it should be.

    Raises:
        OSError: The server can't be reached, refuses, or breaks off; call again to go on.

    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with alone(target):
        if target.is_file():  # another one has fetched it meanwhile
            return
        part = target.with_name(f"{target.name}.part")
        if size and part.exists() and part.stat().st_size > size:
            part.unlink()  # of another file
        if not (size and part.exists() and part.stat().st_size == size):
            _transfer(url, part, size)
        check(part)
        part.replace(target)


def _transfer(url: str, part: Path, size: int) -> None:
    begun = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url)
    if begun:
        request.add_header("Range", f"bytes={begun}-")
    try:
        answer = urllib.request.urlopen(request, timeout=PATIENCE)
    except urllib.error.HTTPError as error:
        with error:
            if not (begun and error.code == 416):  # RFC 9110, 15.5.17: nothing begins there
                raise
        part.unlink()
        _transfer(url, part, size)
        return
    with answer:
        goes_on = answer.status == 206
        if goes_on and not _begins_at(answer, begun):
            part.unlink(missing_ok=True)
            raise OSError(f"{url} answered with another part than the one asked for; try again")
        begun = begun if goes_on else 0
        with part.open("ab" if goes_on else "wb") as out:
            for block in _with_bar(_blocks(answer), part.stem, begun, size):
                out.write(block)
        # What is left of the promised length: http.client tells of no short answer.
        if answer.length:
            raise ConnectionError(f"the transfer broke off {answer.length} bytes before its end")


def _begins_at(answer: http.client.HTTPResponse, begun: int) -> bool:
    return (answer.headers["Content-Range"] or "").startswith(f"bytes {begun}-")


def _blocks(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    return iter(lambda: answer.read(BLOCK), b"")


def _with_bar(blocks: Iterator[bytes], name: str, begun: int, size: int) -> Iterator[bytes]:
    """Show how far it is, if tqdm is there, as it is with huggingface_hub."""
    try:
        from tqdm import tqdm
    except ImportError:
        yield from blocks
        return
    total = size or None
    with tqdm(total=total, initial=begun, unit="B", unit_scale=True, desc=name) as bar:
        for block in blocks:
            yield block
            bar.update(len(block))
