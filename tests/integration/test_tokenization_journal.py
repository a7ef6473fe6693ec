"""The journal: whoever changes the database without the journal key is found out."""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, literal_column, select, text, update
from sqlalchemy.orm import Session

from tests.drawing_rights import NOON, issue_card
from tokenization import cards, ids, policies
from tokenization.clock import SetClock
from tokenization.events import CardUnblocked, Event, PolicySet
from tokenization.journal import chains, entries, links
from tokenization.journal.chains import Verdict
from tokenization.journal.models import JournalEntry, SubjectJournal, SubjectJournalEntry
from tokenization.keys import ceremonies
from tokenization.keys.folder import FileKeyRing
from tokenization.keys.ring import Purpose
from tokenization.models import Card
from tokenization.vault import Vault

ENTRIES = 5
CEILINGS = policies.subject_id("ceilings")


@pytest.fixture
def card(session: Session, vault: Vault, key_ring: FileKeyRing) -> Card:
    """A card with five entries."""
    issued = issue_card(session, vault, NOON)
    append(session, key_ring, issued, ENTRIES)
    return issued


def append(session: Session, key_ring: FileKeyRing, card: Card, count: int) -> None:
    entries.append(session, key_ring, [event(card.card_id) for _ in range(count)], "test")
    session.flush()


def event(card_id: UUID) -> Event:
    return CardUnblocked(at=NOON, card_id=card_id, holder_id=UUID(int=1), last4="1234")


def change(session: Session, of: int, /, **values: Any) -> None:
    """Change an entry behind everybody's back."""
    session.execute(update(JournalEntry).where(JournalEntry.seq == of).values(**values))
    session.expire_all()


def cut(session: Session, *seqs: int) -> None:
    """Take entries out."""
    session.execute(delete(JournalEntry).where(JournalEntry.seq.in_(seqs)))
    session.expire_all()


def verdict(session: Session, key_ring: FileKeyRing, card: Card) -> Verdict:
    return chains.verify_card(session, key_ring, card.card_id)


def test_an_untouched_journal_verifies(session: Session, key_ring: FileKeyRing, card: Card) -> None:
    session.expire_all()
    assert verdict(session, key_ring, card) == Verdict(True, ENTRIES, None)


def test_a_card_without_entries_was_robbed_of_them(session: Session, vault: Vault, key_ring: FileKeyRing) -> None:
    assert verdict(session, key_ring, issue_card(session, vault, NOON)) == Verdict(False, 0, 1)


def test_what_is_appended_later_continues_the_chain(session: Session, key_ring: FileKeyRing, card: Card) -> None:
    [recorded] = entries.append(session, key_ring, [event(card.card_id)], "mette")
    session.flush()
    assert (recorded.owner_id, recorded.seq) == (card.card_id, ENTRIES + 1)
    assert verdict(session, key_ring, card) == Verdict(True, ENTRIES + 1, None)


@pytest.mark.parametrize(
    "values",
    [
        {"payload": {"last4": "9999"}},
        {"payload": None},
        {"salt": bytes(16)},
        {"salt": None},
        {"digest": bytes(32)},
        {"link": bytes(32)},
        {"type": "card.blocked"},
        {"at": NOON + timedelta(seconds=1)},
        {"actor": "somebody else"},
        {"event_id": UUID(int=7)},
        {"key_version": 99},
    ],
    ids=lambda values: next(iter(values)),
)
def test_a_changed_entry_is_found(
    session: Session, key_ring: FileKeyRing, card: Card, values: dict[str, object]
) -> None:
    change(session, 3, **values)
    found = verdict(session, key_ring, card)
    assert (found.valid, found.entries, found.broken_at) == (False, ENTRIES, 3)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("payload", "'{\"amount\": 1152921504606846976}'"),  # 2**60, which RFC 8785 has no form for
        ("payload", "jsonb_build_object('amount', repeat('9', 5000)::numeric)"),  # of which Python makes no int
        ("payload", "(repeat('[', 3000) || repeat(']', 3000))::jsonb"),
        ("payload", "'null'"),
        ("at", "'infinity'"),
        ("at", "'4713-01-01 BC'"),
        ("seq", "9223372036854775807"),
        ("key_version", "9223372036854775807"),
    ],
)
def test_whatever_somebody_writes_into_an_entry_does_not_stop_the_walk(
    session: Session, key_ring: FileKeyRing, card: Card, column: str, value: str
) -> None:
    change(session, 5, **{column: literal_column(value)})
    assert verdict(session, key_ring, card) == Verdict(False, ENTRIES, 5)
    [(found, _)] = [each for each in chains.verify_all(session, key_ring, chains.CARDS) if not each[1].valid]
    assert found == card.card_id


@pytest.mark.parametrize("values", [{"journal_count": -1}, {"journal_head": b""}, {"journal_seal": b""}], ids=str)
def test_a_head_that_was_written_over_is_found(
    session: Session, key_ring: FileKeyRing, card: Card, values: dict[str, object]
) -> None:
    session.execute(update(Card).values(values))
    found = verdict(session, key_ring, card)
    assert (found.valid, found.entries) == (False, ENTRIES)


def test_a_journal_of_which_nothing_is_left_is_no_surprise(session: Session, key_ring: FileKeyRing) -> None:
    nobody = ids.new_id()
    assert chains.verify_card(session, key_ring, nobody) == Verdict(False, 0, 1)
    assert chains.verify_subject(session, key_ring, nobody) == Verdict(False, 0, 1)


def test_all_journals_are_walked_also_those_whose_head_is_gone(
    session: Session, vault: Vault, key_ring: FileKeyRing, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chains, "CHAINS", 1)
    second, emptied, headless = (_another(session, card) for _ in range(3))
    append(session, key_ring, second, 2)
    append(session, key_ring, headless, 3)
    session.execute(text("ALTER TABLE tokenization.journal_entries DROP CONSTRAINT fk_journal_entries_card_id"))
    session.execute(delete(Card).where(Card.card_id == headless.card_id))
    assert dict(chains.verify_all(session, key_ring, chains.CARDS)) == {
        card.card_id: Verdict(True, ENTRIES, None),
        second.card_id: Verdict(True, 2, None),
        emptied.card_id: Verdict(False, 0, 1),
        headless.card_id: Verdict(False, 3, 1),
    }
    assert chains.verify_card(session, key_ring, headless.card_id) == Verdict(False, 3, 1)


def _another(session: Session, card: Card) -> Card:
    """A card like it, locked, without entries."""
    columns = {column.name: getattr(card, column.name) for column in Card.__table__.columns}
    empty = {"journal_count": 0, "journal_head": links.FIRST_LINK, "journal_seal": b""}
    session.add(Card(**columns | {"card_id": ids.new_id()} | empty))
    session.flush()
    made = session.scalars(select(Card).order_by(Card.card_id.desc()).limit(1)).one()
    cards.begin_journal(session, made.card_id)
    locked = cards.lock(session, made.card_id)
    assert locked is not None
    return locked


def test_a_cut_tail_is_found(session: Session, key_ring: FileKeyRing, card: Card) -> None:
    cut(session, 4, 5)
    assert verdict(session, key_ring, card) == Verdict(False, 3, 4)


def test_a_journal_that_was_emptied_is_found(session: Session, key_ring: FileKeyRing, card: Card) -> None:
    cut(session, 1, 2, 3, 4, 5)
    assert verdict(session, key_ring, card) == Verdict(False, 0, 1)


def test_a_tail_cut_together_with_the_count_is_found(session: Session, key_ring: FileKeyRing, card: Card) -> None:
    cut(session, 4, 5)
    session.execute(update(Card).values(journal_count=3))
    assert verdict(session, key_ring, card) == Verdict(False, 3, 4)


def test_a_tail_cut_together_with_count_and_head_is_found(session: Session, key_ring: FileKeyRing, card: Card) -> None:
    link = session.scalar(select(JournalEntry.link).where(JournalEntry.seq == 3))
    cut(session, 4, 5)
    session.execute(update(Card).values(journal_count=3, journal_head=link))
    assert verdict(session, key_ring, card) == Verdict(False, 3, 4)


def test_a_journal_emptied_down_to_its_head_is_found(session: Session, key_ring: FileKeyRing, card: Card) -> None:
    cut(session, 1, 2, 3, 4, 5)
    session.execute(update(Card).values(journal_count=0, journal_head=links.FIRST_LINK, journal_seal=b""))
    assert verdict(session, key_ring, card) == Verdict(False, 0, 1)


def test_nobody_seals_what_is_left_of_a_journal_that_was_cut(
    session: Session, key_ring: FileKeyRing, card: Card
) -> None:
    link = session.scalar(select(JournalEntry.link).where(JournalEntry.seq == 3))
    cut(session, 4, 5)
    session.execute(update(Card).values(journal_count=3, journal_head=link))
    session.info.clear()  # another transaction
    for entries_ in (4, 5):
        cards.lock(session, card.card_id)
        append(session, key_ring, card, 1)
        assert verdict(session, key_ring, card) == Verdict(False, entries_, entries_ + 1)


def test_nobody_begins_a_journal_anew_that_was_emptied(session: Session, key_ring: FileKeyRing, card: Card) -> None:
    cut(session, 1, 2, 3, 4, 5)
    session.execute(update(Card).values(journal_count=0, journal_head=links.FIRST_LINK, journal_seal=b""))
    session.info.clear()  # another transaction
    cards.lock(session, card.card_id)
    append(session, key_ring, card, 1)
    assert verdict(session, key_ring, card) == Verdict(False, 1, 2)


def test_nobody_seals_what_is_left_of_a_policys_journal(session: Session, key_ring: FileKeyRing) -> None:
    about: dict[str, Any] = {"at": NOON, "subject_id": CEILINGS, "name": "ceilings", "figures": {"per_day": 5}}
    made = [PolicySet(**about, version=each, effective_at=NOON, lowered=[]) for each in range(3)]
    entries.append(session, key_ring, made, "mette")
    link = session.scalar(select(SubjectJournalEntry.link).where(SubjectJournalEntry.seq == 2))
    session.execute(delete(SubjectJournalEntry).where(SubjectJournalEntry.seq == 3))
    session.execute(update(SubjectJournal).values(journal_count=2, journal_head=link))
    entries.append(session, key_ring, made[:1], "mette")
    assert chains.verify_subject(session, key_ring, CEILINGS) == Verdict(False, 3, 4)


def test_a_ring_that_lacks_the_key_of_the_seal_goes_on(
    session: Session, ring_folder: Path, key_ring: FileKeyRing, card: Card, tmp_path: Path
) -> None:
    shutil.copytree(ring_folder, tmp_path / "newer")
    ceremonies.rotate(tmp_path / "newer", Purpose.JOURNAL, NOON)
    newer = FileKeyRing(tmp_path / "newer", SetClock(NOON + timedelta(days=1)))
    append(session, newer, card, 1)
    cards.lock(session, card.card_id)
    append(session, key_ring, card, 1)
    assert verdict(session, newer, card) == Verdict(True, ENTRIES + 2, None)


def test_an_entry_that_was_added_behind_the_head_is_found(session: Session, key_ring: FileKeyRing, card: Card) -> None:
    head = session.execute(select(Card.journal_count, Card.journal_head)).one()
    append(session, key_ring, card, 1)
    session.execute(update(Card).values(head._asdict()))
    assert verdict(session, key_ring, card) == Verdict(False, ENTRIES + 1, ENTRIES + 1)


def test_a_piece_cut_out_of_the_middle_is_found(session: Session, key_ring: FileKeyRing, card: Card) -> None:
    cut(session, 3)
    assert verdict(session, key_ring, card) == Verdict(False, ENTRIES - 1, 3)


def test_a_closed_gap_is_found(session: Session, key_ring: FileKeyRing, card: Card) -> None:
    cut(session, 3)
    change(session, 4, seq=3)
    change(session, 5, seq=4)
    assert verdict(session, key_ring, card) == Verdict(False, ENTRIES - 1, 3)


def test_two_entries_that_changed_places_are_found(session: Session, key_ring: FileKeyRing, card: Card) -> None:
    for of, to in ((2, 99), (3, 2), (99, 3)):
        change(session, of, seq=to)
    assert verdict(session, key_ring, card) == Verdict(False, ENTRIES, 2)


def test_a_whole_chain_forged_without_the_journal_key_is_found(
    session: Session, ring_folder: Path, key_ring: FileKeyRing, card: Card, tmp_path: Path
) -> None:
    """Everything is consistent, links, count and head, but under another key."""
    shutil.copytree(ring_folder, tmp_path / "keys")
    (tmp_path / "keys" / "journal.1.json").unlink()
    ceremonies.create(tmp_path / "keys", NOON)
    forgers = FileKeyRing(tmp_path / "keys", SetClock(NOON))
    cut(session, 1, 2, 3, 4, 5)
    session.execute(update(Card).values(journal_count=0, journal_head=links.FIRST_LINK))
    cards.lock(session, card.card_id)
    append(session, forgers, card, ENTRIES)
    assert verdict(session, forgers, card).valid
    assert verdict(session, key_ring, card) == Verdict(False, ENTRIES, 1)


def test_payload_and_salt_can_be_erased_without_breaking_the_chain(
    session: Session, key_ring: FileKeyRing, card: Card
) -> None:
    """R-20: what was said is gone; that something was said, when and by whom, still holds."""
    change(session, 2, payload=None, salt=None)
    change(session, 3, payload=None, salt=None)
    assert verdict(session, key_ring, card) == Verdict(True, ENTRIES, None, erased=2)
    change(session, 3, actor="somebody else")
    assert verdict(session, key_ring, card) == Verdict(False, ENTRIES, 3, erased=2)


def test_a_chain_is_bound_to_its_card(session: Session, key_ring: FileKeyRing, card: Card) -> None:
    """Two chains begin alike; entries of one do not pass for the other's."""
    other = ids.new_id()
    columns = {column.name: getattr(card, column.name) for column in Card.__table__.columns}
    session.add(Card(**columns | {"card_id": other}))
    session.flush()
    session.execute(update(JournalEntry).values(card_id=other))
    session.expire_all()
    assert chains.verify_card(session, key_ring, other) == Verdict(False, ENTRIES, 1)


def test_nothing_is_written_without_the_cards_lock(session: Session, key_ring: FileKeyRing, card: Card) -> None:
    session.info.clear()
    with pytest.raises(cards.LockNotHeld):
        entries.append(session, key_ring, [event(card.card_id)], "test")


def test_what_concerns_no_card_stands_in_a_journal_of_its_own(session: Session, key_ring: FileKeyRing) -> None:
    subject = policies.subject_id("ceilings")
    about = {"subject_id": subject, "name": "ceilings", "figures": {"per_day": 5}, "effective_at": NOON}
    made = [PolicySet(at=NOON, version=version, **about) for version in (2, 3)]  # type: ignore[arg-type]  # of one event
    recorded = entries.append(session, key_ring, made, "mette")
    session.flush()
    assert [entry.seq for entry in recorded] == [1, 2]
    assert chains.verify_subject(session, key_ring, subject) == Verdict(True, 2, None)
    session.execute(update(SubjectJournalEntry).where(SubjectJournalEntry.seq == 2).values(actor="somebody else"))
    assert chains.verify_subject(session, key_ring, subject) == Verdict(False, 2, 2)
