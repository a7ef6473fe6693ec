"""A broker that answers without end: what it begins with, and then piece after piece."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat

# Then it hangs up, so that who waits for its end fails, and not for ever.
PIECES_MAX = 100_000


@contextmanager
def dripping(first: bytes, piece: bytes, pause: float) -> Iterator[str]:
    """Where it listens: `127.0.0.1:…`. `pause`: seconds between two pieces."""
    done = threading.Event()

    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(first)
        for each in repeat(piece, int(5 / pause) if pause else PIECES_MAX):
            if done.wait(pause):
                return
            connection.sendall(each)

    def serve() -> None:
        while not done.is_set():
            try:
                connection, _ = server.accept()
                with connection:
                    answer(connection)
            except OSError:
                continue

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            done.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)
