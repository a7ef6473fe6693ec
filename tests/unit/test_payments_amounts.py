"""How much: the card's own limits, the account, what an estimate may become, and all of it in another currency."""

import dataclasses
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from delegation.judging import OneOff
from delegation.limits import Usage
from tests.drawing_rights import permitting
from tests.payments import BY_AMOUNT, NOW, POLICIES, asked, at, snapshot
from tokenization.policies import Policies
from wallet.payments import rules
from wallet.payments.decision import decide
from wallet.payments.rates import Rate
from wallet.payments.situation import Approved, Declined, Drawn, Left, LimitReached, Proof

Changes = dict[str, Any]
PERSON = {"proof": Proof(device=True, person=True)}
VISA = {"scheme": "visa"}
ATM = {"kind": "cash"}
ABROAD = {"merchant": at("5411", "SE")}
CASINO = {"merchant": at("7995")}
HOTEL: Changes = {"estimated": True, "merchant": at("7011")}  # DKK 100.00, which may become 115.00


def reason(request: Changes, state: Changes, policies: Policies = POLICIES) -> str:
    verdict = decide(asked(**request), snapshot(**state), policies, NOW)
    return verdict.reason if isinstance(verdict, Declined) else "approved"


def in_thirty_days(minor: int) -> Changes:
    """So much was paid by Visa already, and nothing else."""
    return {"card_usage": Usage(visa_thirty_days_minor=minor)}


def under(*one_offs: OneOff, used: Usage | None = None, **terms: Any) -> Changes:
    return {"right": Drawn(permitting(**terms), used or Usage(), one_offs)}


@pytest.mark.parametrize(
    ("request_", "used", "limit"),
    [
        (CASINO, Usage(gambling_today_minor=490_000), None),
        (CASINO, Usage(gambling_today_minor=490_001), ("gambling_per_day", 500_000, 490_001)),
        ({}, Usage(gambling_today_minor=500_000), None),
        (ATM, Usage(cash_today_minor=590_000), None),
        (ATM, Usage(cash_today_minor=590_001), ("cash_per_day", 600_000, 590_001)),
        # Cash is cash by whatever name it is asked for; a wire is none that this limit means.
        ({"merchant": at("6011")}, Usage(cash_today_minor=590_001), ("cash_per_day", 600_000, 590_001)),
        ({"merchant": at("6010")}, Usage(cash_today_minor=590_001), ("cash_per_day", 600_000, 590_001)),
        ({"merchant": at("6051")}, Usage(cash_today_minor=600_000), None),
        ({}, Usage(cash_today_minor=600_000), None),
        (VISA, Usage(visa_thirty_days_minor=4_990_000), None),
        (VISA, Usage(visa_thirty_days_minor=4_990_001), ("visa_per_30_days", 5_000_000, 4_990_001)),
        # what counts is the scheme that is paid by, not the country.
        (
            VISA | {"merchant": at("5411", "SE")},
            Usage(visa_thirty_days_minor=4_990_001),
            ("visa_per_30_days", 5_000_000, 4_990_001),
        ),
        ({}, Usage(visa_thirty_days_minor=5_000_000), None),
        (VISA | ATM, Usage(visa_cash_today_minor=590_000), None),
        (VISA | ATM, Usage(visa_cash_today_minor=590_001), ("visa_cash_per_day", 600_000, 590_001)),
        (VISA | ATM, Usage(visa_thirty_days_minor=4_990_001), ("visa_per_30_days", 5_000_000, 4_990_001)),
        (ATM, Usage(visa_cash_today_minor=600_000), None),
        (VISA, Usage(visa_cash_today_minor=600_000), None),
        # Nothing is spent, so nothing stands in its way.
        ({"kind": "verification", "amount_minor": 0} | VISA, Usage(visa_thirty_days_minor=5_000_001), None),
    ],
)
def test_the_cards_own_limits(request_: Changes, used: Usage, limit: tuple[str, int, int] | None) -> None:
    verdict = decide(asked(**request_), snapshot(card_usage=used, **PERSON), POLICIES, NOW)
    if limit is None:
        assert verdict == Approved()
    else:
        assert verdict == Declined("amount_limit", LimitReached(*limit, of="policy"))


@pytest.mark.parametrize(
    ("request_", "margin"),
    [
        (HOTEL, 1_500),
        ({"estimated": True, "merchant": at("7512")}, 1_500),
        ({"estimated": True, "merchant": at("5542"), "amount_minor": 3}, 0),
        ({"estimated": True}, 0),
        ({"merchant": at("7011")}, 0),
        # In the payment's own currency: the acquirer captures in it.
        (HOTEL | {"currency": "EUR"}, 1_500),
    ],
)
def test_an_estimate_may_be_exceeded_where_the_policy_says_so(request_: Changes, margin: int) -> None:
    assert rules.margin_minor(asked(**request_), POLICIES.holds) == margin


def test_a_policy_below_a_hundred_percent_takes_nothing_away() -> None:
    holds = dataclasses.replace(POLICIES.holds, estimated_percent=80)
    assert rules.margin_minor(asked(**HOTEL), holds) == 0


@pytest.mark.parametrize("above", [0, 1])
@pytest.mark.parametrize(
    ("bearing", "state", "expected"),
    [
        ("drawing right", lambda most: under(per_payment=most), "amount_limit"),
        ("one-off", lambda most: under(OneOff(UUID(int=1), most), per_payment=0), "amount_limit"),
        ("limit of the card", lambda most: in_thirty_days(5_000_000 - most), "amount_limit"),
        ("account", lambda most: {"available_minor": most}, "insufficient_funds"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_whatever_bears_a_payment_must_bear_what_an_estimate_may_become(
    bearing: str, state: Any, expected: str, above: int
) -> None:
    assert reason(HOTEL | VISA, state(11_500 - above)) == (expected if above else "approved"), bearing
    assert reason(HOTEL | VISA | {"estimated": False}, state(11_500 - above)) == "approved", bearing


@pytest.mark.parametrize(("amount", "expected"), [(30_435, "approved"), (30_436, "pin_required")])
def test_an_estimate_that_may_pass_the_contactless_limit_wants_the_pin(amount: int, expected: str) -> None:
    """Else DKK 350.00 without a PIN would become 402.50."""
    assert reason({"estimated": True, "merchant": at("5542"), "amount_minor": amount}, {}) == expected
    assert reason({"estimated": True, "merchant": at("5542"), "amount_minor": amount}, PERSON) == "approved"


@pytest.mark.parametrize(("spent", "expected"), [(101_900, "approved"), (101_901, "pin_required")])
def test_the_counter_may_be_one_of_amounts(spent: int, expected: str) -> None:
    state = {"minor_without_pin": spent, "payments_without_pin": 100}
    assert reason({}, state, BY_AMOUNT) == expected
    assert reason({}, {"minor_without_pin": 10**9}) == "approved", "one counter or the other, not both"


EURO = Rate("EUR", "DKK", Decimal("7.4605"), date(2026, 11, 20))
YEN = Rate("JPY", "DKK", Decimal("0.0437"), date(2026, 11, 20))
IN_EUROS: Changes = {"currency": "EUR"}  # EUR 100.00: DKK 746.05
IN_YEN: Changes = {"currency": "JPY"}  # JPY 10,000: DKK 437.00


@pytest.mark.parametrize(
    ("request_", "state", "expected"),
    [
        (IN_EUROS, {}, "currency_not_supported"),
        (IN_EUROS, {"rate": EURO}, "approved"),
        (IN_YEN, {"rate": YEN}, "approved"),
        # A rate of something else converts nothing, and no figure may be read in the account's, where that is not ours.
        (IN_EUROS, {"rate": YEN}, "currency_not_supported"),
        ({}, {"rate": EURO}, "currency_not_supported"),
        (IN_EUROS, {"rate": dataclasses.replace(EURO, account_currency="SEK")}, "currency_not_supported"),
        (IN_EUROS, {"account_currency": "EUR"}, "currency_not_supported"),
        ({}, {"account_currency": "EUR"}, "currency_not_supported"),
        # No amount is compared, and nobody told what is left, before there is a rate.
        (IN_EUROS | {"amount_minor": 10**11}, {}, "currency_not_supported"),
        (IN_EUROS | {"kind": "verification", "amount_minor": 0}, {}, "currency_not_supported"),
    ],
)
def test_a_payment_in_another_currency_needs_its_rate(request_: Changes, state: Changes, expected: str) -> None:
    assert reason(request_, PERSON | state) == expected


@pytest.mark.parametrize(
    ("request_", "stopped_at", "expected"),
    [
        (IN_EUROS, lambda most: {"available_minor": most}, "insufficient_funds"),
        (IN_EUROS, lambda most: under(per_payment=most), "amount_limit"),
        (IN_EUROS, lambda most: under(used=Usage(day_minor=300_000 - most)), "amount_limit"),
        (IN_EUROS, lambda most: under(OneOff(UUID(int=1), most), per_payment=0), "amount_limit"),
        (IN_EUROS | VISA, lambda most: in_thirty_days(5_000_000 - most), "amount_limit"),
        (IN_EUROS | ATM, lambda most: {"card_usage": Usage(cash_today_minor=600_000 - most)}, "amount_limit"),
        (
            IN_EUROS | CASINO,
            lambda most: {"card_usage": Usage(gambling_today_minor=500_000 - most)},
            "amount_limit",
        ),
    ],
    ids=["account", "per-payment", "per-day", "one-off", "visa", "cash", "gambling"],
)
def test_every_limit_counts_what_is_billed(request_: Changes, stopped_at: Any, expected: str) -> None:
    assert reason(request_, PERSON | {"rate": EURO} | stopped_at(74_605)) == "approved"
    assert reason(request_, PERSON | {"rate": EURO} | stopped_at(74_604)) == expected


@pytest.mark.parametrize(("amount", "expected"), [(4_691, "approved"), (4_692, "pin_required")])
def test_the_contactless_limit_is_in_kroner_whatever_the_shop_takes(amount: int, expected: str) -> None:
    """EUR 46.91 is DKK 349.97, EUR 46.92 is DKK 350.05."""
    assert reason(IN_EUROS | {"amount_minor": amount}, {"rate": EURO}) == expected


@pytest.mark.parametrize(("spent", "expected"), [(37_295, "approved"), (37_296, "pin_required")])
def test_the_counter_of_amounts_counts_kroner(spent: int, expected: str) -> None:
    policies = dataclasses.replace(BY_AMOUNT, contactless=dataclasses.replace(BY_AMOUNT.contactless, pin_above=10**6))
    assert reason(IN_EUROS, {"rate": EURO, "minor_without_pin": spent}, policies) == expected


def test_a_margin_is_one_of_the_payments_currency_and_converted_with_the_amount() -> None:
    """EUR 0.10, which may become 0.11: DKK 0.82. Amount (0.75) and margin (0.07) apart need not come to the same."""
    request = HOTEL | IN_EUROS | {"amount_minor": 10}
    assert reason(request, {"rate": EURO, "available_minor": 82}) == "approved"
    assert reason(request, {"rate": EURO, "available_minor": 81}) == "insufficient_funds"


def test_what_is_left_of_a_drawing_right_is_left_in_kroner() -> None:
    verdict = decide(asked(**IN_EUROS), snapshot(rate=EURO, **PERSON, **under(per_day=100_000)), POLICIES, NOW)
    assert verdict == Approved(None, Left("per_day", 25_395))


def test_a_snapshot_says_what_an_amount_costs_the_account() -> None:
    assert [snapshot(rate=rate).billed(10_000) for rate in (None, EURO, YEN)] == [10_000, 74_605, 43_700]
