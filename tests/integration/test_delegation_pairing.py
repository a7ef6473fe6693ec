from datetime import date, timedelta

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from delegation import drawing_rights, pairing
from delegation.models import DrawingRight, Pairing
from tests.drawing_rights import NOON, grant, issue_card
from tokenization import ids
from tokenization.errors import IllegalMove
from tokenization.events import take_pending
from tokenization.vault import Vault

HOUR = timedelta(hours=1)


@pytest.fixture
def right(session: Session, vault: Vault) -> DrawingRight:
    granted = grant(session, issue_card(session, vault, NOON), NOON)
    take_pending(session)
    return granted


def pair(session: Session, right: DrawingRight, phone: str = "phone-1", after: timedelta = timedelta()) -> Pairing:
    return pairing.pair(session, right, device_thumbprint=phone, device_name="Emil's phone", now=NOON + after)


def test_the_first_phone_makes_an_invited_right_active(session: Session, right: DrawingRight) -> None:
    paired = pair(session, right)
    assert drawing_rights.status(right, NOON) == "active"
    (event,) = take_pending(session)
    assert event.type == "drawing_right.paired"
    assert event.payload()["device_name"] == "Emil's phone"
    assert event.payload()["pairing_id"] == ids.to_text("pair", paired.pairing_id)


def test_only_a_phone_that_was_let_in_is_found(session: Session, right: DrawingRight) -> None:
    paired = pair(session, right)
    assert pairing.live(session, right.card_id, right.right_id, "phone-1") is paired
    assert pairing.live(session, right.card_id, right.right_id, "phone-2") is None
    assert pairing.live(session, right.card_id, ids.new_id(), "phone-1") is None


@pytest.mark.parametrize("status", ["paused", "revoked", "expired"])
def test_no_phone_is_let_in_under_a_right_that_cannot_be_used(
    session: Session, right: DrawingRight, status: str
) -> None:
    right.state = "active" if status == "expired" else status
    right.valid_until = date(2026, 11, 21) if status == "expired" else None
    with pytest.raises(IllegalMove, match=status):
        pair(session, right)


def test_the_allowance_is_good_for_one_thing(session: Session, right: DrawingRight) -> None:
    paired = pair(session, right)
    assert pairing.use_allowance(paired, NOON + HOUR - timedelta(microseconds=1))
    assert not pairing.use_allowance(paired, NOON)


def test_the_allowance_ends_with_the_hour(session: Session, right: DrawingRight) -> None:
    assert not pairing.use_allowance(pair(session, right), NOON + HOUR)


def test_pairing_a_phone_again_gives_a_new_allowance_and_no_second_pairing(
    session: Session, right: DrawingRight
) -> None:
    first = pair(session, right)
    pairing.use_allowance(first, NOON)
    again = pair(session, right, after=2 * HOUR)
    assert again is first
    assert pairing.live_pairings(session, right.card_id, right.right_id) == [first]
    assert pairing.use_allowance(again, NOON + 2 * HOUR)


def test_a_phone_that_was_put_out_is_found_no_more_and_has_no_allowance(session: Session, right: DrawingRight) -> None:
    paired = pair(session, right)
    take_pending(session)
    assert pairing.unpair(session, right, now=NOON) == [paired]
    assert pairing.live(session, right.card_id, right.right_id, "phone-1") is None
    assert not pairing.use_allowance(paired, NOON)
    assert [event.type for event in take_pending(session)] == ["drawing_right.unpaired"]


def test_a_phone_that_was_put_out_can_be_let_in_again(session: Session, right: DrawingRight) -> None:
    first = pair(session, right)
    pairing.unpair(session, right, now=NOON)
    assert pair(session, right, after=HOUR).pairing_id != first.pairing_id


def test_one_of_several_phones_can_be_put_out(session: Session, right: DrawingRight) -> None:
    one, other = pair(session, right, "phone-1"), pair(session, right, "phone-2")
    assert pairing.unpair(session, right, device_thumbprint="phone-1", now=NOON) == [one]
    assert pairing.live_pairings(session, right.card_id, right.right_id) == [other]


def test_phones_can_be_put_out_after_the_right_was_revoked(session: Session, right: DrawingRight) -> None:
    pair(session, right)
    drawing_rights.revoke(session, right, NOON)
    assert len(pairing.unpair(session, right, now=NOON)) == 1


def test_a_phone_is_let_in_once_at_a_time(session: Session, right: DrawingRight) -> None:
    first = pair(session, right)
    twice = Pairing(
        card_id=right.card_id,
        pairing_id=ids.new_id(),
        right_id=right.right_id,
        device_thumbprint=first.device_thumbprint,
        device_name="",
        paired_at=NOON,
        allowance_until=NOON,
    )
    session.add(twice)
    with pytest.raises(IntegrityError, match="uq_pairings_live"):
        session.flush()
