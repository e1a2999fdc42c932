"""Moonshine's merged ONNX files on onnxruntime: sound in, token ids out.

An encoder makes features of the sound; a decoder takes one token after the other and keeps what it
has computed in a cache that comes out of one call and goes into the next. Its first call fills the
cache (``use_cache_branch`` false, and a cache of no batch); what it computed of the encoder's
features then stays.
"""

import math
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastrtc_core.errors import MissingPackageError
from fastrtc_core.speech import WeightsError

BEGIN: Final = 1
END: Final = 2
"""Ids that begin and end a text: ``bos_token_id`` and ``eos_token_id`` of the models' config."""

TOKENS_PER_SECOND: Final = 6.5
"""The model's authors: more than this is the model repeating itself."""
LEAST_TOKENS: Final = 8
"""So that short words spoken fast are whole."""
MOST_TOKENS: Final = 192
"""Places that the decoder was trained for, ``max_position_embeddings`` less the ends."""

SAMPLE_RATE: Final = 16_000
CACHE: Final = "past_key_values."

Feed: TypeAlias = dict[str, NDArray[Any]]


class MoonshineSession:
    """Both networks. Many threads may call it at a time.

    Args:
        encoder: File of the encoder.
        decoder: File of the decoder, the merged form.
        threads: Threads of one call.

    Raises:
        WeightsError: A file is no such network; it is named.

    """

    def __init__(self, encoder: Path, decoder: Path, threads: int) -> None:
        self._encoder = _opened(encoder, threads, ("input_values",))
        self._decoder = _opened(
            decoder, threads, ("input_ids", "encoder_hidden_states", "use_cache_branch")
        )
        self._encoder_masked = "attention_mask" in _names(self._encoder)
        self._decoder_masked = "encoder_attention_mask" in _names(self._decoder)
        self._cache = {
            node.name: np.zeros(_no_batch(node.name, node.shape, decoder), np.float32)
            for node in self._decoder.get_inputs()
            if node.name.startswith(CACHE)
        }
        self._outputs = [node.name for node in self._decoder.get_outputs()]
        if "logits" not in self._outputs or not self._cache:
            raise WeightsError(decoder.name, f"{decoder} is no decoder of the merged form")

    def generate(self, samples: NDArray[np.float32]) -> list[int]:
        """Return the ids of the likeliest text, one token after the other.

        Args:
            samples: ``(samples,)`` at 16 kHz, at least a tenth of a second.

        """
        feed: Feed = {"input_values": samples[None]}
        mask = np.ones((1, len(samples)), np.int64)
        if self._encoder_masked:
            feed["attention_mask"] = mask
        features = self._encoder.run(None, feed)[0]
        steady: Feed = {"encoder_hidden_states": features}
        if self._decoder_masked:
            steady["encoder_attention_mask"] = mask
        return self._decode(steady, token_limit(len(samples)))

    def _decode(self, steady: Feed, limit: int) -> list[int]:
        cache, ids, token = dict(self._cache), [], BEGIN
        for step in range(limit):
            feed = {
                **steady,
                **cache,
                "input_ids": np.array([[token]], np.int64),
                "use_cache_branch": np.array([step > 0]),
            }
            found = dict(zip(self._outputs, self._decoder.run(None, feed), strict=True))
            token = int(np.argmax(found["logits"][0, -1]))
            if token == END:
                break
            ids.append(token)
            for name in cache:
                # Of the encoder's features only the first call computes anything.
                if step == 0 or ".decoder." in name:
                    cache[name] = found[name.replace(CACHE, "present.")]
        return ids


def token_limit(samples: int) -> int:
    """Return how many tokens a sound of so many samples may have at most."""
    expected = math.ceil(samples / SAMPLE_RATE * TOKENS_PER_SECOND)
    return min(max(expected, LEAST_TOKENS), MOST_TOKENS)


def _opened(path: Path, threads: int, inputs: tuple[str, ...]) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise MissingPackageError("Moonshine", "fastrtc-stt[moonshine]") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # By default the threads spin while they wait, which takes a core from everything else.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        # onnxruntime has a dozen types for it.
        message = f"{path} is corrupt or no ONNX model: {str(error).splitlines()[0]}"
        raise WeightsError(path.name, message) from error
    missing = set(inputs) - _names(session)
    if missing:
        raise WeightsError(
            path.name,
            f"{path} is another model: it has no input {', '.join(sorted(missing))}; what is "
            "needed are the files of Moonshine's merged form",
        )
    return session


def _names(session: Any) -> set[str]:
    return {node.name for node in session.get_inputs()}


def _no_batch(name: str, shape: list[object], path: Path) -> tuple[int, int, int, int]:
    """Shape of a cache that is empty: of batch 0, since of length 0 some operators refuse."""
    match shape:
        case [_, int(heads), _, int(size)]:
            return 0, heads, 1, size
    raise WeightsError(path.name, f"{path} does not tell the shape of {name}: {shape}")
