"""Serving the broker on loopback, and the SMS gateway beside it: in a thread of this process, or as a process that ends
with its parent.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from mobile_mock.broker.app import broker_of, create_broker
from mobile_mock.broker.provider import Broker
from mobile_mock.broker.registry import BrokerConfig
from mobile_mock.sms import Screen, gateway

LOOPBACK = "127.0.0.1"
PARENT_CHECK_SECONDS = 0.5


class QuietHandler(WSGIRequestHandler):
    """Logs no requests: their addresses carry codes and hints."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


@contextmanager
def running(config: BrokerConfig, port: int = 0, now: Callable[[], float] = time.time) -> Iterator[Broker]:
    """Serve a broker in a thread for as long as the block lasts.

    Port 0 takes any free one, and the issuer then becomes that address. SystemExit where the port is taken.
    """
    server = make_server(LOOPBACK, port, Flask(__name__), threaded=True, request_handler=QuietHandler)
    app = create_broker(config if port else replace(config, issuer=f"http://{LOOPBACK}:{server.port}"), now)
    app.register_blueprint(gateway(Screen(), now))
    server.app = app  # The empty one only held the port: nothing is served before the next lines.
    thread = threading.Thread(target=_serve, args=(server,), name="broker", daemon=True)
    thread.start()
    try:
        yield broker_of(app)
    finally:
        server.shutdown()
        thread.join()


def serve(config: BrokerConfig, port: int, parent: int, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT, or until the process `parent` is ours no more. `ready` is told the address."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with running(config, port) as broker:
        ready(broker.issuer)
        while os.getppid() == parent and not stopping.wait(PARENT_CHECK_SECONDS):
            pass


def _serve(server: BaseWSGIServer) -> None:
    server.serve_forever(poll_interval=0.05)
