"""Asterisk."""

from fastrtc_telephony.carriers.asterisk.asterisk import Asterisk
from fastrtc_telephony.carriers.asterisk.protocol import AsteriskProtocol

__all__ = ["Asterisk", "AsteriskProtocol"]
