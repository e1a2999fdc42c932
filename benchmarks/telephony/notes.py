"""What stands below the table."""

from typing import Final

NOTES: Final = """\
- The carrier is `fastrtc_telephony.testing`, which speaks as Twilio does: 20 ms of mu-law in a
  message, sound played from the carrier's buffer, `clear` and `mark` obeyed. Our server checks its
  signatures and tokens. FastRTC is rung at `/telephone/handler` without its webhook, whose stream
  URL has no port.
- A reply is a tone of 20 s in chunks of 100 ms; the caller talks into it after 2 s. The figure is
  how long it is still heard. FastRTC stops its function at the end of what the caller says, sends
  no `clear`, and was ahead of what is heard.
- A position is what the server takes for heard, read while a reply plays and after it was
  interrupted.
- The tone has 1004 Hz, as the telephone engineers' 1 kHz has: at 1000 Hz only eight levels of G.711
  would be heard. The limit is that of the tone coded once, without a server.
- Our answer to the webhook is part of the time to a greeting.
- Silero v6 for both, as in the first table. Loopback: a network's delay comes on top.
"""
