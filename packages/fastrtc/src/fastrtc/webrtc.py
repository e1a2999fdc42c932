"""The names that FastRTC had in ``fastrtc.webrtc``, see `fastrtc.former`."""

from fastrtc.former import names_of

__getattr__, __dir__ = names_of(__name__)
