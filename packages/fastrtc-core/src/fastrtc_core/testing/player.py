"""What a listener hears of the sound that reaches him, and when."""

import numpy as np

from fastrtc_core.frames import AudioFrame


class Player:
    """Plays what arrives in order and without pause, as far as there is something to play."""

    def __init__(self) -> None:
        self._played: list[tuple[float, AudioFrame]] = []
        self._ends = 0.0

    def add(self, frame: AudioFrame, now: float) -> None:
        """Take sound that arrives now; it is heard after what came before."""
        start = max(now, self._ends)
        self._played.append((start, frame))
        self._ends = start + frame.duration

    def clear(self, now: float) -> None:
        """Drop what is not heard yet."""
        while self._played and self._played[-1][0] >= now:
            self._played.pop()
        if self._played:
            start, frame = self._played[-1]
            self._played[-1] = (start, _until(frame, now - start))
        self._ends = min(self._ends, now)

    def heard(self, now: float) -> list[tuple[float, AudioFrame]]:
        """Return what was heard until now, with the time each piece began."""
        return [(start, _until(frame, now - start)) for start, frame in self._played if start < now]

    def recording(self, now: float) -> AudioFrame:
        """Return what was heard until now as one piece, with silence in the gaps."""
        heard = self.heard(now)
        if not heard:
            return AudioFrame(np.zeros((1, 0), dtype=np.int16), 24000)
        begin, first = heard[0]
        places = [round((start - begin) * first.rate) for start, _ in heard]
        length = places[-1] + heard[-1][1].samples.shape[1]
        sound = np.zeros((first.channels, length), dtype=np.int16)
        for place, (_, frame) in zip(places, heard, strict=True):
            count = frame.samples.shape[1]
            sound[:, place : place + count] = frame.samples[:, : length - place]
        return AudioFrame(sound, first.rate)


def _until(frame: AudioFrame, seconds: float) -> AudioFrame:
    return AudioFrame(frame.samples[:, : round(seconds * frame.rate)], frame.rate)
