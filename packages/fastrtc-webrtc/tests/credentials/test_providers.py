from typing import Any

import pytest

from fastrtc_webrtc.credentials import get_turn_credentials, get_turn_credentials_async

CHOICES: list[Any] = [(), ("cloudflare",), (None,)]


@pytest.mark.parametrize("choice", CHOICES)
async def test_the_provider_by_default(provider: Any, choice: Any) -> None:
    options = {"hf_token": "h", **provider.urls}
    assert get_turn_credentials(*choice, **options) == provider.answer
    assert await get_turn_credentials_async(*choice, **options) == provider.answer


async def test_hugging_face(provider: Any) -> None:
    options = {"token": "h", "hf_url": provider.url}
    with pytest.warns(DeprecationWarning, match="is deprecated"):
        assert get_turn_credentials("hf", **options) == provider.answer
    with pytest.warns(DeprecationWarning, match="is deprecated"):
        assert await get_turn_credentials_async("hf", **options) == provider.answer


async def test_twilio(twilio: Any) -> None:
    assert get_turn_credentials("twilio", client=twilio) == twilio.expected
    assert await get_turn_credentials_async("twilio", client=twilio) == twilio.expected


async def test_no_such_provider() -> None:
    unknown: Any = "carrier pigeon"
    sentence = "method must be one of cloudflare, hf, twilio, not 'carrier pigeon'"
    with pytest.raises(ValueError, match=sentence):
        get_turn_credentials(unknown)
    with pytest.raises(ValueError, match=sentence):
        await get_turn_credentials_async(unknown)
