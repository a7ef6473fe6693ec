"""A journal that grows while somebody walks it."""

import pytest

from tests.integration.payments.scene import Scene
from tokenization import cards
from tokenization.journal import chains
from tokenization.journal.chains import CARDS


def test_a_journal_that_grows_under_the_walk_is_no_finding(unchecked: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Head and entries are those of one moment: of when the walk of their piece began."""
    monkeypatch.setattr(chains, "ROWS", 1)
    parts = unchecked.world.parts
    with parts.database.reading() as session:
        before = dict(chains.verify_all(session, parts.vault.ring, CARDS))
        walk = chains.verify_all(session, parts.vault.ring, CARDS)
        seen = dict([next(walk)])
        for card_id in before:
            with parts.database.transaction("bank") as other:
                card = cards.lock(other, card_id)
                assert card is not None
                noticed_at = now = parts.clock.now()
                assert cards.block(other, card, reason="lost", by="issuer", noticed_at=noticed_at, now=now)
        seen |= dict(walk)
        after = dict(chains.verify_all(session, parts.vault.ring, CARDS))
    assert len(before) > 1
    assert seen == before
    assert {card_id: verdict.entries - before[card_id].entries for card_id, verdict in after.items()} == dict.fromkeys(
        before, 1
    )
    assert all(verdict.valid for verdict in (seen | after).values())
