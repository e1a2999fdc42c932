"""Asterisk's AudioSocket."""

from fastrtc_telephony.carriers.audiosocket.audiosocket import AudioSocket, AudioSocketServer
from fastrtc_telephony.carriers.audiosocket.protocol import AudioSocketProtocol

__all__ = ["AudioSocket", "AudioSocketProtocol", "AudioSocketServer"]
