"""Tools for testing handlers, models and transports; they need no test framework.

- `run` and `in_virtual_time`: an hour of conversation in seconds.
- `connect`: a client without a network.
- `ScriptedModel` and `sound_of`: speech by script, so that turns are tested with numbers.
"""

from fastrtc_core.testing.clock import DeadlockError, in_virtual_time, run, watch
from fastrtc_core.testing.memory import MemoryClient, MemoryWire, connect
from fastrtc_core.testing.player import Player
from fastrtc_core.testing.scripted import ScriptedModel, sound_of

__all__ = [
    "DeadlockError",
    "MemoryClient",
    "MemoryWire",
    "Player",
    "ScriptedModel",
    "connect",
    "in_virtual_time",
    "run",
    "sound_of",
    "watch",
]
