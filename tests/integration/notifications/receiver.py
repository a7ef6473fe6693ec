"""A receiver of webhooks on loopback that answers as it is told and keeps what came."""

import json
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from standardwebhooks import Webhook


@dataclass(frozen=True)
class Request:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    content: str

    @property
    def body(self) -> dict[str, Any]:
        """Its JSON."""
        loaded: dict[str, Any] = json.loads(self.content)
        return loaded

    def verifies_with(self, secret: str) -> dict[str, Any]:
        """The body, if the independent package finds the signature good."""
        verified: dict[str, Any] = Webhook(secret).verify(self.content, self.headers)
        return verified


@dataclass
class Receiver:
    """Answers 204, or the statuses that stand in `answers`, one after the other, or `always` one. `hold` makes it wait,
    and each answer takes so many seconds.
    """

    answers: list[int] = field(default_factory=list)
    always: int = 204
    seconds: float = 0
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    hold: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.hold.set()
        self.arrived = threading.Event()
        self.most_at_once = self._at_once = 0
        self._came = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hold.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}/hooks"

    def gets(self, more: int, seconds: float = 60) -> bool:
        """Whether so many more requests came in time."""
        with self._came:
            enough = len(self.requests) + more
            return self._came.wait_for(lambda: len(self.requests) >= enough, seconds)

    def take(self, request: Request) -> int:
        """Keep a request; the status to answer."""
        with self._came:
            self.requests.append(request)
            self._came.notify_all()
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            status = self.answers.pop(0) if self.answers else self.always
        self.arrived.set()
        self.hold.wait(10)
        if self.seconds:
            threading.Event().wait(self.seconds)
        with self._came:
            self._at_once -= 1
        return status

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                content = self.rfile.read(length).decode()
                if len(content.encode()) < length:  # whoever sent it was killed
                    return
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.send_response(receiver.take(Request(self.path, headers, content)))
                for name, value in {"content-length": "0", **receiver.headers}.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
                """Say nothing."""

        return Handler


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of who hung up."""


class Silence:
    """An endpoint that takes any number of connections and never answers. In a `with`, which ends them all."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._listening.setblocking(False)
        self._callers: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/hooks"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up, and take no more."""
        self._listening.close()
        for caller in self._callers:
            caller.close()

    def callers(self) -> int:
        """How many have called, and hear nothing."""
        with suppress(BlockingIOError):
            while True:
                self._callers.append(self._listening.accept()[0])
        return len(self._callers)
