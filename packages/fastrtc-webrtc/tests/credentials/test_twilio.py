import base64
import sys
from importlib import import_module
from typing import Any

import pytest

from fastrtc_webrtc.credentials import get_twilio_turn_credentials

TOKEN = "t0ken-that-nobody-may-see"


def test_twilio(provider: Any, twilio: Any, now: Any) -> None:
    credentials = get_twilio_turn_credentials(client=twilio, ttl=3600)
    assert credentials == twilio.expected
    assert credentials.expires == pytest.approx(now() + 3600, abs=5)
    (request,) = provider.seen
    assert request["path"] == "/2010-04-01/Accounts/AC1/Tokens.json"
    assert request["body"] == "Ttl=3600"
    assert base64.b64decode(request["authorization"].split()[1]).decode() == f"AC1:{TOKEN}"


def test_twilio_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module("fastrtc_webrtc.credentials.twilio")
    with pytest.raises(ValueError, match="or set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"):
        get_twilio_turn_credentials("AC1")
    with pytest.raises(ValueError, match="ttl must be a positive number"):
        get_twilio_turn_credentials("AC1", TOKEN, ttl=0)
    accounts = []

    def note(sid: str | None, token: str | None) -> Any:
        accounts.append((sid, token))
        raise LookupError

    monkeypatch.setattr(module, "_client", note)
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "from-the-environment")
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "its-token")
    for arguments in ((), ("AC1", "t")):
        with pytest.raises(LookupError):
            get_twilio_turn_credentials(*arguments)
    assert accounts == [("from-the-environment", "its-token"), ("AC1", "t")]


def test_twilio_refuses(provider: Any, twilio: Any) -> None:
    provider.status = 401
    provider.body = b'{"message": "Authenticate", "code": 20003}'
    exceptions: Any = import_module("twilio.base.exceptions")
    with pytest.raises(exceptions.TwilioRestException, match="Authenticate"):
        get_twilio_turn_credentials(client=twilio)


def test_twilio_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "twilio", None)
    monkeypatch.setitem(sys.modules, "twilio.rest", None)
    with pytest.raises(ImportError, match=r'pip install "fastrtc-webrtc\[twilio\]"'):
        get_twilio_turn_credentials("AC1", "t")
