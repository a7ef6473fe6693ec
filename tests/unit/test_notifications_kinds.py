"""Which kinds of message may be switched off: each is named, so that none becomes so unseen."""

import pytest

from notifications import kinds
from notifications.audiences import PEOPLE, Audience
from notifications.kinds import OF_DELEGATES, OF_HOLDERS, Kinds

FREE_TO_HOLDERS = {
    "credential.withdrawn",
    "drawing_request.asked",
    "drawing_right.came_of_age",
    "drawing_right.ended_of_age",
    "drawing_right.expired",
    "drawing_right.invitation_lapsed",
    "drawing_right.payment_approved",
    "drawing_right.payment_declined",
    "drawing_right.payment_expired",
    "drawing_right.payment_returned",
    "drawing_right.unpaired",
    "drawing_right.week_ended",
    "payment.refunded",
}
FIXED_FOR_HOLDERS = {
    "card.blocked",
    "card.closed",
    "card.plastic_activated",
    "card.replaced",
    "card.cvc_guessed",
    "card.stayed_blocked",
    "card.unblocked",
    "contactless.limit_changed",
    "contactless.limit_not_as_told",
    "credential.confirmed",
    "credential.registered",
    "credential.update_missed",
    "drawing_right.ceilings_lowered",
    "drawing_right.changed",
    "drawing_right.granted",
    "drawing_right.paired",
    "drawing_right.paused",
    "drawing_right.resumed",
    "drawing_right.revoked",
    "drawing_right.token_provisioned",
    "drawing_right.token_suspended",
    "requestor.resumed",
    "requestor.suspended",
    "session.ended",
    "token.deactivated",
    "token.pin_changed",
    "token.provisioned",
    "token.provisioning_refused",
    "token.resumed",
    "token.suspended",
    "token.verification_required",
    "token.verified",
}
FREE_TO_DELEGATES = {
    "drawing_request.approved",
    "drawing_request.declined",
    "drawing_right.came_of_age",
    "payment.approved",
    "payment.declined",
    "payment.expired",
    "payment.returned",
}
FIXED_FOR_DELEGATES = {
    "card.blocked",
    "card.closed",
    "card.unblocked",
    "drawing_request.taken_back",
    "drawing_right.ceilings_lowered",
    "drawing_right.changed",
    "drawing_right.ended_of_age",
    "drawing_right.expired",
    "drawing_right.paired",
    "drawing_right.paused",
    "drawing_right.resumed",
    "drawing_right.revoked",
    "requestor.resumed",
    "requestor.suspended",
    "token.resumed",
    "token.suspended",
}


def test_every_kind_is_named_as_fixed_or_free() -> None:
    for table, fixed, free in (
        (OF_HOLDERS, FIXED_FOR_HOLDERS, FREE_TO_HOLDERS),
        (OF_DELEGATES, FIXED_FOR_DELEGATES, FREE_TO_DELEGATES),
    ):
        assert {kind for kind, each in table.items() if each.is_fixed} == fixed
        assert {kind for kind, each in table.items() if not each.is_fixed} == free


def test_every_kind_that_is_told_is_described_and_no_other() -> None:
    told = {
        (telling.audience is Audience.HOLDER, telling.kind or type_) for type_, of in PEOPLE.items() for telling in of
    }
    assert told == {(True, kind) for kind in OF_HOLDERS} | {(False, kind) for kind in OF_DELEGATES}


def test_whatever_comes_by_sms_as_delivered_cannot_be_switched_off() -> None:
    assert {kind for kind in kinds.BY_SMS if not OF_HOLDERS[kind].is_fixed} == set()


@pytest.mark.parametrize("table", [OF_HOLDERS, OF_DELEGATES], ids=["holders", "delegates"])
def test_no_two_kinds_are_called_the_same(table: Kinds) -> None:
    for language in ("da", "en"):
        titles = [each.title(language) for each in table.values()]
        assert len(set(titles)) == len(titles)
        assert all(5 < len(title) <= 50 and not title.endswith(".") for title in titles)
