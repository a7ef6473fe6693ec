import dataclasses
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from delegation.judging import OneOff
from delegation.limits import Usage
from tests.drawing_rights import permitting
from tests.payments import BY_AMOUNT, NOW, POLICIES, asked, at, credential, plastic, snapshot, token, unattended
from tokenization import token_status
from tokenization.models import Card, Plastic
from tokenization.policies import Policies
from wallet.payments import rules
from wallet.payments.decision import RULES, decide
from wallet.payments.reasons import REASON_BY_TOKEN_CAUSE, RESPONSE_CODES
from wallet.payments.situation import Approved, Declined, Drawn, Left, LimitReached, Proof, Rule, Situation
from wallet.payments.snapshot import plastic_unusable

Changes = dict[str, Any]


def under(**terms: Any) -> Drawn:
    """A drawing right of which nothing is used."""
    return Drawn(permitting(**terms), Usage())


WEB = {"instrument": plastic(), "entry_mode": "ecommerce"}
ON_FILE = {"instrument": credential(), "entry_mode": "credential_on_file"}
CHIP = {"instrument": plastic("online_pin"), "entry_mode": "chip"}
CASINO = at("7995")

# For each rule, in its order: what makes it object to a payment that is fine otherwise.
OBJECTIONS: dict[Rule, tuple[Changes, Changes, str]] = {
    rules.amount: ({"amount_minor": 0}, {}, "invalid_amount"),
    rules.own_merchant: ({}, {"own_merchant": False}, "not_permitted"),
    rules.in_force: ({}, {"unusable": "card_blocked"}, "card_blocked"),
    rules.consent: ({}, {"waits_for_consent": True}, "credential_pending"),
    rules.domain: ({"scheme": "visa"}, {"schemes": frozenset({"dankort"})}, "not_permitted"),
    rules.device_proof: ({}, {"proof": Proof(device=False)}, "security_violation"),
    rules.person_proof: ({}, {"proof": Proof(device=True, person=False)}, "wrong_pin"),
    rules.cvc: ({}, {"cvc_matches": False}, "wrong_cvc"),
    rules.currency: ({"currency": "EUR"}, {}, "currency_not_supported"),
    rules.customer_authentication: (WEB, {}, "customer_authentication_required"),
    rules.pin: ({}, {"payments_without_pin": 5}, "pin_required"),
    rules.drawing_right: ({}, {"right": under(per_payment=9_999)}, "amount_limit"),
    rules.card_limits: ({"merchant": CASINO}, {"card_usage": Usage(gambling_today_minor=490_001)}, "amount_limit"),
    rules.funds: ({}, {"available_minor": 9_999}, "insufficient_funds"),
}
# A remote payment asks for no PIN, and a wrong one is not a missing one.
NEVER_BOTH = {(rules.customer_authentication, rules.pin), (rules.person_proof, rules.pin)}


def reason(request: Changes, state: Changes, policies: Policies = POLICIES) -> str:
    verdict = decide(asked(**request), snapshot(**state), policies, NOW)
    return verdict.reason if isinstance(verdict, Declined) else "approved"


def test_every_rule_has_its_place() -> None:
    assert tuple(OBJECTIONS) == RULES


def test_a_payment_that_no_rule_objects_to_is_approved() -> None:
    assert decide(asked(), snapshot(), POLICIES, NOW) == Approved()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_each_rule_declines_by_itself(rule: Rule) -> None:
    request, state, expected = OBJECTIONS[rule]
    assert reason(request, state) == expected
    situation = Situation(asked(**request), snapshot(**state), POLICIES, NOW)
    assert [each for each in RULES if each(situation)] == [rule]


def pairs() -> Iterator[Any]:
    for index, first in enumerate(RULES):
        for second in RULES[index + 1 :]:
            one, other = OBJECTIONS[first], OBJECTIONS[second]
            apart = not set(one[0]) & set(other[0]) and not set(one[1]) & set(other[1])
            if apart and first is not rules.amount and (first, second) not in NEVER_BOTH:
                yield pytest.param(first, second, id=f"{first.__name__} before {second.__name__}")


@pytest.mark.parametrize(("first", "second"), list(pairs()))
def test_what_stands_first_decides(first: Rule, second: Rule) -> None:
    request = OBJECTIONS[second][0] | OBJECTIONS[first][0]
    state = OBJECTIONS[second][1] | OBJECTIONS[first][1]
    situation = Situation(asked(**request), snapshot(**state), POLICIES, NOW)
    assert first(situation)
    assert second(situation)
    assert reason(request, state) == OBJECTIONS[first][2]


def test_a_wrong_pin_in_a_forged_cryptogram_is_no_wrong_pin() -> None:
    assert reason({}, {"proof": Proof(device=False, person=False)}) == "security_violation"


@pytest.mark.parametrize(
    ("request_", "state", "expected"),
    [
        ({"kind": "verification", "amount_minor": 1}, {}, "invalid_amount"),
        ({"amount_minor": -1}, {}, "invalid_amount"),
        ({"kind": "verification", "amount_minor": 0}, {"available_minor": -1}, "approved"),
        ({"kind": "verification", "amount_minor": 0}, {"payments_without_pin": 5}, "approved"),
        ({}, {"proof": Proof(device=True, readable=False)}, "system_error"),
        # R-3.3d: a token pays at a terminal, nowhere else; the plastic has no wallet mode.
        ({"entry_mode": "contactless"}, {}, "approved"),
        *(({"entry_mode": mode}, {}, "not_permitted") for mode in ("ecommerce", "moto", "keyed", "chip", "magstripe")),
        ({"entry_mode": "credential_on_file"}, {}, "not_permitted"),
        (CHIP | {"entry_mode": "wallet"}, {}, "not_permitted"),
        (CHIP | {"entry_mode": "credential_on_file"}, {}, "not_permitted"),
        (ON_FILE | {"entry_mode": "ecommerce", "authentication": "3ds"}, {}, "not_permitted"),
        # Cash is not handed out at a distance, nor for a number that is typed in.
        (WEB | {"kind": "cash", "authentication": "3ds"}, {}, "not_permitted"),
        ({"instrument": plastic("online_pin"), "entry_mode": "keyed", "kind": "cash"}, {}, "not_permitted"),
        (ON_FILE | {"kind": "cash", "initiated_by": "merchant"}, {}, "not_permitted"),
        (CHIP | {"kind": "cash"}, {}, "approved"),
        # A limit may not be read in another currency, even where the account is kept in it.
        ({"currency": "EUR"}, {"account_currency": "EUR"}, "currency_not_supported"),
        ({}, {"account_currency": "EUR"}, "currency_not_supported"),
        # SCA at a distance; whoever says that it is the merchant's doing needs a card on file for it.
        (WEB | {"authentication": "3ds"}, {}, "approved"),
        (WEB | {"authentication": "exempt"}, {}, "approved"),
        (WEB | {"initiated_by": "merchant"}, {}, "customer_authentication_required"),
        ({"instrument": plastic(), "entry_mode": "moto"}, {}, "approved"),
        ({"instrument": plastic(), "entry_mode": "keyed"}, {}, "approved"),
        (ON_FILE, {}, "customer_authentication_required"),
        (ON_FILE | {"authentication": "3ds"}, {}, "approved"),
        (ON_FILE | {"authentication": "exempt"}, {}, "approved"),
        (ON_FILE | {"initiated_by": "merchant"}, {}, "approved"),
        # R-3.6a: set up by the cardholder, never by the merchant alone.
        (ON_FILE | {"authentication": "3ds"}, {"waits_for_consent": True}, "approved"),
        (ON_FILE | {"authentication": "exempt"}, {"waits_for_consent": True}, "credential_pending"),
        (ON_FILE | {"initiated_by": "merchant"}, {"waits_for_consent": True}, "credential_pending"),
        (
            ON_FILE | {"initiated_by": "merchant", "authentication": "3ds"},
            {"waits_for_consent": True},
            "credential_pending",
        ),
    ],
)
def test_where_and_by_whom_a_payment_may_be_made(request_: Changes, state: Changes, expected: str) -> None:
    assert reason(request_, state) == expected


PERSON = {"proof": Proof(device=True, person=True)}
NONE, SIGNED, OFFLINE = plastic(), plastic("signature"), plastic("offline_pin")
TRAM = {"merchant": at("4111"), "terminal": unattended()}


@pytest.mark.parametrize(
    ("request_", "state", "expected"),
    [
        # R-2.5a: up to the limit, and up to five times.
        ({"amount_minor": 35_000}, {}, "approved"),
        ({"amount_minor": 35_001}, {}, "pin_required"),
        ({"amount_minor": 35_001}, PERSON, "approved"),
        ({}, {"payments_without_pin": 4}, "approved"),
        ({}, {"payments_without_pin": 5}, "pin_required"),
        ({}, PERSON | {"payments_without_pin": 5}, "approved"),
        ({"instrument": NONE, "entry_mode": "contactless", "amount_minor": 35_000}, {}, "approved"),
        ({"instrument": NONE, "entry_mode": "contactless", "amount_minor": 35_001}, {}, "pin_required"),
        ({"instrument": NONE, "entry_mode": "contactless"}, {"payments_without_pin": 5}, "pin_required"),
        ({"instrument": SIGNED, "entry_mode": "contactless"}, {"payments_without_pin": 5}, "pin_required"),
        ({"instrument": OFFLINE, "entry_mode": "contactless"}, {"payments_without_pin": 5}, "approved"),
        # Chip and magstripe have no such limit: a PIN or a signature, however small the amount.
        ({"instrument": NONE, "entry_mode": "chip", "amount_minor": 1}, {}, "pin_required"),
        ({"instrument": NONE, "entry_mode": "magstripe", "amount_minor": 1}, {}, "pin_required"),
        ({"instrument": SIGNED, "entry_mode": "chip", "amount_minor": 100_000}, {}, "approved"),
        ({"instrument": OFFLINE, "entry_mode": "chip", "amount_minor": 100_000}, {}, "approved"),
        # Cash wants a PIN, by whatever name it is asked for.
        ({"kind": "cash", "amount_minor": 1}, {}, "pin_required"),
        ({"kind": "cash", "amount_minor": 1}, PERSON, "approved"),
        ({"merchant": at("6011"), "amount_minor": 1}, {}, "pin_required"),
        ({"instrument": SIGNED, "entry_mode": "chip", "kind": "cash"}, {}, "pin_required"),
        # fares and parking at unattended terminals, and nothing else there.
        (TRAM | {"amount_minor": 100_000}, {"payments_without_pin": 5}, "approved"),
        (TRAM | {"instrument": NONE, "entry_mode": "chip"}, {}, "approved"),
        (TRAM | {"kind": "cash"}, {}, "pin_required"),
        ({"merchant": at("4111"), "amount_minor": 100_000}, {}, "pin_required"),
        ({"terminal": unattended(), "amount_minor": 100_000}, {}, "pin_required"),
        ({"terminal": None, "merchant": at("4111"), "amount_minor": 100_000}, {}, "pin_required"),
    ],
)
def test_when_a_pin_is_asked_for(request_: Changes, state: Changes, expected: str) -> None:
    assert reason(request_, state) == expected


@pytest.mark.parametrize(("spent", "expected"), [(101_900, "approved"), (101_901, "pin_required")])
def test_the_counter_may_be_one_of_amounts(spent: int, expected: str) -> None:
    state = {"minor_without_pin": spent, "payments_without_pin": 100}
    assert reason({}, state, BY_AMOUNT) == expected


@pytest.mark.parametrize(
    ("request_", "state", "counts", "starts_again"),
    [
        ({}, {}, True, False),
        ({}, PERSON, False, True),
        (TRAM, {}, False, False),
        (TRAM, PERSON, False, True),
        ({"kind": "verification", "amount_minor": 0}, {}, False, False),
        ({"kind": "verification", "amount_minor": 0}, PERSON, False, False),
        ({"instrument": NONE, "entry_mode": "contactless"}, {}, True, False),
        ({"instrument": SIGNED, "entry_mode": "contactless"}, {}, True, False),
        ({"instrument": OFFLINE, "entry_mode": "contactless"}, {}, False, True),
        ({"instrument": SIGNED, "entry_mode": "chip"}, {}, False, False),
        (CHIP, {}, False, True),
        (WEB | {"instrument": plastic("online_pin")}, {}, False, False),
        (ON_FILE, {}, False, False),
    ],
)
def test_what_the_counter_counts_and_what_sets_it_back(
    request_: Changes, state: Changes, counts: bool, starts_again: bool
) -> None:
    request, card = asked(**request_), snapshot(**state)
    assert (rules.counts_without_pin(request, card), rules.starts_count_again(request, card)) == (counts, starts_again)


VISA = {"scheme": "visa"}
ATM = {"kind": "cash"}


@pytest.mark.parametrize(
    ("request_", "used", "limit"),
    [
        ({"merchant": CASINO}, Usage(gambling_today_minor=490_000), None),
        ({"merchant": CASINO}, Usage(gambling_today_minor=490_001), ("gambling_per_day", 500_000, 490_001)),
        ({}, Usage(gambling_today_minor=500_000), None),
        (ATM, Usage(cash_today_minor=590_000), None),
        (ATM, Usage(cash_today_minor=590_001), ("cash_per_day", 600_000, 590_001)),
        ({}, Usage(cash_today_minor=600_000), None),
        (VISA, Usage(visa_thirty_days_minor=4_990_000), None),
        (VISA, Usage(visa_thirty_days_minor=4_990_001), ("visa_per_30_days", 5_000_000, 4_990_001)),
        ({}, Usage(visa_thirty_days_minor=5_000_000), None),
        (VISA | ATM, Usage(visa_cash_today_minor=590_000), None),
        (VISA | ATM, Usage(visa_cash_today_minor=590_001), ("visa_cash_per_day", 600_000, 590_001)),
        (VISA, Usage(visa_cash_today_minor=600_000), None),
    ],
)
def test_the_cards_own_limits(request_: Changes, used: Usage, limit: tuple[str, int, int] | None) -> None:
    verdict = decide(asked(**request_), snapshot(card_usage=used, **PERSON), POLICIES, NOW)
    if limit is None:
        assert verdict == Approved()
    else:
        assert verdict == Declined("amount_limit", LimitReached(*limit, of="policy"))


@pytest.mark.parametrize(
    ("terms", "used", "limit"),
    [
        ({"per_payment": 10_000}, Usage(), None),
        ({"per_payment": 9_999}, Usage(), ("amount_limit", "per_payment", 9_999, 0, "drawing_right")),
        ({"per_day": 10_500}, Usage(day_minor=501), ("amount_limit", "per_day", 10_500, 501, "drawing_right")),
        ({"payments_per_day": 2}, Usage(payments_today=2), ("count_limit", "payments_per_day", 2, 2, "drawing_right")),
        ({"per_payment": 1}, Usage(day_minor=300_000), ("amount_limit", "per_payment", 1, 0, "drawing_right")),
        ({"total": 10**9}, Usage(day_minor=290_001), ("amount_limit", "per_day", 300_000, 290_001, "ceiling")),
        (
            {"per_day": 10_000, "allowed_countries": ["SE"]},
            Usage(),
            ("not_permitted", "country", None, None, "drawing_right"),
        ),
    ],
)
def test_a_drawing_right_and_its_ceiling_name_what_stopped_a_payment(
    terms: Changes, used: Usage, limit: tuple[str, str, int | None, int | None, str] | None
) -> None:
    verdict = decide(asked(), snapshot(right=Drawn(permitting(**terms), used)), POLICIES, NOW)
    if limit is None:
        assert isinstance(verdict, Approved)
    else:
        refused, name, most, spent, of = limit
        assert verdict == Declined(refused, LimitReached(name, most, spent, of))


def test_a_verification_under_a_drawing_right_spends_nothing_but_obeys_where_and_when() -> None:
    request = {"kind": "verification", "amount_minor": 0}
    spent = {"right": Drawn(permitting(per_payment=0, payments_per_day=1), Usage(payments_today=1))}
    assert reason(request, spent) == "approved"
    abroad = {"right": under(per_payment=0, allowed_countries=["SE"])}
    assert reason(request, abroad) == "not_permitted"


@pytest.mark.parametrize(
    ("request_", "margin"),
    [
        ({"estimated": True, "merchant": at("7011")}, 1_500),
        ({"estimated": True, "merchant": at("7512")}, 1_500),
        ({"estimated": True, "merchant": at("5542"), "amount_minor": 3}, 0),
        ({"estimated": True}, 0),
        ({"merchant": at("7011")}, 0),
    ],
)
def test_an_estimate_may_be_exceeded_where_the_policy_says_so(request_: Changes, margin: int) -> None:
    assert rules.margin_minor(asked(**request_), POLICIES.holds) == margin


def test_a_policy_below_a_hundred_percent_takes_nothing_away() -> None:
    holds = dataclasses.replace(POLICIES.holds, estimated_percent=80)
    assert rules.margin_minor(asked(estimated=True, merchant=at("7011")), holds) == 0


@pytest.mark.parametrize(("per_payment", "expected"), [(11_500, "approved"), (11_499, "amount_limit")])
def test_a_drawing_right_must_bear_what_an_estimate_may_become(per_payment: int, expected: str) -> None:
    hotel = {"estimated": True, "merchant": at("7011")}
    assert reason(hotel, {"right": under(per_payment=per_payment)}) == expected


@pytest.mark.parametrize(("amount", "expected"), [(11_500, "approved"), (11_499, "amount_limit")])
def test_a_one_off_must_bear_what_an_estimate_may_become(amount: int, expected: str) -> None:
    right = dataclasses.replace(under(per_payment=0), one_offs=(OneOff(UUID(int=1), amount),))
    assert reason({"estimated": True, "merchant": at("7011")}, {"right": right}) == expected


def test_an_approval_names_its_one_off_and_what_is_left_of_the_nearest_limit() -> None:
    right = Drawn(permitting(per_payment=9_999, per_day=30_000), Usage(day_minor=5_000), (OneOff(UUID(int=1), 10_000),))
    verdict = decide(asked(), snapshot(right=right), POLICIES, NOW)
    assert verdict == Approved(UUID(int=1), Left("per_day", 15_000))
    assert decide(asked(amount_minor=9_999), snapshot(right=right), POLICIES, NOW) == Approved(
        None, Left("per_day", 15_001)
    )


def test_an_approval_by_the_cards_holder_names_neither() -> None:
    assert decide(asked(), snapshot(), POLICIES, NOW) == Approved()


def unusable(card_state: str, plastic_state: str, why: str | None = None, *, months_left: int = 0) -> str | None:
    expiry = NOW.date().replace(month=11 + months_left, day=30) if months_left >= 0 else NOW.date().replace(month=10)
    card = Card(state=card_state, block_reason=why)
    return plastic_unusable(card, Plastic(state=plastic_state, ended_reason=why, expiry=expiry), NOW)


@pytest.mark.parametrize(
    ("card_state", "plastic_state", "why", "expected"),
    [
        ("active", "active", None, None),
        ("active", "inactive", None, "card_inactive"),
        ("active", "replaced", "damaged", "card_replaced"),
        ("active", "replaced", "lost", "card_lost"),
        ("active", "replaced", "stolen", "card_stolen"),
        ("blocked", "active", "lost", "card_lost"),
        ("blocked", "active", "stolen", "card_stolen"),
        ("blocked", "active", "misused", "card_blocked"),
        ("blocked", "inactive", "overdraft", "card_blocked"),
        ("closed", "active", None, "card_closed"),
        ("closed", "replaced", "stolen", "card_closed"),
    ],
)
def test_why_a_plastic_cannot_pay(card_state: str, plastic_state: str, why: str | None, expected: str | None) -> None:
    assert unusable(card_state, plastic_state, why) == expected


def test_a_plastic_that_expired_says_so_after_everything_else() -> None:
    assert unusable("active", "active", months_left=-1) == "expired"
    assert unusable("blocked", "active", "lost", months_left=-1) == "card_lost"


def test_every_reason_can_be_reached_and_has_a_response_code() -> None:
    plastics = {"card_inactive", "card_replaced", "card_lost", "card_stolen", "card_blocked", "card_closed", "expired"}
    decided = {expected for _, _, expected in OBJECTIONS.values()} | {"system_error", "count_limit", "approved"}
    around = {"unknown_number", "reversed", "credential_withdrawn"}
    reached = plastics | set(REASON_BY_TOKEN_CAUSE.values()) | decided | around
    assert reached == set(RESPONSE_CODES)
    assert all(len(code) == 2 for code in RESPONSE_CODES.values())


def test_every_cause_of_a_tokens_status_has_a_reason() -> None:
    assert list(REASON_BY_TOKEN_CAUSE) == list(token_status.STATUS_BY_CAUSE)


def test_a_situation_shows_no_number() -> None:
    assert "9208910000000008" not in repr(Situation(asked(token()), snapshot(), POLICIES, NOW))
