"""A fake carrier: rings a running server as a real one does, and hears what a caller would.

::

    async with dial("http://127.0.0.1:8000", "twilio", secrets={"auth_token": "..."}) as phone:
        await phone.say(rate, samples)
        await phone.press("5")
        await phone.listen(2.0)
    print(phone.report().told())
"""

from fastrtc_telephony.testing.dialects import DIALECTS, Caller, Dialect, DialectError
from fastrtc_telephony.testing.ear import Ear
from fastrtc_telephony.testing.phone import NoCallError, Phone, RefusedError, dial
from fastrtc_telephony.testing.report import CallReport, Note

__all__ = [
    "DIALECTS",
    "CallReport",
    "Caller",
    "Dialect",
    "DialectError",
    "Ear",
    "NoCallError",
    "Note",
    "Phone",
    "RefusedError",
    "dial",
]
