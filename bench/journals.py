"""Journals: entries walked, and heads written down, a second."""

import statistics

from sqlalchemy import text
from sqlalchemy.orm import Session

from bench.cards import bare_cards
from bench.stage import ROUNDS, Figure, Stage, seconds
from tokenization import cards
from tokenization.events import CardUnblocked
from tokenization.journal import anchors, chains, entries

OF_A_CARD = 100
HEADS = 20_000
# Rows that only an anchor reads: without entries.
MADE_UP = text("""
    INSERT INTO tokenization.subject_journals
    SELECT gen_random_uuid(), 1, decode(repeat('00', 32), 'hex'), '' FROM generate_series(1, :heads)
""")


def measure(stage: Stage) -> list[Figure]:
    """Of chains of a hundred entries each. Walking is one process's work, of which PostgreSQL does a quarter."""
    _write(stage)
    with stage.parts.database.reading() as session:
        entries = chains.expected(session)
        walking = statistics.median(seconds(lambda: _walk(session, stage)) for _ in range(ROUNDS))
        session.execute(MADE_UP, {"heads": HEADS})  # rolled back
        anchoring = statistics.median(seconds(lambda: _anchor(session, stage)) for _ in range(ROUNDS))
        heads = sum(1 for _ in anchors.heads(session))
    return [
        Figure("journal entries verified", entries / walking, note=f"{entries:,} entries"),
        Figure("journal heads anchored", heads / anchoring, note=f"{heads:,} heads"),
    ]


def _write(stage: Stage) -> None:
    for card_id in bare_cards(stage.parts, max(1, stage.sizes.entries // OF_A_CARD)):
        with stage.parts.database.transaction("bench") as session:
            card = cards.lock(session, card_id)
            if card is None:
                raise LookupError("the card was just made")
            now = stage.parts.clock.now()
            event = CardUnblocked(at=now, card_id=card_id, holder_id=card.holder_id, last4="0006")
            entries.append(session, stage.parts.vault.ring, [event] * OF_A_CARD, "bench")


def _walk(session: Session, stage: Stage) -> None:
    for journals in chains.KINDS:
        for owner_id, verdict in chains.verify_all(session, stage.parts.vault.ring, journals):
            if not verdict.valid:
                raise LookupError(f"the journal of {owner_id} is broken at {verdict.broken_at}")


def _anchor(session: Session, stage: Stage) -> None:
    anchors.write(anchors.heads(session), stage.parts.settings.public_url, stage.parts.clock.now(), lambda line: None)
