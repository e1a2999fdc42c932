import pytest

from fastrtc_core.origins import Origin, origin_allowed, parse_origin


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        (None, "example.org", []),
        ("https://example.org", "example.org", []),
        ("https://example.org", "example.org:443", []),
        ("https://example.org:8443", "example.org:8443", []),
        ("HTTPS://Example.ORG", "example.org", []),
        ("http://[2001:db8::1]:8000", "[2001:DB8::1]:8000", []),
        ("http://localhost:3000", "127.0.0.1:8000", []),
        ("http://127.0.0.1:3000", "localhost:8000", []),
        ("http://app.localhost:3000", "[::1]:8000", []),
        ("https://page.example", "api.example", ["https://page.example"]),
        ("https://page.example", "api.example", ["https://other.example", "https://page.example"]),
        ("https://page.example", "api.example", ["https://page.example:443"]),
        ("chrome-extension://abcdef", "api.example", ["chrome-extension://abcdef"]),
        ("https://anything.example", "api.example", ["*"]),
        ("null", "api.example", ["*"]),
    ],
)
def test_passes(origin: str | None, host: str, allowed: list[str]) -> None:
    assert origin_allowed(origin, host, allowed)


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("https://evil.example", "example.org", []),
        ("https://example.org.evil.example", "example.org", ["https://example.org"]),
        ("https://example.org:8443", "example.org", []),
        ("http://page.example", "api.example", ["https://page.example"]),
        ("https://sub.page.example", "api.example", ["https://page.example"]),
        ("https://evil.example", "localhost:8000", []),
        ("http://localhost:3000", "example.org", []),
        ("http://localhost.evil.example", "localhost:8000", []),
        ("http://10.0.0.1", "127.0.0.1:8000", []),
        ("null", "example.org", []),
        ("", "example.org", []),
        ("example.org", "example.org", []),
        ("https://example.org/path", "example.org", []),
        ("https://user@example.org", "example.org", []),
        ("https://example.org:port", "example.org", []),
        ("https://example.org\n", "example.org", []),
        ("https://a https://example.org", "example.org", []),
        ("https://example.org", "", []),
        ("https://example.org", "example.org/path", []),
    ],
)
def test_is_refused(origin: str, host: str, allowed: list[str]) -> None:
    assert not origin_allowed(origin, host, allowed)


@pytest.mark.parametrize("item", ["example.org", "https://example.org/", "null", ""])
def test_a_listed_item_that_is_no_origin_is_an_error(item: str) -> None:
    with pytest.raises(ValueError, match="is no origin"):
        origin_allowed("https://example.org", "example.org", [item])


def test_parts() -> None:
    assert parse_origin("https://Example.org") == Origin("https", "example.org", 443)
    assert parse_origin("http://[::1]:8000") == Origin("http", "[::1]", 8000)
    assert parse_origin("app://bundle") == Origin("app", "bundle", None)
