"""Everything this package raises, besides what the core does."""

from collections.abc import Sequence

from fastrtc_core.errors import FastRTCError


class STTError(FastRTCError):
    """Base of the errors of speech-to-text engines."""


class GrammarError(STTError, ValueError):
    """A grammar, a phrase or a keyword can't be used.

    Attributes:
        words: Those that the dictionary lacks; empty if it is something else.

    """

    def __init__(self, message: str, words: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.words = tuple(words)


class DecodersExhaustedError(STTError, TimeoutError):
    """No decoder became free in time."""

    def __init__(self, limit: int, seconds: float) -> None:
        super().__init__(
            f"all {limit} decoders were busy for {seconds:g} s: raise decoders=, or close streams "
            "that are not used any more"
        )
        self.limit = limit
        self.seconds = seconds
