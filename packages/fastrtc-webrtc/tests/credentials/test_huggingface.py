from typing import Any

import pytest


async def test_the_deprecated_function(
    provider: Any, huggingface: Any, monkeypatch: pytest.MonkeyPatch, now: Any
) -> None:
    monkeypatch.setenv("HF_TOKEN", "from-the-environment")
    with pytest.warns(
        DeprecationWarning, match=r"call get_cloudflare_turn_credentials\w*\(hf_token"
    ):
        credentials = await huggingface("given", 60, hf_url=provider.url)
    assert credentials == provider.answer
    assert credentials.expires == pytest.approx(now() + 60, abs=5)
    with pytest.warns(DeprecationWarning, match="is deprecated"):
        await huggingface(hf_url=provider.url)
    tokens = [request["authorization"] for request in provider.seen]
    assert tokens == ["Bearer given", "Bearer from-the-environment"]


async def test_the_deprecated_function_without_a_token(huggingface: Any) -> None:
    with (
        pytest.warns(DeprecationWarning, match="is deprecated"),
        pytest.raises(ValueError, match="no Hugging Face token: give token, or set HF_TOKEN"),
    ):
        await huggingface()
