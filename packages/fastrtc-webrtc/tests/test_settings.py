"""What can be set, and what can't."""

from typing import Any

import pytest

from fastrtc_webrtc import WebRTCSettings


def test_the_defaults() -> None:
    settings = WebRTCSettings()
    assert settings.pixel_format == "bgr24"
    assert settings.candidate_policy == "local"
    assert settings.port_range is None
    assert not settings.shared


@pytest.mark.parametrize(
    "options",
    [
        {"pixel_format": "rgb24"},
        {"candidate_policy": "any"},
        {"announced_addresses": ("203.0.113.7", "2001:db8::7")},
        {"bind_addresses": ("127.0.0.1",)},
        {"trusted_proxies": ("10.0.0.0/8", "::1")},
        {"port_range": (50_000, 50_000)},
        {"port_range": (1, 65_535)},
        {"requests_per_minute": 0.5},
    ],
)
def test_what_can_be_set(options: dict[str, Any]) -> None:
    settings = WebRTCSettings(**options)
    assert {name: getattr(settings, name) for name in options} == options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pixel_format": "yuv420p"}, "pixel_format must be bgr24 or rgb24, not 'yuv420p'"),
        ({"candidate_policy": "none"}, "candidate_policy must be local or any, not 'none'"),
        ({"announced_addresses": ("example.org",)}, "example.org"),
        ({"bind_addresses": ("eth0",)}, "eth0"),
        ({"trusted_proxies": ("10.0.0.1/8",)}, "10.0.0.1/8"),
        ({"port_range": (0, 10)}, "port_range must be a first and a last port, not 0, 10"),
        ({"port_range": (20, 10)}, "not 20, 10"),
        ({"port_range": (60_000, 70_000)}, "not 60000, 70000"),
        ({"max_candidates": 0}, "max_candidates=0"),
        ({"max_sdp_bytes": -1}, "max_sdp_bytes=-1"),
        ({"requests_per_minute": 0}, "requests_per_minute=0"),
        ({"connect_timeout": 0.0}, "connect_timeout=0.0"),
        ({"reconnect_grace": float("nan")}, "reconnect_grace=nan"),
    ],
)
def test_what_can_not_be_set(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WebRTCSettings(**options)
