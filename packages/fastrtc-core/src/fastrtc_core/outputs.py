"""What a handler may return or yield, brought to one form in one place.

Audio is ``(rate, array)`` or ``(rate, array, layout)``; video is an array. Either may come in a
pair with `AdditionalOutputs` or `CloseStream`, and both of these may come alone. None means
nothing.
"""

from dataclasses import dataclass
from typing import Final, TypeGuard

import numpy as np
from numpy.typing import NDArray

from fastrtc_core.audio import to_int16
from fastrtc_core.frames import AudioFrame, Layout, VideoFrame

MIN_RATE: Final = 1_000
MAX_RATE: Final = 384_000
"""Beyond these a number is no sample rate but a mistake, for example a swapped pair."""

LAYOUT_CHANNELS: Final[dict[str, int]] = {"mono": 1, "stereo": 2}

_AUDIO_FORM: Final = "(sample_rate, array) or (sample_rate, array, layout)"


class AdditionalOutputs:
    """Data for the page beside the media, fetched by `Stream.output_stream`."""

    def __init__(self, *args: object) -> None:
        self.args = args

    def __repr__(self) -> str:
        return f"AdditionalOutputs{self.args!r}"


class CloseStream:
    """Return or yield it to end the session after what has been said so far was sent."""

    def __init__(self, msg: str = "Stream closed") -> None:
        self.msg = msg

    def __repr__(self) -> str:
        return f"CloseStream({self.msg!r})"


@dataclass(frozen=True, slots=True)
class Output:
    """One item of a handler, taken apart."""

    media: AudioFrame | VideoFrame | None = None
    additional: AdditionalOutputs | None = None
    close: CloseStream | None = None


NOTHING: Final = Output()
"""What None means."""


def audio_output(item: object) -> Output:
    """Take apart what an audio handler returned or yielded.

    Args:
        item: See the module's docstring; an `Output` is taken as it is. Arrays are int16, float32
            or float64 (-1..1, saturating), shaped ``(samples,)`` or ``(channels, samples)`` with
            one or two channels; interleaved stereo needs the layout ``"stereo"``.

    Raises:
        TypeError: The item, or a part of it, is of a type that can't be sent.
        ValueError: Wrong shape, rate or layout, or NaN or infinity in the samples.

    """
    if isinstance(item, Output):
        return item
    media, additional, close = _split(item)
    if media is None:
        return Output(None, additional, close) if additional or close else NOTHING
    return Output(_audio(media), additional, close)


def video_output(item: object) -> Output:
    """Take apart what a video handler returned or yielded.

    Args:
        item: See the module's docstring. Pictures are uint8 arrays shaped ``(height, width, 3)``.

    Raises:
        TypeError: The item, or a part of it, is of a type that can't be sent.
        ValueError: Wrong shape.

    """
    media, additional, close = _split(item)
    if media is None:
        return Output(None, additional, close) if additional or close else NOTHING
    return Output(_video(media), additional, close)


def _is_object_tuple(item: object) -> TypeGuard[tuple[object, ...]]:
    return isinstance(item, tuple)


def _split(item: object) -> tuple[object, AdditionalOutputs | None, CloseStream | None]:
    if isinstance(item, AdditionalOutputs):
        return None, item, None
    if isinstance(item, CloseStream):
        return None, None, item
    if _is_object_tuple(item) and item and isinstance(item[-1], AdditionalOutputs | CloseStream):
        media, last = (item[0] if len(item) == 2 else item[:-1]), item[-1]
        if isinstance(last, AdditionalOutputs):
            return media, last, None
        return media, None, last
    return item, None, None


def _audio(item: object) -> AudioFrame:
    if not _is_object_tuple(item):
        raise TypeError(f"audio must be {_AUDIO_FORM}, not {_describe(item)}")
    if len(item) not in (2, 3):
        raise ValueError(f"audio must be {_AUDIO_FORM}, not a tuple of {len(item)} items")
    rate, array, layout = item if len(item) == 3 else (*item, None)
    if isinstance(rate, bool) or not isinstance(rate, int | np.integer):
        raise TypeError(f"the sample rate must be an int in Hz, not {_describe(rate)}")
    if not MIN_RATE <= rate <= MAX_RATE:
        raise ValueError(f"a sample rate of {rate} Hz is outside {MIN_RATE}..{MAX_RATE}")
    if not isinstance(array, np.ndarray):
        raise TypeError(f"the samples must be a numpy array, not {_describe(array)}")
    return AudioFrame(_channels_first(to_int16(array), _layout(layout)), int(rate))


def _layout(layout: object) -> Layout | None:
    if layout == "mono":
        return "mono"
    if layout == "stereo":
        return "stereo"
    if layout is not None:
        raise ValueError(f"the layout must be 'mono' or 'stereo', not {layout!r}")
    return None


def _channels_first(samples: NDArray[np.int16], layout: Layout | None) -> NDArray[np.int16]:
    if samples.ndim == 1:
        samples = samples.reshape(1, -1)
    if samples.ndim != 2:
        raise ValueError(f"the samples must have one or two dimensions, not shape {samples.shape}")
    channels, count = samples.shape
    if layout == "stereo" and channels == 1:
        if count % 2:
            raise ValueError(f"interleaved stereo needs an even number of samples, not {count}")
        return np.ascontiguousarray(samples.reshape(-1, 2).T)
    if layout is not None and channels != LAYOUT_CHANNELS[layout]:
        raise ValueError(f"{channels} channels do not fit the layout {layout!r}")
    if channels not in (1, 2):
        hint = "; transpose it" if count in (1, 2) else ""
        raise ValueError(
            f"samples of shape {samples.shape}: expected (channels, samples) "
            f"with one or two channels{hint}"
        )
    return np.ascontiguousarray(samples)


def _video(item: object) -> VideoFrame:
    if not isinstance(item, np.ndarray):
        raise TypeError(f"a picture must be a numpy array, not {_describe(item)}")
    if item.dtype != np.uint8:
        raise TypeError(f"a picture must be uint8 (0..255), not {item.dtype}")
    if item.ndim != 3 or item.shape[2] != 3 or 0 in item.shape:
        raise ValueError(f"a picture must be shaped (height, width, 3), not {item.shape}")
    return VideoFrame(np.ascontiguousarray(item))


def _describe(item: object) -> str:
    if isinstance(item, np.ndarray):
        return f"an array of shape {item.shape}"
    return f"{type(item).__name__} ({repr(item)[:60]})"
