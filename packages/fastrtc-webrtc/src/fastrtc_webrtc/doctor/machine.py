"""What this machine lets through, and where it can be reached."""

import asyncio
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

from aioice.ice import get_host_addresses

from fastrtc_webrtc.doctor.findings import Finding, fault, note, ok

CROSSING: Final = 1.0
"""Seconds for a packet to go from one socket of a machine to another."""


class _Receiver(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.arrived = asyncio.Event()

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.arrived.set()


async def check_udp(address: str = "127.0.0.1", *, patience: float = CROSSING) -> Finding:
    """Send a packet from one socket of this machine to another.

    Args:
        address: Of this machine.
        patience: Seconds for the packet to arrive.

    """
    try:
        arrived = await _cross(address, patience)
    except OSError as error:
        return fault(
            f"No UDP socket can be opened on {address}: {error.strerror or error}.",
            "WebRTC needs UDP: allow it to this program.",
        )
    if arrived:
        return ok(f"UDP works on this machine: a packet to {address} arrives.")
    return fault(
        f"A UDP packet from this machine to its own address {address} does not arrive.",
        "A firewall on this machine drops it: allow UDP.",
    )


async def _cross(address: str, patience: float) -> bool:
    loop = asyncio.get_running_loop()
    receiving, receiver = await loop.create_datagram_endpoint(_Receiver, local_addr=(address, 0))
    try:
        target = receiving.get_extra_info("sockname")[:2]
        sending, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=target
        )
        try:
            sending.sendto(b"fastrtc")
            async with asyncio.timeout(patience):
                await receiver.arrived.wait()
        except TimeoutError:
            return False
        finally:
            sending.close()
    finally:
        receiving.close()
    return True


def check_addresses(addresses: Sequence[str] | None = None) -> Finding:
    """Look at the addresses that clients are told by a server on this machine.

    Args:
        addresses: Those to look at instead of this machine's.

    """
    found = get_host_addresses(True, True) if addresses is None else addresses
    if not found:
        return note(
            "This machine has no address but the loopback ones.",
            "Only browsers on this machine can connect to a server on it.",
        )
    listed = ", ".join(found)
    if any(ip_address(address).is_global for address in found):
        return ok(f"A server on this machine tells clients a public address: {listed}.")
    return note(
        f"A server on this machine tells clients private addresses only: {listed}.",
        "Browsers in other networks need WebRTCSettings(announced_addresses=...), if there is a "
        "public address in front of this machine, or a TURN server.",
    )
