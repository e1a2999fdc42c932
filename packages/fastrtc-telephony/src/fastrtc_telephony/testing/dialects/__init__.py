"""The carriers, from their own side."""

from typing import Final

from fastrtc_telephony.testing.dialects.asterisk import AsteriskDialect
from fastrtc_telephony.testing.dialects.base import Caller, Dialect, DialectError
from fastrtc_telephony.testing.dialects.exotel import ExotelDialect
from fastrtc_telephony.testing.dialects.genesys import GenesysDialect
from fastrtc_telephony.testing.dialects.plivo import PlivoDialect
from fastrtc_telephony.testing.dialects.telnyx import TelnyxDialect
from fastrtc_telephony.testing.dialects.twilio import TwilioDialect
from fastrtc_telephony.testing.dialects.vonage import VonageDialect

__all__ = ["DIALECTS", "Caller", "Dialect", "DialectError"]

DIALECTS: Final[dict[str, type[Dialect]]] = {
    dialect.name: dialect
    for dialect in (
        TwilioDialect,
        TelnyxDialect,
        PlivoDialect,
        VonageDialect,
        ExotelDialect,
        GenesysDialect,
        AsteriskDialect,
    )
}
"""By the names of the carriers."""
