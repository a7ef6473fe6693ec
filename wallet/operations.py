"""For those who run it: alive, ready, metrics, and the API's documentation."""

import os
from datetime import datetime
from typing import Any, Final

from flask import Blueprint, Flask, Response, jsonify
from flask_swagger_ui import get_swaggerui_blueprint
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, multiprocess
from prometheus_client.registry import REGISTRY
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from delegation import rounds
from notifications import backlog, missed_updates, outbox
from tokenization import long_blocks, number_space
from tokenization.keys import checks, cryptoperiods
from wallet import metrics, metrics_folder, migrations
from wallet.payments import expiry
from wallet.services import services

blueprint = Blueprint("operations", __name__)
FOREIGN: Final = "the key ring of another database"
UNKNOWN_WITHOUT_DATABASE: Final = (
    metrics.OUTBOX_WAITING,
    metrics.OUTBOX_OLDEST,
    metrics.TEXTS_WAITING,
    metrics.TEXTS_OLDEST,
    metrics.TEXTS_PUT_OFF,
    metrics.RIGHTS_OVERDUE,
    metrics.HOLDS_OVERDUE,
    metrics.LONG_BLOCKS_OVERDUE,
    metrics.MISSED_UPDATES_OVERDUE,
    *(gauge.labels(standing) for gauge in metrics.BY_STANDING for standing in backlog.STANDINGS),
)
UNREAD: Final = "not all of the key ring can be read: see key_ring_not_read in the log"


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process answers."""
    return jsonify({"status": "ok"})


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """PostgreSQL is there and migrated, the key ring its own. Redis may be away: payments and blocking work without.

    A key that is to be rotated, or that a copy of the ring lacks, is told and takes nobody out of service; nor does a
    relay that has fallen behind, as payments go on.
    """
    parts = {"postgresql": _postgresql(), "redis": _redis(), "keys": _keys(), "relay": _relay()}
    ready = parts["postgresql"] == "ok" and parts["keys"] != FOREIGN
    return jsonify({"status": "ready" if ready else "not ready", "parts": parts}), 200 if ready else 503


def _postgresql() -> str:
    try:
        with services().database.reading() as session:
            return "ok" if migrations.is_current(session.connection()) else "not migrated"
    except SQLAlchemyError:
        return "away"


def _redis() -> str:
    try:
        services().redis.ping()
    except RedisError:
        return "away"
    return "ok"


def _relay() -> str:
    """What people and merchants should have been told by now; `ok` if nothing, `unknown` without a database."""
    try:
        with services().database.reading() as session:
            waits = backlog.behind(session, services().clock.now())
    except SQLAlchemyError:
        return "unknown"
    return f"behind: {', '.join(waits)}" if waits else "ok"


def _keys() -> str:
    """What is wrong with the key ring, in words; `ok` if nothing is known to be."""
    ring = services().vault.ring
    try:
        with services().database.reading() as session:
            compared = checks.look(session, ring)
    except SQLAlchemyError:
        compared = checks.Comparison()
    if compared.is_foreign:
        return FOREIGN
    ring.refresh()
    unread = [] if ring.is_readable() else [UNREAD]
    lacking = [f"lacks {checks.named(version)}" for version in compared.lacking]
    due = cryptoperiods.to_be_rotated(ring, services().clock.now())
    return ", ".join([*unread, *lacking, *(f"{purpose} {_is_due(days)}" for purpose, days in due.items())]) or "ok"


def _is_due(days: int) -> str:
    return "was to be rotated" if days < 0 else f"is to be rotated in {days} days"


@blueprint.get("/metrics")
def prometheus() -> Response:
    """For Prometheus; of all worker processes together, where there are several."""
    _look_at_database()
    _look_at_rates()
    for purpose, days in cryptoperiods.days_left(services().vault.ring, services().clock.now()).items():
        metrics.KEY_DAYS_LEFT.labels(purpose).set(days)
    registry = REGISTRY
    if metrics_folder.VARIABLE in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library has no types here
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _look_at_database() -> None:
    try:
        with services().database.reading() as session:
            now = services().clock.now()
            _look_at_what_waits(session, now)
            metrics.RIGHTS_OVERDUE.set(rounds.overdue(session, now).total_seconds())
            metrics.HOLDS_OVERDUE.set(expiry.overdue(session, now).total_seconds())
            metrics.LONG_BLOCKS_OVERDUE.set(long_blocks.overdue(session, now).total_seconds())
            metrics.MISSED_UPDATES_OVERDUE.set(missed_updates.overdue(session, now).total_seconds())
            for fill in number_space.fills(session, services().settings.number_space):
                metrics.NUMBERS_TAKEN.labels(fill.kind).set(fill.taken / fill.capacity)
    except SQLAlchemyError:
        for gauge in UNKNOWN_WITHOUT_DATABASE:
            gauge.set(float("nan"))


def _look_at_what_waits(session: Session, now: datetime) -> None:
    depth, texts = outbox.depth(session), backlog.texts(session)
    metrics.OUTBOX_WAITING.set(depth.events)
    metrics.OUTBOX_OLDEST.set(backlog.Waiting(depth.events, depth.oldest_at).age(now).total_seconds())
    metrics.TEXTS_WAITING.set(texts.count)
    metrics.TEXTS_OLDEST.set(texts.age(now).total_seconds())
    metrics.TEXTS_PUT_OFF.set(backlog.texts(session, put_off=True).count)
    for standing, waiting in backlog.deliveries(session, now).items():
        metrics.DELIVERIES_WAITING.labels(standing).set(waiting.count)
        metrics.DELIVERIES_OLDEST.labels(standing).set(waiting.age(now).total_seconds())
    for standing, count in backlog.endpoints(session).items():
        metrics.ENDPOINTS.labels(standing).set(count)


def _look_at_rates() -> None:
    rates = services().rates
    metrics.RATES_WRONG.set(not rates.is_right())
    if ages := rates.ages():
        metrics.RATE_AGE_DAYS.labels("newest").set(ages[0])
        metrics.RATE_AGE_DAYS.labels("oldest").set(ages[-1])


DOCS: Final[dict[str, Any]] = {"app_name": "Tegnebog", "validatorUrl": None, "docExpansion": "none"}
# The page's own scripts and styles are partly inline; nothing comes from elsewhere, and nothing goes there.
POLICY: Final = "default-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"


def init(app: Flask) -> None:
    """Add them, and `/docs` over `/openapi.json`, from a bundled package."""
    docs = get_swaggerui_blueprint("/docs", "/openapi.json", config=DOCS)
    docs.after_request(_from_here_alone)
    app.register_blueprint(blueprint)
    app.register_blueprint(docs)


def _from_here_alone(page: Response) -> Response:
    page.headers["Content-Security-Policy"] = POLICY
    return page
