from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from delegation.judging import OneOff
from delegation.limits import Usage
from tests.drawing_rights import permitting
from tests.payments import NOW, POLICIES, asked, at, plastic, snapshot, token
from tokenization import token_status
from tokenization.models import Card, Plastic
from wallet.payments.decision import RULES, decide
from wallet.payments.rates import Rate
from wallet.payments.reasons import REASON_BY_TOKEN_CAUSE, RESPONSE_CODES, UNUSABLE
from wallet.payments.situation import Approved, Declined, Drawn, Left, LimitReached, Proof, Rule, Situation
from wallet.payments.snapshot import plastic_unusable

Changes = dict[str, Any]
Case = tuple[Changes, Changes]  # of the request, and of the state


def under(**terms: Any) -> Drawn:
    """A drawing right of which nothing is used."""
    return Drawn(permitting(**terms), Usage())


WEB = {"instrument": plastic(), "entry_mode": "ecommerce"}
GUESSED = {"instrument": plastic(cvc="123"), "entry_mode": "contactless"}
CASINO = at("7995")
EUR = Rate("EUR", "DKK", Decimal("7.4605"), date(2026, 11, 20))
# More than twelve digits of øre, on an account that has them.
BEYOND = (
    {"currency": "EUR", "amount_minor": 999_999_999_999, "instrument": token("pin")},
    {"rate": EUR, "available_minor": 10**15, "proof": Proof(device=True, person=True)},
)

# For each rule, in its order: by what it gives each of its reasons to a payment that is fine otherwise.
OBJECTIONS: dict[str, dict[str, Case]] = {
    "amount": {"invalid_amount": ({"amount_minor": 0}, {})},
    "own_merchant": {"not_permitted": ({}, {"own_merchant": False})},
    "in_force": {reason: ({}, {"unusable": reason}) for reason in UNUSABLE},
    "consent": {"credential_pending": ({}, {"waits_for_consent": True})},
    "domain": {"not_permitted": ({"scheme": "visa"}, {"schemes": frozenset({"dankort"})})},
    "device_proof": {
        "security_violation": ({}, {"proof": Proof(device=False)}),
        "system_error": ({}, {"proof": Proof(device=True, readable=False)}),
    },
    "person_proof": {"wrong_pin": ({}, {"proof": Proof(device=True, person=False)})},
    "cvc_tries": {"count_limit": (GUESSED, {"wrong_cvcs_today": 5})},
    "cvc": {"wrong_cvc": ({}, {"cvc_matches": False}), "system_error": ({}, {"cvc_readable": False})},
    "currency": {"currency_not_supported": ({"currency": "EUR"}, {}), "invalid_amount": BEYOND},
    "customer_authentication": {"customer_authentication_required": (WEB, {})},
    "pin": {"pin_required": ({}, {"payments_without_pin": 5})},
    "drawing_right": {
        "not_permitted": ({}, {"right": under(allowed_countries=["SE"])}),
        "amount_limit": ({}, {"right": under(per_payment=9_999)}),
        "count_limit": ({}, {"right": under(payments_per_day=0)}),
    },
    "card_limits": {"amount_limit": ({"merchant": CASINO}, {"card_usage": Usage(gambling_today_minor=490_001)})},
    "funds": {"insufficient_funds": ({}, {"available_minor": 9_999})},
}
FIRST = {name: next(iter(cases.values())) for name, cases in OBJECTIONS.items()}
# A remote payment asks for no PIN, and a wrong one is not a missing one.
NEVER_BOTH = {("customer_authentication", "pin"), ("person_proof", "pin")}


def verdict(request: Changes, state: Changes) -> Approved | Declined:
    return decide(asked(**request), snapshot(**state), POLICIES, NOW)


def reason(request: Changes, state: Changes) -> str:
    found = verdict(request, state)
    return found.reason if isinstance(found, Declined) else "approved"


def objecting(request: Changes, state: Changes) -> list[str]:
    situation = Situation(asked(**request), snapshot(**state), POLICIES, NOW)
    return [rule.name for rule in RULES if isinstance(rule.ask(situation), Declined)]


def test_every_rule_has_its_place() -> None:
    assert list(OBJECTIONS) == [rule.name for rule in RULES]


def test_a_payment_that_no_rule_objects_to_is_approved() -> None:
    assert verdict({}, {}) == Approved()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_declines_by_itself_with_each_of_its_reasons(rule: Rule) -> None:
    assert tuple(OBJECTIONS[rule.name]) == rule.reasons
    for expected, case in OBJECTIONS[rule.name].items():
        assert reason(*case) == expected
        assert objecting(*case) == [rule.name]


def pairs() -> Iterator[Any]:
    names = list(FIRST)
    for index, first in enumerate(names):
        for second in names[index + 1 :]:
            one, other = FIRST[first], FIRST[second]
            apart = not set(one[0]) & set(other[0]) and not set(one[1]) & set(other[1])
            if apart and first != "amount" and (first, second) not in NEVER_BOTH:
                yield pytest.param(first, second, id=f"{first} before {second}")


@pytest.mark.parametrize(("first", "second"), list(pairs()))
def test_what_stands_first_decides(first: str, second: str) -> None:
    request = FIRST[second][0] | FIRST[first][0]
    state = FIRST[second][1] | FIRST[first][1]
    assert {first, second} <= set(objecting(request, state))
    assert verdict(request, state) == verdict(*FIRST[first])


def test_a_wrong_pin_in_a_forged_cryptogram_is_no_wrong_pin() -> None:
    assert reason({}, {"proof": Proof(device=False, person=False)}) == "security_violation"


def test_a_token_of_which_nothing_was_proved_pays_nothing() -> None:
    assert reason({}, {"proof": None}) == "security_violation"


NOTHING = {"kind": "verification", "amount_minor": 0}


@pytest.mark.parametrize(
    ("request_", "state", "expected"),
    [
        ({"kind": "verification", "amount_minor": 1}, {}, "invalid_amount"),
        ({"amount_minor": -1}, {}, "invalid_amount"),
        (NOTHING, {"available_minor": -1}, "approved"),
        (NOTHING, {"payments_without_pin": 5}, "approved"),
        (NOTHING | {"merchant": at("6011")}, {}, "approved"),
        (NOTHING, {"proof": Proof(device=True, person=False)}, "wrong_pin"),
        (NOTHING, {"unusable": "card_blocked"}, "card_blocked"),
    ],
)
def test_a_verification_is_of_nothing_and_asks_whether_a_card_could_pay(
    request_: Changes, state: Changes, expected: str
) -> None:
    assert reason(request_, state) == expected


@pytest.mark.parametrize(("available", "expected"), [(10_000, "approved"), (9_999, "insufficient_funds")])
def test_all_that_is_available_can_be_spent_and_no_more(available: int, expected: str) -> None:
    assert reason({}, {"available_minor": available}) == expected


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


def test_a_drawing_right_is_told_who_starts_a_payment() -> None:
    state = {"right": under(per_day=10_000)}
    recurring = LimitReached("recurring", None, None, "drawing_right")
    assert verdict({"initiated_by": "merchant"}, state) == Declined("not_permitted", recurring)


def test_a_verification_under_a_drawing_right_spends_nothing_but_obeys_where_and_when() -> None:
    request = {"kind": "verification", "amount_minor": 0}
    spent = {"right": Drawn(permitting(per_payment=0, payments_per_day=1), Usage(payments_today=1))}
    assert reason(request, spent) == "approved"
    abroad = {"right": under(per_payment=0, allowed_countries=["SE"])}
    assert reason(request, abroad) == "not_permitted"


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
    assert expected is None or expected in UNUSABLE


def test_a_plastic_that_expired_says_so_after_everything_else() -> None:
    assert unusable("active", "active", months_left=-1) == "expired"
    assert unusable("blocked", "active", "lost", months_left=-1) == "card_lost"


def test_every_reason_is_one_of_a_rule_or_of_what_stands_before_the_rules_and_has_a_response_code() -> None:
    decided = {reason for rule in RULES for reason in rule.reasons}
    assert decided | {"approved", "unknown_number", "reversed"} == set(RESPONSE_CODES)
    assert all(len(code) == 2 for code in RESPONSE_CODES.values())


def test_what_makes_a_token_unusable_is_a_reason_of_being_unusable() -> None:
    assert set(REASON_BY_TOKEN_CAUSE.values()) <= set(UNUSABLE)


def test_every_cause_of_a_tokens_status_has_a_reason() -> None:
    assert list(REASON_BY_TOKEN_CAUSE) == list(token_status.STATUS_BY_CAUSE)


def test_a_situation_shows_no_number() -> None:
    assert "9208910000000008" not in repr(Situation(asked(token()), snapshot(), POLICIES, NOW))
