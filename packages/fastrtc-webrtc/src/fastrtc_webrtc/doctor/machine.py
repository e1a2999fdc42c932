"""What this machine lets through, and where it can be reached."""

import asyncio
from collections.abc import Sequence
from ipaddress import ip_address

from aioice.ice import get_host_addresses

from fastrtc_webrtc.doctor.findings import Finding, fault, note, ok


async def check_udp(address: str = "127.0.0.1") -> Finding:
    """Send a packet from one socket of this machine to another."""
    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[bytes] = loop.create_future()

    class Receiver(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            if not arrived.done():
                arrived.set_result(data)

    try:
        receiver, _ = await loop.create_datagram_endpoint(Receiver, local_addr=(address, 0))
        sender, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=receiver.get_extra_info("sockname")[:2]
        )
    except OSError as error:
        return fault(
            f"No UDP socket can be opened on {address}: {error.strerror or error}.",
            "WebRTC needs UDP: allow it to this program.",
        )
    try:
        sender.sendto(b"fastrtc")
        async with asyncio.timeout(1.0):
            await arrived
    except TimeoutError:
        return fault(
            f"A UDP packet to {address} does not arrive.",
            "A firewall on this machine drops it: allow UDP.",
        )
    finally:
        sender.close()
        receiver.close()
    return ok("UDP works on this machine.")


def check_addresses(addresses: Sequence[str] | None = None) -> Finding:
    """Look at the addresses that clients would be told."""
    found = get_host_addresses(True, True) if addresses is None else addresses
    if not found:
        return note(
            "This machine has no address but the loopback ones.",
            "Only browsers on this machine can connect.",
        )
    listed = ", ".join(found)
    if any(ip_address(address).is_global for address in found):
        return ok(f"Clients are told a public address: {listed}.")
    return note(
        f"Clients are told private addresses only: {listed}.",
        "From other networks they need WebRTCSettings(announced_addresses=...), if there is a "
        "public address in front of this machine, or a TURN server.",
    )
