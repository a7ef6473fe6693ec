"""The rounds: what came with time is told, once; what is paid in a week is summed up."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from delegation import drawing_rights, rounds, usage
from delegation.models import DrawingRight
from delegation.parties import Delegate, Watching
from delegation.rounds import Due, due, look, overdue
from delegation.usage import Delta
from tests.drawing_rights import CEILING, NOON, POLICY, grant, issue_card, permitting
from tokenization import cards, ids
from tokenization.events import Event, take_pending
from tokenization.models import Card
from tokenization.vault import Vault

MIDNIGHT = datetime.fromisoformat("2026-11-22T23:00Z")  # a Monday begins
MONDAY = date(2026, 11, 16)
BIRTHDAY = datetime.fromisoformat("2026-11-30T23:00Z")
CHILD = Delegate("Emil", date(2008, 12, 1))


@pytest.fixture
def card(session: Session, vault: Vault) -> Card:
    return issue_card(session, vault, NOON - timedelta(days=6))


def active(session: Session, card: Card, at_majority: str = "expire", **changes: Any) -> DrawingRight:
    """A right of the Monday before, under which a phone was let in."""
    now = NOON - timedelta(days=6)
    right = drawing_rights.grant(
        session,
        card,
        CHILD,
        permitting(per_day=50_000, **changes),
        CEILING,
        policy=replace(POLICY, at_majority=at_majority),
        now=now,
    )
    assert isinstance(right, DrawingRight)
    drawing_rights.move(right, "paired", now)
    take_pending(session)
    return right


@contextmanager
def within(session: Session) -> Iterator[Session]:
    """A transaction within the test's."""
    with session.begin_nested():
        yield session


def pay(session: Session, right: DrawingRight, day: date, amount: int = 10_000, payments: int = 1) -> None:
    usage.charge(session, right.card_id, right.right_id, day, Delta(amount, payments))


def after(session: Session, right: DrawingRight, now: datetime) -> list[Event]:
    """What a look at that moment tells."""
    count = look(session, right.card_id, right.right_id, now)
    told = take_pending(session)
    assert count == len(told)
    return told


def test_a_week_is_told_with_what_was_paid_from_its_monday_to_its_sunday(session: Session, card: Card) -> None:
    right = active(session, card)
    for day in (-1, 0, 3, 6, 7):
        pay(session, right, MONDAY + timedelta(days=day), 100 + day)
    (told,) = after(session, right, MIDNIGHT + timedelta(seconds=40))
    assert told.at == MIDNIGHT
    assert told.payload() == {
        "card_id": ids.to_text("card", card.card_id),
        "holder_id": ids.to_text("holder", card.holder_id),
        "right_id": ids.to_text("right", right.right_id),
        "delegate_name": "Emil",
        "week": "2026-11-16",
        "spent": 309,
        "payments": 3,
    }


def test_what_was_wholly_reversed_was_not_paid(session: Session, card: Card) -> None:
    right = active(session, card)
    for _ in range(2):
        pay(session, right, MONDAY)
    usage.give_back(session, card.card_id, right.right_id, MONDAY, Delta(10_000, 1))
    (told,) = after(session, right, MIDNIGHT)
    assert (told.payload()["spent"], told.payload()["payments"]) == (10_000, 1)
    usage.give_back(session, card.card_id, right.right_id, MONDAY, Delta(10_000, 1))
    assert usage.of_week(session, card.card_id, right.right_id, MONDAY) == usage.Week(0, 0)


def test_a_week_without_payments_costs_one_row_and_tells_nothing(session: Session, card: Card) -> None:
    right = active(session, card)
    pay(session, right, MONDAY - timedelta(days=1))
    session.flush()
    with sent(session) as statements:
        assert after(session, right, MIDNIGHT) == []
        session.flush()
    assert (right.looked_at, right.due_at) == (MIDNIGHT, MIDNIGHT + timedelta(weeks=1))
    writing = [statement.split()[:2] for statement, _ in statements if not statement.startswith("SELECT")]
    assert writing == [["UPDATE", "delegation.drawing_rights"]]


@contextmanager
def sent(session: Session) -> Iterator[list[tuple[str, Any]]]:
    """The statements that go to the database meanwhile, with their parameters."""
    found: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        found.append((statement, parameters))

    connection = session.connection()
    event.listen(connection, "before_cursor_execute", note)
    yield found
    event.remove(connection, "before_cursor_execute", note)


def test_without_summaries_no_week_is_told(session: Session, card: Card) -> None:
    right = active(session, card)
    pay(session, right, MONDAY)
    drawing_rights.change(session, right, CEILING, watching=Watching(weekly_summary=False), now=NOON)
    take_pending(session)
    assert after(session, right, MIDNIGHT) == []


def test_a_right_that_ended_is_told_once_and_its_revision_grows(session: Session, card: Card) -> None:
    right = active(session, card, valid_until=date(2026, 11, 22))
    before, later = right.revision, MIDNIGHT + timedelta(minutes=3)
    (told,) = after(session, right, later)
    assert (told.type, told.at, told.payload()["why"]) == ("drawing_right.expired", MIDNIGHT, "valid_until")
    assert (right.revision, right.looked_at, right.due_at) == (before + 1, later, None)
    assert after(session, right, later) == []


def test_nothing_is_told_before_its_time(session: Session, card: Card) -> None:
    right = active(session, card, valid_until=date(2026, 11, 22))
    assert after(session, right, MIDNIGHT - timedelta(microseconds=1)) == []
    assert right.due_at == MIDNIGHT


def test_a_right_that_is_given_more_time_first_is_not_told_as_ended(session: Session, card: Card) -> None:
    right = active(session, card, valid_until=date(2026, 11, 22))
    wanted = replace(drawing_rights.terms_of(right), valid_until=date(2026, 12, 24))
    drawing_rights.change(session, right, CEILING, right_terms=wanted, now=MIDNIGHT + timedelta(seconds=1))
    take_pending(session)
    assert after(session, right, MIDNIGHT + timedelta(minutes=1)) == []


@pytest.mark.parametrize(
    ("at_majority", "expected"), [("expire", "drawing_right.expired"), ("tell", "drawing_right.came_of_age")]
)
def test_who_comes_of_age_is_told_of_as_the_policy_said_at_the_grant(
    session: Session, card: Card, at_majority: str, expected: str
) -> None:
    (told,) = after(session, active(session, card, at_majority), BIRTHDAY)
    assert (told.type, told.at) == (expected, BIRTHDAY)


def test_an_invitation_that_lapsed_is_told(session: Session, card: Card) -> None:
    right = grant(session, card, NOON)
    take_pending(session)
    (told,) = after(session, right, NOON + timedelta(days=30))
    assert told.payload()["why"] == "invitation_lapsed"


def test_under_a_card_that_is_closed_nothing_is_told_any_more(session: Session, card: Card) -> None:
    right = active(session, card)
    pay(session, right, MONDAY)
    cards.close(session, card, NOON)
    take_pending(session)
    assert after(session, right, MIDNIGHT) == []
    assert right.due_at is None


def test_under_a_card_that_is_blocked_the_week_is_told_all_the_same(session: Session, card: Card) -> None:
    right = active(session, card)
    pay(session, right, MONDAY)
    cards.block(session, card, reason="lost", by="cardholder", noticed_at=NOON, now=NOON)
    take_pending(session)
    assert [told.type for told in after(session, right, MIDNIGHT)] == ["drawing_right.week_ended"]


def test_what_is_due_is_found_the_longest_first_and_from_behind_a_right_on(session: Session, card: Card) -> None:
    rights = [active(session, card) for _ in range(4)]
    for right, minutes in zip(rights, (0, -5, 0, 1), strict=True):
        right.due_at = MIDNIGHT + timedelta(minutes=minutes)
    expected = [rights[index].right_id for index in (1, 0, 2)]
    found = due(session, MIDNIGHT, None, 10)
    assert [each.right_id for each in found] == expected
    assert due(session, MIDNIGHT, found[0], 10) == found[1:]
    assert due(session, MIDNIGHT, found[1], 10) == found[2:]
    assert due(session, MIDNIGHT, None, 2) == found[:2]


def test_what_is_due_is_found_by_its_index_without_sorting(session: Session) -> None:
    for dearer in ("seqscan", "bitmapscan", "sort"):  # as they are where there are many rights
        session.execute(text(f"SET LOCAL enable_{dearer} = off"))
    with sent(session) as statements:
        due(session, MIDNIGHT, Due(MIDNIGHT, ids.new_id(), ids.new_id()), rounds.PIECE)
    ((statement, parameters),) = statements
    plan = session.connection().exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars().all()
    assert "using ix_drawing_rights_due" in plan[1]
    assert not any("Sort" in line for line in plan)


def test_how_long_the_oldest_has_been_due_is_known(session: Session, card: Card) -> None:
    assert overdue(session, MIDNIGHT) == timedelta()
    active(session, card)
    session.flush()
    assert overdue(session, MIDNIGHT - timedelta(hours=1)) == timedelta()
    assert overdue(session, MIDNIGHT + timedelta(hours=2)) == timedelta(hours=2)


def test_a_round_looks_at_each_right_once_page_by_page(
    session: Session, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "PIECE", 2)
    rights = [active(session, card, valid_until=date(2026, 11, 22)) for _ in range(5)]
    session.flush()
    assert rounds.run(partial(within, session), MIDNIGHT) == 5
    assert {event.payload()["right_id"] for event in take_pending(session)} == {
        ids.to_text("right", right.right_id) for right in rights
    }
    assert rounds.run(partial(within, session), MIDNIGHT) == 0


def test_a_round_stops_when_it_is_told_to(session: Session, card: Card) -> None:
    for _ in range(3):
        active(session, card, valid_until=date(2026, 11, 22))
    session.flush()
    answers = iter([False, False, True])
    assert rounds.run(partial(within, session), MIDNIGHT, lambda: next(answers)) == 2


def test_a_right_that_cannot_be_looked_at_stops_no_other_and_stays_due(session: Session, card: Card) -> None:
    broken, sound = (active(session, card, valid_until=date(2026, 11, 22)) for _ in range(2))
    broken.revision = 2**63 - 1  # the highest that the column takes
    session.flush()
    with capture_logs() as logs:
        assert rounds.run(partial(within, session), MIDNIGHT) == 1
    assert [(entry["event"], entry["card_id"], entry["right_id"]) for entry in logs] == [
        ("right_not_looked_at", ids.to_text("card", card.card_id), ids.to_text("right", broken.right_id))
    ]
    assert (broken.due_at, sound.due_at) == (MIDNIGHT, None)
