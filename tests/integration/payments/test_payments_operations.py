"""Captures, reversals and refunds: once, never more than there is, and given back to where it was taken."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.integration.payments.scene import HOTEL, Scene, money, refused
from tests.world import NETTO
from tokenization.journal.models import JournalEntry
from wallet.payments.models import PaymentOperation, ReferenceDirectory

DAY = timedelta(days=1)


def test_a_capture_takes_what_was_held(scene: Scene) -> None:
    payment_id = scene.approved(50_000)
    assert money(scene) == (0, 50_000)
    answer = scene.do("captures", payment_id, 50_000)
    assert answer.status_code == 201
    body = answer.json()
    assert {name: body[name] for name in ("id", "status", "kind", "amount", "currency", "at")} == {
        "id": payment_id,
        "status": "captured",
        "kind": "capture",
        "amount": 50_000,
        "currency": "DKK",
        "at": "2026-11-22T10:15:00Z",
    }
    assert money(scene) == (50_000, 0)


def test_a_capture_in_parts_leaves_the_rest_on_hold_until_the_final_one(scene: Scene) -> None:
    payment_id = scene.approved(50_000)
    assert scene.do("captures", payment_id, 20_000, final=False).json()["status"] == "partly_captured"
    assert money(scene) == (20_000, 30_000)
    assert scene.do("captures", payment_id, 10_000).json()["status"] == "captured"
    assert money(scene) == (30_000, 0)
    assert refused(scene.do("captures", payment_id, 1)) == (409, "nothing-held")


def test_no_more_can_be_captured_than_was_held(scene: Scene) -> None:
    payment_id = scene.approved(50_000)
    answer = scene.do("captures", payment_id, 50_001)
    assert refused(answer) == (422, "amount-too-high")
    assert (answer.json()["most"], answer.json()["errors"][0]["field"]) == (50_000, "amount")
    assert money(scene) == (0, 50_000)


@pytest.mark.parametrize(
    ("at", "estimated", "amount", "expected"),
    [
        (HOTEL, True, 115_000, 201),
        (HOTEL, True, 115_001, 422),
        (HOTEL, False, 100_001, 422),
        (NETTO, True, 100_001, 422),
    ],
)
def test_an_estimate_may_be_exceeded_by_so_much_at_a_hotel_and_never_at_a_grocers(
    scene: Scene, at: Any, estimated: bool, amount: int, expected: int
) -> None:
    payment_id = scene.approved(100_000, at=at, estimated=estimated)
    assert scene.do("captures", payment_id, amount).status_code == expected
    assert money(scene) == ((amount, 0) if expected == 201 else (0, 100_000))


def test_an_estimate_may_be_exceeded_in_parts_and_by_no_more_than_once(scene: Scene) -> None:
    payment_id = scene.approved(100_000, at=HOTEL, estimated=True)
    for part in (60_000, 50_000):
        assert scene.do("captures", payment_id, part, final=False).status_code == 201
    answer = scene.do("captures", payment_id, 5_001, final=False)
    assert (refused(answer), answer.json()["most"]) == ((422, "amount-too-high"), 5_000)
    assert scene.do("captures", payment_id, 5_000, final=False).json()["status"] == "captured"
    assert refused(scene.do("captures", payment_id, 1)) == (409, "nothing-held")
    assert money(scene) == (115_000, 0)


def test_what_was_agreed_is_captured_though_the_account_no_longer_has_it(scene: Scene) -> None:
    """R-3.1b: what was approved is not called back, up to what it may become (R-3.1a)."""
    scene.money(120_000)
    payment_id = scene.approved(100_000, at=HOTEL, estimated=True)
    scene.approved(20_000)
    before = scene.account()
    assert before["available"] == before["overdraft_limit"]
    assert scene.do("captures", payment_id, 115_000).status_code == 201
    assert scene.account()["available"] == before["available"] - 15_000


def test_what_may_be_captured_is_what_the_policy_said_when_it_was_agreed(scene: Scene) -> None:
    payment_id = scene.approved(100_000, at=HOTEL, estimated=True)
    figures = {
        "days": 7,
        "long_days": 30,
        "long_categories": ["hotels"],
        "estimated_categories": ["fuel"],
        "estimated_percent": 105,
    }
    scene.world.clock.advance(timedelta(seconds=1))
    now = scene.world.clock.now().isoformat()
    scene.bank("PUT", "/policies/holds", {"figures": figures, "effective_at": now})
    assert scene.do("captures", payment_id, 115_000).status_code == 201


def test_a_reversal_gives_the_hold_and_the_usage_back_to_its_day(scene: Scene) -> None:
    payment_id = scene.approved(20_000, token=scene.emil)
    scene.world.clock.advance(DAY)
    scene.approved(15_000, token=scene.emil)
    answer = scene.do("reversals", payment_id)
    assert (answer.json()["amount"], answer.json()["status"]) == (20_000, "reversed")
    assert money(scene) == (0, 15_000)
    assert scene.used("per_day") == 15_000, "today's bucket is today's"
    scene.world.clock.advance(-DAY)
    assert scene.used("per_day") == 15_000, "a day's usage counts from that day on"


def test_a_reversed_payment_counts_for_no_limit_any_more(scene: Scene) -> None:
    scene.emils(payments_per_day=1)
    payment_id = scene.approved(20_000, token=scene.emil)
    assert scene.pay(100, token=scene.emil)["reason"] == "count_limit"
    scene.do("reversals", payment_id, 15_000)
    assert scene.used("per_day") == 5_000
    assert scene.pay(100, token=scene.emil)["reason"] == "count_limit", "a part of it is still a payment"
    scene.do("reversals", payment_id)
    scene.approved(20_000, token=scene.emil)


def test_a_reversal_may_come_after_the_capture_and_in_parts(scene: Scene) -> None:
    payment_id = scene.approved(50_000)
    scene.do("captures", payment_id, 30_000, final=False)
    assert scene.do("reversals", payment_id, 25_000).json()["status"] == "captured"
    assert money(scene) == (25_000, 0)
    assert refused(scene.do("reversals", payment_id, 25_001)) == (422, "amount-too-high")
    assert scene.do("reversals", payment_id).json()["amount"] == 25_000
    assert money(scene) == (0, 0)
    assert refused(scene.do("reversals", payment_id)) == (409, "nothing-to-reverse")
    assert refused(scene.do("captures", payment_id, 1)) == (409, "nothing-held")


def test_a_refund_gives_back_what_was_captured_and_no_more(scene: Scene) -> None:
    payment_id = scene.approved(20_000, token=scene.emil)
    assert refused(scene.do("refunds", payment_id, 1)) == (409, "nothing-captured")
    scene.do("captures", payment_id, 20_000)
    assert scene.do("refunds", payment_id, 5_000).json()["status"] == "captured"
    assert (money(scene), scene.used("per_day")) == ((15_000, 0), 15_000)
    assert refused(scene.do("refunds", payment_id, 15_001)) == (422, "amount-too-high")
    assert scene.do("refunds", payment_id, 15_000).json()["status"] == "refunded"
    assert (money(scene), scene.used("per_day")) == ((0, 0), 0)
    assert refused(scene.do("refunds", payment_id, 1)) == (409, "nothing-captured")


def test_a_final_capture_below_the_hold_gives_a_child_back_what_it_reserved(scene: Scene) -> None:
    payment_id = scene.approved(10_000, token=scene.emil, at=HOTEL, estimated=True)
    assert scene.used("per_day") == 11_500
    scene.do("captures", payment_id, 11_000, final=False)
    assert (scene.used("per_day"), money(scene)) == (11_500, (11_000, 0))
    scene.do("captures", payment_id, 300)
    assert (scene.used("per_day"), money(scene)) == (11_300, (11_300, 0))


def test_what_is_reversed_is_no_estimate_any_more(scene: Scene) -> None:
    payment_id = scene.approved(10_000, token=scene.emil, at=HOTEL, estimated=True)
    scene.do("reversals", payment_id, 1_000)
    assert scene.used("per_day") == 9_000
    assert refused(scene.do("captures", payment_id, 9_001)) == (422, "amount-too-high")


@pytest.mark.parametrize("what", ["captures", "reversals", "refunds"])
def test_nothing_can_be_done_with_what_was_declined(scene: Scene, what: str) -> None:
    declined = scene.pay(50_000)
    assert refused(scene.do(what, declined["id"], 1)) == (409, "payment-declined")


def test_a_verification_holds_nothing(scene: Scene) -> None:
    payment_id = scene.pay(0, kind="verification")["id"]
    assert refused(scene.do("captures", payment_id, 1)) == (409, "nothing-held")
    assert refused(scene.do("reversals", payment_id)) == (409, "nothing-to-reverse")


@pytest.mark.parametrize("what", ["blocked", "replaced", "closed", "erased"])
def test_whatever_becomes_of_a_card_what_was_approved_is_captured_reversed_and_refunded(
    scene: Scene, what: str
) -> None:
    payment_id = scene.approved(50_000)
    if what == "replaced":
        scene.bank("POST", scene.of_anna("/replace"), {"reason": "misused"})
    elif what == "blocked":
        scene.bank("POST", scene.of_anna("/block"), {"reason": "stolen"})
    else:
        scene.bank("POST", scene.of_anna("/close"))
    if what == "erased":
        scene.erase_anna()
    assert scene.do("captures", payment_id, 30_000, final=False).status_code == 201
    assert scene.do("reversals", payment_id, 25_000).status_code == 201
    assert scene.do("refunds", payment_id, 25_000).status_code == 201
    assert money(scene) == (0, 0)


def test_after_a_reversal_no_more_is_refunded_than_is_left_of_what_was_captured(scene: Scene) -> None:
    payment_id = scene.approved(50_000)
    scene.do("captures", payment_id, 50_000)
    scene.do("reversals", payment_id, 20_000)
    assert refused(scene.do("refunds", payment_id, 30_001)) == (422, "amount-too-high")
    assert scene.do("refunds", payment_id, 30_000).json()["status"] == "refunded"
    assert refused(scene.do("reversals", payment_id)) == (409, "nothing-to-reverse")
    assert money(scene) == (0, 0)


@pytest.mark.parametrize("what", ["captures", "reversals", "refunds"])
def test_a_payment_belongs_to_the_client_that_made_it(scene: Scene, what: str) -> None:
    payment_id = scene.approved(50_000)
    path = f"/v1/network/authorizations/{payment_id}"
    body = {"network_reference": "theirs", "amount": 1}
    answer = scene.town.other_acquirer.request("POST", f"{path}/{what}", body)
    assert refused(answer) == (404, "not-found")
    assert scene.town.other_acquirer.request("GET", path).status_code == 404
    assert scene.do(what, "pay_01jzzzzzzzfz7a9yqzzzzzzzzz", 1).status_code == 404
    assert scene.do(what, "nonsense", 1).status_code == 404
    assert money(scene) == (0, 50_000)


def test_the_history_shows_what_was_done_in_order(scene: Scene) -> None:
    payment_id = scene.approved(50_000)
    scene.do("captures", payment_id, 20_000, final=False, network_reference="c1")
    scene.world.clock.advance(timedelta(hours=1))
    scene.do("reversals", payment_id, 10_000, network_reference="r1")
    scene.do("captures", payment_id, 5_000, network_reference="c2")
    scene.do("refunds", payment_id, 1_000, network_reference="f1")
    seen = scene.look(payment_id)
    assert (seen["status"], seen["amount"], seen["captured"], seen["reversed"], seen["refunded"]) == (
        "captured",
        50_000,
        25_000,
        10_000,
        1_000,
    )
    steps = [(step["kind"], step["amount"], step["network_reference"], step["final"]) for step in seen["history"]]
    assert steps == [
        ("capture", 20_000, "c1", False),
        ("reversal", 10_000, "r1", False),
        ("capture", 5_000, "c2", True),
        ("refund", 1_000, "f1", False),
    ]
    assert seen["history"][1]["at"] == "2026-11-22T11:15:00Z"


@pytest.mark.parametrize(("what", "amount"), [("captures", 20_000), ("reversals", 20_000), ("refunds", 20_000)])
def test_each_happens_once_however_often_it_is_sent(scene: Scene, what: str, amount: int) -> None:
    payment_id = scene.approved(50_000)
    scene.do("captures", payment_id, 25_000, final=False)
    first = scene.do(what, payment_id, amount, network_reference="once")
    after = money(scene)
    again = scene.do(what, payment_id, amount, network_reference="once")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert money(scene) == after


def test_a_reference_names_one_thing_only(scene: Scene) -> None:
    first, second = scene.approved(50_000), scene.approved(50_000)
    scene.do("captures", first, 20_000, network_reference="taken", final=False)
    expected = (422, "network-reference-reused")
    assert refused(scene.do("captures", first, 20_001, network_reference="taken", final=False)) == expected
    assert refused(scene.do("captures", second, 20_000, network_reference="taken", final=False)) == expected
    assert refused(scene.do("refunds", first, 20_000, network_reference="taken")) == expected
    assert refused(scene.reverse_lost("unheard-of", network_reference="taken")) == expected
    assert refused(scene.ask(scene.tap(100, network_reference="taken"))) == expected
    assert money(scene) == (20_000, 80_000)


def test_what_was_refused_leaves_its_reference_free(scene: Scene) -> None:
    payment_id = scene.approved(50_000)
    assert refused(scene.do("captures", payment_id, 50_001, network_reference="retry")) == (422, "amount-too-high")
    assert scene.do("captures", payment_id, 50_000, network_reference="retry").status_code == 201


def test_a_refusal_commits_nothing(scene: Scene) -> None:
    payment_id = scene.approved(50_000)
    with scene.world.parts.database.reading() as session:
        before = [len(session.scalars(select(table)).all()) for table in (ReferenceDirectory, JournalEntry)]
    scene.do("captures", payment_id, 50_001)
    scene.do("refunds", payment_id, 1)
    with scene.world.parts.database.reading() as session:
        after = [len(session.scalars(select(table)).all()) for table in (ReferenceDirectory, JournalEntry)]
        assert not session.scalars(select(PaymentOperation)).all()
    assert after == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": -1}, "amount"),
        ({"amount": 2**63}, "amount"),
        ({"amount": 1.5}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": "1"}, "amount"),
        ({}, "amount"),
        ({"amount": 1, "network_reference": ""}, "network_reference"),
        ({"amount": 1, "network_reference": "a\x00b"}, "network_reference"),
        ({"amount": 1, "currency": "DKK"}, "currency"),
        ({"amount": 1, "final": "yes"}, "final"),
    ],
)
def test_bad_input_is_named(scene: Scene, body: dict[str, Any], field: str) -> None:
    payment_id = scene.approved(50_000)
    sent = {"network_reference": "bad", **body}
    answer = scene.network.request("POST", f"/v1/network/authorizations/{payment_id}/captures", sent)
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["errors"]] == [field]
    assert money(scene) == (0, 50_000)
