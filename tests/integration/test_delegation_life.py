"""The whole life of a drawing right: every move from every status, and how it comes into each."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from delegation import agenda, drawing_rights
from delegation.drawing_rights import delegate_of, status, terms_of
from delegation.models import DrawingRight
from delegation.parties import Delegate, Watching
from delegation.terms import Limits
from tests.drawing_rights import CEILING, NOON, POLICY, grant, issue_card, permitting
from tokenization import cards
from tokenization.errors import CardBlocked, CardClosed, CardExpired, IllegalMove
from tokenization.events import take_pending
from tokenization.models import Card
from tokenization.vault import Vault

LATER = NOON + timedelta(days=40)  # 1 January
CHRISTMAS = date(2026, 12, 24)
CHILD = Delegate("Emil", date(2008, 12, 1))  # 18 on 1 December
ACTIVE = {"state": "active"}
# How a right of NOON stands LATER, by its row.
ROWS: dict[str, dict[str, Any]] = {
    "invited": {"state": "invited", "invitation_lapses_at": LATER + timedelta(seconds=1)},
    "active": ACTIVE,
    "paused": {"state": "paused", "state_before_pause": "active"},
    "revoked": {"state": "revoked", "revoked_at": NOON},
    "last day passed": {**ACTIVE, "valid_until": CHRISTMAS},
    "last day passed in a pause": {"state": "paused", "state_before_pause": "active", "valid_until": CHRISTMAS},
    "of age": {**ACTIVE, "delegate_birthdate": CHILD.birthdate},
    "invitation lapsed": {"state": "invited", "invitation_lapses_at": LATER},
    "invitation lapsed in a pause": {
        "state": "paused",
        "state_before_pause": "invited",
        "invitation_lapses_at": LATER,
    },
}
EXPIRED = frozenset(ROWS) - {"invited", "active", "paused", "revoked"}
# What may be done, and what comes of it.
LEGAL: dict[str, dict[str, str]] = {
    "paired": {"invited": "active", "active": "active"},
    "paused": {"invited": "paused", "active": "paused"},
    "resumed": {"paused": "active"},
    "revoked": dict.fromkeys({"invited", "active", "paused", *EXPIRED}, "revoked"),
    "changed": {**{name: name for name in ("invited", "active", "paused")}, **dict.fromkeys(EXPIRED, "expired")},
    "asked to give more": {"active": "active"},
    "given more": {"active": "active", "paused": "paused"},
}


@pytest.fixture
def card(session: Session, vault: Vault) -> Card:
    return issue_card(session, vault, NOON)


@pytest.fixture
def right(session: Session, card: Card) -> DrawingRight:
    granted = grant(session, card, NOON)
    take_pending(session)
    return granted


def put(right: DrawingRight, row: dict[str, Any]) -> DrawingRight:
    """Make the row so; the rounds have just been there."""
    for name, value in {"looked_at": LATER, "due_at": None, **row}.items():
        setattr(right, name, value)
    return right


def change(session: Session, right: DrawingRight, now: datetime = LATER, **changes: Any) -> None:
    delegate = changes.pop("delegate", delegate_of(right))
    wanted = replace(terms_of(right), **changes)
    drawing_rights.change(session, right, CEILING, right_terms=wanted, delegate=delegate, now=now)


def make(session: Session, right: DrawingRight, move: str) -> None:
    """By its own function; those of the other modules make theirs by the table."""
    acts: dict[str, Callable[[Session, DrawingRight, datetime], object]] = {
        "paused": drawing_rights.pause,
        "resumed": drawing_rights.resume,
        "revoked": drawing_rights.revoke,
        "changed": partial(change, limits=Limits(per_day=1)),
    }
    if move in acts:
        acts[move](session, right, LATER)
    else:
        drawing_rights.move(right, move, LATER)


def told(session: Session) -> list[str]:
    return [event.type for event in take_pending(session)]


def test_the_table_of_moves_is_of_these_moves() -> None:
    assert set(drawing_rights.MOVES) == set(LEGAL)


@pytest.mark.parametrize("row", sorted(ROWS))
def test_from_each_status_each_move_does_what_the_table_says(session: Session, right: DrawingRight, row: str) -> None:
    for name, legal in LEGAL.items():
        with session.begin_nested() as attempt:
            before = status(put(right, ROWS[row]), LATER)
            assert before == ("expired" if row in EXPIRED else row)
            if row in legal:
                make(session, right, name)
                assert (name, status(right, LATER)) == (name, legal[row])
            else:
                with pytest.raises(IllegalMove, match=f"{before} cannot be {name}"):
                    make(session, right, name)
            attempt.rollback()


def test_counts_and_endings_are_those_of_the_statuses(session: Session, card: Card, right: DrawingRight) -> None:
    rights = [right, *(grant(session, card, NOON) for _ in range(len(ROWS) - 1))]
    for one, row in zip(rights, ROWS.values(), strict=True):
        put(one, row)
    over = {one.right_id for one in rights if status(one, LATER) in {"revoked", "expired"}}
    assert len(over) == len(ROWS) - 3
    living, ended = drawing_rights.by_life(session, card.card_id, LATER)
    assert set(ended) == over
    assert len(living) == 3
    assert len(drawing_rights.by_life(session, card.card_id, NOON)[0]) == len(ROWS) - 1


def test_a_right_whose_last_day_is_moved_lives_again(session: Session, right: DrawingRight) -> None:
    put(right, ROWS["last day passed"])
    change(session, right, valid_until=date(2027, 6, 30))
    assert status(right, LATER) == "active"
    put(right, ROWS["last day passed in a pause"])
    change(session, right, valid_until=None)
    assert status(right, LATER) == "paused"


@pytest.mark.parametrize("row", ["of age", "invitation lapsed", "invitation lapsed in a pause"])
def test_no_last_day_revives_what_ended_otherwise(session: Session, right: DrawingRight, row: str) -> None:
    put(right, ROWS[row])
    change(session, right, valid_until=date(2027, 6, 30))
    assert status(right, LATER) == "expired"
    assert told(session) == ["drawing_right.changed"]


@pytest.mark.parametrize("birthdate", [None, date(2009, 12, 1), date(2008, 11, 22)])
def test_a_birthdate_put_right_revives_what_ended_by_age(
    session: Session, right: DrawingRight, birthdate: date | None
) -> None:
    put(right, ROWS["of age"])
    change(session, right, delegate=Delegate("Emil", birthdate))
    assert status(right, LATER) == "active"


def test_a_birthdate_of_long_ago_ends_the_right_at_once_and_that_is_told(session: Session, right: DrawingRight) -> None:
    put(right, ACTIVE)
    change(session, right, delegate=CHILD)
    assert status(right, LATER) == "expired"
    assert told(session) == ["drawing_right.changed", "drawing_right.expired"]
    assert agenda.between(right, right.looked_at, LATER + timedelta(days=400)) == []


def test_what_is_changed_of_a_right_that_expired_does_not_tell_again_that_it_did(
    session: Session, right: DrawingRight
) -> None:
    put(right, ROWS["of age"])
    change(session, right, delegate=Delegate("Emil Prøve", CHILD.birthdate))
    assert told(session) == ["drawing_right.changed"]


def test_what_the_policy_says_later_does_not_reach_a_right_that_was_granted(session: Session, card: Card) -> None:
    rights = [
        drawing_rights.grant(
            session,
            card,
            CHILD,
            permitting(per_day=1),
            CEILING,
            policy=replace(POLICY, at_majority=at_majority, invitation_days=60),
            now=NOON,
        )
        for at_majority in ("expire", "tell")
    ]
    assert [status(right, LATER) for right in rights if isinstance(right, DrawingRight)] == ["expired", "invited"]


def test_when_it_is_looked_at_next_follows_every_change(session: Session, card: Card) -> None:
    right = grant(session, card, NOON)
    lapses, monday = NOON + timedelta(days=30), datetime.fromisoformat("2026-11-22T23:00Z")
    dues = [right.due_at]
    drawing_rights.move(right, "paired", NOON)
    dues.append(right.due_at)
    drawing_rights.change(session, right, CEILING, watching=Watching(weekly_summary=False), now=NOON)
    dues.append(right.due_at)
    change(session, right, NOON, valid_until=CHRISTMAS)
    dues.append(right.due_at)
    change(session, right, NOON, delegate=CHILD)
    dues.append(right.due_at)
    drawing_rights.change(session, right, CEILING, watching=Watching(), now=NOON)
    dues.append(right.due_at)
    of_age, over = datetime.fromisoformat("2026-11-30T23:00Z"), datetime.fromisoformat("2026-12-24T23:00Z")
    assert dues == [lapses, monday, None, over, of_age, monday]


@pytest.mark.parametrize("do", ["paused", "revoked"])
def test_what_is_due_stays_due_until_it_is_told(session: Session, right: DrawingRight, do: str) -> None:
    monday = datetime.fromisoformat("2026-11-22T23:00Z")
    drawing_rights.move(right, "paired", NOON)
    moves = {"paused": drawing_rights.pause, "revoked": drawing_rights.revoke}
    moves[do](session, right, monday + timedelta(seconds=30))
    assert (right.looked_at, right.due_at) == (NOON, monday)


def test_a_clock_that_is_behind_makes_nothing_come_twice(session: Session, right: DrawingRight) -> None:
    monday = datetime.fromisoformat("2026-11-22T23:00Z")
    put(right, {**ACTIVE, "looked_at": monday, "due_at": monday + timedelta(weeks=1)})
    drawing_rights.pause(session, right, monday - timedelta(milliseconds=200))
    assert (right.looked_at, right.due_at) == (monday, monday + timedelta(weeks=1))


def test_summaries_asked_for_begin_with_the_week_that_runs(session: Session, right: DrawingRight) -> None:
    put(right, {**ACTIVE, "weekly_summary": False})
    drawing_rights.change(session, right, CEILING, watching=Watching(), now=LATER)
    assert right.due_at is not None
    assert right.due_at > LATER


@pytest.mark.parametrize("error", [CardBlocked, CardClosed, CardExpired])
def test_nothing_is_granted_on_a_card_that_cannot_be_used(session: Session, card: Card, error: type[Exception]) -> None:
    now = NOON + timedelta(days=3_000) if error is CardExpired else NOON
    card.state = {"CardBlocked": "blocked", "CardClosed": "closed"}.get(error.__name__, "active")
    with pytest.raises(error):
        grant(session, card, now)
    assert drawing_rights.load_for_card(session, card.card_id) == []


def test_under_a_card_that_is_blocked_a_right_is_changed_paused_and_revoked(
    session: Session, card: Card, right: DrawingRight
) -> None:
    cards.block(session, card, reason="lost", by="cardholder", noticed_at=NOON, now=NOON)
    change(session, right, NOON, valid_until=CHRISTMAS)
    drawing_rights.pause(session, right, NOON)
    drawing_rights.resume(session, right, NOON)
    drawing_rights.revoke(session, right, NOON)
    assert status(right, NOON) == "revoked"


def test_what_becomes_of_the_card_is_not_copied_to_the_right(session: Session, card: Card, right: DrawingRight) -> None:
    cards.block(session, card, reason="lost", by="cardholder", noticed_at=NOON, now=NOON)
    assert (status(right, NOON), drawing_rights.because(right, NOON), right.revision) == ("invited", frozenset(), 1)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *((each, "infinity") for each in ("valid_until", "delegate_birthdate", "invitation_lapses_at", "due_at")),
        ("delegate_birthdate", "9990-01-01"),
    ],
)
def test_no_day_is_kept_that_could_not_be_read(session: Session, right: DrawingRight, column: str, value: str) -> None:
    """A block counts the rights of its card, and must not fail for one of them (R-11.4)."""
    with pytest.raises(IntegrityError, match="ck_drawing_rights_readable"):
        session.execute(update(DrawingRight).values({column: text(f"'{value}'")}))
