"""Pause detection: Silero voice activity, turn taking, `ReplyOnPause` and `ReplyOnStopWords`."""

from fastrtc_vad.batching import Batcher, batcher_for
from fastrtc_vad.options import AlgoOptions, SileroVadOptions
from fastrtc_vad.reply_on_pause import ReplyOnPause
from fastrtc_vad.reply_on_stop_words import ReplyOnStopWords, ReplyOnStopWordsState
from fastrtc_vad.silero import SileroVADModel, get_silero_model
from fastrtc_vad.silero_torch import SileroTorchModel
from fastrtc_vad.stepwise import AppState
from fastrtc_vad.turns import TurnEvent, TurnMachine

__version__ = "0.1.0"

__all__ = [
    "AlgoOptions",
    "AppState",
    "Batcher",
    "ReplyOnPause",
    "ReplyOnStopWords",
    "ReplyOnStopWordsState",
    "SileroTorchModel",
    "SileroVADModel",
    "SileroVadOptions",
    "TurnEvent",
    "TurnMachine",
    "batcher_for",
    "get_silero_model",
]
