"""A client and a server of one network, which has no way out."""

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.network.conftest import Host, IsHeard, Network, Program

logger = logging.getLogger(__name__)

SERVER, CLIENT, NEW = "192.168.7.1", "192.168.7.2", "192.168.7.3"

GRACE = 1.5


@dataclass
class Call:
    """A client that is connected, and what it is connected to."""

    host: "Host"
    client: "Program"
    server: "Program"
    connected: dict[str, Any]

    def move(self) -> None:
        """Have the client's machine get another address."""
        self.host.ip(f"addr del {CLIENT}/24 dev lan", f"addr add {NEW}/24 dev lan")


@pytest.fixture
def call(network: "Network", request: pytest.FixtureRequest) -> Call:
    office, home = network.host("server", "lan", SERVER), network.host("client", "lan", CLIENT)
    client = network.client(home)
    server = network.server(office, settings=getattr(request, "param", {}))
    return Call(home, client, server, client.ask("connect", url=office.url))


def test_it_works_without_any_server_beside(call: Call, is_heard: "IsHeard") -> None:
    assert call.connected["path"] == "host to host"
    assert call.connected["remote"] == SERVER
    is_heard(call.client)
    heard = call.server.wait("heard")
    assert (heard["client"], heard["remote"]) == (CLIENT, CLIENT)
    call.client.ask("close")
    assert call.server.wait("ended")["reason"] == "client_left"


def test_an_answer_is_quick(call: Call) -> None:
    answers = [call.connected["answered"]]
    for _ in range(4):
        call.client.ask("close")
        answers.append(call.client.ask("connect", url=f"http://{SERVER}:8000")["answered"])
    logger.info("answers came after %s s", answers)
    assert sorted(answers)[2] < 0.15, answers


@pytest.mark.parametrize("call", [{"reconnect_grace": GRACE}], indirect=True)
def test_a_network_that_vanishes(call: Call, is_heard: "IsHeard") -> None:
    is_heard(call.client)
    call.host.ip("link set lan down")
    gone = time.monotonic()
    ended = call.server.wait("ended")
    assert ended["reason"] == "client_left"
    assert GRACE - 0.2 < ended["time"] - gone < GRACE + 0.5


@pytest.mark.parametrize("how", ["come_back", "restart"])
def test_a_client_that_moves_to_another_network(call: Call, is_heard: "IsHeard", how: str) -> None:
    is_heard(call.client)
    call.server.wait("heard")
    call.move()
    again = call.client.ask(how)
    assert again["connected"] is not None, again
    assert again["id"] == call.connected["id"]
    is_heard(call.client)
    call.client.ask("close")
    ended = call.server.wait("ended")
    assert ended["id"] == again["id"]
    assert ended["reason"] == "client_left"
