"""Genesys."""

from fastrtc_telephony.carriers.genesys.genesys import Genesys
from fastrtc_telephony.carriers.genesys.protocol import GenesysProtocol

__all__ = ["Genesys", "GenesysProtocol"]
