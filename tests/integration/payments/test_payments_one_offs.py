"""One payment more than the limits let through: asked for, approved, spent, given back."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.integration.payments.lists import decide
from tests.integration.payments.scene import HOTEL, TRAM, Answer, Scene, refused
from tests.world import NETTO
from tokenization import ids
from tokenization.journal.models import JournalEntry
from wallet.payments.models import Payment

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def shown(scene: Scene, request_id: str) -> Answer:
    requests = scene.town.emil.request("GET", f"/v1/drawing-rights/{scene.town.right_id}/requests").json()["data"]
    return next(request for request in requests if request["id"] == request_id)


def status(scene: Scene, request_id: str) -> str:
    return str(shown(scene, request_id)["status"])


def pay(scene: Scene, amount: int = 25_000, **more: Any) -> Answer:
    return scene.pay(amount, "pin", token=scene.emil, **more)


def approved(scene: Scene, amount: int = 25_000, **more: Any) -> str:
    return scene.approved(amount, token=scene.emil, **more)


def test_a_payment_that_was_just_declined_is_asked_for_in_one_step_and_then_paid(scene: Scene) -> None:
    declined = pay(scene)
    request = scene.ask_for(payment_id=declined["id"], message="Det er til mormor").json()
    assert request == {
        "id": request["id"],
        "drawing_right_id": scene.town.right_id,
        "kind": "one_off",
        "amount": 25_000,
        "currency": "DKK",
        "limit": "per_payment",
        "payment_id": declined["id"],
        "merchant": {"name": "Netto Vesterbro", "country": "DK", "categories": ["groceries"]},
        "phone": None,
        "message": "Det er til mormor",
        "status": "open",
        "spent_by": None,
        "created_at": "2026-11-22T10:15:00Z",
        "decided_at": None,
        "lapses_at": "2026-11-29T10:15:00Z",
    }
    assert pay(scene)["reason"] == "amount_limit", "to ask is not to be given"
    scene.world.clock.advance(HOUR)
    [phone] = scene.town.anna.request("GET", f"/v1/drawing-rights/{scene.town.right_id}").json()["phones"]
    seen = {"phone": {"id": phone["id"], "name": phone["name"]}, "status": "approved"}
    times = {"decided_at": "2026-11-22T11:15:00Z", "lapses_at": "2026-11-23T11:15:00Z"}
    assert scene.approve(request) == request | times | seen
    paid = approved(scene)
    spent = shown(scene, request["id"])
    assert (spent["status"], spent["spent_by"], scene.used("per_day")) == ("spent", paid, 25_000)
    assert pay(scene)["limit"]["name"] == "per_payment"


def test_one_payment_is_not_asked_for_twice_at_a_time(scene: Scene) -> None:
    declined = pay(scene)["id"]
    first = scene.ask_for(payment_id=declined).json()
    again = scene.ask_for(payment_id=declined)
    assert refused(again) == (409, "already-asked")
    assert again.json()["drawing_request_id"] == first["id"]


def test_a_payment_within_the_limits_spends_none(scene: Scene) -> None:
    request = scene.one_off()
    approved(scene, 20_000)
    assert status(scene, request) == "approved"
    approved(scene, 25_000)
    assert status(scene, request) == "spent"


def test_a_payment_above_what_was_approved_spends_none(scene: Scene) -> None:
    request = scene.one_off()
    assert pay(scene, 25_001)["limit"]["name"] == "per_payment"
    assert status(scene, request) == "approved"


def test_what_was_asked_for_one_shop_is_for_no_other(scene: Scene) -> None:
    request = scene.one_off(None, payment_id=pay(scene)["id"])
    assert pay(scene, at=TRAM)["limit"]["name"] == "per_payment"
    assert status(scene, request) == "approved"
    approved(scene, at=NETTO)


def test_what_was_asked_for_groceries_is_for_nothing_else_at_that_merchants_id(scene: Scene) -> None:
    request = scene.one_off(None, payment_id=pay(scene)["id"])
    gambling, abroad = replace(NETTO, mcc="7995"), replace(NETTO, country="SE")
    assert pay(scene, at=gambling)["limit"]["name"] == "per_payment"
    assert pay(scene, at=abroad)["limit"]["name"] == "per_payment"
    assert pay(scene, kind="cash")["reason"] == "not_permitted"
    tap = scene.tap(25_000, "pin", token=scene.emil)
    elsewhere = scene.town.other_acquirer.request("POST", "/v1/network/authorizations", tap)
    assert elsewhere.json()["limit"]["name"] == "per_payment"
    assert status(scene, request) == "approved"
    approved(scene)
    assert status(scene, request) == "spent"


TIGHTER: tuple[Answer, ...] = (
    {"limits": {"per_payment": 30_000, "per_day": 49_999}},
    {"blocked_categories": ["gambling"]},
    {"valid_until": "2026-11-23"},
    {"limits": {"per_payment": 0, "per_day": 0, "payments_per_day": 0}},
)
NO_TIGHTER: tuple[Answer, ...] = (
    {"limits": {"per_payment": 20_001}},
    {"delegate": {"name": "Emil P."}, "notify_grantor": "none"},
    {"phones_allowed": 1},
)


def test_a_change_that_takes_something_away_takes_the_one_offs_back(scene: Scene) -> None:
    for change, becomes in (*((each, "declined") for each in TIGHTER), *((each, "approved") for each in NO_TIGHTER)):
        request = scene.one_off()
        one_offs = scene.change(change)["one_offs"]
        assert (status(scene, request), one_offs > 0) == (becomes, becomes == "approved"), change
    scene.change({"limits": {"per_payment": 0, "per_day": 0, "payments_per_day": 0}})
    assert pay(scene)["limit"]["name"] == "per_payment"


def test_what_was_spent_before_the_limits_were_lowered_does_not_come_back(scene: Scene) -> None:
    request = scene.one_off()
    paid = approved(scene)
    scene.emils(per_day=0)
    assert scene.do("reversals", paid, 25_000).status_code == 201
    assert status(scene, request) == "lapsed"


def test_a_raise_that_is_approved_takes_nothing_back(scene: Scene) -> None:
    request = scene.one_off()
    scene.one_off(60_000, kind="raise", limit="per_day")
    assert status(scene, request) == "approved"


def test_a_grantor_takes_a_one_off_back_before_it_is_spent(scene: Scene) -> None:
    request, paid = scene.one_off(), scene.one_off(30_000)
    approved(scene, 30_000)
    answers = [scene.town.anna.request("POST", f"/v1/drawing-requests/{each}/decline") for each in (request, paid)]
    assert [answer.status_code for answer in answers] == [200, 409]
    assert pay(scene)["limit"]["name"] == "per_payment"


def test_what_a_grantor_blocked_is_let_through_once_where_it_was_asked_for(scene: Scene) -> None:
    blocked = scene.town.anna.request(
        "PATCH", f"/v1/drawing-rights/{scene.town.right_id}", {"blocked_categories": ["groceries", "transport"]}
    )
    assert blocked.status_code == 200, blocked.text
    declined = pay(scene, 10_000)
    assert (declined["reason"], declined["limit"]["name"]) == ("not_permitted", "category")
    anywhere = scene.one_off()
    assert pay(scene, 10_000)["reason"] == "not_permitted", "that is about how much, not about where"
    scene.one_off(None, payment_id=declined["id"])
    assert pay(scene, 10_000, at=TRAM)["reason"] == "not_permitted"
    approved(scene, 10_000)
    assert pay(scene, 10_000)["reason"] == "not_permitted"
    assert status(scene, anywhere) == "approved"


def test_the_oldest_that_fits_is_spent(scene: Scene) -> None:
    small, large = scene.one_off(25_000), scene.one_off(40_000)
    approved(scene, 30_000)
    assert (status(scene, small), status(scene, large)) == ("approved", "spent")
    newer = scene.one_off(40_000)
    approved(scene, 21_000)
    assert (status(scene, small), status(scene, newer)) == ("spent", "approved")


def test_it_lapses_a_day_after_the_yes(scene: Scene) -> None:
    request = scene.one_off()
    scene.world.clock.advance(DAY)
    assert pay(scene)["limit"]["name"] == "per_payment"
    assert status(scene, request) == "lapsed"


def test_the_ceiling_holds_all_the_same_and_then_none_is_spent(scene: Scene) -> None:
    scene.emils(per_payment=150_000, per_day=None)
    approved(scene, 150_000)
    request = scene.one_off(160_000)
    answer = pay(scene, 160_000)
    assert answer["limit"] == {"name": "per_day", "limit": 300_000, "spent": 150_000, "of": "ceiling"}
    about_it = scene.ask_for(payment_id=answer["id"])
    assert refused(about_it) == (422, "invalid")
    assert "ceiling" in about_it.json()["errors"][0]["message"]
    assert status(scene, request) == "approved"


def test_what_another_rule_declines_spends_none(scene: Scene) -> None:
    request = scene.one_off()
    scene.money(24_999)
    assert pay(scene)["reason"] == "insufficient_funds"
    assert scene.pay(25_000, token=scene.emil, cvm="pin", pin="9999")["reason"] == "wrong_pin"
    assert status(scene, request) == "approved"
    scene.money(25_000)
    approved(scene)
    assert status(scene, request) == "spent"


def test_an_estimate_needs_one_for_all_that_it_may_become(scene: Scene) -> None:
    declined = pay(scene, 20_000, at=HOTEL, estimated=True)
    small = scene.one_off(22_999)
    assert pay(scene, 20_000, at=HOTEL, estimated=True)["limit"]["name"] == "per_payment"
    request = scene.approve(scene.ask_for(payment_id=declined["id"]).json())
    assert request["amount"] == 23_000
    approved(scene, 20_000, at=HOTEL, estimated=True)
    assert (status(scene, small), status(scene, request["id"])) == ("approved", "spent")


def test_a_payment_that_is_wholly_reversed_gives_it_back(scene: Scene) -> None:
    request = scene.one_off()
    payment_id = approved(scene)
    assert scene.do("reversals", payment_id, 10_000).status_code == 201
    assert status(scene, request) == "spent"
    assert scene.do("reversals", payment_id, 15_000).status_code == 201
    again = shown(scene, request)
    assert (again["status"], again["spent_by"]) == ("approved", None)
    approved(scene)
    assert status(scene, request) == "spent"


def test_a_capture_that_is_wholly_reversed_gives_it_back_and_a_refund_does_not(scene: Scene) -> None:
    first, second = scene.one_off(), scene.one_off()
    refunded, reversed_ = approved(scene), approved(scene)
    for payment_id, what in ((refunded, "refunds"), (reversed_, "reversals")):
        assert scene.do("captures", payment_id, 25_000).status_code == 201
        assert scene.do(what, payment_id, 25_000).status_code == 201
    assert (status(scene, first), status(scene, second)) == ("spent", "approved")


def test_a_lost_answer_that_is_reversed_gives_it_back(scene: Scene) -> None:
    request = scene.one_off()
    approved(scene, network_reference="lost")
    for _ in range(2):
        assert scene.reverse_lost("lost", amount=None).status_code == 201
    assert status(scene, request) == "approved"


def test_one_that_is_given_back_lapses_when_it_would_have(scene: Scene) -> None:
    request = scene.one_off()
    payment_id = approved(scene)
    scene.world.clock.advance(DAY)
    assert status(scene, request) == "spent"
    assert scene.do("reversals", payment_id, 25_000).status_code == 201
    assert status(scene, request) == "lapsed"
    assert pay(scene)["reason"] == "amount_limit"


def test_two_payments_of_one_list_spend_one_each(scene: Scene) -> None:
    def tap() -> Answer:
        return scene.tap(25_000, "pin", token=scene.emil)

    scene.one_off()
    assert decide(scene, tap(), tap()) == ["approved", "amount_limit"]
    scene.emils(per_day=None)
    scene.one_off()
    scene.one_off(30_000)
    assert decide(scene, tap(), tap(), tap()) == ["approved", "approved", "amount_limit"]


def test_a_verification_spends_none(scene: Scene) -> None:
    scene.emils(payments_per_day=0)
    request = scene.one_off()
    assert pay(scene, 0, kind="verification")["approved"]
    assert status(scene, request) == "approved"


def test_it_is_of_one_right_and_no_other(scene: Scene) -> None:
    other = scene.world.grant(scene.town.anna)["id"]
    child = scene.world.child(other)
    body = {"kind": "one_off", "amount": 25_000}
    request = child.request("POST", f"/v1/drawing-rights/{other}/requests", body).json()
    scene.approve(request)
    assert pay(scene)["reason"] == "amount_limit"


@pytest.fixture
def session(scene: Scene) -> Any:
    with scene.world.parts.database.reading() as session:
        yield session


def left(session: Session, payment_id: str) -> tuple[Any, Any]:
    """What is kept of a payment, and what its event tells."""
    payment = session.scalars(select(Payment).where(Payment.payment_id == ids.parse("pay", payment_id))).one()
    entries = session.scalars(select(JournalEntry).where(JournalEntry.type == "payment.approved"))
    payload = next(entry.payload for entry in entries if entry.payload and entry.payload["payment_id"] == payment_id)
    return payment.right_left, payload["left"]


def test_a_payment_says_what_it_leaves_of_the_nearest_limit(scene: Scene, session: Session) -> None:
    first = approved(scene, 12_000)
    assert left(session, first) == ({"limit": "per_day", "remaining": 38_000},) * 2
    estimate = approved(scene, 10_000, at=HOTEL, estimated=True)
    assert left(session, estimate) == ({"limit": "per_day", "remaining": 26_500},) * 2
    scene.emils(total=23_600)
    assert left(session, approved(scene, 100)) == ({"limit": "total", "remaining": 0},) * 2


def test_a_one_off_leaves_nothing_below_zero(scene: Scene, session: Session) -> None:
    scene.emils(per_day=10_000)
    scene.one_off()
    assert left(session, approved(scene)) == ({"limit": "per_day", "remaining": 0},) * 2


def test_only_a_payment_under_a_right_leaves_something_of_it(scene: Scene, session: Session) -> None:
    assert left(session, scene.approved(10_000)) == (None, None)
    declined = ids.parse("pay", pay(scene)["id"])
    assert session.scalars(select(Payment).where(Payment.payment_id == declined)).one().right_left is None
