import math
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import httpcore
import httpx
import pytest

from notifications.deadline import AnswerTooLong, Deadline, TimedBackend, TimedTransport

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextmanager
def serving(answers: int) -> Iterator[tuple[int, list[bytes]]]:
    """A port where one connection gets so many answers; and what was asked on it."""
    heard: list[bytes] = []

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            for _ in range(answers):
                heard.append(connection.recv(65536))
                connection.sendall(ANSWER)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], heard
        thread.join(5)


def started(seconds: float = 5.0, answer_limit: float = math.inf) -> Deadline:
    deadline = Deadline(seconds, answer_limit)
    deadline.restart()
    return deadline


def test_a_step_has_what_is_left_of_the_whole_and_no_more_than_its_own_time_out() -> None:
    deadline = started(5)
    assert 4 < deadline.left() <= 5
    assert deadline.left(at_most=3) == 3


def test_when_the_time_is_over_no_step_is_taken() -> None:
    with pytest.raises(httpcore.ReadTimeout):
        started(0).left()


def test_each_thread_has_its_own_time() -> None:
    deadline = started()
    with ThreadPoolExecutor(1) as other:
        assert isinstance(other.submit(deadline.left).exception(), httpcore.ReadTimeout)
        other.submit(deadline.restart).result()
        assert other.submit(deadline.left).result() > 4


def test_no_more_of_an_answer_is_read_than_its_limit_in_each_call() -> None:
    half = len(ANSWER) // 2
    deadline = started(5, half)
    with serving(1) as (port, _), closing(TimedBackend(deadline).connect_tcp("127.0.0.1", port)) as stream:
        stream.write(b"x")
        for part in (ANSWER[:half], ANSWER[half : 2 * half]):
            deadline.restart()
            assert stream.read(65536) == part
            with pytest.raises(AnswerTooLong):
                stream.read(65536)


def test_the_next_address_of_a_name_is_tried_when_one_refuses() -> None:
    with serving(0) as (port, _):
        stream = TimedBackend(started(), lambda host, _: ["127.0.0.2", "127.0.0.1"]).connect_tcp("two.example", port)
        assert stream.get_extra_info("server_addr") == ("127.0.0.1", port)
        stream.close()


def test_a_name_with_many_addresses_gets_no_more_time_than_another() -> None:
    with pytest.raises(httpcore.ReadTimeout):
        TimedBackend(started(0), lambda host, _: ["127.0.0.1"] * 1000).connect_tcp("many.example", 9)


def test_a_name_that_does_not_resolve_is_no_connection() -> None:
    with pytest.raises(httpcore.ConnectError):
        TimedBackend(started(), unknown).connect_tcp("none.example", 443)


def test_a_resolver_that_took_all_the_time_is_a_time_out() -> None:
    with pytest.raises(httpcore.ReadTimeout):
        TimedBackend(started(0), unknown).connect_tcp("none.example", 443)


def unknown(host: str, port: int) -> list[str]:
    raise socket.gaierror(socket.EAI_NONAME, "unknown")


def test_threads_share_connections() -> None:
    with (
        serving(2) as (port, heard),
        httpx.Client(transport=TimedTransport(5)) as client,
        ThreadPoolExecutor(1) as other,
    ):
        assert client.get(f"http://127.0.0.1:{port}/").text == "ok"
        assert other.submit(client.get, f"http://127.0.0.1:{port}/next?c=d").result().text == "ok"
    assert [asked.split(b"\r\n")[0] for asked in heard] == [b"GET / HTTP/1.1", b"GET /next?c=d HTTP/1.1"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [(b"220 mail.example\r\n", httpx.RemoteProtocolError), (b"", httpx.RemoteProtocolError)],
    ids=["not HTTP", "none"],
)
def test_failures_are_those_of_httpx(answer: bytes, error: type[Exception]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, httpx.Client(transport=TimedTransport(5)) as client:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(error):
            client.get(f"http://127.0.0.1:{server.getsockname()[1]}/")
        thread.join(5)


def test_nobody_there_is_a_failure_of_httpx() -> None:
    with httpx.Client(transport=TimedTransport(5)) as client, pytest.raises(httpx.ConnectError):
        client.get("http://127.0.0.1:9/")
