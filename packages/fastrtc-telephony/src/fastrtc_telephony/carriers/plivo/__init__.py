"""Plivo."""

from fastrtc_telephony.carriers.plivo.plivo import Plivo
from fastrtc_telephony.carriers.plivo.protocol import PlivoProtocol

__all__ = ["Plivo", "PlivoProtocol"]
