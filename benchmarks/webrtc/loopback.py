"""ICE on one machine without a network: aioice leaves the loopback address out by itself."""


def addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    """In place of `aioice.ice.get_host_addresses`: the loopback address alone."""
    return ["127.0.0.1"]
