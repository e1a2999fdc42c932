import base64
import hashlib
import hmac
import warnings
from functools import partial
from typing import Any

import pytest

from fastrtc_webrtc.credentials import get_coturn_credentials


def test_coturn() -> None:
    credentials = get_coturn_credentials("north", "turn:t.example:3478", now=1_700_000_000, ttl=60)
    mac = hmac.new(b"north", b"1700000060:fastrtc", hashlib.sha1).digest()
    server = {
        "urls": "turn:t.example:3478",
        "username": "1700000060:fastrtc",
        "credential": base64.b64encode(mac).decode(),
    }
    assert credentials == {"iceServers": [server]}
    assert credentials.expires == 1_700_000_060


def test_coturn_by_the_machines_clock(now: Any) -> None:
    urls = ("stun:t.example", "turn:t.example")
    with warnings.catch_warnings(action="error"):
        credentials = partial(get_coturn_credentials, "north", urls, user="me")()
    (server,) = credentials["iceServers"]
    end, _, user = server["username"].partition(":")
    assert int(end) == pytest.approx(now() + 600, abs=5)
    assert user == "me"
    assert server["urls"] == list(urls)


@pytest.mark.parametrize(
    ("secret", "urls", "ttl", "sentence"),
    [
        ("", "turn:t", 60, "the secret of the TURN server is empty"),
        ("north", "", 60, "needs at least one URL"),
        ("north", [], 60, "needs at least one URL"),
        ("north", "turn:t", 0, "ttl must be a positive number of seconds, not 0"),
    ],
)
def test_coturn_without(secret: str, urls: Any, ttl: int, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        get_coturn_credentials(secret, urls, ttl=ttl)
