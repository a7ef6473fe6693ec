"""Anchors: what somebody did who has the database and the keys, or an old copy of everything.

Each case is held against the plain walk as well: what that cannot see is why there are anchors.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.orm import Session

from tests.drawing_rights import NOON, issue_card
from tokenization import cards, ids, policies
from tokenization.events import CardUnblocked, Event, PolicySet
from tokenization.journal import anchors, chains, entries, links
from tokenization.journal.anchors import Anchored, NotAnAnchor
from tokenization.journal.chains import CARDS, SUBJECTS
from tokenization.journal.models import JournalEntry, SubjectJournal, SubjectJournalEntry
from tokenization.keys.folder import FileKeyRing
from tokenization.keys.ring import Purpose
from tokenization.models import Card
from tokenization.vault import Vault

ENTRIES = 5
CEILINGS = policies.subject_id("ceilings")


@dataclass
class Town:
    """Two cards with five entries each, a policy with three, and an anchor of them."""

    session: Session
    ring: FileKeyRing
    card: Card
    other: Card
    anchor: bytes = b""

    def append(self, card: Card, count: int, last4: str = "1234") -> None:
        """Entries, as they are always written."""
        about: dict[str, Any] = {"at": NOON, "card_id": card.card_id, "holder_id": UUID(int=1), "last4": last4}
        entries.append(self.session, self.ring, [CardUnblocked(**about) for _ in range(count)], "test")
        self.session.flush()

    def set_policy(self, count: int) -> None:
        """Entries of what is no card."""
        about: dict[str, Any] = {"at": NOON, "subject_id": CEILINGS, "name": "ceilings", "figures": {"per_day": 5}}
        made: list[Event] = [PolicySet(**about, version=each, effective_at=NOON) for each in range(count)]
        entries.append(self.session, self.ring, made, "test")
        self.session.flush()

    def write_anew(self, card: Card, entries: int) -> None:
        """By somebody who has the journal key: the chain, its head and its seal are as good as any."""
        self.session.execute(delete(JournalEntry).where(JournalEntry.card_id == card.card_id))
        self.session.expire_all()
        card.journal_count, card.journal_head = 0, links.FIRST_LINK
        self.session.flush()
        cards.begin_journal(self.session, card.card_id)  # as it stands for one who can seal it
        cards.lock(self.session, card.card_id)
        self.append(card, entries, last4="6666")

    def compared(self) -> dict[UUID, str]:
        """What no longer goes on from its anchor."""
        self.session.expire_all()
        found = anchors.compare(self.session, anchors.anchored_in(io.BytesIO(self.anchor)))
        return {each.owner_id: what for each, what in found if what}

    def walked(self) -> list[UUID]:
        """What the plain walk finds broken."""
        found = [each for kind in chains.KINDS for each in chains.verify_all(self.session, self.ring, kind)]
        return [owner_id for owner_id, verdict in found if not verdict.valid]


@pytest.fixture
def town(session: Session, vault: Vault, key_ring: FileKeyRing) -> Town:
    card = issue_card(session, vault, NOON)
    columns = {column.name: getattr(card, column.name) for column in Card.__table__.columns}
    other = Card(**columns | {"card_id": ids.new_id()})
    session.add(other)
    session.flush()
    cards.begin_journal(session, other.card_id)
    locked = cards.lock(session, other.card_id)
    assert locked is not None
    made = Town(session, key_ring, card, locked)
    made.append(card, ENTRIES)
    made.append(locked, ENTRIES)
    made.set_policy(3)
    made.anchor = written(session)
    return made


def written(session: Session) -> bytes:
    lines: list[str] = []
    anchors.write(anchors.heads(session), "https://wallet.bank.example", NOON, lines.append)
    return "".join(lines).encode()


def test_an_anchor_says_what_it_is_and_holds_every_journal(town: Town) -> None:
    found = anchors.check(io.BytesIO(town.anchor))
    assert (found.moment, found.installation) == ("2026-11-22T11:00:00Z", "https://wallet.bank.example")
    town.session.refresh(town.card)
    kept = {each.owner_id: each for each in anchors.anchored_in(io.BytesIO(town.anchor))}
    assert found.journals == len(kept) == 3
    assert kept[town.card.card_id] == Anchored(CARDS, town.card.card_id, ENTRIES, town.card.journal_head)
    assert (kept[CEILINGS].journals, kept[CEILINGS].count) == (SUBJECTS, 3)
    *lines, last = town.anchor.splitlines(keepends=True)
    assert last.decode() == f"sha256 {sha256(b''.join(lines)).hexdigest()}\n"
    assert all(before < after for before, after in pairwise(lines[1:])), "two anchors can be compared line by line"


def test_an_anchor_of_nothing_is_one(session: Session) -> None:
    assert anchors.check(io.BytesIO(written(session))).journals == 0


def test_journals_that_grew_go_on_from_their_anchors(town: Town) -> None:
    town.append(town.card, 2)
    town.set_policy(1)
    assert town.compared() == {}
    assert town.walked() == []


def test_erased_payloads_are_no_difference(town: Town) -> None:
    """R-20."""
    town.session.execute(update(JournalEntry).values(payload=None, salt=None))
    assert town.compared() == {}
    assert town.walked() == []


Deed = Callable[[Town], None]


def rewritten(town: Town) -> None:
    town.write_anew(town.card, ENTRIES + 2)


def tail_cut_and_sealed_again(town: Town) -> None:
    town.write_anew(town.card, ENTRIES - 1)


def deleted(town: Town) -> None:
    """Card and journal, and whatever hangs on them."""
    for table in ("card_keys", "plastics", "journal_entries", "cards"):
        town.session.execute(text(f"DELETE FROM tokenization.{table} WHERE card_id = '{town.card.card_id}'"))  # noqa: S608 - ours


def policy_deleted(town: Town) -> None:
    town.session.execute(delete(SubjectJournalEntry))
    town.session.execute(delete(SubjectJournal))


def old_state_put_back(town: Town) -> None:
    """As a copy of the database has it that is older than the anchor."""
    town.write_anew(town.card, ENTRIES)
    town.anchor = written(town.session)
    last = town.session.get_one(JournalEntry, (town.card.card_id, ENTRIES - 2))
    town.session.execute(
        delete(JournalEntry).where(JournalEntry.card_id == town.card.card_id, JournalEntry.seq > last.seq)
    )
    key = town.ring.current(Purpose.JOURNAL).key
    town.session.refresh(town.card)
    town.card.journal_count, town.card.journal_head = last.seq, last.link
    town.card.journal_seal = links.seal(key, town.card.card_id, last.seq, last.link)
    town.session.flush()


@pytest.mark.parametrize(
    ("deed", "what"),
    [
        (rewritten, "rewritten"),
        (tail_cut_and_sealed_again, "shorter"),
        (deleted, "gone"),
        (old_state_put_back, "shorter"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_what_the_walk_cannot_see_differs_from_the_anchor(town: Town, deed: Deed, what: str) -> None:
    card_id = town.card.card_id
    deed(town)
    assert town.compared() == {card_id: what}
    assert town.walked() == []


def test_a_journal_of_what_is_no_card_is_missed_as_well(town: Town) -> None:
    policy_deleted(town)
    assert town.compared() == {CEILINGS: "gone"}
    assert town.walked() == []


def payload_edited(town: Town) -> None:
    edit(town, 2, payload={"last4": "6666"})


def actor_edited(town: Town) -> None:
    edit(town, 2, actor="somebody else")


def time_edited(town: Town) -> None:
    edit(town, 2, at=NOON.replace(year=2020))


def reordered(town: Town) -> None:
    for seq, to in ((2, 99), (3, 2), (99, 3)):
        edit(town, seq, seq=to)


def edit(town: Town, seq: int, /, **values: Any) -> None:
    mine = (JournalEntry.card_id == town.card.card_id) & (JournalEntry.seq == seq)
    town.session.execute(update(JournalEntry).where(mine).values(**values))


@pytest.mark.parametrize("deed", [payload_edited, actor_edited, time_edited, reordered], ids=lambda deed: deed.__name__)
def test_what_leaves_the_last_link_alone_is_for_the_walk_to_find(town: Town, deed: Deed) -> None:
    deed(town)
    assert town.walked() == [town.card.card_id]
    assert town.compared() == {}


def test_journals_that_changed_places_are_found_by_both(town: Town) -> None:
    mine, others = town.card.card_id, town.other.card_id
    for of, to in ((mine, 100), (others, 0), (mine, None)):
        moved = update(JournalEntry).where(JournalEntry.card_id == of)
        if to is None:
            back = moved.where(JournalEntry.seq > 100).values(card_id=others, seq=JournalEntry.seq - 100)
            town.session.execute(back)
        elif of == mine:
            town.session.execute(moved.values(seq=JournalEntry.seq + to))
        else:
            town.session.execute(moved.values(card_id=mine))
    assert set(town.walked()) == set(town.compared()) == {mine, others}
    assert set(town.compared().values()) == {"rewritten"}


def test_a_card_whose_row_alone_was_deleted_is_found_by_both(town: Town) -> None:
    town.session.execute(text("ALTER TABLE tokenization.journal_entries DROP CONSTRAINT fk_journal_entries_card_id"))
    town.session.execute(delete(Card).where(Card.card_id == town.other.card_id))
    assert town.walked() == [town.other.card_id]
    assert town.compared() == {town.other.card_id: "gone"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (lambda anchor: anchor.replace(b" 5 ", b" 4 ", 1), "was changed"),
        (lambda anchor: anchor.replace(b"wallet.bank", b"wallet.bonk"), "was changed"),
        (lambda anchor: b"".join(sorted(anchor.splitlines(keepends=True), reverse=True)), "was changed"),
        (lambda anchor: anchor[: anchor.index(b"sha256")], "cut off"),
        (lambda anchor: anchor[:-20], "cut off"),
        (lambda anchor: anchor[: anchor.index(b"card_") + 40], "cut off"),
        (lambda anchor: anchor.replace(anchor.splitlines(keepends=True)[1], b""), "was changed"),
        (lambda anchor: anchor + b"and more\n", "behind"),
        (lambda anchor: anchor.replace(b"\n", b"\r\n"), "was changed: its lines end in CR LF"),
        (lambda anchor: anchor.replace(b"card_", b"cart_", 1), "no journal's"),
        (lambda anchor: anchor.replace(b"card_0", b"card_8", 1), "no journal's"),
        (lambda anchor: anchor.replace(b"tegnebog-anchor 1", b"tegnebog-anchor 2"), "first line"),
        (lambda anchor: anchor.splitlines(keepends=True)[0] + b"x" * 10_000, "no journal's"),
        (lambda anchor: b"", "first line"),
        (lambda anchor: bytes(range(256)) * 100, "first line"),
    ],
    ids=[
        "a count", "the installation", "the order", "the last line", "its end", "half of it", "a line less",
        "a line more", "line ends", "a prefix", "an id", "the version", "a long line", "nothing", "something else",
    ],
)  # fmt: skip
def test_a_file_that_is_no_anchor_or_not_all_of_it_is_refused(
    town: Town, changed: Callable[[bytes], bytes], said: str
) -> None:
    with pytest.raises(NotAnAnchor, match=said):
        anchors.check(io.BytesIO(changed(town.anchor)))
    assert anchors.check(io.BytesIO(town.anchor.removesuffix(b"\n"))).journals == 3, (
        "a last line without its end is whole"
    )


def test_no_index_but_the_primary_keys_is_needed(town: Town) -> None:
    """A piece of all chains is found and read by key, and sorted chain by chain, however large the tables are."""
    town.session.execute(text("SET LOCAL enable_seqscan = off"))
    wanted = chains.piece(CARDS, town.card.card_id)
    sql = str(wanted.compile(town.session.connection(), compile_kwargs={"literal_binds": True}))
    plan = "\n".join(town.session.scalars(text("EXPLAIN " + sql.replace(":", "\\:"))))
    assert "pk_cards" in plan
    assert "pk_journal_entries" in plan
    assert "Seq Scan" not in plan
