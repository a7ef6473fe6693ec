from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import IntegrityError, NoResultFound
from sqlalchemy.orm import Session

from delegation import usage
from delegation.limits import Usage
from delegation.models import UsageDay
from delegation.usage import Charge, Delta, Scope
from tests.drawing_rights import NOON, issue_card
from tokenization import ids
from tokenization.clock import local_date
from tokenization.pipeline import as_json, pipeline
from tokenization.vault import Vault


@pytest.fixture
def card_id(session: Session, vault: Vault) -> UUID:
    card_id = issue_card(session, vault, NOON).card_id
    session.flush()
    return card_id


@pytest.fixture
def right_id() -> UUID:
    return ids.new_id()


def charge(session: Session, card_id: UUID, scope_id: UUID, *days: tuple[str, int]) -> None:
    charges = [Charge(card_id, scope_id, date.fromisoformat(day), Delta(amount, 1)) for day, amount in days]
    with pipeline(session) as pipe:
        pipe.send(usage.CHARGE, rows=as_json(usage.buckets_of(charges)))


def test_a_scope_without_payments_has_used_nothing(session: Session, card_id: UUID, right_id: UUID) -> None:
    assert usage.load(session, card_id, right_id, NOON) == Usage()


def test_every_counter_is_summed_over_its_own_days(session: Session, card_id: UUID, right_id: UUID) -> None:
    today, before = date(2026, 11, 22), date(2026, 11, 21)
    delta = Delta(spent_minor=1, payments=2, cash_minor=4, gambling_minor=8, visa_minor=16, visa_cash_minor=32)
    usage.charge(session, card_id, right_id, today, delta)
    usage.charge(session, card_id, right_id, before, delta)
    usage.charge(session, card_id, right_id, today, delta)
    assert usage.load(session, card_id, right_id, NOON) == Usage(
        day_minor=2,
        week_minor=3,
        month_minor=3,
        thirty_days_minor=3,
        total_minor=3,
        payments_today=4,
        cash_today_minor=8,
        gambling_today_minor=16,
        visa_thirty_days_minor=48,
        visa_cash_today_minor=64,
    )


@pytest.mark.parametrize(
    ("now", "day", "week", "month", "thirty_days", "total"),
    [
        ("2026-11-22T11:00", 1, 11, 111, 1111, 11111),
        ("2026-11-22T23:00", 0, 0, 111, 111, 11111),  # Monday the 23rd in Copenhagen: 24 October is 30 days back
        ("2026-11-30T23:00", 0, 0, 0, 111, 11111),  # the first of December
    ],
)
def test_day_week_month_and_thirty_days_begin_where_they_should(
    session: Session,
    card_id: UUID,
    right_id: UUID,
    now: str,
    day: int,
    week: int,
    month: int,
    thirty_days: int,
    total: int,
) -> None:
    charge(session, card_id, right_id, ("2026-11-22", 1), ("2026-11-16", 10), ("2026-11-15", 100))
    charge(session, card_id, right_id, ("2026-10-24", 1_000), ("2026-10-23", 10_000))
    found = usage.load(session, card_id, right_id, datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert found.day_minor == day
    assert found.week_minor == week
    assert found.month_minor == month
    assert found.thirty_days_minor == thirty_days
    assert found.total_minor == total


def test_a_week_of_two_years_is_one_week(session: Session, card_id: UUID, right_id: UUID) -> None:
    charge(session, card_id, right_id, ("2026-12-27", 1), ("2026-12-28", 10), ("2026-12-31", 100), ("2027-01-03", 1000))
    found = usage.load(session, card_id, right_id, datetime(2027, 1, 3, 22, 59, tzinfo=UTC))
    assert (found.week_minor, found.month_minor) == (1110, 1000)
    assert usage.load(session, card_id, right_id, datetime(2027, 1, 3, 23, 0, tzinfo=UTC)).week_minor == 0


def test_the_twenty_ninth_of_february_is_a_day_like_any_other(session: Session, card_id: UUID, right_id: UUID) -> None:
    charge(session, card_id, right_id, ("2028-02-01", 1), ("2028-02-29", 10))
    on_the_day = usage.load(session, card_id, right_id, datetime(2028, 2, 29, 12, tzinfo=UTC))
    assert (on_the_day.day_minor, on_the_day.month_minor) == (10, 11)
    charge(session, card_id, right_id, ("2028-03-01", 100))
    day_after = usage.load(session, card_id, right_id, datetime(2028, 3, 1, 12, tzinfo=UTC))
    assert (day_after.day_minor, day_after.month_minor, day_after.thirty_days_minor) == (100, 100, 111)


@pytest.mark.parametrize(("first", "hours"), [("2026-03-28T23:00", 23), ("2026-10-24T22:00", 25)])
def test_a_day_that_is_shorter_or_longer_is_one_bucket(
    session: Session, card_id: UUID, right_id: UUID, first: str, hours: int
) -> None:
    start = datetime.fromisoformat(first).replace(tzinfo=UTC)
    for hour in range(hours):
        usage.charge(session, card_id, right_id, local_date(start + timedelta(hours=hour)), Delta(1, 1))
    last = usage.load(session, card_id, right_id, start + timedelta(hours=hours, seconds=-1))
    assert (last.day_minor, last.payments_today) == (hours, hours)
    assert usage.load(session, card_id, right_id, start + timedelta(hours=hours)).day_minor == 0


def test_a_charge_by_a_clock_that_is_ahead_is_not_overlooked(session: Session, card_id: UUID, right_id: UUID) -> None:
    charge(session, card_id, right_id, ("2026-11-23", 100))
    assert usage.load(session, card_id, right_id, NOON).day_minor == 100


def test_scopes_are_counted_apart_and_loaded_together(session: Session, card_id: UUID, right_id: UUID) -> None:
    charge(session, card_id, right_id, ("2026-11-22", 5), ("2020-01-01", 7))
    charge(session, card_id, card_id, ("2026-11-22", 50), ("2020-01-01", 70))
    unused = ids.new_id()
    scopes = [Scope(card_id, right_id), Scope(card_id, card_id, total=False), Scope(card_id, unused, total=False)]
    found = usage.load_many(session, scopes, NOON)
    assert (found[right_id].day_minor, found[right_id].total_minor) == (5, 12)
    assert (found[card_id].day_minor, found[card_id].total_minor) == (50, None)
    assert found[unused] == Usage(total_minor=None)


def test_usage_is_loaded_in_one_statement_and_charged_in_one(session: Session, card_id: UUID, right_id: UUID) -> None:
    sent: list[str] = []
    connection = session.connection()
    event.listen(connection, "before_cursor_execute", lambda *call: sent.append(call[2]))
    usage.load_many(session, [Scope(card_id, right_id), Scope(card_id, card_id)], NOON)
    assert len(sent) == 1


def test_a_reversal_gives_back_to_the_day_that_was_charged(session: Session, card_id: UUID, right_id: UUID) -> None:
    charge(session, card_id, right_id, ("2026-11-21", 100), ("2026-11-22", 30))
    usage.give_back(session, card_id, right_id, date(2026, 11, 21), Delta(40))
    found = usage.load(session, card_id, right_id, NOON)
    assert (found.day_minor, found.week_minor, found.payments_today) == (30, 90, 1)


def test_giving_back_all_leaves_nothing(session: Session, card_id: UUID, right_id: UUID) -> None:
    delta = Delta.of(700, counted_as=["cash"], scheme="visa")
    usage.charge(session, card_id, right_id, date(2026, 11, 22), delta)
    usage.give_back(session, card_id, right_id, date(2026, 11, 22), delta)
    assert usage.load(session, card_id, right_id, NOON) == Usage()


def test_more_than_was_charged_cannot_be_given_back(session: Session, card_id: UUID, right_id: UUID) -> None:
    charge(session, card_id, right_id, ("2026-11-22", 100))
    with pytest.raises(IntegrityError, match="not_below_zero"):
        usage.give_back(session, card_id, right_id, date(2026, 11, 22), Delta(101))


def test_nothing_can_be_given_back_to_a_day_without_payments(session: Session, card_id: UUID, right_id: UUID) -> None:
    with pytest.raises(NoResultFound):
        usage.give_back(session, card_id, right_id, date(2026, 11, 22), Delta(1))


def test_a_day_of_a_scope_is_one_row(session: Session, card_id: UUID, right_id: UUID) -> None:
    charge(session, card_id, right_id, *[("2026-11-22", 1)] * 5)
    row = session.scalars(select(UsageDay).where(UsageDay.card_id == card_id)).one()
    assert (row.spent_minor, row.payments) == (5, 5)
