"""Tools for testing handlers, models and transports; they need no test framework.

- `run` and `in_virtual_time`: an hour of conversation in seconds.
- `connect`: a client without a network.
- `ScriptedModel` and `sound_of`: speech by script, so that turns are tested with numbers.
- `check_pause_detection_model`, `check_stt_model`, `check_tts_model` and `check_transport`: whether
  a plugin does what it must; `check_import`: what importing it costs. In pytest, the fixture
  ``conforms`` has them.
"""

from fastrtc_core.testing.clock import DeadlockError, in_virtual_time, run, watch
from fastrtc_core.testing.conformance import (
    ConformanceError,
    Connect,
    Report,
    Result,
    Serve,
    TransportClient,
    check_import,
    check_pause_detection_model,
    check_stt_model,
    check_transport,
    check_tts_model,
)
from fastrtc_core.testing.memory import MemoryClient, connect
from fastrtc_core.testing.player import Player
from fastrtc_core.testing.scripted import ScriptedModel, sound_of
from fastrtc_core.testing.wire import Cleared, MemoryWire, Received

__all__ = [
    "Cleared",
    "ConformanceError",
    "Connect",
    "DeadlockError",
    "MemoryClient",
    "MemoryWire",
    "Player",
    "Received",
    "Report",
    "Result",
    "ScriptedModel",
    "Serve",
    "TransportClient",
    "check_import",
    "check_pause_detection_model",
    "check_stt_model",
    "check_transport",
    "check_tts_model",
    "connect",
    "in_virtual_time",
    "run",
    "sound_of",
    "watch",
]
