"""FastRTC streams on the telephone.

A stream that is mounted answers Twilio at ``/telephone/incoming``; see `TelephoneSettings` for
other carriers. Handlers need nothing of this package: `current_call` is for those that press keys,
transfer calls or want to know who calls.
"""

from fastrtc_telephony.calls import Call, call_of, current_call
from fastrtc_telephony.carrier import Answer, Carrier, CarrierRequest, Manners
from fastrtc_telephony.carriers.asterisk import Asterisk
from fastrtc_telephony.carriers.audiosocket import AudioSocket, AudioSocketServer
from fastrtc_telephony.carriers.exotel import Exotel
from fastrtc_telephony.carriers.genesys import Genesys
from fastrtc_telephony.carriers.plivo import Plivo
from fastrtc_telephony.carriers.telnyx import Telnyx
from fastrtc_telephony.carriers.twilio import Twilio
from fastrtc_telephony.carriers.vonage import Vonage
from fastrtc_telephony.errors import (
    CallControlError,
    ConfigurationError,
    FastPhoneError,
    SignatureError,
    TicketError,
)
from fastrtc_telephony.events import CallInfo
from fastrtc_telephony.lines import Line
from fastrtc_telephony.media import JSONProtocol, MediaProtocol
from fastrtc_telephony.settings import TelephoneSettings
from fastrtc_telephony.transport import TelephoneTransport

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "Asterisk",
    "AudioSocket",
    "AudioSocketServer",
    "Call",
    "CallControlError",
    "CallInfo",
    "Carrier",
    "CarrierRequest",
    "ConfigurationError",
    "Exotel",
    "FastPhoneError",
    "Genesys",
    "JSONProtocol",
    "Line",
    "Manners",
    "MediaProtocol",
    "Plivo",
    "SignatureError",
    "TelephoneSettings",
    "TelephoneTransport",
    "Telnyx",
    "TicketError",
    "Twilio",
    "Vonage",
    "call_of",
    "current_call",
]
