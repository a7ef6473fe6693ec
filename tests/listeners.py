"""Receivers of webhooks as they must not be: sockets on loopback whose every byte a test decides, also with TLS."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from notifications.addresses import Guard

Handler = Callable[[socket.socket], object]
_DAY = timedelta(days=1)


@contextmanager
def serving(handle: Handler) -> Iterator[int]:
    """A port on loopback whose connections are handled as told, one after the other."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection, suppress(ConnectionError):
                    handle(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def answering(answer: bytes) -> Handler:
    """Takes a letter, answers so, and hangs up."""

    def handle(connection: socket.socket) -> None:
        received(connection)
        connection.sendall(answer)

    return handle


@dataclass
class Dripping:
    """Takes a letter, answers `first`, and then `more` now and then without end, until `close` or hung up on."""

    first: bytes = b""
    more: bytes = b"x"
    after_request: bool = True
    sent: int = 0
    _done: threading.Event = field(default_factory=threading.Event)

    def __call__(self, connection: socket.socket) -> None:
        if self.after_request:
            received(connection)
        connection.sendall(self.first)
        with suppress(OSError):
            while not self._done.wait(0.02):
                self.sent += connection.send(self.more)

    def close(self) -> None:
        """Drip no more."""
        self._done.set()


def resetting(connection: socket.socket, answer: bytes = b"") -> None:
    """Takes a letter, answers so, and breaks the connection off (RST)."""
    received(connection)
    connection.sendall(answer)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def received(connection: socket.socket) -> bytes:
    """A whole letter: its body ends with two braces."""
    data = b""
    while b"}}" not in data:
        if not (chunk := connection.recv(65536)):
            break
        data += chunk
    return data


def certificate(folder: Path, *names: str, valid: tuple[timedelta, timedelta] = (-_DAY, _DAY)) -> Path:
    """A self-signed certificate for those names, with its key, in a file of the folder."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    builder = x509.CertificateBuilder(name, name).public_key(key.public_key()).serial_number(1)
    builder = builder.not_valid_before(now + valid[0]).not_valid_after(now + valid[1])
    named = x509.SubjectAlternativeName([x509.DNSName(each) for each in names])
    made = builder.add_extension(named, critical=False).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / f"{names[0]} until {now + valid[1]:%Y-%m-%d}.pem"
    path.write_bytes(made.public_bytes(pem) + secret)
    return path


def trusting(certificate: Path) -> ssl.SSLContext:
    """Trusts that certificate beside no other."""
    return ssl.create_default_context(cafile=str(certificate))


@dataclass
class Shop:
    """A receiver with TLS: what it heard, and by which names it was asked for (SNI)."""

    port: int = 0
    heard: list[bytes] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"https://shop.example:{self.port}/hooks"


@contextmanager
def shop_with_tls(certificate: Path) -> Iterator[Shop]:
    """A shop that shows that certificate and takes every letter."""
    shop, context = Shop(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _, name, __: shop.names.append(name)

    def handle(connection: socket.socket) -> None:
        with suppress(OSError), context.wrap_socket(connection, server_side=True) as secure:
            shop.heard.append(received(secure))
            secure.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with serving(handle) as shop.port:
        yield shop


def on_loopback(port: int, addresses: Sequence[str] = ("127.0.0.1",)) -> Guard:
    """Stands in for the internet: every name is a shop on this machine."""
    return Guard(True, lambda host, _: list(addresses), frozenset({port}))
