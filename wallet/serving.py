"""The service and the relay as processes: granian over the app, and the relay's loop."""

import gc
import logging
import multiprocessing
import os
import signal
import sys
import threading
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Final

import structlog
from flask import Flask
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server import Server
from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from sqlalchemy.orm import Session

from delegation import rounds
from notifications import metrics as relay_metrics
from notifications import missed_updates
from notifications.relay import THREADS, Relay
from notifications.sms import HttpGateway, NoGateway, SmsSender
from notifications.surroundings import Surroundings
from tokenization import long_blocks
from tokenization.secret import Secret
from wallet import app, lifeline, metrics_folder
from wallet.payments import expiry
from wallet.relay_beside import RelayBeside
from wallet.services import Services
from wallet.settings import Settings

# What granian says goes the way of our own log (wallet/logs.py).
GRANIAN_LOGS: Final = {"formatters": {}, "handlers": {}, "loggers": {"_granian": {"handlers": [], "propagate": True}}}
# What is due because time passed: drawing rights that end and weeks to sum up, holds that end, blocks that last, and
# new cards that a merchant has not had.
CHORES: Final = (rounds.run, expiry.run, long_blocks.run, missed_updates.run)
# For answers that are under way; what is still there then is a stream, which its phone opens again.
STOP_SECONDS: Final = 5
# Above what is on its way in all threads at once, so that what lives for one request does not look as if it stayed.
NEW_OBJECTS: Final = 10_000
# Whoever connects and asks nothing is let go: connections are few, and who holds them all keeps everybody out.
HEAD_MILLISECONDS: Final = 10_000
log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Serving:
    """Where and how wide to serve. `threads` is the most that a worker may have; it starts as many as it needs.

    A stream holds one for as long as it is listened to. The rest is held together by the pool of database connections:
    a gate of 16 in front of it gained nothing (measured at 32 to 400 connections).
    """

    host: str
    port: int
    workers: int
    threads: int
    relay: bool = False


def worker_app() -> Flask:
    """The app in a worker process, which ends with granian's master."""
    master = multiprocessing.parent_process()
    if master is not None and master.pid is not None:
        lifeline.end_with(master.pid)
    made = app.from_environment()
    settle()
    return made


def settle() -> None:
    """Let the collector of garbage pass over what was made at the start, and stays: a quarter of a million objects.
    While it looks through them no request goes on, for a tenth of a second. What requests leave it is next to nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)


def serve(how: Serving) -> None:
    """Serve until told to stop; workers that die are started again, and so is the relay beside them."""
    # Spawned, not forked: so a worker imports prometheus-client when its folder is there, and inherits no lock.
    multiprocessing.set_start_method("spawn", force=True)
    with ExitStack() as around:
        around.enter_context(metrics_folder.shared())
        if how.relay:
            around.enter_context(RelayBeside())
        _serve(how)


def _serve(how: Serving) -> None:
    logging.getLogger("_granian").addFilter(_is_news)
    Server(
        "wallet.serving:worker_app",
        factory=True,
        address=how.host,
        port=how.port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEAD_MILLISECONDS),
        websockets=False,
        workers=how.workers,
        blocking_threads=how.threads,
        backpressure=how.threads,  # no connection is accepted that no thread could answer
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_SECONDS,
        log_access=False,
        log_dictconfig=GRANIAN_LOGS,
    ).serve()


def _is_news(record: logging.LogRecord) -> bool:
    """All but the warning of so many threads: they are for streams, which only wait, and are started only as needed."""
    return not record.getMessage().startswith("Configuration allows spawning up to")


def relay(parts: Services) -> None:
    """Tell people and merchants until told to stop. Any number of relays may run."""
    stop, ended = threading.Event(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=_cut_off, args=(stop, ended), name="cut off", daemon=True).start()
    log.info("relay_started", threads=THREADS)
    with Relay(surroundings(parts)) as working:
        working.run(stop)
    ended.set()
    log.info("relay_stopped")


def _cut_off(stop: threading.Event, ended: threading.Event) -> None:
    """End a relay that was told to stop and waits for somebody who does not answer: what it holds comes again, by its
    lease and under the same id, to another.
    """
    stop.wait()
    if not ended.wait(STOP_SECONDS):
        log.info("relay_stopped", under_way="comes again within a minute")
        sys.stdout.flush()
        os._exit(0)


def expose(host: str, port: int) -> None:
    """Let Prometheus read what this process counts as a relay, and nothing else: the rest is the service's. OSError."""
    registry = CollectorRegistry()
    for counted in relay_metrics.COUNTED:
        registry.register(counted)
    ProcessCollector(registry=registry)
    start_http_server(port, host, registry)


def surroundings(parts: Services) -> Surroundings:
    """What the relay works with."""

    def transaction() -> AbstractContextManager[Session]:
        return parts.database.transaction("system")

    sms, guard = _sms(parts.settings), parts.webhook_guard
    return Surroundings(transaction, parts.redis, parts.vault, parts.clock, sms, guard, CHORES)


def _sms(settings: Settings) -> SmsSender:
    if settings.sms_gateway_url is None:
        return NoGateway()
    key = settings.sms_gateway_key
    return HttpGateway(settings.sms_gateway_url, Secret(key.get_secret_value()) if key else None)
