"""Requests per minute of each client address: a token bucket per address, and a bounded number."""

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network
from typing import Final

from fastrtc_webrtc.addresses import parse_address

BURST: Final = 20.0
"""Seconds' worth of requests that may come at once: an offer and all of its candidates."""

MOST_ADDRESSES: Final = 4096
"""Addresses remembered. With more, the ones that have been quiet longest start afresh."""

LONGEST_KEY: Final = 64


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class RateLimiter:
    """How many requests every address may still make.

    Addresses of IPv6 share the allowance of their /64 network, which is what one subscriber gets
    (RFC 6177); IPv4-mapped ones count as IPv4.

    Args:
        per_minute: Requests per minute, on average.
        most_addresses: Addresses to remember.

    """

    def __init__(self, per_minute: float, most_addresses: int = MOST_ADDRESSES) -> None:
        self._rate = per_minute / 60.0
        self._capacity = max(1.0, self._rate * BURST)
        self._most = most_addresses
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()  # the quietest first

    def __len__(self) -> int:
        return len(self._buckets)

    def allow(self, address: str | None, now: float) -> bool:
        """Count a request.

        Args:
            address: Of the client; None if it is not known: all such clients share one allowance.
            now: Seconds on a monotonic clock, always the same one.

        Returns:
            Whether it is within the limit. One that is not uses nothing up.

        """
        key = _key(address)
        tokens = self._tokens(key, now)
        allowed = tokens >= 1.0
        self._buckets[key] = _Bucket(tokens - 1.0 if allowed else tokens, now)
        self._buckets.move_to_end(key)
        self._forget(now)
        return allowed

    def retry_after(self, address: str | None, now: float) -> float:
        """Return the seconds until a request would be allowed, 0.0 if it is by now."""
        missing = 1.0 - self._tokens(_key(address), now)
        # A hair more than computed, or rounding might find the token incomplete at that time.
        return missing / self._rate * (1.0 + 1e-9) + 1e-9 if missing > 0.0 else 0.0

    def _tokens(self, key: str, now: float) -> float:
        bucket = self._buckets.get(key)
        if bucket is None:
            return self._capacity
        return min(self._capacity, bucket.tokens + (now - bucket.at) * self._rate)

    def _forget(self, now: float) -> None:
        """Drop what says nothing any more: full buckets, and the oldest beyond the bound."""
        while self._buckets:
            oldest = next(iter(self._buckets))
            if len(self._buckets) <= self._most and self._tokens(oldest, now) < self._capacity:
                return
            del self._buckets[oldest]


def _key(address: str | None) -> str:
    if address is None:
        return ""
    parsed = parse_address(address)
    if parsed is None:
        return address[:LONGEST_KEY]  # the name that a test client or a Unix socket goes by
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((int(parsed) >> 64 << 64, 64)))
    return str(parsed)
