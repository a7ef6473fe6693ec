"""Rewrapping: every data key comes under the current key-encryption key; what cannot be opened is named, and stays."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.orm import Session

from tests.drawing_rights import issue_card
from tokenization import cards, erasure, ids, rewrapping
from tokenization.clock import SetClock
from tokenization.keys import ceremonies
from tokenization.keys.folder import FileKeyRing
from tokenization.keys.ring import Purpose
from tokenization.models import Card, CardKey, PartyKey
from tokenization.rewrapping import CARDS, PARTIES, START, Batch, Outdated, Position
from tokenization.vault import Vault, VaultError

NOON = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
PARTY_KEYS = 5
Rotate = Callable[[], None]


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """Over a ring of its own, which may rotate."""
    ceremonies.create(tmp_path / "ring", NOON)
    return Vault(FileKeyRing(tmp_path / "ring", SetClock(NOON)))


@pytest.fixture
def rotate(tmp_path: Path, vault: Vault) -> Rotate:
    """A new key-encryption key, in use at once."""

    def act() -> None:
        ceremonies.rotate(tmp_path / "ring", Purpose.KEY_ENCRYPTION, NOON)
        vault.ring.refresh()

    return act


@pytest.fixture
def card(session: Session, vault: Vault) -> Card:
    """One card, its holder, and some more parties: six data keys of parties, one of a card."""
    for _ in range(PARTY_KEYS):
        vault.create_party_key(session, ids.new_id())
    return issue_card(session, vault, NOON)


def outdated(session: Session, vault: Vault) -> dict[str, int]:
    session.flush()
    return {each.store.table.name: each.count for each in rewrapping.outdated(session, vault.ring)}


def all_of(session: Session, vault: Vault, limit: int = 100) -> list[Batch]:
    """Every batch, to the end."""
    session.flush()
    done = []
    for old in rewrapping.outdated(session, vault.ring):
        after: Position | None = START
        while after is not None:
            done.append(rewrapping.rewrap(session, vault, old, after, limit))
            after = done[-1].last
    session.expire_all()
    return done


def versions(session: Session) -> set[int]:
    return set(session.scalars(select(CardKey.kek_version).union_all(select(PartyKey.kek_version))))


def test_nothing_is_outdated_until_the_key_rotates(session: Session, vault: Vault, card: Card, rotate: Rotate) -> None:
    assert outdated(session, vault) == {}
    rotate()
    assert outdated(session, vault) == {"card_keys": 1, "party_keys": PARTY_KEYS + 1}


def test_everything_comes_under_the_current_version_and_opens(
    session: Session, vault: Vault, card: Card, rotate: Rotate
) -> None:
    number = cards.reveal_number(session, vault, card.card_id, card.current_plastic_id)
    wrapped = session.get_one(CardKey, (card.card_id, 1)).wrapped
    rotate()
    assert sum(batch.rewrapped for batch in all_of(session, vault)) == PARTY_KEYS + 2
    assert (outdated(session, vault), versions(session)) == ({}, {2})
    assert session.get_one(CardKey, (card.card_id, 1)).wrapped != wrapped
    assert cards.reveal_number(session, vault, card.card_id, card.current_plastic_id) == number


@pytest.mark.parametrize("limit", [1, 2, 3, PARTY_KEYS + 1, 100])
def test_batches_of_any_size_come_to_the_same(
    session: Session, vault: Vault, card: Card, rotate: Rotate, limit: int
) -> None:
    rotate()
    batches = all_of(session, vault, limit)
    assert max(batch.rewrapped for batch in batches) == min(limit, PARTY_KEYS + 1)
    assert (sum(batch.rewrapped for batch in batches), versions(session)) == (PARTY_KEYS + 2, {2})


def test_versions_that_lie_further_back_are_rewrapped_too(
    session: Session, vault: Vault, card: Card, rotate: Rotate
) -> None:
    rotate()
    vault.create_party_key(session, ids.new_id())
    rotate()
    assert sum(batch.rewrapped for batch in all_of(session, vault)) == PARTY_KEYS + 3
    assert versions(session) == {3}


def test_what_is_under_a_newer_version_than_ours_is_counted_and_cannot_be_opened(
    session: Session, vault: Vault, card: Card
) -> None:
    """Another host has rotated, and our copy of the ring has not come yet."""
    session.flush()
    session.execute(update(CardKey).values(kek_version=2))
    [found] = rewrapping.outdated(session, vault.ring)
    assert (found.kek_version, found.count) == (2, 1)
    assert found.gone == "the key ring holds no version 2 of key_encryption"


def test_a_row_that_cannot_be_opened_is_named_and_holds_up_nobody(
    session: Session, vault: Vault, card: Card, rotate: Rotate
) -> None:
    damaged = min(session.scalars(select(PartyKey.party_id)))
    session.execute(update(PartyKey).where(PartyKey.party_id == damaged).values(wrapped=b"damaged"))
    rotate()
    batches = all_of(session, vault, limit=2)
    assert sum(batch.rewrapped for batch in batches) == PARTY_KEYS + 1
    assert [each for batch in batches for each in batch.damaged] == [damaged]
    assert outdated(session, vault) == {"party_keys": 1}
    assert session.get_one(PartyKey, (damaged, 1)).wrapped == b"damaged"


def test_a_version_whose_key_is_gone_is_said(
    session: Session, vault: Vault, card: Card, rotate: Rotate, tmp_path: Path
) -> None:
    rotate()
    ceremonies.retire(tmp_path / "ring", Purpose.KEY_ENCRYPTION, 1, NOON)
    vault.ring.refresh()
    session.flush()
    gone = {each.gone for each in rewrapping.outdated(session, vault.ring)}
    assert gone == {"version 1 of key_encryption is retired"}


def test_a_data_key_does_not_open_any_more_once_the_version_is_retired_that_it_was_left_under(
    session: Session, vault: Vault, card: Card, rotate: Rotate, tmp_path: Path
) -> None:
    rotate()
    ceremonies.retire(tmp_path / "ring", Purpose.KEY_ENCRYPTION, 1, NOON)
    vault.ring.refresh()
    session.flush()
    with pytest.raises(VaultError, match="version 1 of key_encryption is retired"):
        vault.card_key(session, card.card_id)


def test_a_data_key_of_an_erased_card_is_never_wrapped_anew_but_deleted(
    session: Session, vault: Vault, card: Card, rotate: Rotate
) -> None:
    """Somebody has put it back out of a backup, where it is under the old version, which is to be destroyed."""
    session.flush()
    backup = session.execute(select(CardKey.__table__)).one()._asdict()
    cards.close(session, card, NOON)
    erasure.erase(session, card, NOON)
    session.execute(insert(CardKey).values(backup))
    rotate()
    assert sum(batch.rewrapped for batch in all_of(session, vault)) == PARTY_KEYS + 1
    assert outdated(session, vault) == {"card_keys": 1}
    assert (rewrapping.delete_erased(session), rewrapping.delete_erased(session)) == (1, 0)
    assert outdated(session, vault) == {}


def scans(session: Session) -> int:
    """How often a table of data keys was read from end to end, in this transaction."""
    return session.scalar(text("SELECT sum(seq_scan) FROM pg_stat_xact_user_tables WHERE relname ~ '_keys$'")) or 0


def test_no_batch_reads_a_table_from_end_to_end(session: Session, vault: Vault, card: Card, rotate: Rotate) -> None:
    """Also where there are no statistics of it, as here."""
    rotate()
    session.flush()
    before = scans(session)
    for store in (CARDS, PARTIES):
        rewrapping.rewrap(session, vault, Outdated(store, 1, PARTY_KEYS, None), START, 2)
    assert scans(session) == before


def test_reading_one_from_end_to_end_would_be_seen(session: Session) -> None:
    before = scans(session)
    session.execute(select(PartyKey.wrapped)).all()
    assert scans(session) == before + 1
