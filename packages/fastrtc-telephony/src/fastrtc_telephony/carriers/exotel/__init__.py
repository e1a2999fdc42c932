"""Exotel."""

from fastrtc_telephony.carriers.exotel.exotel import Exotel
from fastrtc_telephony.carriers.exotel.protocol import ExotelProtocol

__all__ = ["Exotel", "ExotelProtocol"]
