from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from delegation import drawing_rights, terms
from delegation.drawing_rights import ExceedsCeiling, status, terms_of
from delegation.errors import RightNotFound
from delegation.limits import Exceeding
from delegation.models import DrawingRight
from delegation.parties import Delegate, Watching
from delegation.terms import Hours
from tests.drawing_rights import CEILING, EMIL, NOON, POLICY, grant, issue_card, permitting
from tokenization import cards, ids
from tokenization.cards import LockNotHeld
from tokenization.errors import Invalid
from tokenization.events import take_pending
from tokenization.models import Card
from tokenization.vault import Vault

EVERYTHING = terms.read(
    {
        "limits": {"per_payment": 20_000, "per_day": 50_000, "per_month": 150_000, "total": 0, "payments_per_day": 5},
        "allowed_categories": ["groceries", "transport"],
        "blocked_categories": ["gambling"],
        "allowed_countries": ["DK"],
        "allowed_merchants": ["DK-123"],
        "hours": {"days": ["mon", "tue"], "from": "06:00", "to": "21:00"},
        "valid_until": date(2027, 6, 30),
    }
)


@pytest.fixture
def card(session: Session, vault: Vault) -> Card:
    return issue_card(session, vault, NOON)


@pytest.fixture
def right(session: Session, card: Card) -> DrawingRight:
    granted = grant(session, card, NOON)
    take_pending(session)
    return granted


def told(session: Session) -> list[str]:
    return [event.type for event in take_pending(session)]


def test_what_was_granted_is_what_is_loaded(session: Session, card: Card) -> None:
    granted = grant(session, card, NOON, EVERYTHING)
    session.expire_all()
    loaded = drawing_rights.load(session, card.card_id, granted.right_id)
    assert terms_of(loaded) == EVERYTHING
    assert (loaded.delegate_name, loaded.notify_grantor, status(loaded, NOON)) == ("Emil", "all", "invited")


def test_a_grant_is_told_with_grantor_right_and_delegate_and_the_terms_as_they_are(
    session: Session, card: Card
) -> None:
    granted = grant(session, card, NOON, EVERYTHING)
    (event,) = take_pending(session)
    assert event.type == "drawing_right.granted"
    assert event.payload() == {
        "card_id": ids.to_text("card", card.card_id),
        "holder_id": ids.to_text("holder", card.holder_id),
        "right_id": ids.to_text("right", granted.right_id),
        "delegate_name": "Emil",
        "terms": terms.as_json(EVERYTHING) | {"valid_until": "2027-06-30"},
    }


def test_above_the_ceiling_nothing_is_granted_and_each_limit_is_named(session: Session, card: Card) -> None:
    asked = permitting(per_payment=200_001, per_day=300_000, payments_per_day=21)
    refused = drawing_rights.grant(session, card, EMIL, asked, CEILING, policy=POLICY, now=NOON)
    named = (Exceeding("per_payment", 200_001, 200_000), Exceeding("payments_per_day", 21, 20))
    assert refused == ExceedsCeiling(named)
    assert drawing_rights.load_for_card(session, card.card_id) == []
    assert told(session) == []


@pytest.mark.parametrize(
    ("delegate", "notify_grantor", "field"),
    [
        (Delegate(" \u3000"), "all", "delegate.name"),
        (Delegate("Emil", date(2026, 11, 23)), "all", "delegate.birthdate"),
        (EMIL, "never", "notify_grantor"),
    ],
)
def test_a_grant_that_makes_no_sense_is_refused(
    session: Session, card: Card, delegate: Delegate, notify_grantor: str, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        drawing_rights.grant(
            session,
            card,
            delegate,
            permitting(per_day=1),
            CEILING,
            watching=Watching(notify_grantor),
            policy=POLICY,
            now=NOON,
        )
    assert refused.value.field == field


def test_a_grant_without_a_limit_is_refused(session: Session, card: Card) -> None:
    with pytest.raises(Invalid, match="at least one"):
        drawing_rights.grant(session, card, EMIL, permitting(), CEILING, policy=POLICY, now=NOON)


@pytest.mark.parametrize("name", ["Åse Ødegård", "A\u030angstro\u0308m", "אמיל", "👨\u200d👩\u200d👧", "小明"])
def test_a_name_is_kept_exactly(session: Session, card: Card, name: str) -> None:
    granted = drawing_rights.grant(
        session, card, Delegate(name), permitting(per_day=1), CEILING, policy=POLICY, now=NOON
    )
    assert isinstance(granted, DrawingRight)
    session.expire_all()
    assert drawing_rights.load(session, card.card_id, granted.right_id).delegate_name == name


def test_a_right_is_found_by_its_id_through_its_card(session: Session, card: Card, right: DrawingRight) -> None:
    assert drawing_rights.card_of(session, right.right_id) == card.card_id
    assert drawing_rights.card_of(session, ids.new_id()) is None


def test_another_cards_right_is_not_found(session: Session, right: DrawingRight) -> None:
    with pytest.raises(RightNotFound):
        drawing_rights.load(session, ids.new_id(), right.right_id)


def test_loading_again_keeps_what_was_just_changed(session: Session, card: Card, right: DrawingRight) -> None:
    drawing_rights.pause(session, right, NOON)
    assert drawing_rights.load(session, card.card_id, right.right_id).state == "paused"


def test_the_rights_of_a_card_are_listed_newest_first(session: Session, card: Card, right: DrawingRight) -> None:
    newer = grant(session, card, NOON)
    assert drawing_rights.load_for_card(session, card.card_id) == [newer, right]


def test_only_rights_that_are_neither_revoked_nor_expired_are_live(session: Session, card: Card) -> None:
    rights = [grant(session, card, NOON, permitting(per_day=1, valid_until=date(2026, 11, 22))) for _ in range(3)]
    drawing_rights.revoke(session, rights[0], NOON)
    drawing_rights.pause(session, rights[1], NOON)
    assert len(drawing_rights.by_life(session, card.card_id, NOON)[0]) == 2
    assert len(drawing_rights.by_life(session, card.card_id, NOON + timedelta(days=1))[0]) == 0


def test_a_change_names_its_fields_and_counts_a_revision(session: Session, right: DrawingRight) -> None:
    wanted = permitting(per_payment=30_000, blocked_categories=["games"])
    delegate = Delegate("Emil", date(2015, 4, 2))
    changed = drawing_rights.change(
        session, right, CEILING, right_terms=wanted, delegate=delegate, watching=Watching("declined"), now=NOON
    )
    assert changed is right
    assert terms_of(right) == wanted
    assert (right.delegate_birthdate, right.notify_grantor, right.revision) == (date(2015, 4, 2), "declined", 2)
    (event,) = take_pending(session)
    fields = ["delegate.birthdate", "limits.per_payment", "blocked_categories", "notify_grantor"]
    assert (event.payload()["fields"], event.payload()["terms"]) == (fields, terms.as_json(wanted))


def test_a_change_to_the_same_changes_nothing(session: Session, right: DrawingRight) -> None:
    drawing_rights.change(session, right, CEILING, right_terms=terms_of(right), now=NOON)
    assert right.revision == 1
    assert told(session) == []


def test_hours_can_be_set_and_taken_away(session: Session, card: Card, right: DrawingRight) -> None:
    hours = Hours.of({"days": ["fri"], "from": "20:00", "to": "02:00"})
    for wanted in (hours, None):
        drawing_rights.change(
            session, right, CEILING, right_terms=permitting(per_payment=20_000, hours=wanted), now=NOON
        )
        session.flush()
        session.expire_all()
        assert terms_of(drawing_rights.load(session, card.card_id, right.right_id)).hours == wanted


def test_a_change_above_the_ceiling_changes_nothing(session: Session, right: DrawingRight) -> None:
    wanted = permitting(per_payment=200_001, allowed_countries=["DK"])
    refused = drawing_rights.change(session, right, CEILING, right_terms=wanted, now=NOON)
    assert refused == ExceedsCeiling((Exceeding("per_payment", 200_001, 200_000),))
    assert terms_of(right) == permitting(per_payment=20_000)
    assert told(session) == []


def test_a_limit_that_a_lowered_ceiling_overtook_does_not_stop_other_changes(
    session: Session, right: DrawingRight
) -> None:
    lowered = terms.Ceiling(per_payment=10_000)
    wanted = permitting(per_payment=20_000, per_day=40_000)
    assert drawing_rights.change(session, right, lowered, right_terms=wanted, now=NOON) is right


def test_a_pause_of_an_active_right_gives_back_an_active_one(session: Session, right: DrawingRight) -> None:
    right.state = "active"
    drawing_rights.pause(session, right, NOON)
    assert status(right, NOON) == "paused"
    drawing_rights.resume(session, right, NOON)
    assert (status(right, NOON), right.state_before_pause, right.revision) == ("active", None, 3)
    assert told(session) == ["drawing_right.paused", "drawing_right.resumed"]


def test_a_pause_of_an_invited_right_gives_back_an_invited_one(session: Session, right: DrawingRight) -> None:
    drawing_rights.pause(session, right, NOON)
    drawing_rights.resume(session, right, NOON)
    assert status(right, NOON) == "invited"


def test_a_revoked_right_is_revoked_for_good(session: Session, right: DrawingRight) -> None:
    drawing_rights.revoke(session, right, NOON)
    assert (status(right, NOON), right.revoked_at) == ("revoked", NOON)
    assert told(session) == ["drawing_right.revoked"]


def test_nothing_changes_without_the_cards_lock(engine: Any, session: Session, right: DrawingRight) -> None:
    with Session(engine) as other, pytest.raises(LockNotHeld):
        cards.locked(other, right.card_id)
    session.info.clear()
    with pytest.raises(LockNotHeld):
        drawing_rights.pause(session, right, NOON)
