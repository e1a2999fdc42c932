"""What this package raises.

::

    FastRTCError
    ├── ConfigurationError    a carrier's settings are missing or wrong
    ├── CallControlError      the carrier could not do what was asked of a call
    ├── FastPhoneError        there is no telephone number to be had
    └── AdmissionError
        ├── SignatureError    the request is not the carrier's
        └── TicketError       the media stream belongs to no call that was answered here
"""

from fastrtc_core import AdmissionError, FastRTCError


class ConfigurationError(FastRTCError):
    """A carrier's settings are missing or wrong."""


class CallControlError(FastRTCError):
    """The carrier could not do what was asked of a call."""


class FastPhoneError(FastRTCError):
    """There is no telephone number to be had."""


class SignatureError(AdmissionError):
    """A request is not the carrier's."""

    code = "bad_signature"


class TicketError(AdmissionError):
    """A media stream belongs to no call that was answered here."""

    code = "unknown_call"
