"""`wallet telling`: what an operator sees at night of what is still to be told."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from notifications import webhooks
from notifications.addresses import Guard
from tests.integration.cli.bank import Bank, opened
from tests.integration.cli.commands import SECRET, done, refused, wallet
from tokenization import requestors

PAST = text("UPDATE notifications.outbox SET at = at - make_interval(mins => 5)")
FAILING = text("UPDATE notifications.webhook_endpoints SET failing_since = :at")


def listens(bank: Bank, name: str) -> None:
    """A shop that a test waits for; in its URL stands a secret, as some have it."""
    now, guard = bank.parts.clock.now(), Guard(loopback_allowed=True)
    with bank.parts.database.transaction("test") as session:
        shop = requestors.register(session, kind="merchant", name=name, merchant_ids=[], schemes=["dankort"], now=now)
        session.flush()
        url = f"http://127.0.0.1:1/hooks/{SECRET}?key={SECRET}"
        webhooks.put_endpoint(session, bank.parts.vault, guard, shop, url=url, now=now)
        webhooks.send_test(session, shop.requestor_id, now)


def rows(environment: dict[str, str], *arguments: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(done(wallet(environment, "telling", *arguments, "--json")))
    return listed


def test_what_waits_is_counted_and_it_exits_with_1_where_no_relay_comes_to_it(ready: dict[str, str]) -> None:
    assert "the relays keep up" in done(wallet(ready, "telling", "status"))
    with opened(ready) as bank:
        [card_id] = bank.issue(1)
        bank.block(card_id)
        assert "event card.blocked" in done(wallet(ready, "telling", "status"))
        with bank.parts.database.transaction("test") as session:
            session.execute(PAST)
    said = refused(wallet(ready, "telling", "status"))
    assert "event card.blocked" in said
    assert "Error: behind: oldest event waits for 30" in said
    assert "wallet relay" in said


def test_endpoints_are_listed_by_host_without_what_their_urls_may_hide(ready: dict[str, str]) -> None:
    with opened(ready) as bank:
        listens(bank, "Filmfloden")
    [row] = rows(ready, "endpoints")
    assert (row["name"], row["host"], row["status"], row["pending"]) == ("Filmfloden", "127.0.0.1", "enabled", 1)
    assert SECRET not in done(wallet(ready, "telling", "endpoints"))


def test_those_that_do_not_answer_are_listed_alone_with_since_when(ready: dict[str, str]) -> None:
    since = datetime.now(UTC) - timedelta(hours=3)
    with opened(ready) as bank:
        listens(bank, "Filmfloden")
        assert rows(ready, "endpoints", "--not-enabled") == []
        with bank.parts.database.transaction("test") as session:
            session.execute(FAILING, {"at": since})
    [row] = rows(ready, "endpoints", "--not-enabled")
    assert (row["status"], row["since"][:13]) == ("failing", since.isoformat()[:13])


def test_a_database_that_is_away_is_said(ready: dict[str, str]) -> None:
    away = ready | {"TEGNEBOG_DATABASE_URL": f"postgresql+psycopg://root:{SECRET}@127.0.0.1:1/x"}
    assert "the database is away" in refused(wallet(away, "telling", "status"))
