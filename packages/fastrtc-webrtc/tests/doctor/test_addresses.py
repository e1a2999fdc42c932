import pytest

from fastrtc_webrtc.doctor.addresses import check_url, is_here


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://voice.localhost/a", "http://voice.localhost"),
        ("http://127.0.0.2", "http://127.0.0.2"),
        ("http://[::1]:8000/voice", "http://[::1]:8000"),
        ("https://example.org/voice", "https://example.org"),
        ("HTTPS://example.org", "https://example.org"),
    ],
)
def test_secure_contexts(url: str, origin: str) -> None:
    finding = check_url(url)
    assert finding.level == "ok"
    assert finding.text == f"Browsers give pages of {origin} the microphone and the camera."


@pytest.mark.parametrize("host", ["192.0.2.1", "192.0.2.1:8000", "example.org", "[2001:db8::1]"])
def test_insecure_contexts(host: str) -> None:
    finding = check_url(f"http://{host}/voice")
    assert finding.level == "fault"
    assert finding.text == (
        f"Browsers give pages of http://{host} neither microphone nor camera: it is no secure "
        "context."
    )
    assert "https" in finding.advice


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8000",
        "localhost:8000",
        "ws://localhost",
        "http://",
        "http://[::1",
        "http://localhost:99999",
    ],
)
def test_what_is_no_address(url: str) -> None:
    finding = check_url(url)
    assert finding.level == "fault"
    assert finding.text == f"{url!r} is no address of a stream."
    assert "http://127.0.0.1:8000" in finding.advice


def test_where_it_leads() -> None:
    assert is_here("http://127.0.0.1:8000")
    assert not is_here("http://192.0.2.1")
    assert not is_here("http://[")
