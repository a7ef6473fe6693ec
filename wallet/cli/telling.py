"""`wallet telling`: what people and merchants are still to be told, and whether it is the relays that let it wait."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import click
from sqlalchemy.orm import Session

from notifications import backlog
from notifications.backlog import Listener, Waiting
from tokenization import ids
from wallet.cli import environment
from wallet.cli.shown import as_json, show

WAITING: Final = ("what", "waiting", "oldest", "seconds")
ENDPOINTS: Final = ("requestor", "name", "kind", "host", "status", "since", "pending", "oldest_due")
HELP: Final = "Does `wallet relay` run anywhere, and what does its log say? README, “When nobody is told”"


@click.group()
def telling() -> None:
    """What is still to be told to people and merchants."""


@telling.command()
@as_json
def status(*, as_json: bool) -> None:
    """What waits. Exits with 1 where it waits because no relay comes to it."""
    with environment.opened() as parts, parts.database.reading() as session:
        now = parts.clock.now()
        rows = list(_waiting(session, now))
        behind = backlog.behind(session, now)
    show(rows, WAITING, as_json=as_json)
    if behind:
        raise click.ClickException(f"behind: {', '.join(behind)}. {HELP}")
    click.echo("the relays keep up", err=True)


def _waiting(session: Session, now: datetime) -> Iterator[dict[str, Any]]:
    for kind, waiting in backlog.events(session).items():
        yield _row(f"event {kind}", waiting, now)
    yield _row("text messages", backlog.texts(session), now)
    yield _row("text messages, put off", backlog.texts(session, put_off=True), now)
    for standing, waiting in backlog.deliveries(session, now).items():
        yield _row(f"webhooks, endpoint {standing}", waiting, now)


def _row(what: str, waiting: Waiting, now: datetime) -> dict[str, Any]:
    age = waiting.age(now).total_seconds()
    return {"what": what, "waiting": waiting.count, "oldest": waiting.oldest_at, "seconds": int(age)}


@telling.command()
@click.option("--not-enabled", is_flag=True, help="only those that fail, or are told nothing")
@as_json
def endpoints(*, not_enabled: bool, as_json: bool) -> None:
    """List where merchants and wallets listen, those with the longest wait first."""
    with environment.opened() as parts, parts.database.reading() as session:
        found = backlog.listeners(session, parts.clock.now())
    shown = [_endpoint(each) for each in found if not (not_enabled and each.standing == "enabled")]
    show(shown, ENDPOINTS, as_json=as_json)


def _endpoint(each: Listener) -> dict[str, Any]:
    return {
        "requestor": ids.to_text("reqr", each.requestor_id),
        "name": each.name,
        "kind": each.kind,
        "host": urlsplit(each.url).hostname,
        "status": each.standing,
        "since": each.disabled_at or each.failing_since,
        "pending": each.pending,
        "oldest_due": each.oldest_due_at,
    }
