"""What a carrier's messages mean."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fastrtc_core.messages import JSON
from fastrtc_telephony.lines import Line

KEYS: Final = "0123456789*#ABCD"
"""What a telephone's keys are called (ITU-T Q.23)."""


@dataclass(frozen=True, slots=True)
class CallInfo:
    """What the carrier says of a call."""

    carrier: str
    """Name of the carrier: ``twilio`` ..."""

    call_id: str
    """The carrier's name of the call."""

    stream_id: str = ""
    """The carrier's name of its media stream, if it has one."""

    caller: str = ""
    """Who calls: a number in E.164 form, if the carrier tells."""

    called: str = ""
    """Who is called."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    """What else was sent along: the carrier's custom parameters, or fields of its webhook."""

    def to_metadata(self) -> dict[str, JSON]:
        """Return it as a session's metadata: ``from`` and ``to`` are caller and called."""
        return {
            "carrier": self.carrier,
            "call_id": self.call_id,
            "stream_id": self.stream_id,
            "from": self.caller,
            "to": self.called,
            "parameters": dict(self.parameters),
        }


@dataclass(frozen=True, slots=True)
class CallStarted:
    """The media stream begins; comes first, and once."""

    info: CallInfo
    line: Line


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """The caller's sound."""

    samples: NDArray[np.int16]
    """``(1, samples)``, int16, at the rate of the line."""


@dataclass(frozen=True, slots=True)
class MarkReached:
    """What was sent before a mark has been played."""

    name: str


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """The caller has pressed a key."""

    key: str
    """One of `KEYS`."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The protocol has an answer to be sent."""

    message: str | bytes


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The caller or the carrier has hung up."""

    reason: str = ""


CallEvent = CallStarted | Audio | MarkReached | KeyPressed | Reply | CallEnded
