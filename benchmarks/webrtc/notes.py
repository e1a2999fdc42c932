"""What stands below the table."""

from typing import Final

NOTES: Final = """\
- One run, one machine, the loopback interface: server and client are processes of their own, each
  pinned to one core.
- The client is aiortc's, the same for all: its own buffer of 80 ms is in the first two rows and in
  no other.
- FastRTC 0.0.34 is the published package in an environment of its own; the bare server is aiortc's
  `RTCPeerConnection`, which sends back every track that it gets.
- Memory after many connections is read after a garbage collection and one connection more. Python
  collects what refers to itself when there is enough of it, so without that the figure depends on
  when it last did: it was 10.6 MiB in place of the table's for ours.
- Losses happen between the client's encoder and the network, by a seeded choice.
"""
