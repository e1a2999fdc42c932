"""A client that does what it is asked. Reads requests and tells what came of them, a JSON object
a line; ``do`` names the method of `Caller`, and the rest are its arguments.
"""

import asyncio
import json
import logging
import sys
from collections.abc import Mapping
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from fastrtc_core.messages import JSON
from fastrtc_webrtc.testing import RTCClient, Sound, ice_transports
from fastrtc_webrtc.testing.media import decibels, level, loudest_hz, tone, tone_level

logger = logging.getLogger(__name__)

RATE = 48_000
PEAK = 8000.0
LOUD = PEAK / 8
WINDOW = 240
"""Samples, of which it is said whether they are loud."""

QUIET_FRAMES = 3
"""So many in a row are the end of an echo."""

PATIENCE = 10.0


class Caller:
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._url = ""
        self._answered = 0.0
        self._client: RTCClient | None = None

    @property
    def client(self) -> RTCClient:
        assert self._client is not None
        return self._client

    async def _post(self, path: str, body: Mapping[str, JSON]) -> tuple[int, dict[str, Any]]:
        # A client for each request: a connection from an address that is gone would stay silent.
        async with httpx.AsyncClient(verify=False, timeout=PATIENCE) as http:
            began = self._loop.time()
            response = await http.post(self._url + path, json=body)
            self._answered = self._loop.time() - began
        return response.status_code, response.json()

    async def connect(
        self, url: str, within: float = PATIENCE, told: str | None = None
    ) -> dict[str, object]:
        """Connect to a server, with the ICE servers that it tells if they are ``told``.

        With ``told="tcp"`` TURN servers are reached over TCP.
        """
        self._url = url
        servers = None if told is None else await self._servers(told)
        self._client = RTCClient(self._post, loopback=False, rtc_configuration=servers)
        return await self._connected(within, self._client.connect())

    async def _servers(self, transport: str) -> object:
        async with httpx.AsyncClient(verify=False, timeout=PATIENCE) as http:
            response = await http.get(f"{self._url}/webrtc/config")
        servers = response.json()["rtcConfiguration"]
        for server in servers["iceServers"]:
            server["urls"] += f"?transport={transport}"
        return servers

    async def _connected(self, within: float, connecting: Any) -> dict[str, object]:
        began = self._loop.time()
        try:
            async with asyncio.timeout(within):
                await connecting
        except (ConnectionError, TimeoutError) as error:
            return {"connected": None, "why": str(error)}
        agent = ice_transports(self.client.pc)[0]._connection
        pair = agent._nominated[1]
        return {
            "connected": self._loop.time() - began,
            "answered": self._answered,
            "path": f"{pair.local_candidate.type} to {pair.remote_candidate.type}",
            "remote": pair.remote_addr[0],
            "id": self.client.id,
        }

    async def come_back(self, within: float = PATIENCE) -> dict[str, object]:
        """Leave the connection without a word, and connect anew to the same session."""
        await self.client.vanish()
        return await self._connected(within, self.client.come_back())

    async def restart(self, within: float = PATIENCE) -> dict[str, object]:
        """Restart ICE."""
        return await self._connected(within, self.client.restart())

    async def _ping(self) -> float:
        """Have a message answered, and return the seconds there and back."""
        began = self._loop.time()
        self.client.messages.skip()
        self.client.send_message({"type": "ping"})
        pong = await self.client.messages.match(lambda message: message.data["type"] == "pong")
        return pong.time - began

    async def talk(self, hz: float = 440.0, seconds: float = 0.8) -> dict[str, object]:
        """Say a tone and tell what comes back: ``hz``, ``gain`` in dB, the longest ``gap`` inside
        and the ``delay`` of its beginning; and how long a message and its answer (``ping``) take,
        all in seconds.
        """
        client = self.client
        first = len(client.microphone.said)
        sounds = await self._say(tone(hz, seconds, peak=PEAK))
        sound = _joined(sounds)
        loud = _loud(sound)
        inside = sound[loud[0] * WINDOW : (loud[-1] + 1) * WINDOW]
        middle = inside[inside.size // 4 : -inside.size // 4]
        came = next(sound.time for sound in sounds if level(sound.samples) > LOUD)
        return {
            "hz": loudest_hz(middle),
            "gain": decibels(tone_level(middle, hz) / PEAK),
            "gap": (int(np.diff(loud).max()) - 1) * WINDOW / RATE,
            "delay": came - client.microphone.said[first].time,
            "ping": await self._ping(),
        }

    async def sing(self, pitches: list[float]) -> dict[str, object]:
        """Say a tone of 20 ms for each pitch; tells when, and with which RTP timestamps but for
        their random origin.
        """
        said = self.client.microphone.said
        first = len(said)
        await self._say(np.concatenate([tone(hz, 0.02, peak=PEAK) for hz in pitches], axis=1))
        spoken = list(said)[first:]
        return {
            "times": [piece.time for piece in spoken],
            "timestamps": [piece.timestamp for piece in spoken],
        }

    async def _say(self, samples: NDArray[np.int16]) -> list[Sound]:
        """Say something, and return what comes until it has been echoed."""
        client = self.client
        client.audio.sounds.skip()
        client.send_audio(samples)
        heard: list[Sound] = []
        listening = asyncio.timeout(samples.shape[1] / RATE + PATIENCE)
        async with listening, asyncio.TaskGroup() as tasks:
            said = tasks.create_task(client.microphone.wait_said())
            while not (said.done() and _is_over(heard)):
                heard.append(await client.audio.sounds.next())
        return heard

    async def close(self) -> dict[str, object]:
        """Hang up."""
        await self.client.close()
        return {}


def _is_over(heard: list[Sound]) -> bool:
    loud = [level(sound.samples) > LOUD for sound in heard]
    return any(loud) and not any(loud[-QUIET_FRAMES:])


def _joined(sounds: list[Sound]) -> NDArray[np.int16]:
    """Return sounds by their timestamps, with silence where one is missing."""
    origin = sounds[0].timestamp
    starts = [(sound.timestamp - origin + (1 << 31)) % (1 << 32) - (1 << 31) for sound in sounds]
    size = max(start + sound.samples.size for start, sound in zip(starts, sounds, strict=True))
    joined = np.zeros(size, np.int16)
    for start, sound in zip(starts, sounds, strict=True):
        if start >= 0:
            joined[start : start + sound.samples.size] = sound.samples[0]
    return joined


def _loud(sound: NDArray[np.int16]) -> NDArray[np.intp]:
    """Return the windows that are loud, by their places."""
    windows = sound[: sound.size // WINDOW * WINDOW].reshape(-1, WINDOW)
    return np.flatnonzero([level(window) > LOUD for window in windows])


def tell(event: str, **facts: object) -> None:
    sys.stdout.write(json.dumps({"event": event, **facts}) + "\n")
    sys.stdout.flush()


async def main() -> None:
    caller, loop = Caller(), asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        request = json.loads(line)
        name = request.pop("do")
        try:
            tell(name, **await getattr(caller, name)(**request))
        except Exception as error:
            logger.exception("%s failed", name)
            tell("error", error=f"{name}: {error!r}")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(main())
