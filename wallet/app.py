"""The one wiring place: settings in, app out."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

import structlog
from flask import Flask, Response, g, request
from sqlalchemy.orm import sessionmaker
from werkzeug.middleware.proxy_fix import ProxyFix

from notifications import outbox
from notifications.addresses import Guard
from tokenization import ids
from tokenization.clock import Clock, SystemClock
from tokenization.keys.checks import Custody
from tokenization.keys.cryptoperiods import periods
from tokenization.keys.folder import FileKeyRing
from tokenization.keys.ring import KeyRingError, Purpose
from tokenization.vault import Vault
from wallet import api, database, errors, logs, metrics, operations
from wallet.access import wiring
from wallet.access.keys import AccessKeys
from wallet.payments.rate_file import RateFile
from wallet.redis_pool import connect_redis
from wallet.resources import (
    cards,
    customers,
    desk,
    drawing_requests,
    drawing_rights,
    groups,
    inbox,
    issuer,
    journals,
    merchant,
    network,
    oversight,
    pairing,
    provider,
    sessions,
    token_operations,
    tokens,
    verification,
)
from wallet.services import Services, services
from wallet.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
RESOURCES: Final = (
    cards,
    tokens,
    verification,
    token_operations,
    sessions,
    drawing_rights,
    drawing_requests,
    pairing,
    inbox,
    network,
    merchant,
    provider,
    customers,
    issuer,
    oversight,
    desk,
    journals,
)
log = structlog.get_logger()


class App(Flask):
    """An app none of whose functions is a coroutine: Flask would ask that of nine at each request."""

    def ensure_sync(self, func: Callable[P, R]) -> Callable[P, R]:
        """The function, as it is."""
        return func


def from_environment() -> Flask:
    """The app as `TEGNEBOG_…` says: what the server starts."""
    settings = Settings()
    logs.configure(settings.log_level)
    parts = wire(settings)
    parts.rates.look()
    return create_app(parts)


def wire(settings: Settings, clock: Clock | None = None) -> Services:
    """Make the parts of a process."""
    clock = clock or SystemClock()
    ring = _ring(settings, clock)
    redis = connect_redis(settings)
    new_session = sessionmaker(database.connect(settings), expire_on_commit=False)
    return Services(
        settings=settings,
        database=database.Database(new_session, ring, announce=lambda: outbox.wake(redis), custody=Custody(ring)),
        redis=redis,
        vault=Vault(ring),
        clock=clock,
        keys=AccessKeys(ring),
        webhook_guard=Guard(loopback_allowed=settings.loopback_allowed),
        rates=RateFile(settings.rates, clock),
    )


def _ring(settings: Settings, clock: Clock) -> FileKeyRing:
    """Raises KeyRingError where it lacks a key: better no start than no answer."""
    ring = FileKeyRing(Path(settings.key_ring), clock, periods(settings.cryptoperiod_days))
    for purpose in Purpose:
        wanted = purpose != Purpose.DPOP_NONCE or settings.dpop_nonce_required
        if wanted and not ring.usable(purpose):
            raise KeyRingError(f"the key ring holds no key for {purpose}")
    return ring


def create_app(parts: Services) -> Flask:
    """An app over the parts."""
    app = App(__name__, static_folder=None)
    app.extensions["tegnebog"] = parts
    _trust_proxies(app, parts.settings.trusted_proxies)
    app.before_request(_begin)
    app.after_request(_end)
    errors.register(app)
    smorest = api.init(app)
    wiring.init(app)
    for resource in RESOURCES:
        smorest.register_blueprint(resource.blueprint)
    groups.init(app)
    operations.init(app)
    return app


def _trust_proxies(app: Flask, how_many: int) -> None:
    """Believe so many entries of X-Forwarded-For, from the right, and nothing else that is forwarded."""
    if how_many:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=how_many, x_proto=0, x_host=0)  # type: ignore[method-assign]  # Flask's way


def _begin() -> None:
    g.request_id, g.began_at = str(ids.new_id()), time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)
    services().rates.look()  # here, where no transaction is open


def _end(response: Response) -> Response:
    """Every answer has its id and is kept by no cache. The log has the route, never the path: it may hold a number."""
    response.headers["X-Request-Id"] = g.request_id
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    method = request.method if request.method in METHODS else "other"
    route, seconds = str(request.url_rule or "unknown"), time.perf_counter() - g.began_at
    metrics.REQUESTS.labels(route, method, response.status_code).observe(seconds)
    log.info("request", route=route, method=method, status=response.status_code, ms=round(seconds * 1000, 1))
    return response
