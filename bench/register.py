"""Checking numbers against the register of blocked cards: with a million entries, and with ten thousand.

Over HTTP, one client that asks one question after the other; and the statement alone, in this process. Entries are
blocked cards with a plastic each. As many of them as are asked for have a number of their own, with its fingerprint;
the others fill the tables and their indexes.
"""

import asyncio
import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import text

from bench.cards import issued
from bench.crowd import settle
from bench.load import percentile
from bench.stage import Connection, Failed, Figure, Stage, another_service
from tokenization import cards, numbers, register

FEW: Final = 10_000  # of the entries have numbers that can be asked for
TIMES: Final = 200
AT_ONCE: Final = (1, 100)
PATH: Final = "/v1/merchant/blocked-cards/check"
UNLIMITED: Final = {"TEGNEBOG_RATE_LIMITS__REGISTER_PER_CLIENT": "none"}
_UNCHECKED: Final = text("SET LOCAL session_replication_role = replica")
_KNOWN: Final = "CREATE TEMPORARY TABLE known (fingerprint bytea) ON COMMIT DROP"
# A number of its own, or what nobody can ask for.
_CROWD: Final = text("""
    CREATE TEMPORARY TABLE crowd ON COMMIT DROP AS
    SELECT uuidv7(-random() * interval '1 year') AS card_id, fingerprint FROM known UNION ALL
    SELECT uuidv7(-random() * interval '1 year'), sha256(uuid_send(gen_random_uuid())) FROM generate_series(1, :count)
""")
_COPY: Final = """
    INSERT INTO tokenization.{table} SELECT (jsonb_populate_record(t, jsonb_build_object('card_id', crowd.card_id))).*
    FROM tokenization.{table} t, crowd WHERE t.card_id = :template
"""
_ENTER: Final = text("""
    INSERT INTO tokenization.pan_directory (fingerprint, card_id, plastic_id)
    SELECT crowd.fingerprint, crowd.card_id, t.plastic_id
    FROM tokenization.pan_directory t, crowd WHERE t.card_id = :template
""")


def measure(stage: Stage) -> list[Figure]:
    """Few entries and all; each answer must be right, or there is no figure."""
    template, figures = _template(stage), list[Figure]()
    entered, others = _drawn(stage), _drawn(stage)
    with another_service(stage, stage.port + 2, UNLIMITED) as port:
        for entries in (FEW, stage.sizes.register):
            _enter(stage, template, entered if entries == FEW else [], entries - FEW)
            for asked in (Asked("blocked", entered, True), Asked("not blocked", others, False)):
                for count in AT_ONCE:
                    figures += _figures(stage, port, entries, asked, count)
    return figures


@dataclass(frozen=True)
class Asked:
    """Numbers of which one answer is true."""

    name: str
    numbers: Sequence[str]
    blocked: bool

    def draw(self, count: int) -> list[str]:
        """So many of them, at random."""
        return random.sample(self.numbers, count)


def _figures(stage: Stage, port: int, entries: int, asked: Asked, count: int) -> Iterator[Figure]:
    what = f"{count} number{'s' if count > 1 else ''} {asked.name}, {entries:,} entries"
    yield _figure(f"{what}: over HTTP, p50", asyncio.run(_over_http(stage, port, asked, count)))
    yield _figure("… the function alone, p50", _alone(stage, asked, count))


def _figure(name: str, took: list[float]) -> Figure:
    p50, p99 = (1000 * percentile(sorted(took), percent) for percent in (50, 99))
    return Figure(name, p50, "ms", note=f"p99 {p99:.2f} ms")


async def _over_http(stage: Stage, port: int, asked: Asked, count: int) -> list[float]:
    shop, took = await Connection(port, stage.machine_token("merchant")).open(), []
    for _ in range(TIMES):
        body = json.dumps({"numbers": asked.draw(count)}).encode()
        began = time.perf_counter()
        answer = await shop.post(PATH, body)
        took.append(time.perf_counter() - began)
        _check(asked, answer.get("blocked"), count)
    return took


def _alone(stage: Stage, asked: Asked, count: int) -> list[float]:
    """Fingerprints and one statement, in a transaction of its own as a request is."""
    took = []
    for _ in range(TIMES):
        drawn = asked.draw(count)
        began = time.perf_counter()
        with stage.parts.database.reading() as session:
            answer = register.are_blocked(session, stage.parts.vault, drawn)
        took.append(time.perf_counter() - began)
        _check(asked, answer, count)
    return took


def _check(asked: Asked, answer: list[bool] | None, count: int) -> None:
    if answer != [asked.blocked] * count:
        raise Failed(f"numbers that are {asked.name} were called otherwise: {str(answer)[:80]}")


def _template(stage: Stage) -> UUID:
    now = stage.parts.clock.now()
    with stage.parts.database.transaction("bench") as session:
        card = issued(session, stage.parts)
        cards.block(session, card, reason="lost", by="issuer", noticed_at=now, now=now)
        return card.card_id


def _drawn(stage: Stage) -> list[str]:
    drawn = set[str]()
    while len(drawn) < FEW:
        drawn.add(numbers.random_number(stage.parts.settings.number_space.card_bins[0]).reveal())
    return sorted(drawn)


def _enter(stage: Stage, template: UUID, known: Sequence[str], others: int) -> None:
    """Enter these numbers, and so many that nobody knows."""
    with stage.parts.database.transaction("bench") as session:
        connection = session.connection()
        connection.execute(_UNCHECKED)
        connection.exec_driver_sql(_KNOWN)
        with connection.connection.cursor().copy("COPY known FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["bytea"])
            for number in known:
                copy.write_row((stage.parts.vault.fingerprint("number", number),))
        connection.execute(_CROWD, {"count": others})
        for table in ("cards", "plastics"):
            connection.execute(text(_COPY.format(table=table)), {"template": template})
        connection.execute(_ENTER, {"template": template})
    settle(stage.parts)
