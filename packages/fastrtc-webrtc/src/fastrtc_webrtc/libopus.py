"""Where libopus is, and how it is called.

PyAV brings one. Calls keep the GIL, by `ctypes.PyDLL`: they take 20-200 µs, and giving the GIL away
would mean to ask for it again, which takes 5 ms whenever some other thread is busy with Python.
"""

import ctypes
import ctypes.util
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import av.codec.context

from fastrtc_webrtc.opuspacket import OpusError


class OpusNotFoundError(ImportError):
    """There is no libopus, neither PyAV's nor one of the system."""

    def __init__(self, tried: Iterable[str]) -> None:
        self.tried = tuple(tried)
        super().__init__(
            f"no libopus in {', '.join(self.tried)}: install PyAV as a wheel (pip install "
            "--force-reinstall --only-binary av av), or libopus with the system's packages "
            "(apt install libopus0; brew install opus)"
        )


@cache
def libopus() -> ctypes.PyDLL:
    """Return libopus, ready to be called.

    Raises:
        OpusNotFoundError: There is none.

    """
    library = find_libopus(_places())
    library.opus_strerror.restype = ctypes.c_char_p
    state, size, data = ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p
    for name, arguments in {
        "opus_encoder_get_size": [size],
        "opus_encoder_init": [state, size, size, size],
        # Where variable arguments travel otherwise than fixed ones, on Apple's processors, ctypes
        # takes from this list which are fixed.
        "opus_encoder_ctl": [state, size],
        "opus_encode": [state, data, size, data, size],
        "opus_decoder_get_size": [size],
        "opus_decoder_init": [state, size, size],
        "opus_decode": [state, ctypes.c_char_p, size, data, size, size],
    }.items():
        getattr(library, name).argtypes = arguments
    return library


def find_libopus(places: Iterable[str]) -> ctypes.PyDLL:
    """Return the first library of these paths through which libopus can be called.

    Raises:
        OpusNotFoundError: None can be loaded or has, or depends on, libopus.

    """
    tried: list[str] = []
    for place in places:
        tried.append(place)
        try:
            library = ctypes.PyDLL(place)
        except OSError:
            continue
        if hasattr(library, "opus_get_version_string"):
            return library
    raise OpusNotFoundError(tried)


def _places() -> Iterator[str]:
    """Where libopus may be: PyAV's, as it is loaded anyhow, before the system's."""
    extension = Path(str(av.codec.context.__file__))
    yield str(extension)  # POSIX looks through what a library depends on as well; Windows does not
    package = extension.parent.parent
    for folder in (package.parent / "av.libs", package / ".dylibs"):
        yield from map(str, sorted(folder.glob("*opus*")))
    found = ctypes.util.find_library("opus")
    if found is not None:
        yield found


def demand(code: int) -> int:
    """Return what libopus returned, unless that is an error."""
    if code < 0:
        raise OpusError(f"libopus says: {libopus().opus_strerror(code).decode()}", code)
    return code
