"""What a page asked for, as the browser tells it: events of the DevTools protocol's `Network`."""

from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

HERE: Final = "127.0.0.1"


@dataclass  # without slots: Playwright notes something on the owner of a method
class Traffic:
    """Requests by their ids. What stays inside the browser (`blob:`, `data:`) is none."""

    urls: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    """Bytes of answers with their heads, compressed as they came."""

    def asked(self, event: dict[str, Any]) -> None:
        """Take a `requestWillBeSent`."""
        url = event["request"]["url"]
        if urlsplit(url).hostname:
            self.urls[event["requestId"]] = url

    def answered(self, event: dict[str, Any]) -> None:
        """Take a `loadingFinished`."""
        if event["requestId"] in self.urls:
            self.sizes[event["requestId"]] = event["encodedDataLength"]

    @property
    def outside(self) -> list[str]:
        """URLs on other machines."""
        return [url for url in self.urls.values() if urlsplit(url).hostname != HERE]

    @property
    def to_server(self) -> list[str]:
        """URLs on this one."""
        return [url for url in self.urls.values() if urlsplit(url).hostname == HERE]

    def size(self, *parts: str) -> int:
        """Bytes that came, of URLs that have one of these parts; of all, without any."""
        return sum(
            size
            for key, size in self.sizes.items()
            if not parts or any(part in self.urls[key] for part in parts)
        )
