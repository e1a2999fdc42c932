"""What the address of a stream tells without asking."""

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from fastrtc_webrtc.doctor.findings import Finding, fault, ok


def is_address(url: str) -> bool:
    """Whether a stream can be at a URL."""
    parts = _split(url)
    return parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname)


def is_here(url: str) -> bool:
    """Whether a URL leads to this machine, whatever the machine is called."""
    parts = _split(url)
    host = (parts.hostname or "") if parts is not None else ""
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761 section 6.3
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:  # a bracket without its other half, a port that is none
        return None
    return parts


def check_url(url: str) -> Finding:
    """Look at whether browsers give pages of an address a microphone."""
    if not is_address(url):
        return fault(
            f"{url!r} is no address of a stream.",
            "Write all of it, as in http://127.0.0.1:8000 or https://example.org/voice.",
        )
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    if parts.scheme == "https" or is_here(url):
        return ok(f"Browsers give pages of {origin} the microphone and the camera.")
    return fault(
        f"Browsers give pages of {origin} neither microphone nor camera: it is no secure context.",
        "Serve the page by https, or open it as http://localhost on the server's own machine.",
    )
