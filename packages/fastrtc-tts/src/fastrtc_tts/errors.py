"""Everything this package raises.

::

    FastRTCError
    ├── EngineError          an engine failed
    │   └── ServiceError     a hosted one refused
    └── UnknownVoiceError    there is no such voice (also a ValueError)
"""

from fastrtc_core import FastRTCError


class EngineError(FastRTCError):
    """An engine failed."""


class ServiceError(EngineError):
    """A hosted engine has refused a request."""

    def __init__(self, service: str, status: int, text: str) -> None:
        super().__init__(service, status, text)
        self.service = service
        self.status = status
        self.text = text

    def __str__(self) -> str:
        hint = ": is the key right?" if self.status in (401, 403) else ""
        return f"{self.service} answered {self.status}{hint} {self.text[:200]}".rstrip()


class UnknownVoiceError(FastRTCError, ValueError):
    """There is no voice of this name."""

    def __init__(self, voice: str, there: str = "") -> None:
        super().__init__(voice, there)
        self.voice = voice
        self.there = there

    def __str__(self) -> str:
        return f"there is no voice {self.voice!r}" + (
            f"; there are {self.there}" if self.there else ""
        )
