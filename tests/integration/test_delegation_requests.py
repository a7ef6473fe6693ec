from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from delegation import drawing_rights, pairing, requests
from delegation.drawing_rights import ExceedsCeiling
from delegation.errors import AlreadyAsked, RequestNotFound, TooManyOpenRequests
from delegation.judging import OneOff, Place
from delegation.models import DrawingRequest, DrawingRight, Pairing
from delegation.requests import KINDS, AskedTooOften, Wanted
from tests.drawing_rights import CEILING, NOON, POLICY, grant, issue_card, permitting, place
from tokenization import cards, ids
from tokenization.errors import IllegalMove, Invalid
from tokenization.events import take_pending
from tokenization.pipeline import pipeline
from tokenization.vault import Vault

HOUR, DAY, MOMENT = timedelta(hours=1), timedelta(days=1), timedelta(microseconds=1)
NETTO = {"id": "DK-123", "client_id": "acquirer", "name": "Netto", "country": "DK", "categories": ["groceries"]}


@pytest.fixture
def right(session: Session, vault: Vault) -> DrawingRight:
    terms = permitting(per_payment=20_000, per_day=50_000, payments_per_day=2)
    granted = grant(session, issue_card(session, vault, NOON), NOON, terms)
    let_in(session, granted)
    take_pending(session)
    return granted


def let_in(session: Session, right: DrawingRight, key: str = "a phone's key", now: Any = NOON) -> Pairing:
    return pairing.pair(session, right, device_thumbprint=key, device_name="Phone", policy=POLICY, now=now)


def ask_or_not(
    session: Session,
    right: DrawingRight,
    *,
    phone: Pairing | None = None,
    now: Any = NOON,
    policy: Any = POLICY,
    **wanted: Any,
) -> DrawingRequest | AskedTooOften:
    usual: dict[str, Any] = {"kind": "one_off", "amount": 25_000, "limit": "per_payment"}
    phone = phone or pairing.live_pairings(session, right.card_id, right.right_id)[0]
    return requests.ask(session, right, Wanted(**{**usual, **wanted}), phone=phone, policy=policy, now=now)


def ask(session: Session, right: DrawingRight, **wanted: Any) -> DrawingRequest:
    request = ask_or_not(session, right, **wanted)
    assert isinstance(request, DrawingRequest)
    return request


def approve(session: Session, right: DrawingRight, request: DrawingRequest, now: Any = NOON) -> DrawingRequest:
    approved = requests.approve(session, right, request, CEILING, policy=POLICY, now=now)
    assert isinstance(approved, DrawingRequest)
    return approved


def one_off(request: DrawingRequest, place: Place | None = None) -> OneOff:
    return OneOff(request.request_id, request.amount, place)


def statuses(asked: Iterable[DrawingRequest], now: Any = NOON) -> list[str]:
    return [requests.status(request, now) for request in asked]


def usable(session: Session, right: DrawingRight, now: Any = NOON) -> tuple[OneOff, ...]:
    with pipeline(session) as pipe:
        found = requests.find_one_offs(pipe, [(right.card_id, right.right_id)], now)
    return requests.one_offs_of_rows(found.rows()).get(right.right_id, ())


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
        ({"kind": "raise", "limit": "payments_per_day", "amount": 2}, "amount"),
        ({"kind": "raise", "limit": "payments_per_day", "amount": 10_001}, "amount"),
        ({"kind": "raise", "limit": "per_week"}, "limit"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    session: Session, right: DrawingRight, wanted: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        ask(session, right, **wanted)
    assert refused.value.field == field


def test_only_so_many_requests_may_wait(session: Session, right: DrawingRight) -> None:
    waiting = [ask(session, right) for _ in range(POLICY.open_requests)]
    with pytest.raises(TooManyOpenRequests):
        ask(session, right)
    requests.decline(session, right, waiting[0], NOON)
    assert ask(session, right).state == "open"


def test_what_has_lapsed_waits_no_more(session: Session, right: DrawingRight) -> None:
    one = replace(POLICY, open_requests=1)
    ask(session, right, policy=one)
    with pytest.raises(TooManyOpenRequests):
        ask(session, right, policy=one, now=NOON + 7 * DAY - MOMENT)
    assert ask(session, right, policy=one, now=NOON + 7 * DAY).state == "open"


def test_only_so_much_is_asked_in_24_hours_whatever_became_of_it(session: Session, right: DrawingRight) -> None:
    three = replace(POLICY, requests_per_day=3)
    for hours in (0, 5, 10):
        requests.decline(session, right, ask(session, right, now=NOON + hours * HOUR), NOON + hours * HOUR)
    late = NOON + 23 * HOUR + timedelta(seconds=0.5)
    assert ask_or_not(session, right, policy=three, now=late) == AskedTooOften(3_600)
    ask(session, right, policy=three, now=NOON + DAY)
    assert ask_or_not(session, right, policy=three, now=NOON + DAY) == AskedTooOften(5 * 3_600)


def test_how_much_is_asked_in_a_day_is_counted_by_phone_and_anew_when_it_is_paired_anew(
    session: Session, right: DrawingRight
) -> None:
    one, later = replace(POLICY, requests_per_day=1), NOON + HOUR
    stolen, new = (let_in(session, right, key, NOON) for key in ("stolen", "new"))
    ask(session, right, phone=stolen, policy=one)
    assert ask_or_not(session, right, phone=stolen, policy=one) == AskedTooOften(86_400)
    ask(session, right, phone=new, policy=one)
    again = let_in(session, right, "stolen", later)
    assert again.pairing_id == stolen.pairing_id
    ask(session, right, phone=again, policy=one, now=later)
    assert ask_or_not(session, right, phone=again, policy=one, now=later) == AskedTooOften(86_400)


def test_a_bank_may_let_nobody_ask(session: Session, right: DrawingRight) -> None:
    assert ask_or_not(session, right, policy=replace(POLICY, requests_per_day=0)) == AskedTooOften(86_400)


def test_one_payment_is_asked_for_once_at_a_time(session: Session, right: DrawingRight) -> None:
    payment_id = ids.new_id()
    first = ask(session, right, payment_id=payment_id)
    with pytest.raises(AlreadyAsked) as refused:
        ask(session, right, payment_id=payment_id)
    assert refused.value.facts == {"drawing_request_id": ids.to_text("rqst", first.request_id)}
    ask(session, right, payment_id=ids.new_id())
    requests.decline(session, right, first, NOON)
    assert ask(session, right, payment_id=payment_id).payment_id == payment_id


def test_one_payment_gets_one_yes(session: Session, right: DrawingRight) -> None:
    about = {"payment_id": ids.new_id(), "merchant": NETTO}
    first = approve(session, right, ask(session, right, **about))
    with pytest.raises(AlreadyAsked):
        ask(session, right, **about)
    other, paid = approve(session, right, ask(session, right)), ids.new_id()
    requests.spend(first, paid, NOON)
    for day in (0, 1):
        with pytest.raises(AlreadyAsked):
            ask(session, right, **about, now=NOON + day * DAY)
    requests.give_back(session, right.card_id, right.right_id, paid)
    with pytest.raises(AlreadyAsked):
        ask(session, right, **about)
    assert statuses([first, other]) == ["approved", "approved"]
    second = ask(session, right, **about, now=NOON + DAY)
    requests.decline(session, right, second, NOON + DAY)
    assert ask(session, right, **about, now=NOON + DAY).state == "open"


def test_after_a_raise_the_payment_that_it_was_about_may_be_asked_for(session: Session, right: DrawingRight) -> None:
    payment_id = ids.new_id()
    approve(session, right, ask(session, right, kind="raise", amount=30_000, payment_id=payment_id))
    assert ask(session, right, payment_id=payment_id).state == "open"


@pytest.mark.parametrize("move", [drawing_rights.pause, drawing_rights.revoke])
def test_nothing_is_asked_for_under_a_right_that_is_not_active(
    session: Session, right: DrawingRight, move: Any
) -> None:
    move(session, right, NOON)
    with pytest.raises(IllegalMove, match="asked to give more"):
        ask(session, right)


def test_an_approved_raise_is_the_new_limit(session: Session, right: DrawingRight) -> None:
    revision = right.revision
    request = approve(session, right, ask(session, right, kind="raise", amount=30_000))
    assert (right.per_payment, right.revision) == (30_000, revision + 1)
    assert (request.lapses_at, requests.status(request, NOON + 400 * DAY)) == (None, "approved")
    types = [event.type for event in take_pending(session)]
    assert types == ["drawing_request.asked", "drawing_right.changed", "drawing_request.approved"]


@pytest.mark.parametrize("since", [30_000, 40_000, None])
def test_a_yes_takes_nothing_of_what_was_given_since(session: Session, right: DrawingRight, since: int | None) -> None:
    request = ask(session, right, kind="raise", amount=30_000)
    right.per_payment = since
    assert approve(session, right, request).state == "approved"
    assert right.per_payment == since


@pytest.mark.parametrize("kind", ["raise", "one_off"])
def test_nothing_above_the_ceiling_is_approved(session: Session, right: DrawingRight, kind: str) -> None:
    request = ask(session, right, kind=kind, amount=200_001)
    outcome = requests.approve(session, right, request, CEILING, policy=POLICY, now=NOON)
    assert isinstance(outcome, ExceedsCeiling)
    assert (requests.status(request, NOON), right.per_payment) == ("open", 20_000)


def test_a_request_is_decided_once(session: Session, right: DrawingRight) -> None:
    request = requests.decline(session, right, ask(session, right), NOON)
    assert (request.state, request.decided_at, request.lapses_at) == ("declined", NOON, None)
    with pytest.raises(IllegalMove, match="declined"):
        approve(session, right, request)
    with pytest.raises(IllegalMove, match="declined"):
        requests.decline(session, right, request, NOON)


def test_what_nobody_answers_lapses_and_cannot_be_decided(session: Session, right: DrawingRight) -> None:
    request = ask(session, right)
    end = NOON + POLICY.request_days * DAY
    assert [requests.status(request, at) for at in (end - MOMENT, end)] == ["open", "lapsed"]
    with pytest.raises(IllegalMove, match="lapsed"):
        approve(session, right, request, end)
    with pytest.raises(IllegalMove, match="lapsed"):
        requests.decline(session, right, request, end)
    assert approve(session, right, request, end - MOMENT).lapses_at == end - MOMENT + DAY


# What became of the right, and what a grantor may still say.
LATER: dict[str, tuple[Any, bool]] = {
    "paused": (lambda session, right: drawing_rights.pause(session, right, NOON), True),
    "revoked": (lambda session, right: drawing_rights.revoke(session, right, NOON), False),
    "expired": (lambda session, right: setattr(right, "valid_until", NOON.date() - DAY), False),
}


@pytest.mark.parametrize("became", LATER)
@pytest.mark.parametrize("kind", ["raise", "one_off"])
def test_a_yes_wants_a_right_that_goes_on_and_a_no_never_does(
    session: Session, right: DrawingRight, became: str, kind: str
) -> None:
    happens, may_approve = LATER[became]
    first, second = (ask(session, right, kind=kind, amount=amount) for amount in (25_000, 26_000))
    happens(session, right)
    if may_approve:
        assert approve(session, right, first).state == "approved"
    else:
        with pytest.raises(IllegalMove, match=f"{became} cannot be given more"):
            approve(session, right, first)
    assert requests.decline(session, right, second, NOON).state == "declined"


def test_a_one_off_is_spent_by_one_payment(session: Session, right: DrawingRight) -> None:
    request, payment_id = approve(session, right, ask(session, right)), ids.new_id()
    assert usable(session, right) == (one_off(request),)
    requests.spend(request, payment_id, NOON)
    assert (requests.status(request, NOON + 9 * DAY), request.spent_by) == ("spent", payment_id)
    assert usable(session, right) == ()
    with pytest.raises(IllegalMove, match="spent"):
        requests.spend(request, ids.new_id(), NOON)


def test_a_one_off_for_a_payment_is_for_where_it_was_declined(session: Session, right: DrawingRight) -> None:
    anywhere = approve(session, right, ask(session, right))
    there = approve(session, right, ask(session, right, payment_id=ids.new_id(), merchant=NETTO))
    assert usable(session, right) == (one_off(anywhere), one_off(there, place("DK-123")))


def test_a_one_off_that_stands_is_taken_back_by_a_no(session: Session, right: DrawingRight) -> None:
    stands, spent, lapsed = (approve(session, right, ask(session, right)) for _ in range(3))
    requests.spend(spent, ids.new_id(), NOON)
    take_pending(session)
    requests.decline(session, right, stands, NOON)
    assert (statuses([stands]), usable(session, right)) == (["declined"], (one_off(lapsed),))
    requests.decline(session, right, ask(session, right), NOON)
    declined = [event.payload() for event in take_pending(session) if event.type == "drawing_request.declined"]
    assert [payload["taken_back"] for payload in declined] == [True, False]
    for request, at in ((stands, NOON), (spent, NOON), (lapsed, NOON + DAY)):
        with pytest.raises(IllegalMove):
            requests.decline(session, right, request, at)


def test_a_raise_that_was_approved_is_taken_back_by_a_change_alone(session: Session, right: DrawingRight) -> None:
    request = approve(session, right, ask(session, right, kind="raise", amount=30_000))
    with pytest.raises(IllegalMove, match="approved"):
        requests.decline(session, right, request, NOON)


def test_one_offs_that_stand_are_taken_back_together_and_what_was_spent_never_comes_again(
    session: Session, right: DrawingRight
) -> None:
    raised, waiting = ask(session, right, kind="raise", amount=30_000), ask(session, right)
    approve(session, right, raised)
    asked = [approve(session, right, ask(session, right)) for _ in range(3)]
    paid = ids.new_id()
    requests.spend(asked[2], paid, NOON)
    take_pending(session)
    requests.take_back(session, right, NOON)
    assert [event.type for event in take_pending(session)] == ["drawing_request.declined"] * 2
    assert statuses([raised, waiting, *asked]) == ["approved", "open", "declined", "declined", "spent"]
    requests.give_back(session, right.card_id, right.right_id, paid)
    assert (statuses(asked[2:]), usable(session, right)) == (["lapsed"], ())


def test_what_a_phone_asked_is_taken_back_with_it(session: Session, right: DrawingRight) -> None:
    stolen, own = let_in(session, right, "stolen"), let_in(session, right, "own")
    asked = [ask(session, right, phone=phone, kind=kind, amount=30_000) for phone in (stolen, own) for kind in KINDS]
    yes = [approve(session, right, ask(session, right, phone=phone)) for phone in (stolen, own, stolen)]
    requests.spend(yes[2], ids.new_id(), NOON)
    take_pending(session)
    requests.take_back(session, right, NOON, phone=stolen)
    assert statuses(asked) == ["declined", "declined", "open", "open"]
    assert statuses(yes) == ["declined", "approved", "spent"]
    assert [event.type for event in take_pending(session)] == ["drawing_request.declined"] * 3


def test_only_what_was_approved_as_a_one_off_under_that_right_can_be_spent(
    session: Session, right: DrawingRight
) -> None:
    ask(session, right)
    requests.decline(session, right, ask(session, right), NOON)
    approve(session, right, ask(session, right, kind="raise"))
    other = grant(session, cards.locked(session, right.card_id), NOON)
    let_in(session, other)
    approve(session, other, ask(session, other))
    assert usable(session, right) == ()


def test_a_one_off_lapses_after_a_day(session: Session, right: DrawingRight) -> None:
    request = approve(session, right, ask(session, right))
    assert requests.status(request, NOON + DAY - MOMENT) == "approved"
    assert usable(session, right, NOON + DAY - MOMENT) == (one_off(request),)
    assert requests.status(request, NOON + DAY) == "lapsed"
    assert usable(session, right, NOON + DAY) == ()
    with pytest.raises(IllegalMove, match="lapsed"):
        requests.spend(request, ids.new_id(), NOON + DAY)


@pytest.mark.parametrize("kind", ["one_off", "raise"])
def test_what_is_no_approved_one_off_cannot_be_spent(session: Session, right: DrawingRight, kind: str) -> None:
    request = ask(session, right, kind=kind)
    with pytest.raises(IllegalMove, match="open"):
        requests.spend(request, ids.new_id(), NOON)
    if kind == "raise":
        with pytest.raises(IllegalMove, match="approved"):
            requests.spend(approve(session, right, request), ids.new_id(), NOON)


def test_a_one_off_is_given_back_by_the_payment_that_spent_it_until_it_lapses(
    session: Session, right: DrawingRight
) -> None:
    request, payment_id = approve(session, right, ask(session, right)), ids.new_id()
    requests.spend(request, payment_id, NOON)
    requests.give_back(session, right.card_id, right.right_id, ids.new_id())
    assert request.state == "spent"
    requests.give_back(session, right.card_id, right.right_id, payment_id)
    assert (request.state, request.spent_by) == ("approved", None)
    assert usable(session, right) == (one_off(request),)
    assert requests.status(request, NOON + DAY) == "lapsed"


def test_a_request_is_found_through_its_card(session: Session, right: DrawingRight) -> None:
    request = ask(session, right)
    assert requests.card_of(session, request.request_id) == right.card_id
    assert requests.card_of(session, ids.new_id()) is None
    assert requests.load(session, right.card_id, request.request_id) is request
    with pytest.raises(RequestNotFound):
        requests.load(session, ids.new_id(), request.request_id)
