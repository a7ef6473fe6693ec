from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from delegation.requests import Wanted
from tests.payments import POLICIES
from tokenization import ids
from tokenization.errors import Invalid
from wallet.payments import asking
from wallet.payments.models import Payment

PAYMENT_ID = ids.new_id()
NETTO = {"id": "DK-123", "name": "Netto Vesterbro", "mcc": "5411", "country": "DK"}
HOTEL = {"id": "DK-701", "name": "Hotel Skjoldungen", "mcc": "7011", "country": "DK"}
PER_PAYMENT = {"name": "per_payment", "limit": 20_000, "spent": 0, "of": "drawing_right"}
PER_DAY = {"name": "per_day", "limit": 50_000, "spent": 45_000, "of": "drawing_right"}
COUNT = {"name": "payments_per_day", "limit": 5, "spent": 5, "of": "drawing_right"}
EUROS: dict[str, Any] = {"currency": "EUR", "rate": Decimal("7.4605"), "rate_of": date(2026, 11, 20)}
CATEGORY = {"name": "category", "limit": None, "spent": None, "of": "drawing_right"}


def declined(limit: dict[str, Any] | None, **changes: Any) -> Payment:
    usual = {"approved": False, "kind": "purchase", "amount_minor": 25_000, "estimated": False, "merchant": NETTO}
    return Payment(payment_id=PAYMENT_ID, client_id="acquirer", limit=limit, **{**usual, **changes})


def wanted(payment: Payment | None, kind: str = "one_off", **body: Any) -> Wanted:
    said = {"kind": kind, "amount": None, "limit": None, "message": None, **body}
    return asking.wanted({**said, "payment_id": PAYMENT_ID if payment else None}, payment, POLICIES)


def refused(payment: Payment | None, kind: str = "one_off", **body: Any) -> tuple[str, str]:
    with pytest.raises(Invalid) as error:
        wanted(payment, kind, **body)
    return error.value.field, str(error.value)


@pytest.mark.parametrize(
    ("kind", "limit", "asked_for"),
    [
        ("one_off", PER_PAYMENT, ("per_payment", 25_000)),
        ("one_off", PER_DAY, ("per_day", 25_000)),
        ("one_off", COUNT, ("payments_per_day", 25_000)),
        ("one_off", CATEGORY, ("per_payment", 25_000)),
        ("raise", PER_PAYMENT, ("per_payment", 25_000)),
        ("raise", PER_DAY, ("per_day", 70_000)),
        ("raise", COUNT, ("payments_per_day", 6)),
    ],
)
def test_what_a_declined_payment_needed_is_asked_for(
    kind: str, limit: dict[str, Any], asked_for: tuple[str, int]
) -> None:
    asked = wanted(declined(limit), kind, message="please")
    assert (asked.limit, asked.amount) == asked_for
    assert (asked.kind, asked.payment_id, asked.message) == (kind, PAYMENT_ID, "please")
    assert asked.merchant == {
        "id": "DK-123",
        "name": "Netto Vesterbro",
        "country": "DK",
        "client_id": "acquirer",
        "categories": ["groceries"],
        "stopped_by": limit["name"],
    }


def test_an_estimate_is_asked_for_with_what_it_may_become() -> None:
    assert wanted(declined(PER_PAYMENT, merchant=HOTEL, estimated=True)).amount == 28_750
    assert wanted(declined(PER_DAY, merchant=HOTEL, estimated=True), "raise").amount == 45_000 + 28_750
    assert wanted(declined(PER_PAYMENT, estimated=True)).amount == 25_000, "a grocer estimates nothing"


def test_cash_is_asked_for_as_cash_wherever_it_is_drawn() -> None:
    cash = wanted(declined(CATEGORY | {"name": "cash"}, kind="cash")).merchant
    assert cash is not None
    assert cash["categories"] == ["cash", "groceries"]


def test_more_than_the_payment_needs_may_be_asked_for_and_less_may_not() -> None:
    assert wanted(declined(PER_PAYMENT), amount=25_001).amount == 25_001
    assert refused(declined(PER_PAYMENT), amount=24_999)[0] == "amount"
    assert wanted(declined(COUNT), "raise", amount=7).amount == 7
    assert refused(declined(COUNT), "raise", amount=5)[0] == "amount"


def test_another_limit_may_be_named() -> None:
    assert wanted(declined(PER_DAY), limit="per_payment").limit == "per_payment"
    other = wanted(declined(PER_DAY), "raise", limit="per_month", amount=1)
    assert (other.limit, other.amount) == ("per_month", 1)
    assert refused(declined(PER_DAY), "raise", limit="per_month")[0] == "amount"


def test_what_no_limit_stopped_is_no_reason_to_raise_one() -> None:
    assert refused(declined(CATEGORY), "raise")[0] == "limit"


NOBODY_CAN: dict[str, Payment] = {
    "its PIN": declined(None, reason="wrong_pin"),
    "the card's own limit": declined({"name": "cash_per_day", "limit": 1, "spent": 1, "of": "policy"}),
    "where a phone may be used": declined(None, reason="not_permitted"),
    "a right that has not begun": declined(CATEGORY | {"name": "valid_from"}),
    "a subscription": declined(CATEGORY | {"name": "recurring"}),
    "a verification": declined(CATEGORY, kind="verification", amount_minor=0),
}


@pytest.mark.parametrize("why", NOBODY_CAN)
def test_what_no_grantor_can_lift_is_not_asked_for(why: str) -> None:
    assert refused(NOBODY_CAN[why]) == ("payment_id", "was declined for a reason that no grantor can lift")


ABOVE: tuple[Payment, ...] = (
    declined(PER_DAY | {"of": "ceiling"}),
    declined(PER_PAYMENT, amount_minor=200_001),
    declined(PER_PAYMENT, amount_minor=173_914, merchant=HOTEL, estimated=True),  # it may become 200,001
    declined(PER_PAYMENT, amount_minor=26_808, **EUROS),  # which cost 200,001
)


def test_of_a_payment_abroad_is_asked_for_what_it_costs_the_account() -> None:
    assert wanted(declined(PER_PAYMENT, amount_minor=3_000, **EUROS)).amount == 22_382
    assert wanted(declined(PER_DAY, amount_minor=3_000, **EUROS), "raise").amount == 45_000 + 22_382
    hotel = declined(PER_PAYMENT, amount_minor=2_000, merchant=HOTEL, estimated=True, **EUROS)
    assert wanted(hotel).amount == 17_159, "whatever it may become"


@pytest.mark.parametrize("which", range(len(ABOVE)))
@pytest.mark.parametrize("kind", ["one_off", "raise"])
def test_of_the_ceiling_it_is_said_that_nobody_can_lift_it(which: int, kind: str) -> None:
    field, message = refused(ABOVE[which], kind)
    assert field == "payment_id"
    assert "the scheme's ceiling" in message


@pytest.mark.parametrize(("amount", "more"), [(200_000, {}), (173_913, {"merchant": HOTEL, "estimated": True})])
def test_exactly_the_ceiling_is_asked_for(amount: int, more: dict[str, Any]) -> None:
    assert wanted(declined(PER_PAYMENT, amount_minor=amount, **more)).amount <= 200_000


def test_what_was_paid_is_not_asked_for() -> None:
    assert refused(declined(None, approved=True)) == ("payment_id", "was not declined")


def test_without_a_payment_one_says_how_much() -> None:
    assert wanted(None, amount=25_000) == Wanted("one_off", 25_000, "per_payment")
    assert wanted(None, "raise", amount=60_000, limit="per_day") == Wanted("raise", 60_000, "per_day")
    assert refused(None)[0] == "amount"
    assert refused(None, "raise", limit="per_day")[0] == "amount"
    assert refused(None, "raise", amount=60_000)[0] == "limit"
