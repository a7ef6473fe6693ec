"""Blocking a card: how long until it is acknowledged over HTTP, with one token under it and with very many."""

import asyncio
import statistics
import time
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from bench.cards import fill
from bench.stage import Connection, Figure, Stage
from notifications.models import OutboxRow
from tokenization import ids
from tokenization.models import Token

BLOCKS = 9
SETTLED_SECONDS = 20
# Alike but for their ids and phones.
COPIES = text("""
    INSERT INTO tokenization.tokens SELECT (jsonb_populate_record(t, jsonb_build_object(
        'token_id', gen_random_uuid(), 'device_thumbprint', 'bench-' || n))).*
    FROM tokenization.tokens t, generate_series(1, :copies) n WHERE t.card_id = :card_id
""")


def measure(stage: Stage) -> list[Figure]:
    """The median of blocks by turns, so that whatever else runs falls on both; each once the last one is told."""
    fill(stage.parts, 2, batches=1)
    few, many = _two_cards(stage)
    asyncio.run(_block(stage, [few, many]))  # once for nothing: statements are prepared, caches filled
    took = asyncio.run(_block(stage, [few, many] * BLOCKS))
    one, all_ = (statistics.median(seconds for card, seconds in took if card == which) * 1000 for which in (few, many))
    return [
        Figure("block acknowledged, 1 token", one, "ms"),
        Figure(f"block acknowledged, {stage.sizes.tokens:,} tokens", all_, "ms"),
        Figure("their ratio", all_ / one, "×", reach="at most 1.5"),
    ]


def _two_cards(stage: Stage) -> tuple[str, str]:
    with stage.parts.database.transaction("bench") as session:
        few, many = session.scalars(select(Token.card_id).order_by(Token.created_at.desc()).limit(2)).all()
        _multiply(session, many, stage.sizes.tokens - 1)
    return ids.to_text("card", few), ids.to_text("card", many)


def _multiply(session: Session, card_id: UUID, copies: int) -> None:
    session.execute(COPIES, {"card_id": card_id, "copies": copies})
    session.execute(text("ANALYZE tokenization.tokens"))


async def _block(stage: Stage, card_ids: list[str]) -> list[tuple[str, float]]:
    bank = await Connection(stage.port, stage.machine_token("issuer"), {"X-Actor": "Mette"}).open()
    took = []
    for card_id in card_ids:
        _wait_until_told(stage)
        began = time.perf_counter()
        answer = await bank.post(f"/v1/issuer/cards/{card_id}/block", b'{"reason": "suspected"}')
        took.append((card_id, time.perf_counter() - began))
        if answer.get("status") != "blocked":
            raise LookupError(f"the card was not blocked: {answer}")
        await bank.post(f"/v1/issuer/cards/{card_id}/unblock", b"{}")
    return took


def _wait_until_told(stage: Stage) -> None:
    """Until the relay has told of the block before, or for a while."""
    deadline = time.monotonic() + SETTLED_SECONDS
    while time.monotonic() < deadline:
        with stage.parts.database.reading() as session:
            if not session.scalar(select(func.count()).select_from(OutboxRow)):
                return
