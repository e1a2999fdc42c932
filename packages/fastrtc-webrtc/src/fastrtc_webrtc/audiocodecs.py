"""The sound codecs that are spoken, each as an encoder and a decoder of 20 ms frames.

==================  =========  ==================================================================
``audio/opus``      RFC 7587   at the handler's own rate where Opus knows it, else at 48 kHz
``audio/PCMU``      RFC 3551   G.711 mu-law, 8 kHz mono: what every gateway can do
``audio/PCMA``      RFC 3551   G.711 A-law, the same
==================  =========  ==================================================================
"""

from collections.abc import Callable
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from fastrtc_core.audio import (
    Resampler,
    alaw_decode,
    alaw_encode,
    to_layout,
    ulaw_decode,
    ulaw_encode,
)
from fastrtc_webrtc.opus import RATES, OpusDecoder, OpusEncoder

Samples = NDArray[np.int16]

OPUS: Final = "audio/opus"
PCMU: Final = "audio/pcmu"
PCMA: Final = "audio/pcma"

G711_RATE: Final = 8000
OPUS_CLOCK: Final = 48_000
"""Ticks of the RTP clock a second, whatever the rate of the sound: RFC 7587 section 4.1."""

FADE: Final = 0.5
"""How much quieter each concealed frame of G.711 is than the one before."""


class AudioEncoder(Protocol):
    """Makes payloads of sound."""

    def encode(self, samples: Samples) -> bytes:
        """Encode 20 ms, ``(channels, samples)`` at the rate that the encoder was made for."""
        ...

    def set_packet_loss(self, percent: int) -> None:
        """Prepare for a network that loses so much, 0 to 100."""
        ...


class AudioDecoder(Protocol):
    """Makes sound of payloads; of no payload too."""

    def decode(self, payload: bytes) -> Samples:
        """Decode a payload.

        Raises:
            ValueError: It is corrupt.

        """
        ...

    def conceal(self, samples: int) -> Samples:
        """Return what might have been in a packet that is lost."""
        ...

    def recover(self, next_payload: bytes, samples: int) -> Samples:
        """Return what was in a lost packet, from what the packet after it tells of it."""
        ...


class G711Encoder:
    """G.711 as an encoder.

    Args:
        law: mu-law or A-law.
        rate: Of the sound that is given, in Hz.
        channels: Of the sound that is given.

    """

    def __init__(self, law: Callable[[Samples], bytes], rate: int, channels: int) -> None:
        self._law = law
        self._channels = channels
        self._resampler = None if rate == G711_RATE else Resampler(rate, G711_RATE, 1)

    def encode(self, samples: Samples) -> bytes:
        """Encode sound."""
        mono = to_layout(samples, "mono")
        if self._resampler is not None:
            mono = self._resampler.process(mono)
        return self._law(mono[0])

    def set_packet_loss(self, percent: int) -> None:
        """Do nothing: G.711 has no redundancy."""


class G711Decoder:
    """G.711 as a decoder."""

    def __init__(self, law: Callable[[bytes], Samples]) -> None:
        self._law = law
        self._last = np.zeros((1, 0), np.int16)

    def decode(self, payload: bytes) -> Samples:
        """Decode a payload."""
        self._last = self._law(payload).reshape(1, -1)
        return self._last

    def conceal(self, samples: int) -> Samples:
        """Return the last frame again, quieter each time."""
        if not self._last.size:
            return np.zeros((1, samples), np.int16)
        self._last = (self._last * FADE).astype(np.int16)
        return np.resize(self._last, (1, samples))

    def recover(self, next_payload: bytes, samples: int) -> Samples:
        """Return what `conceal` does: the next packet tells nothing."""
        return self.conceal(samples)


def make_encoder(mime_type: str, rate: int, channels: int) -> AudioEncoder:
    """Return an encoder.

    Args:
        mime_type: In lower case.
        rate: Of the sound that will be given, one of Opus's.
        channels: 1 or 2.

    Raises:
        ValueError: The codec is not spoken here.

    """
    match mime_type:
        case "audio/opus":
            return OpusEncoder(rate, channels)
        case "audio/pcmu":
            return G711Encoder(ulaw_encode, rate, channels)
        case "audio/pcma":
            return G711Encoder(alaw_encode, rate, channels)
    raise ValueError(f"no encoder for {mime_type!r}; there are {OPUS}, {PCMU} and {PCMA}")


def make_decoder(mime_type: str, rate: int, channels: int) -> tuple[AudioDecoder, int]:
    """Return a decoder, and the rate of the sound it makes.

    Args:
        mime_type: In lower case.
        rate: The rate that is wanted, in Hz; taken if the codec can.
        channels: 1 or 2.

    Raises:
        ValueError: The codec is not spoken here.

    """
    match mime_type:
        case "audio/opus":
            rate = opus_rate(rate)
            return OpusDecoder(rate, channels), rate
        case "audio/pcmu":
            return G711Decoder(ulaw_decode), G711_RATE
        case "audio/pcma":
            return G711Decoder(alaw_decode), G711_RATE
    raise ValueError(f"no decoder for {mime_type!r}; there are {OPUS}, {PCMU} and {PCMA}")


def opus_rate(rate: int) -> int:
    """Return a rate if Opus codes sound of it as it is, else the one to convert to."""
    return rate if rate in RATES else OPUS_CLOCK
