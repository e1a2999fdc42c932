"""Tools for testing streams over WebRTC; they need no test framework.

- `RTCClient`: a client made of aiortc, and `http_post`, its way to a server.
- `Impairment` and `impair`: loss, delay, jitter, reordering and duplication by seed.
- `fastrtc_webrtc.testing.media`: sounds and pictures that are recognised again.
"""

from fastrtc_webrtc.testing.client import Options, Received, RTCClient
from fastrtc_webrtc.testing.feed import Feed
from fastrtc_webrtc.testing.impairment import (
    Impairment,
    PacketKind,
    RtpHeader,
    packet_kind,
    rtp_header,
)
from fastrtc_webrtc.testing.link import Impaired, ice_transports, impair
from fastrtc_webrtc.testing.signalling import Post, SignallingError, http_post
from fastrtc_webrtc.testing.tap import Packet, Picture, SenderReport, Sound, Tap
from fastrtc_webrtc.testing.tracks import Camera, Microphone, Said

__all__ = [
    "Camera",
    "Feed",
    "Impaired",
    "Impairment",
    "Microphone",
    "Options",
    "Packet",
    "PacketKind",
    "Picture",
    "Post",
    "RTCClient",
    "Received",
    "RtpHeader",
    "Said",
    "SenderReport",
    "SignallingError",
    "Sound",
    "Tap",
    "http_post",
    "ice_transports",
    "impair",
    "packet_kind",
    "rtp_header",
]
