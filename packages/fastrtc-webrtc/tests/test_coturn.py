"""A real coturn, set up as the documentation says, lets in who has our credentials."""

import asyncio
import os
import re
import socket
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from aioice.stun import TransactionFailed
from aioice.turn import TurnClientUdpProtocol
from aiortc import RTCPeerConnection
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fastrtc_webrtc.configuration import server_configuration
from fastrtc_webrtc.credentials import get_coturn_credentials

DOCS = Path(__file__).parents[3] / "docs"
SECRET = "north-by-northwest"
LOCAL = "127.0.0.1"
PAGES = [DOCS / "deployment.md", DOCS / "turn-on-aws.md"]

Running = Callable[..., Any]


@dataclass(frozen=True)
class Coturn:
    port: int
    tls_port: int

    def credentials(
        self, secret: str = SECRET, url: str = "turn:{host}:{port}", **options: Any
    ) -> Any:
        url = url.format(host=LOCAL, port=self.port, tls_port=self.tls_port)
        credentials = get_coturn_credentials(secret, url, **options)
        return {**credentials, "iceTransportPolicy": "relay"}


def free_ports() -> Iterator[int]:
    """Ports that are free for UDP and TCP, and below those that systems give to clients."""
    for port in count(10_000 + os.getpid() % 20_000):
        try:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                with socket.socket(type=kind) as probe:
                    probe.bind((LOCAL, port))
        except OSError:
            continue
        yield port


@pytest.fixture
def running(require: Callable[[str], str], tmp_path: Path) -> Running:
    """Run coturn in a ``with`` block, on ports of its own."""
    program = require("turnserver")

    @contextmanager
    def run(
        *arguments: str, until: str = "UDP listener opened on: {host}:{port}"
    ) -> Iterator[Coturn]:
        server = Coturn(*islice(free_ports(), 2))
        until = until.format(host=LOCAL, port=server.port, tls_port=server.tls_port)
        command = [program, *arguments, f"--listening-port={server.port}"]
        command += [f"--tls-listening-port={server.tls_port}", "--pidfile=", "--verbose"]
        command += [f"--userdb={tmp_path / 'turn.db'}", "--allow-loopback-peers"]
        # Further threads would open their sockets after the line that is waited for, and have
        # another idea of the nonce.
        command += ["--relay-threads=1"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path
        ) as process:
            lines: list[str] = []
            ready = threading.Event()

            def read() -> None:
                assert process.stdout is not None
                for line in process.stdout:
                    lines.append(line)
                    if until in line:
                        ready.set()
                ready.set()

            reader = threading.Thread(target=read)
            reader.start()
            try:
                assert ready.wait(20), lines
                assert process.poll() is None, "".join(lines)
                yield server
            finally:
                process.terminate()
                reader.join()
                unknown = [line for line in lines if "Bad configuration" in line]
                assert not unknown

    return run


@pytest.fixture
def secret_only(running: Running) -> Running:
    """Coturn with nothing but a secret."""
    return lambda: running(
        *("-n", "--no-cli", "--no-tls", "--no-dtls", "-L", LOCAL, "-E", LOCAL, "--fingerprint"),
        *("--realm=test", "--use-auth-secret", f"--static-auth-secret={SECRET}"),
        *("--log-file=stdout", "--simple-log"),
    )


@pytest.fixture
def documented(running: Running, tmp_path: Path) -> Running:
    """Coturn as `docs/turnserver.conf` says, its words replaced as the page says."""

    def run(change: Callable[[str], str] = str, **options: str) -> Any:
        text = (DOCS / "turnserver.conf").read_text()
        for word, value in {
            "PUBLIC_ADDRESS": LOCAL,
            "PRIVATE_ADDRESS": LOCAL,
            "HOST_NAME": "turn.example.com",
            "SECRET": SECRET,
        }.items():
            assert word in text
            text = text.replace(word, value)
        file = tmp_path / "turnserver.conf"
        file.write_text(change(text))
        # Both relayed addresses are on this machine, which the configuration closes to clients.
        return running("-c", str(file), f"--allowed-peer-ip={LOCAL}", **options)

    return run


def candidates(connection: RTCPeerConnection) -> list[str]:
    return re.findall(r"a=candidate:.* typ (\w+)", connection.localDescription.sdp)


@asynccontextmanager
async def pair(configuration: Any) -> AsyncIterator[tuple[RTCPeerConnection, RTCPeerConnection]]:
    """Two peers that have seen each other's descriptions."""
    caller, callee = (RTCPeerConnection(server_configuration(configuration)) for _ in range(2))
    try:
        yield caller, callee
    finally:
        await asyncio.gather(caller.close(), callee.close())


async def message_through(caller: RTCPeerConnection, callee: RTCPeerConnection) -> str:
    """Send a message through a data channel and return what arrives."""
    arrived: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    channel = caller.createDataChannel("text")
    channel.on("open", lambda: channel.send("through the relay"))
    callee.on("datachannel", lambda theirs: theirs.on("message", arrived.set_result))
    await caller.setLocalDescription(await caller.createOffer())
    await callee.setRemoteDescription(caller.localDescription)
    await callee.setLocalDescription(await callee.createAnswer())
    await caller.setRemoteDescription(callee.localDescription)
    return await asyncio.wait_for(arrived, 15)


@asynccontextmanager
async def allocation(server: Coturn, credentials: Any) -> AsyncIterator[TurnClientUdpProtocol]:
    """A relayed address, and a client that has bound no channel yet."""
    account = credentials["iceServers"][0]
    address = (LOCAL, server.port)
    _, client = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: TurnClientUdpProtocol(
            address,
            account["username"],
            account["credential"],
            lifetime=60,
            channel_refresh_time=60,
        ),
        remote_addr=address,
    )
    try:
        await client.connect()
        yield client
        await client.delete()
    finally:
        client.transport.close()


async def test_our_credentials_are_taken(secret_only: Running) -> None:
    with secret_only() as server:
        async with pair(server.credentials()) as (caller, callee):
            assert await message_through(caller, callee) == "through the relay"
            assert set(candidates(caller) + candidates(callee)) == {"relay"}


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_the_documented_configuration(documented: Running, transport: str) -> None:
    url = f"turn:{{host}}:{{port}}?transport={transport}"
    with documented() as server:
        async with pair(server.credentials(url=url)) as (caller, callee):
            assert await message_through(caller, callee) == "through the relay"


async def test_the_documented_configuration_with_tls(
    documented: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "fullchain.pem"))

    def with_tls(text: str) -> str:
        text = text.replace("\nno-tls\n", "\n")
        for line in ("#cert", "#pkey", "#no-tlsv1\n", "#no-tlsv1_1"):
            assert line in text
            text = text.replace(line, line[1:])
        return text.replace("/etc/coturn", str(tmp_path))

    with documented(with_tls, until="TLS/TCP listener opened on : {host}:{tls_port}") as server:
        credentials = server.credentials(url="turns:localhost:{tls_port}?transport=tcp")
        async with pair(credentials) as (caller, callee):
            assert await message_through(caller, callee) == "through the relay"


@pytest.mark.parametrize(
    ("secret", "age"), [("south", 0.0), (SECRET, 700.0)], ids=["another secret", "too old"]
)
async def test_who_is_not_let_in(documented: Running, secret: str, age: float) -> None:
    made_at = datetime.now(UTC).timestamp() - age
    with documented() as server:
        credentials = server.credentials(secret, now=made_at)
        with pytest.raises(TransactionFailed) as refusal:
            async with allocation(server, credentials):
                pass
        assert refusal.value.response.attributes["ERROR-CODE"][0] == 401
        async with pair(credentials) as (caller, _):
            caller.createDataChannel("text")
            await caller.setLocalDescription(await caller.createOffer())
            assert not candidates(caller)


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("198.51.100.7", True),
        ("8.8.8.8", True),
        ("10.0.0.5", False),
        ("100.64.0.1", False),
        ("127.0.0.1", True),  # the exception that the test makes
        ("127.0.0.2", False),
        ("169.254.169.254", False),
        ("172.31.255.1", False),
        ("192.168.1.1", False),
        ("224.0.0.251", False),
        ("255.255.255.255", False),
    ],
)
async def test_where_packets_may_be_relayed_to(
    documented: Running, address: str, allowed: bool
) -> None:
    with documented() as server:
        async with allocation(server, server.credentials()) as client:
            bound = client.channel_bind(0x4000, (address, 9))  # by itself it sends nothing there
            if allowed:
                await bound
            else:
                with pytest.raises(TransactionFailed) as refusal:
                    await bound
                assert refusal.value.response.attributes["ERROR-CODE"][0] == 403


def test_the_template_writes_the_same_configuration() -> None:
    template = (DOCS / "turn-on-aws.yml").read_text()
    match = re.search(r"<<'EOF'\n(.*?)\n *EOF\n", template, re.DOTALL)
    assert match
    assert dedent(match[1]).strip() == (DOCS / "turnserver.conf").read_text().strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_the_pages_show_compiles(page: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        compile(block, str(page), "exec")


def write_certificate(folder: Path) -> None:
    """Write one for ``localhost``, and its key, in the files that the configuration names."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
