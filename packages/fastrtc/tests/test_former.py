"""FastRTC's own modules: what programs imported from them is still there."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import fastrtc
from fastrtc.former import FORMER
from fastrtc_core import MissingPackageError

EXPORTED = [
    "AsyncStreamHandler",
    "AudioVideoStreamHandler",
    "AudioEmitType",
    "AsyncAudioVideoStreamHandler",
    "AlgoOptions",
    "AdditionalOutputs",
    "aggregate_bytes_to_16bit",
    "async_aggregate_bytes_to_16bit",
    "audio_to_bytes",
    "audio_to_file",
    "audio_to_float32",
    "audio_to_int16",
    "get_hf_turn_credentials",
    "get_twilio_turn_credentials",
    "get_turn_credentials",
    "ReplyOnPause",
    "ReplyOnStopWords",
    "SileroVadOptions",
    "get_stt_model",
    "MoonshineSTT",
    "StreamHandler",
    "Stream",
    "VideoEmitType",
    "WebRTCError",
    "Warning",
    "get_tts_model",
    "KokoroTTSOptions",
    "get_cloudflare_turn_credentials_async",
    "get_hf_turn_credentials_async",
    "get_turn_credentials_async",
    "get_cloudflare_turn_credentials",
    "wait_for_item",
    "ModelOptions",
    "PauseDetectionModel",
    "get_silero_model",
    "VideoStreamHandler",
    "CloseStream",
    "get_current_context",
    "CartesiaTTSOptions",
    "UIArgs",
    "WebRTC",
    "WebRTCData",
]
"""What FastRTC 0.0.34 exports."""

MODULES = [
    "credentials",
    "pause_detection",
    "reply_on_pause",
    "reply_on_stopwords",
    "speech_to_text",
    "stream",
    "text_to_speech",
    "tracks",
    "utils",
    "webrtc",
    "websocket",
]
"""Modules that programs written for FastRTC import from."""


@pytest.mark.parametrize("name", EXPORTED)
def test_every_exported_name_is_there(name: str) -> None:
    assert getattr(fastrtc, name)


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module in FORMER for name in FORMER[module]]
)
def test_every_name_of_a_module_is_there(module: str, name: str) -> None:
    found = getattr(import_module(module), name)
    where, _, now = FORMER[module][name].partition(":")
    assert found is getattr(import_module(where), now or name)
    assert name in dir(import_module(module))


@pytest.mark.parametrize("module", MODULES)
def test_every_module_is_there(module: str) -> None:
    assert dir(import_module(f"fastrtc.{module}"))


def test_every_module_of_the_table_has_a_file_and_the_other_way_round() -> None:
    root = Path(fastrtc.__file__).parent
    files = {
        ".".join(("fastrtc", *path.relative_to(root).with_suffix("").parts)).removesuffix(
            ".__init__"
        )
        for path in root.rglob("*.py")
        if "names_of(__name__)" in path.read_text()
    }
    assert files == set(FORMER)


def test_importing_one_loads_nothing() -> None:
    modules = ", ".join(sorted(FORMER))
    code = f"import sys, {modules}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not [name for name in run.stdout.split() if name.startswith("fastrtc_")]


def test_what_was_inside_is_not_there_and_says_where_to_read() -> None:
    with pytest.raises(ImportError, match="cannot import name 'VideoCallback'"):
        from fastrtc.tracks import VideoCallback  # noqa: F401
    with pytest.raises(AttributeError, match=r"MIGRATING\.md says what has changed"):
        import_module("fastrtc.tracks").VideoCallback  # noqa: B018 - the access is what is tested


def test_a_part_that_is_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastrtc_vad", None)
    with pytest.raises(MissingPackageError, match="pip install fastrtc-vad"):
        import_module("fastrtc.reply_on_pause").ReplyOnPause  # noqa: B018


def test_old_code_runs() -> None:
    from fastrtc.speech_to_text import MoonshineSTT, stt_for_chunks
    from fastrtc.utils import create_message

    class Says:
        def stt(self, audio: object) -> str:
            return "yes"

    chunks = [{"start": 0, "end": 10}, {"start": 20, "end": 30}]
    assert stt_for_chunks(Says(), (16_000, np.zeros(100, np.int16)), chunks) == "yes yes"
    assert create_message("log", "x") == '{"type": "log", "data": "x"}'
    assert MoonshineSTT("moonshine/tiny").weights
    with pytest.raises(ValueError, match=r"moonshine/base, moonshine/tiny.*'whisper'"):
        MoonshineSTT("whisper")
