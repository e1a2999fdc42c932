"""Twilio Media Streams."""

from fastrtc_telephony.carriers.twilio.protocol import TwilioProtocol
from fastrtc_telephony.carriers.twilio.twilio import Twilio, signature

__all__ = ["Twilio", "TwilioProtocol", "signature"]
