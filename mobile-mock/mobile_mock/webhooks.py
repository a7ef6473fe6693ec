"""A small receiver of webhooks on loopback, which believes only what is signed (Standard Webhooks)."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from types import TracebackType
from typing import Any, Self

from standardwebhooks import Webhook, WebhookVerificationError

BODY_MAX_BYTES = 65_536


@dataclass(frozen=True)
class Received:
    """A webhook whose signature held: the `webhook-id` it came under, and its body."""

    id: str
    type: str
    timestamp: str
    data: dict[str, Any]


class WebhookReceiver:
    """Serves on any free port from `with` to its end. Give it `secrets` as soon as the service hands one out."""

    def __init__(self) -> None:
        self.secrets: list[str] = []
        self.received: list[Received] = []
        self.rejected = 0
        self._changed = Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), name="webhooks", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where webhooks go."""
        return f"http://127.0.0.1:{self._server.server_port}/webhooks"

    def wait_for(
        self, kind: str, timeout_seconds: float = 20, where: Callable[[dict[str, Any]], bool] = lambda data: True
    ) -> Received | None:
        """The first webhook of a type whose data fits, as soon as it is there; None when the time is up."""
        with self._changed:
            self._changed.wait_for(lambda: self._find(kind, where) is not None, timeout_seconds)
            return self._find(kind, where)

    def accept(self, body: bytes, headers: dict[str, str]) -> int:
        """Take a delivery in; the status to answer. 503 before a secret is known, 401 without a good signature."""
        if not self.secrets:
            return 503
        with self._changed:
            if not any(_signed(secret, body, headers) for secret in self.secrets):
                self.rejected += 1
                return 401
            event = json.loads(body)
            arrived = Received(headers["webhook-id"], event["type"], event["timestamp"], event["data"])
            if all(known.id != arrived.id for known in self.received):  # A retry is the same message again.
                self.received.append(arrived)
            self._changed.notify_all()
            return 204

    def _find(self, kind: str, where: Callable[[dict[str, Any]], bool]) -> Received | None:
        return next((item for item in self.received if item.type == kind and where(item.data)), None)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", "0"))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status = receiver.accept(self.rfile.read(length), headers) if length <= BODY_MAX_BYTES else 413
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
                """Say nothing."""

        return Handler


def _signed(secret: str, body: bytes, headers: dict[str, str]) -> bool:
    try:
        Webhook(secret).verify(body, headers, json_parse=False)
    except (WebhookVerificationError, ValueError):  # The package lets a malformed header escape as a ValueError.
        return False
    return True
