import json
from typing import Any

import pytest

TOKEN = "t0ken-that-nobody-may-see"
KEY = "/cloudflare/{}/credentials/generate-ice-servers"


async def test_a_turn_key(provider: Any, cloudflare: Any, now: Any) -> None:
    before = now()
    credentials = await cloudflare("key/id", TOKEN, ttl=120, **provider.urls)
    assert credentials == provider.answer
    assert before + 120 <= credentials.expires <= now() + 120
    assert json.loads(json.dumps(credentials)) == provider.answer
    (request,) = provider.seen
    assert request["method"] == "POST"
    assert request["path"] == "/cloudflare/key%2Fid/credentials/generate-ice-servers"
    assert request["authorization"] == f"Bearer {TOKEN}"
    assert json.loads(request["body"]) == {"ttl": 120}


async def test_a_token_of_hugging_face(provider: Any, cloudflare: Any, now: Any) -> None:
    provider.status = 200
    credentials = await cloudflare(hf_token=TOKEN, **provider.urls)
    assert credentials == provider.answer
    assert credentials.expires == pytest.approx(now() + 600, abs=5)
    (request,) = provider.seen
    assert request["method"] == "GET"
    assert request["path"] == "/hf"
    assert request["query"] == {"ttl": ["600"]}
    assert request["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("variables", "arguments", "asked"),
    [
        # Nothing is given: the environment's.
        ({"HF_TOKEN": "h"}, {}, ("/hf", "h")),
        ({"CLOUDFLARE_TURN_KEY_ID": "i", "CLOUDFLARE_TURN_KEY_API_TOKEN": "t"}, {}, ("i", "t")),
        ({"TURN_KEY_ID": "i", "TURN_KEY_API_TOKEN": "t"}, {}, ("i", "t")),
        ({"CLOUDFLARE_TURN_KEY_ID": "i", "TURN_KEY_API_TOKEN": "t"}, {}, ("i", "t")),
        (
            {"CLOUDFLARE_TURN_KEY_ID": "i", "TURN_KEY_ID": "x", "TURN_KEY_API_TOKEN": "t"},
            {},
            ("i", "t"),
        ),
        ({"HF_TOKEN": "h", "TURN_KEY_ID": "i", "TURN_KEY_API_TOKEN": "t"}, {}, ("/hf", "h")),
        # An empty variable is none.
        ({"HF_TOKEN": "", "TURN_KEY_ID": "i", "TURN_KEY_API_TOKEN": "t"}, {}, ("i", "t")),
        ({"HF_TOKEN": " ", "TURN_KEY_ID": "i", "TURN_KEY_API_TOKEN": "t"}, {}, ("i", "t")),
        (
            {"CLOUDFLARE_TURN_KEY_ID": "", "TURN_KEY_ID": "i", "TURN_KEY_API_TOKEN": "t\n"},
            {},
            ("i", "t"),
        ),
        # What is given wins over all of it.
        ({"HF_TOKEN": "h"}, {"turn_key_id": "i", "turn_key_api_token": "t"}, ("i", "t")),
        (
            {"HF_TOKEN": "h", "TURN_KEY_ID": "x", "TURN_KEY_API_TOKEN": "y"},
            {"turn_key_id": "i", "turn_key_api_token": "t"},
            ("i", "t"),
        ),
        ({"HF_TOKEN": "h", "TURN_KEY_API_TOKEN": "t"}, {"turn_key_id": "i"}, ("i", "t")),
        ({"HF_TOKEN": "h", "TURN_KEY_ID": "i"}, {"turn_key_api_token": "t"}, ("i", "t")),
        ({"TURN_KEY_ID": "i", "TURN_KEY_API_TOKEN": "t"}, {"hf_token": "h"}, ("/hf", "h")),
        ({"HF_TOKEN": "x"}, {"hf_token": "h\n"}, ("/hf", "h")),
        ({"HF_TOKEN": "h"}, {"hf_token": ""}, ("/hf", "h")),
        # As documented, the token is used where both are given.
        ({}, {"hf_token": "h", "turn_key_id": "i", "turn_key_api_token": "t"}, ("/hf", "h")),
    ],
)
async def test_which_secret_is_used(
    provider: Any,
    cloudflare: Any,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    arguments: dict[str, str],
    asked: tuple[str, str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    await cloudflare(**arguments, **provider.urls)
    path, token = asked
    assert provider.asked == (path if path == "/hf" else KEY.format(path), token)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "give turn_key_id and turn_key_api_token, or hf_token; or set CLOUDFLARE_TURN_KEY_ID"),
        ({"turn_key_id": "i"}, "has no API token: give turn_key_api_token, or set CLOUDFLARE_TURN"),
        (
            {"turn_key_api_token": TOKEN},
            "has no id: give turn_key_id, or set CLOUDFLARE_TURN_KEY_ID",
        ),
        ({"hf_token": "h", "ttl": 0}, "ttl must be a positive number of seconds, not 0"),
        (
            {"turn_key_id": "i", "turn_key_api_token": "t", "ttl": -1},
            "ttl must be a positive number",
        ),
        ({"hf_token": f"{TOKEN} {TOKEN}"}, "has spaces or characters that no token has"),
        (
            {"hf_token": TOKEN + "\N{ZERO WIDTH SPACE}"},
            "has spaces or characters that no token has",
        ),
        ({"hf_token": f"{TOKEN}\nX: y"}, "has spaces or characters that no token has"),
    ],
)
async def test_what_is_missing_or_wrong(
    cloudflare: Any, arguments: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=r"TURN|ttl|token") as failure:
        await cloudflare(**arguments)
    assert sentence in str(failure.value)
    assert TOKEN not in repr(failure.value)
