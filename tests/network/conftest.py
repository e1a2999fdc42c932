"""Networks on one machine: hosts, routers that translate addresses, a relay, bad links.

Every host is a network namespace, and what runs on it a process of its own. A network's cables all
end in one more namespace, in which each segment is a bridge. Nothing leaves the namespaces.
"""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import pytest

PROGRAMS = Path(__file__).parent / "programs"

INTERNET = "44.128.0"
"""Looks like everybody's addresses, and nobody's network has it: radio amateurs keep it for
experiments. Those that are set aside by RFC 5737 and RFC 2544 are no client's."""

NOBODY = 254
"""There is no host of this number: what is sent to the rest of the world goes nowhere."""

PORT = 8000
RELAY_PORT = 3478
SECRET = "north"

PATIENCE = 15.0
"""Seconds; the longest wait is for programs to start on a machine that has more to do."""

Translation = Literal["port-preserving", "symmetric"]


class RigError(Exception):
    """This machine does not let us make a network."""


def command(*words: str, text: str | None = None) -> None:
    try:
        subprocess.run(words, input=text, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        raise RigError(f"{' '.join(words)}: {error.stderr.strip()}\n{text or ''}") from error


@dataclass
class Host:
    namespace: str
    addresses: dict[str, str] = field(default_factory=dict)
    """By the segment that it is plugged into, which is also the name of the device."""

    @property
    def address(self) -> str:
        return next(iter(self.addresses.values()))

    @property
    def url(self) -> str:
        return f"http://{self.address}:{PORT}"

    def inside(self, *words: str) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.namespace, *words)

    def ip(self, *lines: str) -> None:
        """Do what would be ``ip LINE`` on this host."""
        command("ip", "-n", self.namespace, "-batch", "-", text="\n".join(lines))

    def filter(self, *rules: str, table: str = "filter") -> None:
        """Add rules of iptables."""
        text = "\n".join([f"*{table}", *rules, "COMMIT\n"])
        command(*self.inside("iptables-restore", "--noflush"), text=text)


class Program:
    """A process on a host that writes lines, most of them a JSON object each."""

    def __init__(self, words: tuple[str, ...], log: Path) -> None:
        self.words = words
        self._log = log
        self._lines: queue.Queue[str | None] = queue.Queue()
        clean = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        with log.open("w") as errors:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=clean,
            )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _next(self, end: float, what: str) -> str | None:
        try:
            return self._lines.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            raise AssertionError(f"no {what} from {self}") from None

    def wait_line(self, text: str) -> str:
        """Wait for a line that has some text in it."""
        end = time.monotonic() + PATIENCE
        while (line := self._next(end, text)) is not None:
            if text in line:
                return line
        raise AssertionError(f"no {text}: end of {self}")

    def wait(self, event: str) -> dict[str, Any]:
        """Wait for an event and return what is told of it."""
        while True:
            told: dict[str, Any] = json.loads(self.wait_line('{"event": '))
            assert told["event"] != "error", f"{told['error']} in {self}"
            if told["event"] == event:
                return told

    def ask(self, do: str, **arguments: object) -> dict[str, Any]:
        """Have something done and return what came of it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()
        return self.wait(do)

    def rest(self) -> list[dict[str, Any]]:
        """Wait until it has ended and return what it told."""
        told = []
        end = time.monotonic() + 3 * PATIENCE
        while (line := self._next(end, "end")) is not None:
            told.append(json.loads(line))
        return told

    def end(self) -> None:
        with suppress(BrokenPipeError), self._process as process:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
            self._reader.join()

    def __str__(self) -> str:
        log = self._log.read_text(errors="replace")[-3000:]
        return f"{' '.join(self.words)}\n{log}"


class Network:
    """Hosts and what joins them; at the end of its block nothing of it is left."""

    def __init__(self, name: str, folder: Path) -> None:
        self._name = name
        self._folder = folder
        self._left = ExitStack()
        self._numbers = count()
        self._segments: set[str] = set()
        self._programs = 0

    def __enter__(self) -> "Network":
        self._switch = self._namespace("switch")
        return self

    def __exit__(self, *_: object) -> None:
        self._left.close()

    def _namespace(self, name: str) -> Host:
        host = Host(f"{self._name}-{name}")
        command("ip", "netns", "add", host.namespace)
        self._left.callback(command, "ip", "netns", "del", host.namespace)
        host.ip("link set lo up")
        return host

    # Hosts

    def host(self, name: str, segment: str, address: str, via: str | None = None) -> Host:
        """Make a host with an address in a network of 256, and a route to everywhere else."""
        host = self._namespace(name)
        self.plug(host, segment, address, via)
        return host

    def plug(self, host: Host, segment: str, address: str, via: str | None = None) -> None:
        """Give a host another device."""
        port, ours = f"port{next(self._numbers)}", self._switch.namespace
        bridge = [] if segment in self._segments else [f"link add {segment} type bridge"]
        self._segments.add(segment)
        command(
            *("ip", "link", "add", segment, "netns", host.namespace, "type", "veth"),
            *("peer", "name", port, "netns", ours),
        )
        up = f"link set {port} master {segment} up"
        self._switch.ip(*bridge, f"link set {segment} up", up)
        route = [] if via is None else [f"route add default via {via}"]
        host.ip(f"addr add {address}/24 dev {segment}", f"link set {segment} up", *route)
        host.addresses[segment] = address

    def public(self, name: str, number: int) -> Host:
        """Make a host with a public address."""
        return self.host(name, "internet", f"{INTERNET}.{number}", f"{INTERNET}.{NOBODY}")

    def router(self, name: str, number: int, kind: Translation) -> Host:
        """Make a router in front of ``10.NUMBER.0.0``, a segment of its name.

        What comes unasked it drops without a word: if it refused that, it would remember the
        sender's port as in use, and could not keep it for a host inside.
        """
        router = self.public(f"{name}-router", number)
        self.plug(router, name, f"10.{number}.0.1")
        command(*router.inside("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"))
        ports = " --random-fully" if kind == "symmetric" else ""
        router.filter(f"-A POSTROUTING -o internet -j MASQUERADE{ports}", table="nat")
        router.filter(
            "-A FORWARD -i internet -m conntrack --ctstate ESTABLISHED,RELATED,DNAT -j ACCEPT",
            "-A FORWARD -i internet -j DROP",
            "-A INPUT -i internet -p udp -j DROP",
        )
        return router

    def behind(self, router: Host, name: str, number: int = 2) -> Host:
        """Make a host behind a router."""
        segment, address = list(router.addresses.items())[1]
        return self.host(name, segment, f"{address.removesuffix('.1')}.{number}", address)

    # Programs

    def start(self, host: Host, *words: str) -> Program:
        """Start a command on a host."""
        self._programs += 1
        name = f"{self._name}-{self._programs}.log"
        program = Program(host.inside(*words), self._folder / name)
        self._left.callback(program.end)
        return program

    def run(self, host: Host, program: str, *arguments: str) -> Program:
        """Start one of the programs beside this file."""
        return self.start(host, sys.executable, str(PROGRAMS / f"{program}.py"), *arguments)

    def client(self, host: Host) -> Program:
        """Start a client, which is asked for what it does: see its program."""
        return self.run(host, "client")

    def server(self, host: Host, **options: object) -> Program:
        """Start a server and wait until it serves; see its program for the options."""
        given = {"port": PORT, "folder": str(self._folder), **options}
        server = self.run(host, "server", json.dumps(given))
        server.wait("ready")
        return server

    def relay(self, host: Host) -> Mapping[str, object]:
        """Start coturn; return what `get_coturn_credentials` takes."""
        turnserver = self.start(
            host,
            *("turnserver", "-n", "--no-cli", "--no-tls", "--no-dtls", "--no-multicast-peers"),
            *("-L", host.address, "-E", host.address, f"--listening-port={RELAY_PORT}"),
            *("--fingerprint", "--realm=test", "--use-auth-secret"),
            *(f"--static-auth-secret={SECRET}", "--min-port=50000", "--max-port=50100"),
            *("--log-file=stdout", "--simple-log", "--pidfile=", "--verbose"),
            f"--userdb={self._folder / 'turn.db'}",
            "--relay-threads=1",  # further ones begin after the line that is waited for
        )
        turnserver.wait_line(f"UDP listener opened on: {host.address}:{RELAY_PORT}")
        return {"secret": SECRET, "urls": f"turn:{host.address}:{RELAY_PORT}"}

    def doctor(self, host: Host, *arguments: str) -> Program:
        """Start ``fastrtc doctor``."""
        return self.start(host, sys.executable, "-m", "fastrtc", "doctor", "--json", *arguments)

    def linked(self, one: str, other: str) -> tuple[Host, Host, Program]:
        """Make two hosts and the link between them, whose faults can be set: see its program."""
        near, far = (
            Host(self._namespace(name).namespace, {"link": f"192.168.8.{number}"})
            for number, name in enumerate((one, other), 1)
        )
        link = self.run(near, "link", far.namespace, near.address, far.address)
        link.wait("ready")
        return near, far, link


Measured = TypeVar("Measured")


class Thrice(Protocol):
    def __call__(
        self, measure: Callable[[], Measured], check: Callable[[Measured], None], /
    ) -> None: ...


IsHeard = Callable[[Program], None]

Networks = Callable[[], AbstractContextManager[Network]]


@pytest.fixture(scope="session")
def thrice() -> Thrice:
    """Give a function that measures and checks, up to three times.

    On a machine that is busy with something else sound comes late now and then. What is our fault
    happens every time.
    """

    def run(measure: Callable[[], Measured], check: Callable[[Measured], None]) -> None:
        for _ in range(2):
            measured = measure()
            try:
                check(measured)
            except AssertionError:
                continue
            return
        check(measure())

    return run


@pytest.fixture(scope="session")
def is_heard(thrice: Thrice) -> IsHeard:
    """Give a function that checks, for a client, that sound and messages go both ways."""

    def check(echo: dict[str, Any]) -> None:
        assert echo["hz"] == pytest.approx(523.25, abs=2)
        assert echo["gain"] == pytest.approx(0, abs=1)
        assert echo["gap"] < 0.02
        assert echo["ping"] < 0.1

    def run(client: Program) -> None:
        thrice(lambda: client.ask("talk", hz=523.25), check)

    return run


@pytest.fixture(scope="session")
def networks(require: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Networks:
    """Give a function that makes an empty network, if this machine lets us."""
    for program in ("ip", "iptables", "iptables-restore"):
        require(program)
    folder, numbers = tmp_path_factory.mktemp("network"), count()

    @contextmanager
    def make() -> Iterator[Network]:
        with Network(f"fastrtc-{os.getpid()}-{next(numbers)}", folder) as network:
            yield network

    try:
        with make() as network:
            router = network.router("trial", 1, "symmetric")
            command(*router.inside("ip", "tuntap", "add", "trial-tun", "mode", "tun"))
    except RigError as error:
        if os.environ.get("FASTRTC_REQUIRE_ALL"):
            pytest.fail(f"FASTRTC_REQUIRE_ALL is set, and no network can be made here: {error}")
        pytest.skip(f"no network can be made here: {error}")
    return make


@pytest.fixture
def network(networks: Networks) -> Iterator[Network]:
    with networks() as made:
        yield made


@pytest.fixture
def relayed_network(network: Network, require: Callable[[str], str]) -> Network:
    """A network in which `Network.relay` works."""
    require("turnserver")
    return network
