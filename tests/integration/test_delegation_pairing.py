from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from delegation import drawing_rights, pairing
from delegation.errors import PhoneNotFound, TooManyPhones
from delegation.models import DrawingRight, Pairing
from tests.drawing_rights import NOON, POLICY, grant, issue_card, permitting
from tokenization import ids
from tokenization.errors import IllegalMove
from tokenization.events import take_pending
from tokenization.models import Card
from tokenization.policies import DrawingRightsPolicy
from tokenization.vault import Vault

HOUR = timedelta(hours=1)


@pytest.fixture
def right(session: Session, vault: Vault) -> DrawingRight:
    granted = grant(session, issue_card(session, vault, NOON), NOON)
    take_pending(session)
    return granted


def pair(
    session: Session,
    right: DrawingRight,
    phone: str = "phone-1",
    after: timedelta = timedelta(),
    policy: DrawingRightsPolicy = POLICY,
) -> Pairing:
    named = {"device_thumbprint": phone, "device_name": "Emil's phone"}
    return pairing.pair(session, right, **named, policy=policy, now=NOON + after)


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


def test_the_bank_says_how_long_the_allowance_is_good(session: Session, right: DrawingRight) -> None:
    """And what it said at the pairing holds: a policy that changes meanwhile neither gives nor takes."""
    paired = pair(session, right, policy=replace(POLICY, pair_minutes=5))
    assert pairing.has_allowance(paired, NOON + timedelta(minutes=5, microseconds=-1))
    assert not pairing.has_allowance(paired, NOON + timedelta(minutes=5))


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
    assert pairing.unpair(session, right, pairing_id=one.pairing_id, now=NOON) == [one]
    assert pairing.live_pairings(session, right.card_id, right.right_id) == [other]


def test_a_phone_that_is_not_let_in_cannot_be_put_out(session: Session, right: DrawingRight) -> None:
    gone, other = pair(session, right), grant(session, session.get_one(Card, right.card_id), NOON)
    strange = pair(session, other)
    pairing.unpair(session, right, now=NOON)
    for pairing_id in (gone.pairing_id, strange.pairing_id, ids.new_id()):
        with pytest.raises(PhoneNotFound):
            pairing.unpair(session, right, pairing_id=pairing_id, now=NOON)
    assert pairing.live_pairings(session, other.card_id, other.right_id) == [strange]


def test_no_more_phones_are_let_in_than_the_grantor_allows(session: Session, vault: Vault) -> None:
    terms = permitting(per_payment=20_000, phones_allowed=2)
    right = grant(session, issue_card(session, vault, NOON), NOON, terms)
    first, _ = pair(session, right, "phone-1"), pair(session, right, "phone-2")
    with pytest.raises(TooManyPhones) as refused:
        pair(session, right, "phone-3")
    assert refused.value.facts == {"phones": 2, "limit": 2}
    assert pair(session, right, "phone-1") is first  # one that is in counts once
    pairing.unpair(session, right, pairing_id=first.pairing_id, now=NOON)
    assert pair(session, right, "phone-3") in pairing.live_pairings(session, right.card_id, right.right_id)


def test_fewer_phones_allowed_put_none_out_and_let_no_more_in(session: Session, right: DrawingRight) -> None:
    phones = [pair(session, right, f"phone-{number}") for number in range(3)]
    right.phones_allowed = 1
    assert pairing.live_pairings(session, right.card_id, right.right_id) == phones
    assert pair(session, right, "phone-2") is phones[2]
    pairing.unpair(session, right, pairing_id=phones[0].pairing_id, now=NOON)
    with pytest.raises(TooManyPhones):
        pair(session, right, "phone-4")


def test_a_right_that_says_nothing_of_phones_lets_in_as_many_as_come(session: Session, right: DrawingRight) -> None:
    phones = [pair(session, right, f"phone-{number}") for number in range(4)]
    assert pairing.live_pairings(session, right.card_id, right.right_id) == phones


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
