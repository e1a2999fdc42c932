"""What can be set about telephones: ``Stream(transport_settings={"telephone": ...})``."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Final
from urllib.parse import urlsplit

from fastrtc_telephony.carrier import Carrier, Manners
from fastrtc_telephony.carriers.twilio import Twilio

INSECURE: Final = "FASTRTC_TELEPHONE_INSECURE"
"""Set to 1 in the environment, it stands for ``insecure=True``."""


@dataclass(frozen=True, slots=True)
class TelephoneSettings:
    """How telephone calls are taken.

    Raises:
        ValueError: Two carriers are the same, a URL or network can't be read.

    """

    carriers: Sequence[Carrier] = field(default_factory=lambda: (Twilio(),))
    """Who may bring calls. The first one also has the short routes, ``/telephone/incoming``."""

    greeting: str | None = None
    """Said by the carrier before the stream begins, where it can. It delays the stream."""

    busy: str | None = None
    """Said by the carrier when there is no room; None for the busy tone, where it has one."""

    language: str = "en-US"
    """Of both, BCP 47."""

    voice: str | None = None
    """Of both, one of the carrier's; None for its own choice."""

    public_url: str | None = None
    """Scheme, host and port by which carriers reach this server, where requests don't show it:
    ``https://voice.example.org``. A path in it stands before the application's own paths."""

    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks of reverse proxies whose ``X-Forwarded-Proto``, ``-Host`` and
    ``-Prefix`` fields are believed."""

    insecure: bool = field(default_factory=lambda: os.environ.get(INSECURE) == "1")
    """Whether anybody may bring calls, without signatures and tokens: for local development."""

    lead: float = 0.3
    """Seconds of sound that a carrier that can clear has in advance; others get `LEAD_KEPT`."""

    def __post_init__(self) -> None:
        names = [carrier.name for carrier in self.carriers]
        if not names or len(set(names)) != len(names):
            raise ValueError(f"carriers must be different ones, and at least one: {names}")
        if not self.lead > 0:
            raise ValueError(f"lead must be positive, not {self.lead}")
        for network in self.trusted_proxies:
            ip_network(network)
        if self.public_url is not None:
            parts = urlsplit(self.public_url)
            if parts.scheme not in ("http", "https") or not parts.netloc or parts.query:
                raise ValueError(
                    f"public_url must be like https://voice.example.org, not {self.public_url!r}"
                )

    @property
    def manners(self) -> Manners:
        """What the carrier says."""
        return Manners(self.greeting, self.busy, self.language, self.voice)


LEAD_KEPT: Final = 0.12
"""Seconds of sound in advance for a carrier that can't clear: heard after an interruption."""
