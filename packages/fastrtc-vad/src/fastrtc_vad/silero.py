"""Silero VAD 6.2 through onnxruntime, from a file inside this package: nothing is fetched."""

import threading
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import as_file, files
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastrtc_core.audio import Resampler, to_float32
from fastrtc_core.detection import AudioChunk, ModelOptions
from fastrtc_vad.options import WINDOW_SAMPLES, SileroVadOptions
from fastrtc_vad.segments import find_segments

SAMPLE_RATE: Final = 16_000
"""Rate the model hears, in Hz."""

MODEL_FILE: Final = "silero_vad_16k_op15.onnx"

CONTEXT_SAMPLES: Final = 64
"""Samples of the window before that the model sees again. Without them it errs, silently."""

MEMORY_CELLS: Final = 128
"""Size of the LSTM: a stream's memory is this many hidden and this many cell values."""

RELEASE: Final = 0.058
"""Seconds from the end of speech to the end of the last window of 0.5 and more, in the middle.

Measured on 78 sentences and words by six English voices of espeak-ng 1.51 at 16 kHz; speech ends
with the last 10 ms that are within 35 dB of the loudest. Clean: median 0.054, 5 % to 95 % -0.005 to
0.094; in white noise 15 dB below: median 0.062, -0.020 to 0.137. The first such window ends 0.070
(0.026 to 0.128) after the onset, noise or not.
"""

Answer: TypeAlias = tuple[NDArray[np.float32], NDArray[np.float32]]

SileroNet: TypeAlias = Callable[[NDArray[np.float32], NDArray[np.float32]], Answer]
"""From context and window of each stream, ``(streams, 576)``, and memory, ``(2, streams, 128)``, to
the probabilities, ``(streams,)``, and the memory after them."""

_loading: Final = threading.Lock()


class SileroState:
    """What the model remembers of one stream."""

    __slots__ = ("context", "memory")

    def __init__(self) -> None:
        self.memory = np.zeros((2, MEMORY_CELLS), np.float32)
        self.context = np.zeros(CONTEXT_SAMPLES, np.float32)


class SileroVADModel:
    """Silero VAD: the streaming form for live audio, and the documented batch form.

    It holds no stream's state, so that one model serves a whole process; calls may come from any
    thread.
    """

    sample_rate: int = SAMPLE_RATE
    window_samples: int = WINDOW_SAMPLES
    release: float = RELEASE

    def __init__(self) -> None:
        self._net = self._load_net()

    @staticmethod
    def _load_net() -> SileroNet:
        import onnxruntime as ort  # 0.1 s: paid by those who load a model

        options = ort.SessionOptions()
        # The default thread pool spins between calls: 86 % of a core for one live stream.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        with as_file(files("fastrtc_vad") / "data" / MODEL_FILE) as path:
            session = ort.InferenceSession(
                path, sess_options=options, providers=["CPUExecutionProvider"]
            )
        rate = np.array(SAMPLE_RATE, np.int64)

        def net(sound: NDArray[np.float32], memory: NDArray[np.float32]) -> Answer:
            found, after = session.run(None, {"input": sound, "state": memory, "sr": rate})
            return np.asarray(found, np.float32)[:, 0], np.asarray(after, np.float32)

        return net

    def new_state(self) -> SileroState:
        """Return the state of a stream that has heard nothing."""
        return SileroState()

    def infer(self, windows: NDArray[np.float32], states: Sequence[object]) -> NDArray[np.float32]:
        """Give the probability of speech for the next window of each stream.

        Args:
            windows: ``(streams, 512)``, in -1..1.
            states: One state of `new_state` per row, brought forward in place. No state occurs
                twice in a call.

        Returns:
            ``(streams,)`` probabilities in 0..1.

        Raises:
            TypeError: A state is not one of `new_state`.
        """
        streams = [_own(state) for state in states]
        sound = np.empty((len(streams), CONTEXT_SAMPLES + WINDOW_SAMPLES), np.float32)
        memory = np.empty((2, len(streams), MEMORY_CELLS), np.float32)
        for row, stream in enumerate(streams):
            sound[row, :CONTEXT_SAMPLES] = stream.context
            memory[:, row] = stream.memory
        sound[:, CONTEXT_SAMPLES:] = windows
        probabilities, memory = self._net(sound, memory)
        for row, stream in enumerate(streams):
            stream.context[:] = sound[row, -CONTEXT_SAMPLES:]
            stream.memory[:] = memory[:, row]
        return probabilities

    def vad(
        self,
        audio: tuple[int, NDArray[np.int16] | NDArray[np.float32]],
        options: ModelOptions | None = None,
    ) -> tuple[float, list[AudioChunk]]:
        """Find speech in a piece of audio.

        Args:
            audio: Sample rate in Hz, and samples shaped ``(samples,)`` or ``(1, samples)``.
            options: `SileroVadOptions`, or None for its defaults.

        Returns:
            Seconds of speech in all, and where it is, in samples of `audio`; both with the padding.

        Raises:
            TypeError: The options are of another class.
            ValueError: The samples have more than one channel.
        """
        options = _silero_options(options)
        rate, samples = audio
        windows = _windows(rate, samples)
        state = [self.new_state()]
        probabilities = [float(self.infer(window[None], state)[0]) for window in windows]
        segments = find_segments(
            probabilities, options, window=WINDOW_SAMPLES / SAMPLE_RATE, release=RELEASE
        )
        length = samples.shape[-1]
        bounds = [[min(round(t * rate), length) for t in (s.start, s.end)] for s in segments]
        chunks = [AudioChunk(start=start, end=end) for start, end in bounds]
        return sum(chunk["end"] - chunk["start"] for chunk in chunks) / rate, chunks

    def warmup(self) -> None:
        """Run the model once: the first call takes longer than the others."""
        self.infer(np.zeros((1, WINDOW_SAMPLES), np.float32), [self.new_state()])


def get_silero_model() -> SileroVADModel:
    """Return the process's one model, loaded by the first call, from whatever thread it comes."""
    with _loading:
        return _load()


@cache
def _load() -> SileroVADModel:
    model = SileroVADModel()
    model.warmup()
    return model


def _own(state: object) -> SileroState:
    if not isinstance(state, SileroState):
        raise TypeError(f"a state comes from new_state(), not {type(state).__name__}")
    return state


def _silero_options(options: ModelOptions | None) -> SileroVadOptions:
    if options is None:
        return SileroVadOptions()
    if not isinstance(options, SileroVadOptions):
        raise TypeError(f"Silero takes SileroVadOptions, not {type(options).__name__}")
    return options


def _windows(rate: int, samples: NDArray[np.int16] | NDArray[np.float32]) -> NDArray[np.float32]:
    """The samples at the model's rate, ``(windows, 512)``, the last one filled up with silence."""
    sound = to_float32(np.atleast_2d(samples))
    if sound.ndim != 2 or sound.shape[0] != 1:
        raise ValueError(f"speech is looked for in mono audio, not in shape {samples.shape}")
    if rate != SAMPLE_RATE:
        sound = Resampler(rate, SAMPLE_RATE, 1).process(sound)
    missing = -sound.shape[1] % WINDOW_SAMPLES
    return np.pad(sound[0], (0, missing)).reshape(-1, WINDOW_SAMPLES)
