"""The scheme lowers its ceilings: whose drawing rights reach above them is told, once (R-2.10b)."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, delete, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from delegation import drawing_rights
from delegation.models import DrawingRight
from notifications import inbox, pieces, wording
from notifications.leases import LEASE
from notifications.models import Message
from notifications.telling import fan_out
from tests.integration.notifications.test_notifications_relay import broken_off, claim, waiting
from tests.integration.notifications.town import Town
from tokenization import policies
from tokenization.clock import SetClock, local_date
from tokenization.models import Card, Policy

KIND = "drawing_right.ceilings_lowered"
SIZE = 2


@pytest.fixture(autouse=True)
def as_delivered(engine: Engine, town: Town, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Small pieces; and the policies, which other tests have in common, as they were."""
    monkeypatch.setattr(pieces, "SIZE", SIZE)
    yield
    with engine.begin() as connection:
        connection.execute(delete(Policy).where(Policy.version > 1))


def told(town: Town, recipient_id: UUID) -> list[str]:
    """What somebody has read of ceilings, oldest first."""
    with town.database.reading() as session:
        messages = inbox.page(session, recipient_id, 50)
        return [message.text for message in reversed(messages) if message.kind == KIND]


def day(town: Town, in_days: int = 0) -> str:
    return wording.day(local_date(town.clock.now() + timedelta(days=in_days)), "en")


def change(town: Town, card_id: UUID, right_id: UUID, **columns: Any) -> None:
    with town.transaction() as session:
        of_right = (DrawingRight.card_id == card_id, DrawingRight.right_id == right_id)
        session.execute(update(DrawingRight).where(*of_right).values(columns))


def test_grantor_and_child_are_told_the_new_figures_and_from_when_and_by_no_text(town: Town) -> None:
    card_id = town.card()
    right_id = town.right(card_id, per_day=250_000)
    town.tell_all()
    town.set_ceilings(in_days=30, per_day=200_000, payments_per_day=10)
    town.tell_all()
    assert told(town, town.holder_of(card_id)) == [
        f"From {day(town, 30)} at most DKK 2,000.00 per day and 10 payments per day is allowed for whoever you let pay "
        "with your card. Where your own limit is higher, the card scheme's is the one that counts."
    ]
    figures = "DKK 2,000.00 per day and 10 payments per day"
    assert told(town, right_id) == [f"From {day(town, 30)} your card is good for at most {figures}."]
    assert not town.screen.messages


def test_a_child_reads_only_what_changes_for_it(town: Town) -> None:
    card_id = town.card()
    right_id = town.right(card_id, per_day=10_000, per_week=500_000)
    town.set_ceilings(per_day=200_000, per_week=400_000)
    town.tell_all()
    assert told(town, right_id) == [f"From {day(town)} your card is good for at most DKK 4,000.00 per week."]
    assert "DKK 2,000.00 per day and DKK 4,000.00 per week" in told(town, town.holder_of(card_id))[0]


def test_who_gave_several_rights_is_told_once(town: Town) -> None:
    card_id = town.card()
    rights = [town.right(card_id) for _ in range(SIZE * 2 + 1)]
    town.tell_all()
    town.set_ceilings(per_day=200_000)
    assert town.tell_all() == 3
    assert [len(told(town, each)) for each in (town.holder_of(card_id), *rights)] == [1] * (len(rights) + 1)


def test_only_a_right_that_lives_and_reaches_above_is_told_of(town: Town) -> None:
    """Own limits below the ceiling, revoked, expired, on a closed card; and one that is only invited."""
    below, revoked, expired, closed, invited = (town.card(cpr=f"010170010{n}") for n in range(5))
    rights = [town.right(below, per_day=200_000), *(town.right(each) for each in (revoked, expired, closed))]
    rights.append(town.right(invited, paired=False))

    def revoke(session: Session, _: Card) -> None:
        drawing_rights.revoke(session, session.get_one(DrawingRight, (revoked, rights[1])), town.clock.now())

    town.change(revoked, revoke)
    change(town, expired, rights[2], valid_until=date(2020, 1, 1))
    town.close(closed)
    town.tell_all()
    town.set_ceilings(per_day=200_000)
    town.tell_all()
    holders = [len(told(town, town.holder_of(each))) for each in (below, revoked, expired, closed, invited)]
    assert holders == [0, 0, 0, 0, 1]
    assert [told(town, each) for each in rights] == [[]] * 5


def test_a_ceiling_that_is_raised_concerns_nobody(town: Town) -> None:
    town.right(town.card())
    town.tell_all()
    town.set_ceilings(per_day=400_000)
    assert waiting(town) == 0


def test_what_was_raised_again_before_all_have_heard_is_told_nobody_more(town: Town) -> None:
    cards = [town.card(cpr=f"010170010{n}") for n in range(SIZE * 2)]
    rights = [town.right(card_id) for card_id in cards]
    town.tell_all()
    town.set_ceilings(per_day=200_000)
    town.tell()
    town.set_ceilings(per_day=300_000)
    town.tell_all()
    assert sorted(len(told(town, each)) for each in rights) == [0] * SIZE + [1] * SIZE


def test_nobody_sets_new_ceilings_while_a_piece_is_told(town: Town, engine: Engine) -> None:
    town.right(town.card())
    town.tell_all()
    town.set_ceilings(per_day=200_000)
    [event] = claim(town)
    with town.transaction() as session, engine.connect() as other:
        assert pieces.following(session, event, town.clock.now()).rights is not None
        other.execute(text("SET LOCAL lock_timeout = '10ms'"))
        with pytest.raises(OperationalError):
            policies.hold(Session(other), "ceilings", read=False)


def test_what_is_raised_again_later_is_told_as_it_holds_until_then(town: Town) -> None:
    card_id = town.card()
    right_id = town.right(card_id)
    town.set_ceilings(in_days=1, per_day=200_000)
    town.set_ceilings(in_days=2, per_day=300_000)
    town.tell_all()
    assert told(town, right_id) == [f"From {day(town, 1)} your card is good for at most DKK 2,000.00 per day."]


def test_what_is_lowered_twice_before_anybody_heard_is_told_once(town: Town) -> None:
    card_id = town.card()
    right_id = town.right(card_id)
    town.set_ceilings(per_day=200_000)
    town.set_ceilings(per_day=100_000)
    town.tell_all()
    assert [len(told(town, each)) for each in (right_id, town.holder_of(card_id))] == [1, 1]
    assert "DKK 1,000.00 per day" in told(town, right_id)[0]


def test_what_is_lowered_sooner_than_people_were_told_is_told_anew_and_a_smaller_raise_is_not(town: Town) -> None:
    right_id = town.right(town.card())
    town.set_ceilings(in_days=30, per_day=200_000)
    town.tell_all()
    town.set_ceilings(per_day=200_000)
    town.set_ceilings(in_days=60, per_day=800_000)
    town.set_ceilings(in_days=1, per_day=300_000)
    town.tell_all()
    assert [text.split(" your card")[0] for text in told(town, right_id)] == [f"From {day(town, n)}" for n in (30, 0)]


def test_a_piece_that_breaks_off_is_told_again_and_one_that_was_told_is_not(town: Town, clock: SetClock) -> None:
    rights = [town.right(town.card(cpr=f"010170010{n}")) for n in range(SIZE * 2 + 1)]
    town.tell_all()
    town.set_ceilings(per_day=200_000)
    town.tell()
    [event] = claim(town)
    with broken_off(town) as session:
        fan_out(session, event, clock.now())
    assert sum(len(told(town, each)) for each in rights) == SIZE
    clock.advance(LEASE * 2)
    town.tell_all()
    with town.transaction() as session:
        assert fan_out(session, event, clock.now()) == frozenset()
    assert [len(told(town, each)) for each in rights] == [1] * len(rights)
    with town.database.reading() as session:
        assert len(session.scalars(select(Message).where(Message.kind == KIND)).all()) == 2 * len(rights)
