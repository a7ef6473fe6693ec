import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from standardwebhooks import Webhook, WebhookVerificationError

from notifications.addresses import Guard
from notifications.sending import ANSWER_LIMIT, Answer, Letter, Line, signed_headers
from tokenization.secret import Secret

NOW = datetime.now(UTC)
OLD, NEW = (Secret("whsec_" + letter * 43 + "=") for letter in "AB")
BODY = '{"type":"webhook.test","data":{"name":"Blåbærgrød"}}'
Handler = Callable[[socket.socket], object]


def letter(url: str = "https://shop.example/hooks", *secrets: Secret[str]) -> Letter:
    return Letter("dlv_1", url, BODY, secrets or (NEW,))


def headers(at: datetime, *secrets: Secret[str]) -> dict[str, str]:
    return dict(signed_headers(letter("https://shop.example/hooks", *secrets), at))


# Signatures, read by the independent package


def test_the_independent_package_finds_the_signature_good() -> None:
    assert Webhook(NEW.reveal()).verify(BODY, headers(datetime.now(UTC)))["data"] == {"name": "Blåbærgrød"}


def test_while_two_secrets_are_valid_either_verifies() -> None:
    for secret in (OLD, NEW):
        Webhook(secret.reveal()).verify(BODY, headers(datetime.now(UTC), NEW, OLD))


@pytest.mark.parametrize("seconds", [-302, 302])
def test_a_signature_of_another_time_is_no_good(seconds: int) -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW.reveal()).verify(BODY, headers(datetime.now(UTC) + timedelta(seconds=seconds)))


@pytest.mark.parametrize(
    ("name", "value"),
    [("webhook-id", "dlv_2"), ("webhook-timestamp", str(int(NOW.timestamp()) - 9))],
    ids=["id", "time"],  # of the same name for every worker
)
def test_the_signature_covers_id_and_time(name: str, value: str) -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW.reveal()).verify(BODY, {**headers(NOW), name: value})


def test_the_signature_covers_the_body() -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW.reveal()).verify(BODY.replace("test", "tost"), headers(NOW))


def test_a_letter_does_not_show_its_secrets() -> None:
    assert NEW.reveal() not in repr(letter())


# The line, to a socket of our own


@contextmanager
def serving(handle: Handler) -> Iterator[int]:
    """A port on loopback whose connections are handled as told."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    handle(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def answering(answer: bytes) -> Handler:
    def handle(connection: socket.socket) -> None:
        received(connection)
        connection.sendall(answer)

    return handle


def received(connection: socket.socket) -> bytes:
    data = b""
    while b"}}" not in data:
        if not (chunk := connection.recv(65536)):
            break
        data += chunk
    return data


def post(url: str, guard: Guard | None = None, seconds: float = 5.0, tls: ssl.SSLContext | None = None) -> Answer:
    with Line(guard or Guard(True), tls or ssl.create_default_context(), seconds) as line:
        return line.post(letter(url), NOW)


@pytest.mark.parametrize(
    ("status", "delivered", "gone"), [(200, True, False), (204, True, False), (302, False, False), (410, False, True)]
)
def test_an_answer_is_delivered_or_not(status: int, delivered: bool, gone: bool) -> None:
    with serving(answering(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)) as port:
        answer = post(f"http://127.0.0.1:{port}/hooks")
    assert (answer.status, answer.delivered, answer.gone) == (status, delivered, gone)


def test_an_endless_answer_is_read_no_further_than_its_limit() -> None:
    sent = 0

    def endless(connection: socket.socket) -> None:
        nonlocal sent
        received(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                sent += connection.send(b"x" * 65536)
        except OSError:
            return

    with serving(endless) as port:
        assert post(f"http://127.0.0.1:{port}/hooks").status == 200
    assert sent < 100 * ANSWER_LIMIT


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_an_answer_that_drips_is_cut_off_when_its_time_is_up(first: bytes) -> None:
    done = threading.Event()

    def dripping(connection: socket.socket) -> None:
        received(connection)
        connection.sendall(first)
        try:
            while not done.wait(0.05):
                connection.send(b"x")
        except OSError:
            return

    with serving(dripping) as port:
        assert post(f"http://127.0.0.1:{port}/hooks", seconds=0.4) == Answer(error="timed_out")
        done.set()


def test_what_is_not_http_is_a_failure() -> None:
    with serving(answering(b"220 mail.example ESMTP\r\n")) as port:
        assert post(f"http://127.0.0.1:{port}/hooks") == Answer(error="not_http")


def test_nobody_there_is_a_failure() -> None:
    assert post("http://127.0.0.1:9/hooks") == Answer(error="not_reached")


def test_a_connection_that_breaks_off_is_a_failure() -> None:
    with serving(lambda connection: None) as port:
        assert post(f"http://127.0.0.1:{port}/hooks").delivered is False


def test_a_name_that_leads_inside_is_not_called() -> None:
    connected = threading.Event()
    with serving(lambda connection: connected.set()) as port:
        inside = Guard(False, lambda host, _: ["127.0.0.1"], frozenset({port}))
        assert post(f"https://shop.example:{port}/", inside) == Answer(error="address_refused")
    assert not connected.is_set()


def test_a_name_that_is_rebound_after_the_check_is_not_asked_again() -> None:
    asked = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    with serving(answering(b"HTTP/1.1 204 No Content\r\n\r\n")) as port:
        assert post(f"http://localhost:{port}/hooks", Guard(True, rebinding)).status == 204
    assert asked == ["localhost"]


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for shop.example, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "shop.example")])
    made = (
        x509.CertificateBuilder(name, name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("shop.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "shop.pem"
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(made.public_bytes(pem) + secret)
    return path


@contextmanager
def shop_with_tls(certificate: Path, heard: list[bytes], names: list[str]) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _, name, __: names.append(name)

    def handle(connection: socket.socket) -> None:
        try:
            with context.wrap_socket(connection, server_side=True) as secure:
                heard.append(received(secure))
                secure.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        except OSError:
            return

    with serving(handle) as port:
        yield port


def on_loopback(port: int) -> Guard:
    """Stands in for the internet: every name is a shop on this machine."""
    return Guard(True, lambda host, _: ["127.0.0.1"], frozenset({port}))


def test_the_name_stays_in_host_and_tls_while_the_address_is_the_checked_one(certificate: Path) -> None:
    heard: list[bytes] = []
    names: list[str] = []
    trusting = ssl.create_default_context(cafile=str(certificate))
    with shop_with_tls(certificate, heard, names) as port:
        assert post(f"https://shop.example:{port}/hooks", on_loopback(port), tls=trusting).status == 204
    assert names == ["shop.example"]
    assert b"host: shop.example:%d\r\n" % port in heard[0].lower()


def test_a_certificate_that_nobody_vouches_for_is_a_failure(certificate: Path) -> None:
    heard: list[bytes] = []
    with shop_with_tls(certificate, heard, []) as port:
        assert post(f"https://shop.example:{port}/hooks", on_loopback(port)) == Answer(error="tls_failed")
    assert heard == []


def test_a_certificate_for_another_name_is_a_failure(certificate: Path) -> None:
    heard: list[bytes] = []
    trusting = ssl.create_default_context(cafile=str(certificate))
    with shop_with_tls(certificate, heard, []) as port:
        assert post(f"https://other.example:{port}/hooks", on_loopback(port), tls=trusting) == Answer(
            error="tls_failed"
        )
    assert heard == []


# A look at an endpoint, without a letter


def probe(url: str, guard: Guard, seconds: float = 5.0, tls: ssl.SSLContext | None = None) -> str | None:
    with Line(guard, tls or ssl.create_default_context(), seconds) as line:
        return line.probe(url)


def test_a_look_at_an_endpoint_connects_and_sends_nothing() -> None:
    heard: list[bytes] = []
    with serving(lambda connection: heard.append(connection.recv(1))) as port:
        assert probe(f"http://127.0.0.1:{port}/hooks", Guard(True)) is None
    assert heard == [b""]


def test_a_look_shakes_hands_and_sends_nothing(certificate: Path) -> None:
    heard: list[bytes] = []
    trusting = ssl.create_default_context(cafile=str(certificate))
    with shop_with_tls(certificate, heard, []) as port:
        assert probe(f"https://shop.example:{port}/hooks", on_loopback(port), tls=trusting) is None
    assert heard in ([], [b""])


def test_a_look_finds_a_certificate_that_is_no_good(certificate: Path) -> None:
    with shop_with_tls(certificate, [], []) as port:
        assert probe(f"https://shop.example:{port}/hooks", on_loopback(port)) == "tls_failed"


def test_a_look_takes_no_longer_than_a_letter() -> None:
    done = threading.Event()
    with serving(lambda connection: bool(done.wait(5))) as port:
        assert probe(f"https://shop.example:{port}/", on_loopback(port), seconds=0.2) == "timed_out"
        done.set()


def test_a_look_at_an_address_inside_connects_to_nobody() -> None:
    connected = threading.Event()
    with serving(lambda connection: connected.set()) as port:
        inside = Guard(False, lambda host, _: ["127.0.0.1"], frozenset({port}))
        assert probe(f"https://shop.example:{port}/", inside) == "address_refused"
    assert not connected.is_set()


def test_a_look_says_when_nobody_is_there_or_nobody_knows_where() -> None:
    assert probe("http://127.0.0.1:9/hooks", Guard(True)) == "not_reached"
    assert probe("https://shop.example/hooks", Guard(resolver=lambda host, _: [])) == "not_resolved"
