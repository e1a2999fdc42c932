"""Telnyx."""

from fastrtc_telephony.carriers.telnyx.protocol import TelnyxProtocol
from fastrtc_telephony.carriers.telnyx.telnyx import Telnyx

__all__ = ["Telnyx", "TelnyxProtocol"]
