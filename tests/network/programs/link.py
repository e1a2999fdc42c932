"""A link between two hosts whose faults are set while it runs.

Started on the one host with the namespace of the other and the addresses of both. Each host gets a
TUN device, and what is sent to one comes out of the other when an `Impairment` says so; it is about
UDP alone. Reads requests, and tells what came of them, a JSON object a line.
"""

import asyncio
import fcntl
import json
import os
import struct
import subprocess
import sys

from fastrtc_webrtc.testing import Impairment, rtp_header

SET_INTERFACE, TUN, WITHOUT_HEADER = 0x400454CA, 0x0001, 0x1000  # <linux/if_tun.h>
NAMES = ("near", "far")
LARGEST = 65_536

PROTOCOL, UDP = 9, 17
HEADERS = 28
"""Bytes before what a UDP packet holds, RFC 791 and RFC 768; Linux adds no options."""


def is_udp(packet: bytes) -> bool:
    return len(packet) > HEADERS and packet[0] >> 4 == 4 and packet[PROTOCOL] == UDP


class Direction:
    """What is sent at one end, and arrives at the other."""

    def __init__(self, source: int, target: int) -> None:
        self._source, self._target = source, target
        self._loop = asyncio.get_running_loop()
        self.impair({})
        self._loop.add_reader(source, self._take)

    def impair(self, faults: dict[str, float]) -> None:
        self.impairment = Impairment(**faults, only=is_udp)  # type: ignore[arg-type] # from JSON
        self.first: int | None = None
        self.lost: list[int] = []

    def _take(self) -> None:
        packet = os.read(self._source, LARGEST)
        fates = self.impairment.decide(packet, self._loop.time())
        header = rtp_header(packet[HEADERS:]) if is_udp(packet) else None
        if header is not None:
            self.first = header.timestamp if self.first is None else self.first
            if not fates:
                self.lost.append(header.timestamp)
        for delay in fates:
            if delay > 0:
                self._loop.call_later(delay, os.write, self._target, packet)
            else:
                os.write(self._target, packet)


class Link:
    def __init__(self, ends: list[int]) -> None:
        near, far = ends
        self.directions = {"there": Direction(near, far), "back": Direction(far, near)}

    def impair(self, **faults: dict[str, float]) -> dict[str, object]:
        """Set what is wrong, ``there`` and ``back``; a direction that is not named is good."""
        for name, direction in self.directions.items():
            direction.impair(faults.get(name, {}))
        return {}

    def report(self) -> dict[str, object]:
        """Tell what came of the packets since the last `impair`: the ``first`` RTP timestamp of
        each direction, those that were ``lost``, and counts of all UDP.
        """
        return {
            name: {"first": one.first, "lost": one.lost, "counts": dict(one.impairment.counts)}
            for name, one in self.directions.items()
        }


def tun(name: str) -> int:
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, SET_INTERFACE, struct.pack("16sH", name.encode(), TUN | WITHOUT_HEADER))
    return device


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def plug(other: str, near_address: str, far_address: str) -> list[int]:
    ends = [tun(name) for name in NAMES]
    near, far = NAMES
    ip("link", "set", far, "netns", other)
    ip("addr", "add", near_address, "peer", far_address, "dev", near)
    ip("link", "set", near, "up")
    ip("-n", other, "addr", "add", far_address, "peer", near_address, "dev", far)
    ip("-n", other, "link", "set", far, "up")
    return ends


def tell(event: str, **facts: object) -> None:
    sys.stdout.write(json.dumps({"event": event, **facts}) + "\n")
    sys.stdout.flush()


async def main() -> None:
    link = Link(plug(*sys.argv[1:]))
    tell("ready")
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        request = json.loads(line)
        name = request.pop("do")
        tell(name, **getattr(link, name)(**request))


if __name__ == "__main__":
    asyncio.run(main())
