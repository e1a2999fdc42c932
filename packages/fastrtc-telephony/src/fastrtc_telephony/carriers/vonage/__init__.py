"""Vonage."""

from fastrtc_telephony.carriers.vonage.protocol import VonageProtocol
from fastrtc_telephony.carriers.vonage.vonage import Vonage

__all__ = ["Vonage", "VonageProtocol"]
