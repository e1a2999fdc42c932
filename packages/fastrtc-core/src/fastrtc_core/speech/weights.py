"""Files of weights: where they are, where they come from, and whether they are what they should be.

Nothing is fetched by an import or a constructor, but by `Weights.find`, which engines call when
they are first used, in a thread; or by ``fastrtc models download NAME``. A file is looked for

1. in the folder that was given, if one was; nowhere else then,
2. in the cache of its hub, as other programs have left it there,
3. at the hub, unless `HF_HUB_OFFLINE` is set; at a pinned revision.

What is in a cache is used, and what was fetched is kept, only if its SHA-256 is the pinned one;
a folder that was given may hold weights of one's own. huggingface_hub does the fetching: resumed
after a break, with a progress bar, into the cache that it shares with others.
"""

import hashlib
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastrtc_core.errors import FastRTCError, MissingPackageError
from fastrtc_core.speech.download import PATIENCE, download

OFFLINE: Final = "HF_HUB_OFFLINE"
CACHE: Final = "FASTRTC_CACHE"
"""A folder for files that come from no hub; by default ``~/.cache/fastrtc``."""


class WeightsError(FastRTCError):
    """A file of weights is missing, can't be fetched, or is not what it should be.

    Attributes:
        file: Its name.

    """

    def __init__(self, file: str, message: str) -> None:
        super().__init__(message)
        self.file = file


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file."""

    name: str
    """What it is called in a folder."""
    sha256: str
    """In hexadecimal; empty if it is not pinned, and then only its presence is checked."""
    size: int
    """In bytes."""
    repository: str = ""
    """Of the Hugging Face hub, such as ``UsefulSensors/moonshine``."""
    path: str = ""
    """In the repository."""
    revision: str = ""
    """A commit of the repository."""
    url: str = ""
    """Where it comes from if not from the hub."""

    @property
    def source(self) -> str:
        """Where it comes from, as an address."""
        if self.url:
            return self.url
        return f"https://huggingface.co/{self.repository}/resolve/{self.revision}/{self.path}"


@dataclass(frozen=True, slots=True)
class Weights:
    """The files of one model."""

    model: str
    """Its name, such as ``moonshine/base``."""
    files: tuple[WeightFile, ...]
    licence: str
    """SPDX, such as ``MIT``."""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    def find(self, folder: str | Path | None = None, *, download: bool = True) -> dict[str, Path]:
        """Return where the files are, by name; in a thread, as it may take minutes.

        Args:
            folder: Where they must be; None to look in the cache and at the hub.
            download: Whether they may be fetched.

        Raises:
            WeightsError: One is missing, can't be fetched, or is corrupt; the text says which file
                to put where.
            MissingPackageError: huggingface_hub is needed and not installed.

        """
        return {file.name: self._find(file, folder, download) for file in self.files}

    def missing(self, folder: str | Path | None = None) -> list[WeightFile]:
        """Return the files that are in none of the places on this machine."""
        return [file for file in self.files if _local(file, folder) is None]

    def _find(self, file: WeightFile, folder: str | Path | None, download: bool) -> Path:
        found = _local(file, folder)
        if found is not None:
            if folder is None:
                check(file, found)
            return found
        if folder is not None or not download or _is_offline():
            raise WeightsError(file.name, self._advice(file, folder))
        try:
            path = _fetched(file)
        except (MissingPackageError, WeightsError):
            raise
        except Exception as error:
            raise WeightsError(
                file.name, f"{self._advice(file, folder)} ({_told(error)})"
            ) from error
        check(file, path)
        return path

    def _advice(self, file: WeightFile, folder: str | Path | None) -> str:
        if folder is not None:
            return (
                f"{self.model} needs the file {Path(folder) / file.name}: get it from {file.source}"
            )
        return (
            f"{self.model} needs {file.name}, which is not on this machine: run `fastrtc models "
            f"download {self.model}` where there is a network, or get it from {file.source} and "
            f"name its folder, path=..."
        )


def check(file: WeightFile, path: Path) -> None:
    """Check that a file is what it should be.

    Raises:
        WeightsError: It is not; what was fetched is deleted, so that the next try fetches it anew.

    """
    if not file.sha256:
        return
    found = digest(path)
    if found != file.sha256:
        path.resolve().unlink(missing_ok=True)  # the hub's cache has links, and fetches only blobs
        path.unlink(missing_ok=True)
        raise WeightsError(
            file.name,
            f"{path} is corrupt: its SHA-256 is {found} and not {file.sha256}; it was deleted",
        )


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_offline() -> bool:
    return os.environ.get(OFFLINE, "").upper() in ("1", "ON", "YES", "TRUE")


def _cache() -> Path:
    return Path(os.environ.get(CACHE) or Path.home() / ".cache" / "fastrtc")


def _local(file: WeightFile, folder: str | Path | None) -> Path | None:
    if folder is not None:
        path = Path(folder) / file.name
        return path if path.is_file() else None
    if file.url:
        path = _cache() / file.name
        return path if path.is_file() else None
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    found = try_to_load_from_cache(file.repository, file.path, revision=file.revision)
    return Path(found) if isinstance(found, str) else None


def _fetched(file: WeightFile) -> Path:
    if file.url:
        target = _cache() / file.name
        download(file.url, target, file.size, lambda part: check(file, part))
        return target
    try:
        from huggingface_hub import hf_hub_download, hf_hub_url
    except ImportError:
        raise MissingPackageError(f"fetching {file.name}", "huggingface_hub") from None
    _must_answer(hf_hub_url(file.repository, file.path, revision=file.revision))
    return Path(
        hf_hub_download(file.repository, file.path, revision=file.revision, etag_timeout=PATIENCE)
    )


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: object, fp: object, code: int, msg: str, headers: object, newurl: str
    ) -> None:
        """Take a redirection for an answer."""


def _must_answer(address: str) -> None:
    """Fail soon without a network: the hub's own library tries for half a minute.

    Any answer will do, an error too. It comes by way of a proxy where the environment names one.
    """
    request = urllib.request.Request(address, method="HEAD")
    try:
        with urllib.request.build_opener(_Stay).open(request, timeout=PATIENCE):
            pass
    except urllib.error.HTTPError as error:
        error.close()


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]
