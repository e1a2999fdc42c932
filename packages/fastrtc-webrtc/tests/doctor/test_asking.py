import sys

import pytest

from fastrtc_core import MissingPackageError
from fastrtc_webrtc.doctor import examine
from fastrtc_webrtc.doctor.asking import NoAnswerError, ask


async def test_a_server_that_takes_its_time(silent_server: int) -> None:
    with pytest.raises(NoAnswerError, match=r"^there is no answer within 0\.2 s$"):
        await ask(f"http://127.0.0.1:{silent_server}", patience=0.2)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://nowhere.invalid", "nonsense"])
async def test_there_is_a_reason(url: str) -> None:
    with pytest.raises(NoAnswerError, match=r"\w+ \w+.*[^.]$"):
        await ask(url, patience=5)


async def test_httpx_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(MissingPackageError, match=r"fastrtc-webrtc\[turn\]"):
        [finding async for finding in examine("http://127.0.0.1:1")]
    assert [finding async for finding in examine(None)]
