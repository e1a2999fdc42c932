import ctypes
import ctypes.util
from pathlib import Path

import av.codec.context
import pytest

from fastrtc_webrtc.libopus import OpusNotFoundError, demand, find_libopus, libopus
from fastrtc_webrtc.opuspacket import OpusError

SOMETHING_ELSE = ctypes.util.find_library("c") or "msvcrt"
PYAV = str(av.codec.context.__file__)


def test_pyav_brings_one() -> None:
    library = find_libopus([PYAV])
    library.opus_get_version_string.restype = ctypes.c_char_p
    assert library.opus_get_version_string().startswith(b"libopus 1.")


def test_it_is_found_once() -> None:
    assert libopus() is libopus()


def test_what_cannot_be_loaded_or_is_something_else_is_passed_over(tmp_path: Path) -> None:
    broken = tmp_path / "libopus.so.0"
    broken.write_text("no library")
    missing = tmp_path / "missing" / "libopus.so.0"
    library = find_libopus([str(broken), str(missing), SOMETHING_ELSE, PYAV])
    assert hasattr(library, "opus_decode")


def test_where_there_is_none_the_error_says_what_to_install(tmp_path: Path) -> None:
    places = [str(tmp_path / "libopus.so.0"), SOMETHING_ELSE]
    with pytest.raises(ImportError, match="install PyAV as a wheel") as caught:
        find_libopus(places)
    assert isinstance(caught.value, OpusNotFoundError)
    assert caught.value.tried == tuple(places)
    assert all(place in str(caught.value) for place in places)


def test_an_error_is_told_in_the_words_of_libopus() -> None:
    assert demand(960) == 960
    with pytest.raises(OpusError, match="libopus says: corrupted stream") as caught:
        demand(-4)
    assert caught.value.code == -4
