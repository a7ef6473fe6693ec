from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from delegation import drawing_rights, requests
from delegation.drawing_rights import ExceedsCeiling
from delegation.errors import RequestNotFound, TooManyRequests
from delegation.judging import refusal
from delegation.limits import Usage
from delegation.models import DrawingRequest, DrawingRight
from tests.drawing_rights import CEILING, NOON, attempt, grant, issue_card, permitting
from tokenization import ids
from tokenization.errors import IllegalMove, Invalid
from tokenization.events import take_pending
from tokenization.vault import Vault

DAY = timedelta(days=1)


@pytest.fixture
def right(session: Session, vault: Vault) -> DrawingRight:
    terms = permitting(per_payment=20_000, per_day=50_000, payments_per_day=2)
    granted = grant(session, issue_card(session, vault, NOON), NOON, terms)
    granted.state = "active"
    take_pending(session)
    return granted


def ask(session: Session, right: DrawingRight, **wanted: Any) -> DrawingRequest:
    usual: dict[str, Any] = {"kind": "one_off", "amount": 25_000, "limit": "per_payment", "most_open": 3}
    return requests.ask(session, right, **{**usual, **wanted}, now=NOON)


def approve(session: Session, right: DrawingRight, request: DrawingRequest) -> DrawingRequest:
    approved = requests.approve(session, right, request, CEILING, NOON)
    assert isinstance(approved, DrawingRequest)
    return approved


def test_a_request_is_told_with_its_message(session: Session, right: DrawingRight) -> None:
    payment_id = ids.new_id()
    request = ask(session, right, payment_id=payment_id, message="Gaven til mormor 🎁")
    (event,) = take_pending(session)
    assert event.type == "drawing_request.asked"
    payload = event.payload()
    assert (payload["amount"], payload["limit"], payload["message"]) == (25_000, "per_payment", "Gaven til mormor 🎁")
    assert payload["request_id"] == ids.to_text("rqst", request.request_id)
    assert payload["payment_id"] == ids.to_text("pay", payment_id)


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"kind": "loan"}, "kind"),
        ({"limit": "per_year"}, "limit"),
        ({"amount": 0}, "amount"),
        ({"amount": -1}, "amount"),
        ({"amount": 10**12}, "amount"),
        ({"kind": "raise", "amount": 20_000}, "amount"),
        ({"kind": "raise", "limit": "per_week"}, "amount"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    session: Session, right: DrawingRight, wanted: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        ask(session, right, **wanted)
    assert refused.value.field == field


def test_only_so_many_requests_may_wait(session: Session, right: DrawingRight) -> None:
    waiting = [ask(session, right) for _ in range(3)]
    with pytest.raises(TooManyRequests):
        ask(session, right)
    requests.decline(session, right, waiting[0], NOON)
    assert ask(session, right).state == "open"


def test_nothing_is_asked_for_under_a_paused_right(session: Session, right: DrawingRight) -> None:
    drawing_rights.pause(session, right, NOON)
    with pytest.raises(IllegalMove, match="paused"):
        ask(session, right)


def test_an_approved_raise_is_the_new_limit(session: Session, right: DrawingRight) -> None:
    approve(session, right, ask(session, right, kind="raise", amount=30_000))
    assert right.per_payment == 30_000
    types = [event.type for event in take_pending(session)]
    assert types == ["drawing_request.asked", "drawing_right.changed", "drawing_request.approved"]


@pytest.mark.parametrize("kind", ["raise", "one_off"])
def test_nothing_above_the_ceiling_is_approved(session: Session, right: DrawingRight, kind: str) -> None:
    request = ask(session, right, kind=kind, amount=200_001)
    assert isinstance(requests.approve(session, right, request, CEILING, NOON), ExceedsCeiling)
    assert (request.state, right.per_payment) == ("open", 20_000)


def test_a_request_is_decided_once(session: Session, right: DrawingRight) -> None:
    request = requests.decline(session, right, ask(session, right), NOON)
    assert (request.state, request.decided_at) == ("declined", NOON)
    with pytest.raises(IllegalMove, match="declined"):
        requests.approve(session, right, request, CEILING, NOON)
    with pytest.raises(IllegalMove, match="declined"):
        requests.decline(session, right, request, NOON)


def test_a_one_off_is_spent_by_one_payment(session: Session, right: DrawingRight) -> None:
    request, payment_id = approve(session, right, ask(session, right)), ids.new_id()
    assert requests.one_offs(session, right.card_id, right.right_id, NOON) == [request]
    requests.spend(request, payment_id, NOON)
    assert (request.state, request.spent_by) == ("spent", payment_id)
    assert requests.one_offs(session, right.card_id, right.right_id, NOON) == []
    with pytest.raises(IllegalMove, match="spent"):
        requests.spend(request, ids.new_id(), NOON)


def test_a_one_off_lapses_after_a_day(session: Session, right: DrawingRight) -> None:
    request = approve(session, right, ask(session, right))
    assert requests.status(request, NOON + DAY - timedelta(microseconds=1)) == "approved"
    assert requests.status(request, NOON + DAY) == "lapsed"
    assert requests.one_offs(session, right.card_id, right.right_id, NOON + DAY) == []
    with pytest.raises(IllegalMove, match="lapsed"):
        requests.spend(request, ids.new_id(), NOON + DAY)


def test_an_open_one_off_cannot_be_spent(session: Session, right: DrawingRight) -> None:
    with pytest.raises(IllegalMove, match="open"):
        requests.spend(ask(session, right), ids.new_id(), NOON)


@pytest.mark.parametrize(
    ("limit", "amount", "usage"),
    [
        ("per_payment", 25_000, Usage()),
        ("per_day", 15_000, Usage(day_minor=45_000)),
        ("payments_per_day", 10_000, Usage(payments_today=2)),
    ],
)
def test_a_one_off_makes_room_for_exactly_what_was_asked(
    session: Session, right: DrawingRight, limit: str, amount: int, usage: Usage
) -> None:
    terms = drawing_rights.terms_of(right)
    lifted = requests.lifted(terms, ask(session, right, limit=limit, amount=amount), usage)
    assert refusal(terms, CEILING, usage, attempt(amount)) is not None
    assert refusal(lifted, CEILING, usage, attempt(amount)) is None


def test_a_one_off_never_tightens_a_limit(session: Session, right: DrawingRight) -> None:
    terms = drawing_rights.terms_of(right)
    assert requests.lifted(terms, ask(session, right, limit="per_day", amount=15_000), Usage()) == terms


def test_a_one_off_still_obeys_the_ceiling(session: Session, right: DrawingRight) -> None:
    usage = Usage(day_minor=290_000)
    lifted = requests.lifted(drawing_rights.terms_of(right), ask(session, right, limit="per_day", amount=15_000), usage)
    refused = refusal(lifted, CEILING, usage, attempt(15_000))
    assert refused is not None
    assert (refused.limit, refused.of) == ("per_day", "ceiling")


def test_a_request_is_found_through_its_card_and_its_right(session: Session, right: DrawingRight) -> None:
    older, newer = ask(session, right), ask(session, right)
    assert requests.card_of(session, older.request_id) == right.card_id
    assert requests.card_of(session, ids.new_id()) is None
    assert requests.load(session, right.card_id, older.request_id) is older
    assert requests.load_for_right(session, right.card_id, right.right_id) == [newer, older]
    with pytest.raises(RequestNotFound):
        requests.load(session, ids.new_id(), older.request_id)
