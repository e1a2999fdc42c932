"""What can be set about WebRTC, for one stream.

Given to the stream under the transport's name::

    Stream(..., transport_settings={"webrtc": WebRTCSettings(port_range=(50_000, 50_100))})
"""

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Literal

PixelFormat = Literal["bgr24", "rgb24"]

CandidatePolicy = Literal["local", "any"]

HIGHEST_PORT = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class WebRTCSettings:
    """Settings of the WebRTC transport; every default suits a server that browsers reach directly.

    Raises:
        ValueError: A value is out of range, or no address.

    """

    pixel_format: PixelFormat = "bgr24"
    """Order of the three channels of pictures, both ways: ``bgr24``, which OpenCV uses and what
    code written against FastRTC expects, or ``rgb24``."""

    announced_addresses: tuple[str, ...] = ()
    """Addresses told to clients in place of the machine's own: the public one of a container or of
    a cloud machine behind one-to-one NAT."""

    bind_addresses: tuple[str, ...] = ()
    """Local addresses to use; all of the machine's by default, and the loopback address for
    clients that connect from it."""

    port_range: tuple[int, int] | None = None
    """First and last UDP port to use; any by default. Every session needs one per address."""

    candidate_policy: CandidatePolicy = "local"
    """To which addresses of a client's offer packets may be sent, see `fastrtc_webrtc.candidates`:
    ``local``, or ``any``, which lets clients make the server send packets to any host."""

    max_candidates: int = 32
    """Candidates taken from one client; more are ignored."""

    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks of reverse proxies whose ``X-Forwarded-For`` field is believed."""

    max_sdp_bytes: int = 65_536
    """Longest body of a signalling request."""

    requests_per_minute: float = 300.0
    """Signalling requests of one client address, candidates included; more are answered by 429."""

    connect_timeout: float = 20.0
    """Seconds from the answer until the connection must stand."""

    reconnect_grace: float = 30.0
    """Seconds for which a session outlives the last sign of life of its client, who may come back
    meanwhile. The default is the time for which consent holds, RFC 7675 section 5.1."""

    shared: bool = False
    """In the mode ``receive``: run the generator once and encode its pictures once, for all
    viewers. It starts with the first and ends with the last."""

    def __post_init__(self) -> None:
        if self.pixel_format not in ("bgr24", "rgb24"):
            raise ValueError(f"pixel_format must be bgr24 or rgb24, not {self.pixel_format!r}")
        if self.candidate_policy not in ("local", "any"):
            policy = self.candidate_policy
            raise ValueError(f"candidate_policy must be local or any, not {policy!r}")
        for address in (*self.announced_addresses, *self.bind_addresses):
            ip_address(address)
        for network in self.trusted_proxies:
            ip_network(network)
        if self.port_range is not None:
            first, last = self.port_range
            if not 0 < first <= last <= HIGHEST_PORT:
                raise ValueError(f"port_range must be a first and a last port, not {first}, {last}")
        for name in (
            "max_candidates",
            "max_sdp_bytes",
            "requests_per_minute",
            "connect_timeout",
            "reconnect_grace",
        ):
            value = getattr(self, name)
            if not value > 0:
                raise ValueError(f"WebRTCSettings({name}={value!r}): must be positive")
