"""One function for every provider, by name."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final, Literal, TypeVar

from fastrtc_core.workers import WorkerPool
from fastrtc_webrtc.credentials.cloudflare import (
    get_cloudflare_turn_credentials,
    get_cloudflare_turn_credentials_async,
)
from fastrtc_webrtc.credentials.huggingface import (
    get_hf_turn_credentials,
    get_hf_turn_credentials_async,
)
from fastrtc_webrtc.credentials.twilio import get_twilio_turn_credentials
from fastrtc_webrtc.credentials.values import TurnCredentials

F = TypeVar("F")

Method = Literal["hf", "twilio", "cloudflare"]


async def _twilio_async(**kwargs: Any) -> TurnCredentials:
    """Twilio's package blocks: it gets a thread, and not one in which media are encoded."""
    return await WorkerPool(1).call(partial(get_twilio_turn_credentials, **kwargs))


_SYNC: Final[Mapping[str, Callable[..., TurnCredentials]]] = {
    "cloudflare": get_cloudflare_turn_credentials,
    "hf": get_hf_turn_credentials,
    "twilio": get_twilio_turn_credentials,
}
_ASYNC: Final[Mapping[str, Callable[..., Awaitable[TurnCredentials]]]] = {
    "cloudflare": get_cloudflare_turn_credentials_async,
    "hf": get_hf_turn_credentials_async,
    "twilio": _twilio_async,
}


def get_turn_credentials(
    method: Method | None = "cloudflare",
    **kwargs: Any,
) -> TurnCredentials:
    """Get TURN credentials of a provider.

    Args:
        method: ``cloudflare`` (`get_cloudflare_turn_credentials`, the default), ``twilio``
            (`get_twilio_turn_credentials`), or ``hf`` (`get_hf_turn_credentials`, deprecated).
        **kwargs: Given to that function, which says what it takes.

    Raises:
        ValueError: There is no such method; and whatever that function raises.

    """
    return _chosen(_SYNC, method)(**kwargs)


async def get_turn_credentials_async(
    method: Method | None = "cloudflare",
    **kwargs: Any,
) -> TurnCredentials:
    """Do what `get_turn_credentials` does on an event loop."""
    return await _chosen(_ASYNC, method)(**kwargs)


def _chosen(functions: Mapping[str, F], method: str | None) -> F:
    name = method or "cloudflare"
    if name not in functions:
        raise ValueError(f"method must be one of {', '.join(functions)}, not {name!r}")
    return functions[name]
