"""A line to PostgreSQL that is cut at a COMMIT: before it arrives, or when it is done and its answer is on the way."""

import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import Final, Self

from sqlalchemy import make_url

COMMIT: Final = b"COMMIT\x00"  # asked in a Query or a Parse, and answered so in a CommandComplete
CHUNK: Final = 65_536


@dataclass
class Line:
    """To the database of a URL, by TCP. In a `with`."""

    database_url: str
    cuts: int = 0
    _cut: str = ""
    _passing: int = 0
    _lock: Lock = field(default_factory=Lock)

    @property
    def url(self) -> str:
        """The same database, over this line."""
        host, port = self._listening.getsockname()
        plain = make_url(self.database_url).set(host=host, port=port, query={"sslmode": "disable"})
        return plain.render_as_string(hide_password=False)

    def cut_at_commit(self, when: str, *, passing: int = 0) -> None:
        """Cut whoever commits next, `before` it arrives or `after` it is done; so many more pass until then."""
        with self._lock:
            self._cut, self._passing = when, passing

    def take(self) -> str:
        """How this COMMIT is cut, if it is."""
        with self._lock:
            if not self._cut or self._passing:
                self._passing -= bool(self._cut)
                return ""
            when, self._cut, self.cuts = self._cut, "", self.cuts + 1
            return when

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._accepting = Thread(target=self._accept)
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listening.close()

    def _accept(self) -> None:
        query = make_url(self.database_url).query
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(f"{query['host']}/.s.PGSQL.{query['port']}")
                Thread(target=Call(self, client, server).carry, daemon=True).start()


@dataclass
class Call:
    """One connection over the line."""

    line: Line
    client: socket.socket
    server: socket.socket
    is_muted: bool = False

    def carry(self) -> None:
        """Both ways, until one side ends or the line is cut."""
        with self.client, self.server:
            back = Thread(target=self._until_the_end, args=(self._answer,), daemon=True)
            back.start()
            self._until_the_end(self._ask)
            back.join()

    def _until_the_end(self, way: Callable[[], None]) -> None:
        with suppress(OSError):
            way()
        for end in (self.client, self.server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _ask(self) -> None:
        while asked := self.client.recv(CHUNK):
            when = self.line.take() if COMMIT in asked else ""
            if when == "before":
                return
            self.is_muted = self.is_muted or when == "after"
            self.server.sendall(asked)

    def _answer(self) -> None:
        while answered := self.server.recv(CHUNK):
            if self.is_muted and COMMIT in answered:
                return
            if not self.is_muted:
                self.client.sendall(answered)
