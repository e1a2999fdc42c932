"""Opus, RFC 6716, by the libopus that PyAV brings.

Why a binding of its own: PyAV's codec contexts can neither conceal a lost packet nor read the
forward error correction of the next one, and they cost an `av.AudioFrame`, a conversion and often
a resampling per packet. opuslib has had no release since 2018; its fork opuslib-next has, but
neither brings a libopus, and whoever has PyAV has one already.

The states of coders lie in memory that Python owns: there is nothing to free. One coder belongs to
one thread at a time.

What the encoder is set to, measured with libopus 1.6.1 on sentences by espeak-ng at 24 kHz:

* `BITRATES`: at 40 kbit/s, speech carries what repairs a loss as soon as any loss is reported; at
  32 kbit/s and 48 kHz it does not at 5 %. A tone of 400 Hz comes back within 0.05 dB, with a
  noise of 0.6 % of its peak, 0.9 % after two round trips.
* `APPLICATION`: the one called VOIP is not used, as its high-pass filter takes bass away and
  leaves a noise of 1.4 % in the same tone, 2.5 % after two round trips. What is best for speech
  follows from `SIGNAL`, without which 32 kbit/s change between two coders while somebody speaks.
* `COMPLEXITY`: 6 takes 113 µs for 20 ms; 9 takes 145 µs and is better by as much as 2 kbit/s are.
"""

import ctypes
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fastrtc_webrtc.libopus import OpusNotFoundError, demand, libopus
from fastrtc_webrtc.opuspacket import (
    INVALID_PACKET,
    MAX_UNITS,
    UNITS_PER_SECOND,
    OpusError,
    has_fec,
    packet_duration,
)

__all__ = [
    "BITRATES",
    "RATES",
    "OpusDecoder",
    "OpusEncoder",
    "OpusError",
    "OpusNotFoundError",
    "has_fec",
    "packet_duration",
]

RATES: Final = (8000, 12000, 16000, 24000, 48000)
"""Sample rates that Opus works at; all of them decode all packets."""

BITRATES: Final = {1: 40_000, 2: 64_000}
"""Bits per second by the number of channels, unless told otherwise."""

BITRATE_RANGE: Final = (6_000, 510_000)
"""RFC 6716 section 2.1.1."""

APPLICATION: Final = 2049  # OPUS_APPLICATION_AUDIO; these names are libopus's, of opus_defines.h
SIGNAL: Final = 3001  # OPUS_SIGNAL_VOICE; beyond 64 kbit/s a channel, music is coded as well
COMPLEXITY: Final = 6

MAX_PACKET: Final = 1200
"""Bytes of the longest packet made, so that with its headers it fits one datagram anywhere."""

_SET_BITRATE: Final = 4002
_SET_COMPLEXITY: Final = 4010
_SET_INBAND_FEC: Final = 4012
_SET_PACKET_LOSS_PERC: Final = 4014
_SET_DTX: Final = 4016
_SET_SIGNAL: Final = 4024

_UNITS: Final = frozenset({1, 2, 4, 8, 16, 24, 32, 40, 48})
"""Lengths that can be encoded, of 2.5 ms each."""


class OpusEncoder:
    """Sound to packets, with forward error correction as far as loss is reported.

    Args:
        rate: Of the samples, one of `RATES`.
        channels: 1 or 2.
        bitrate: In bits per second; by default that of `BITRATES`.
        dtx: Encode silence to packets of 2 bytes at most, which need not be sent.

    Raises:
        ValueError: An argument is out of range.
        OpusNotFoundError: There is no libopus.

    """

    def __init__(
        self, rate: int, channels: int, *, bitrate: int | None = None, dtx: bool = False
    ) -> None:
        _check(rate, channels)
        self.rate = rate
        self.channels = channels
        self._library = libopus()
        self._state = ctypes.create_string_buffer(self._library.opus_encoder_get_size(channels))
        demand(self._library.opus_encoder_init(self._state, rate, channels, APPLICATION))
        self._samples: NDArray[np.int16] = np.empty((_most(rate), channels), np.int16)
        self._pcm = self._samples.ctypes.data  # the address
        self._packet = ctypes.create_string_buffer(MAX_PACKET)
        self._control(_SET_SIGNAL, SIGNAL)
        self._control(_SET_COMPLEXITY, COMPLEXITY)
        self._control(_SET_INBAND_FEC, 1)
        self._control(_SET_DTX, int(dtx))
        self.set_bitrate(BITRATES[channels] if bitrate is None else bitrate)

    def encode(self, samples: NDArray[np.int16]) -> bytes:
        """Return the packet of these samples, shaped ``(channels, n)``.

        The sound of a packet is 6.5 ms behind its samples.

        Raises:
            ValueError: They are shaped otherwise, no int16, or no length that Opus has: 2.5, 5,
                10, 20, 40, 60, 80, 100 or 120 ms.

        """
        if samples.ndim != 2 or len(samples) != self.channels or samples.dtype != np.int16:
            raise ValueError(
                f"Opus encodes int16 of shape ({self.channels}, n) here, not {samples.dtype} "
                f"of shape {samples.shape}"
            )
        count = samples.shape[1]
        units, rest = divmod(count * UNITS_PER_SECOND, self.rate)
        if rest or units not in _UNITS:
            raise ValueError(
                f"{count} samples at {self.rate} Hz are no length of an Opus frame; "
                f"20 ms are {self.rate // 50}"
            )
        self._samples[:count] = samples.T
        size = self._library.opus_encode(self._state, self._pcm, count, self._packet, MAX_PACKET)
        return ctypes.string_at(self._packet, demand(size))

    def set_bitrate(self, bitrate: int) -> None:
        """Aim at so many bits per second from the next packet on.

        Raises:
            ValueError: It is out of `BITRATE_RANGE`.

        """
        lowest, highest = BITRATE_RANGE
        if not lowest <= bitrate <= highest:
            raise ValueError(f"Opus has {lowest} to {highest} bits per second, not {bitrate}")
        self._control(_SET_BITRATE, bitrate)

    def set_packet_loss(self, percent: int) -> None:
        """Prepare for so much loss: above 0, speech is sent a second time, at a low bit rate.

        Raises:
            ValueError: It is less than 0 or more than 100.

        """
        if not 0 <= percent <= 100:
            raise ValueError(f"loss is 0 to 100 percent, not {percent}")
        self._control(_SET_PACKET_LOSS_PERC, percent)

    def _control(self, request: int, value: int) -> None:
        demand(self._library.opus_encoder_ctl(self._state, request, ctypes.c_int(value)))


class OpusDecoder:
    """Packets to sound; what is lost is concealed, or recovered from the packet after it.

    Its methods are to be called in the order of the sound, and return int16 arrays shaped
    ``(channels, n)`` in memory of their own. Packets of one channel are heard on both if there are
    two; the other way round, the channels' mean is.

    Args:
        rate: Of the samples, one of `RATES`, whatever the encoder's was.
        channels: 1 or 2, whatever the encoder's were.

    Raises:
        ValueError: An argument is out of range.
        OpusNotFoundError: There is no libopus.

    """

    def __init__(self, rate: int, channels: int) -> None:
        _check(rate, channels)
        self.rate = rate
        self.channels = channels
        self._library = libopus()
        self._state = ctypes.create_string_buffer(self._library.opus_decoder_get_size(channels))
        demand(self._library.opus_decoder_init(self._state, rate, channels))
        self._samples: NDArray[np.int16] = np.empty((_most(rate), channels), np.int16)
        self._pcm = self._samples.ctypes.data  # the address

    def decode(self, payload: bytes) -> NDArray[np.int16]:
        """Return the sound of the next packet.

        Raises:
            OpusError: It is no Opus packet. The decoder can go on with another one.

        """
        if not payload:
            raise OpusError("an Opus packet is never empty", INVALID_PACKET)
        return self._decode(payload, _most(self.rate), 0)

    def conceal(self, samples: int) -> NDArray[np.int16]:
        """Return a guess for a lost packet: the sound before it goes on, and fades out.

        Raises:
            ValueError: `samples` is no multiple of 2.5 ms, or more than 120 ms.

        """
        return self._decode(None, self._length(samples), 0)

    def recover(self, next_payload: bytes, samples: int) -> NDArray[np.int16]:
        """Return a lost packet's sound from the copy in the packet after it, if that `has_fec`.

        Otherwise it is concealed. `next_payload` is to be decoded afterwards as usual.

        Raises:
            ValueError: `samples` is no multiple of 2.5 ms, or more than 120 ms.
            OpusError: `next_payload` is no Opus packet.

        """
        if not next_payload:
            raise OpusError("an Opus packet is never empty", INVALID_PACKET)
        return self._decode(next_payload, self._length(samples), 1)

    def _length(self, samples: int) -> int:
        units, rest = divmod(samples * UNITS_PER_SECOND, self.rate)
        if rest or not 0 < units <= MAX_UNITS:
            raise ValueError(
                f"Opus makes up 2.5 to 120 ms, in steps of 2.5 ms, not {samples} samples "
                f"at {self.rate} Hz"
            )
        return samples

    def _decode(self, payload: bytes | None, room: int, fec: int) -> NDArray[np.int16]:
        size = 0 if payload is None else len(payload)
        count = self._library.opus_decode(self._state, payload, size, self._pcm, room, fec)
        return self._samples[: demand(count)].T.copy()


def _check(rate: int, channels: int) -> None:
    if rate not in RATES:
        raise ValueError(f"Opus works at {', '.join(map(str, RATES))} Hz, not at {rate}")
    if channels not in BITRATES:
        raise ValueError(f"an Opus coder has 1 or 2 channels, not {channels}")


def _most(rate: int) -> int:
    """Samples of the longest packet."""
    return rate * MAX_UNITS // UNITS_PER_SECOND
