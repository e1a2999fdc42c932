"""What a client's messages mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fastrtc_core.messages import JSON
from fastrtc_websocket.encodings import Encoding


@dataclass(frozen=True, slots=True)
class StartOptions:
    """How a client wants its stream; the defaults are the documented form."""

    session_id: str | None = None
    """The id that the client chose."""

    encoding: Encoding = "mulaw"

    rate: int | None = None
    """Samples per second both ways; None in the documented form: the handler's rates."""

    channels: int = 1

    binary: bool = False
    """Whether media are binary messages."""

    wants: frozenset[str] = frozenset()
    """Optional message types to send."""

    metadata: Mapping[str, JSON] = field(default_factory=dict)
    """What the client says of itself."""


@dataclass(frozen=True, slots=True)
class Started:
    """The client opens its stream."""

    options: StartOptions


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """The client sends sound."""

    samples: NDArray[np.int16]
    """``(channels, samples)``, int16, at the rate of the stream's options."""


@dataclass(frozen=True, slots=True)
class Played:
    """The client tells how much it has played."""

    position: float
    """Seconds of sound since the stream began; what was cleared does not count."""


@dataclass(frozen=True, slots=True)
class ClientMessage:
    """The client sends something to the application."""

    data: JSON


@dataclass(frozen=True, slots=True)
class Inputs:
    """The client sends inputs for the handler."""

    args: Sequence[JSON]


@dataclass(frozen=True, slots=True)
class Ping:
    """The client asks for a sign of life."""

    reply: str
    """The message to send back."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The client ends its stream."""


ClientEvent = Started | Audio | Played | ClientMessage | Inputs | Ping | Stopped
