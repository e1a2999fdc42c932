"""Clients and servers behind routers that translate addresses, relays, and reverse proxies."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.network.conftest import Host, IsHeard, Network

CLIENTS_ROUTER, SERVERS_ROUTER = "44.128.0.1", "44.128.0.2"
RELAY, SERVER, CLIENT = 10, 20, 30

FIRST_PORT, LAST_PORT = 50_000, 50_009
SIGNALLING = "-p tcp --dport 8000"
MEDIA = f"-p udp --dport {FIRST_PORT}:{LAST_PORT}"

NOT_COMING = 2.0
"""Seconds after which a connection that takes less than one counts as impossible."""


def forward(router: "Host", to: "Host", packets: str) -> None:
    """Let a router pass packets from the Internet on to a host inside."""
    router.filter(f"-A PREROUTING -i internet {packets} -j DNAT --to {to.address}", table="nat")


@pytest.mark.parametrize("kind", ["port-preserving", "symmetric"])
def test_a_client_behind_a_router(network: "Network", is_heard: "IsHeard", kind: Any) -> None:
    client = network.client(network.behind(network.router("home", 1, kind), "client"))
    office = network.public("server", SERVER)
    server = network.server(office)
    connected = client.ask("connect", url=office.url)
    assert connected["path"] == "host to host"
    is_heard(client)
    heard = server.wait("heard")
    assert heard["path"] == "host to prflx"
    assert heard["client"] == heard["remote"] == CLIENTS_ROUTER


@pytest.mark.parametrize("announces", [True, False], ids=["announced", "not announced"])
def test_a_server_behind_forwarded_ports(
    network: "Network", is_heard: "IsHeard", announces: bool
) -> None:
    home, cloud = (network.router(*router, "symmetric") for router in (("home", 1), ("cloud", 2)))
    container = network.behind(cloud, "server")
    forward(cloud, container, SIGNALLING)
    forward(cloud, container, MEDIA)
    client = network.client(network.behind(home, "client"))
    settings: dict[str, Any] = {"port_range": [FIRST_PORT, LAST_PORT]}
    if announces:
        settings["announced_addresses"] = [SERVERS_ROUTER]
    network.server(container, settings=settings)
    within = 10.0 if announces else NOT_COMING
    connected = client.ask("connect", url=f"http://{SERVERS_ROUTER}:8000", within=within)
    if announces:
        assert connected["remote"] == SERVERS_ROUTER
        is_heard(client)
    else:
        assert connected["connected"] is None


@pytest.mark.parametrize("has_relay", [True, False], ids=["relay", "no relay"])
def test_both_behind_symmetric_routers(
    relayed_network: "Network", is_heard: "IsHeard", has_relay: bool
) -> None:
    network = relayed_network
    home, cloud = (network.router(*router, "symmetric") for router in (("home", 1), ("cloud", 2)))
    inside = network.behind(cloud, "server")
    forward(cloud, inside, SIGNALLING)
    client = network.client(network.behind(home, "client"))
    turn = network.relay(network.public("relay", RELAY))
    stun = {"iceServers": [{"urls": str(turn["urls"]).replace("turn:", "stun:")}]}
    server = network.server(inside, turn=turn, **({} if has_relay else {"servers": stun}))
    url = f"http://{SERVERS_ROUTER}:8000"
    if has_relay:
        connected = client.ask("connect", url=url, told="udp")
        assert connected["path"] == "relay to relay"
        is_heard(client)
        assert server.wait("heard")["path"] == "relay to relay"
    else:
        connected = client.ask("connect", url=url, within=NOT_COMING)
        assert connected["connected"] is None


def test_a_client_whose_router_blocks_udp(relayed_network: "Network", is_heard: "IsHeard") -> None:
    network = relayed_network
    router = network.router("home", 1, "port-preserving")
    router.filter("-I FORWARD -p udp -j DROP")
    client = network.client(network.behind(router, "client"))
    turn = network.relay(network.public("relay", RELAY))
    office = network.public("server", SERVER)
    server = network.server(office, turn=turn)
    connected = client.ask("connect", url=office.url, told="tcp")
    assert connected["path"].startswith("relay to ")
    is_heard(client)
    assert server.wait("heard")["remote"] == f"44.128.0.{RELAY}"


@pytest.mark.parametrize("trusts", [True, False], ids=["trusted", "not trusted"])
def test_a_reverse_proxy(relayed_network: "Network", is_heard: "IsHeard", trusts: bool) -> None:
    """The server's router lets in only who has been sent something, and the server sends only to
    the client's address, which the proxy tells."""
    network = relayed_network
    office = network.router("office", 2, "port-preserving")
    inside = network.behind(office, "server", 2)
    gateway = network.behind(office, "proxy", 3)
    forward(office, gateway, SIGNALLING)
    client = network.client(network.public("client", CLIENT))
    network.run(gateway, "proxy", "8000", inside.address, "8000").wait("ready")
    turn = network.relay(network.public("stun", RELAY))
    stun = {"iceServers": [{"urls": str(turn["urls"]).replace("turn:", "stun:")}]}
    settings = {"trusted_proxies": [f"{gateway.address}/32"]} if trusts else {}
    server = network.server(inside, servers=stun, settings=settings)
    within = 10.0 if trusts else NOT_COMING
    connected = client.ask("connect", url=f"http://{SERVERS_ROUTER}:8000", within=within)
    if trusts:
        assert connected["path"] == "host to srflx"
        is_heard(client)
        assert server.wait("heard")["client"] == f"44.128.0.{CLIENT}"
    else:
        assert connected["connected"] is None
