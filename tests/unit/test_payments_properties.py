"""What holds of every decision, whatever is asked for and however the card stands; and that a broken one is found."""

import dataclasses
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from delegation.judging import OneOff
from delegation.limits import Usage
from tests.drawing_rights import permitting
from tests.payments import BY_AMOUNT, NETTO, NOW, POLICIES, asked, credential, plastic, snapshot, token, unattended
from tokenization.policies import Policies
from wallet.payments import rules
from wallet.payments.decision import RULES, decide
from wallet.payments.rates import Rate
from wallet.payments.reasons import UNUSABLE
from wallet.payments.requests import TokenInstrument
from wallet.payments.situation import Approved, Declined, Drawn, Proof, Rule, Situation, Verdict
from wallet.schemas.network import ENTRY_MODES

Decide = Callable[[Situation], Verdict]
Changes = dict[str, Any]
Case = tuple[Changes, Changes]  # of the request, and of the state
Check = Callable[[Decide, Situation], None]
EURO = Rate("EUR", "DKK", Decimal("7.4605"), date(2026, 11, 20))
YEN = Rate("JPY", "DKK", Decimal("0.0437"), date(2026, 11, 20))
WHOLE = Proof(device=True, person=True)
GUESS = plastic(cvc="123")


def at(mcc: str, **more: Any) -> Changes:
    return {"merchant": dataclasses.replace(NETTO, mcc=mcc), **more}


def under(*one_offs: OneOff, used: int = 0, **terms: Any) -> Changes:
    return {"right": Drawn(permitting(**terms), Usage(day_minor=used, payments_today=2), one_offs)}


# Payments as they are made every day.
USUAL: list[Case] = [
    ({}, {}),
    (
        {"instrument": token("pin"), "scheme": "visa"},
        {"proof": WHOLE, "card_usage": Usage(visa_thirty_days_minor=4_980_000)},
    ),
    ({"currency": "EUR"}, {"rate": EURO, "proof": WHOLE}),
    ({"currency": "JPY", "scheme": "visa"}, {"rate": YEN, "proof": WHOLE}),
    ({"currency": "EUR", **at("6010")}, {"rate": EURO, "proof": WHOLE}),
    ({}, under(per_day=30_000, payments_per_day=5)),
    ({"currency": "EUR"}, {"rate": EURO, "proof": WHOLE, **under(OneOff(UUID(int=1), 60_000), per_payment=20_000)}),
    ({"instrument": plastic(), "entry_mode": "contactless"}, {"proof": None}),
    ({"instrument": plastic("online_pin"), "entry_mode": "chip", "kind": "cash"}, {"proof": None}),
    ({"instrument": GUESS, "entry_mode": "ecommerce", "authentication": "3ds"}, {"proof": None, "cvc_matches": True}),
    ({"instrument": GUESS, "entry_mode": "moto", "scheme": "visa"}, {"proof": None, "cvc_matches": True}),
    ({"instrument": credential(), "entry_mode": "credential_on_file", "initiated_by": "merchant"}, {"proof": None}),
    (at("7011", estimated=True), {"proof": WHOLE}),
    (at("5542", estimated=True), {}),
    (at("4111", terminal=unattended()), {}),
    (at("7995"), {"proof": WHOLE}),
]
# What else may be the case, one thing at a time or several.
ODD: list[Case] = [
    *(({"entry_mode": mode}, {}) for mode in ENTRY_MODES),
    *(({}, {"unusable": reason}) for reason in UNUSABLE),
    *(({"currency": code}, {}) for code in ("EUR", "KWD")),
    *(({"initiated_by": "merchant", "authentication": how}, {}) for how in ("none", "3ds", "exempt")),
    *(({}, {"proof": proof}) for proof in (None, Proof(False), Proof(True, False), Proof(True, readable=False))),
    *(({"instrument": GUESS}, {"wrong_cvcs_today": made, "cvc_matches": False}) for made in (0, 4, 5, 6)),
    *(({}, {"card_usage": Usage(cash_today_minor=each, gambling_today_minor=each)}) for each in (490_000, 590_000)),
    *(({}, {"card_usage": Usage(visa_thirty_days_minor=5_000_000 - each)}) for each in (0, 20_000, 40_000)),
    *(({}, {"available_minor": each}) for each in (-1, 0, 10_000, 60_000)),
    *(({}, {"payments_without_pin": each, "minor_without_pin": each * 22_000}) for each in (4, 5)),
    ({"kind": "verification", "amount_minor": 0}, {}),
    ({"kind": "cash"}, {}),
    ({"scheme": "visa"}, {"schemes": frozenset({"dankort"})}),
    ({"terminal": unattended()}, {}),
    ({}, {"account_currency": "EUR"}),
    ({}, {"rate": YEN}),
    ({}, {"own_merchant": False}),
    ({}, {"waits_for_consent": True}),
    ({}, {"cvc_readable": False}),
    ({}, under(used=280_000, allow_cash=True)),
    ({}, under(per_payment=1_000, payments_per_day=2)),
    ({}, under(blocked_categories=["gambling"], allowed_countries=["SE"])),
]
AMOUNTS = st.one_of(st.integers(1, 60_000), st.sampled_from([10_000, 30_435, 30_436, 35_000, 35_001, 999_999_999_999]))


def situation(usual: tuple[Changes, Changes], odd: list[Case], amount: int, policies: Policies) -> Situation:
    """A usual payment of that amount, with what is odd about it."""
    request, state = {**usual[0], "amount_minor": amount}, dict(usual[1])
    for of_request, of_state in odd:
        request |= of_request
        state |= of_state
    return Situation(asked(**request), snapshot(**state), policies, NOW)


ODDITIES: st.SearchStrategy[list[Case]] = st.one_of(st.just([]), st.lists(st.sampled_from(ODD), min_size=1, max_size=3))
SITUATIONS = st.builds(situation, st.sampled_from(USUAL), ODDITIES, AMOUNTS, st.sampled_from([POLICIES, BY_AMOUNT]))


def decision(s: Situation) -> Verdict:
    return decide(s.asked, s.card, s.policies, s.now)


def changed(s: Situation, request: dict[str, Any] | None = None, **card: Any) -> Situation:
    asked_for = dataclasses.replace(s.asked, **(request or {}))
    return dataclasses.replace(s, asked=asked_for, card=dataclasses.replace(s.card, **card))


def is_approved(verdict: Verdict) -> bool:
    return isinstance(verdict, Approved)


def the_first_rule_that_says_no_decides(decided: Decide, s: Situation) -> None:
    """And each gives the reasons that it says it has."""
    answers = [(rule, rule.ask(s)) for rule in RULES]
    objections = [(rule, each) for rule, each in answers if isinstance(each, Declined)]
    assert all(each.reason in rule.reasons for rule, each in objections)
    verdict = decided(s)
    assert verdict == decided(s)
    assert verdict == objections[0][1] if objections else is_approved(verdict)


def less_is_approved_where_more_is(decided: Decide, s: Situation) -> None:
    assume(s.asked.amount_minor > 1 and is_approved(decided(s)))
    for amount in {1, s.asked.amount_minor // 2, s.asked.amount_minor - 1}:
        assert is_approved(decided(changed(s, {"amount_minor": amount})))


def who_shows_more_and_has_more_is_not_worse_off(decided: Decide, s: Situation) -> None:
    """A right PIN, more money, nothing used, no guesses: nothing of it turns a yes into a no."""
    assume(is_approved(decided(s)))
    proved = Proof(device=True, person=True) if isinstance(s.asked.instrument, TokenInstrument) else None
    richer: Changes = {"available_minor": s.card.available_minor + 10**6, "card_usage": Usage(), "wrong_cvcs_today": 0}
    assert is_approved(decided(changed(s, proof=proved)))
    assert is_approved(decided(changed(s, **richer)))
    assert is_approved(decided(changed(s, payments_without_pin=0, minor_without_pin=0)))


def nothing_is_approved_beyond_a_figure(decided: Decide, s: Situation) -> None:
    """Those of the policies as delivered, whatever the payment may become."""
    assume(is_approved(decided(s)))
    merchant, used, contactless = s.asked.merchant, s.card.card_usage, s.asked.entry_mode in ("wallet", "contactless")
    percent = 115 if s.asked.estimated and merchant.mcc in ("7011", "5542") else 100
    most = s.card.billed(s.asked.amount_minor * percent // 100)
    assert most == 0 or most <= s.card.available_minor
    if s.asked.scheme == "visa" and most:
        assert used.visa_thirty_days_minor + most <= 5_000_000
    if most and (s.asked.kind == "cash" or merchant.mcc == "6010"):
        assert used.cash_today_minor + most <= 600_000
    if most and merchant.mcc == "7995":
        assert used.gambling_today_minor + most <= 500_000
    if s.card.right and most and not s.card.right.one_offs:
        assert s.card.right.used.day_minor + most <= (s.card.right.terms.limits.per_day or 300_000)
    if contactless and not rules.shows_person(s.asked, s.card) and merchant.mcc != "4111":
        assert most <= 35_000


def an_amount_in_another_currency_is_judged_as_what_it_costs(decided: Decide, s: Situation) -> None:
    """And no figure of the answer tells anything else."""
    in_kroner = {"currency": "DKK", "amount_minor": EURO.billed(s.asked.amount_minor), "estimated": False}
    in_euros = {"currency": "EUR", "estimated": False}
    assert decided(changed(s, in_euros, rate=EURO)) == decided(changed(s, in_kroner, rate=None))


def after_the_limit_no_guess_tells_anything(decided: Decide, s: Situation) -> None:
    """Neither by its answer nor by what is counted, which the next answer shows."""
    right, wrong, unreadable = (
        changed(s, {"instrument": GUESS}, wrong_cvcs_today=5, **how)
        for how in ({"cvc_matches": True}, {"cvc_matches": False}, {"cvc_matches": None, "cvc_readable": False})
    )
    assert decided(right) == decided(wrong) == decided(unreadable)
    assert not is_approved(decided(right))
    assert not any(rules.counts_wrong_cvc(each.card, s.policies) for each in (right, wrong, unreadable))


def holds(check: Check, decided: Decide, examples: int = 100) -> None:
    """Try it on many situations. Raises AssertionError for one in which it does not hold."""

    @settings(max_examples=examples, deadline=None, database=None, phases=[Phase.generate], derandomize=True)
    @given(SITUATIONS)
    def tried(s: Situation) -> None:
        check(decided, s)

    tried()


CHECKS = (
    the_first_rule_that_says_no_decides,
    less_is_approved_where_more_is,
    who_shows_more_and_has_more_is_not_worse_off,
    nothing_is_approved_beyond_a_figure,
    an_amount_in_another_currency_is_judged_as_what_it_costs,
    after_the_limit_no_guess_tells_anything,
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_it_holds_of_every_decision(check: Check) -> None:
    holds(check, decision)


def asking(*rule_book: Rule) -> Decide:
    """A decision by other rules, or by the same in another order."""

    def decided(s: Situation) -> Verdict:
        answers = (rule.ask(s) for rule in rule_book)
        return next((each for each in answers if isinstance(each, Declined)), Approved())

    return decided


def without(name: str) -> Decide:
    return asking(*(rule for rule in RULES if rule.name != name))


def refusing(rule: Callable[[Situation], bool]) -> Decide:
    return lambda s: Declined("not_permitted") if rule(s) else decision(s)


def unconverted(s: Situation) -> Verdict:
    return decision(changed(s, {"currency": "DKK"}, rate=None))


def exact(s: Situation) -> Verdict:
    return decision(changed(s, {"estimated": False}))


BROKEN: list[tuple[Check, str, Decide]] = [
    (the_first_rule_that_says_no_decides, "asked backwards", asking(*reversed(RULES))),
    (the_first_rule_that_says_no_decides, "a rule forgotten", without("in_force")),
    (less_is_approved_where_more_is, "a least amount", refusing(lambda s: 0 < s.asked.amount_minor < 100)),
    (who_shows_more_and_has_more_is_not_worse_off, "no PINs", refusing(lambda s: rules.shows_person(s.asked, s.card))),
    (nothing_is_approved_beyond_a_figure, "no funds asked", without("funds")),
    (nothing_is_approved_beyond_a_figure, "no limits of the card", without("card_limits")),
    (nothing_is_approved_beyond_a_figure, "no PIN asked", without("pin")),
    (nothing_is_approved_beyond_a_figure, "no drawing right asked", without("drawing_right")),
    (
        nothing_is_approved_beyond_a_figure,
        "estimates as they are",
        lambda s: decision(changed(s, {"estimated": False})),
    ),
    (nothing_is_approved_beyond_a_figure, "not converted", unconverted),
    (an_amount_in_another_currency_is_judged_as_what_it_costs, "not converted", unconverted),
    (after_the_limit_no_guess_tells_anything, "compared all the same", without("cvc_tries")),
]


@pytest.mark.parametrize(("check", "why", "decided"), BROKEN, ids=lambda each: each if isinstance(each, str) else "")
def test_a_broken_decision_is_found(check: Check, why: str, decided: Decide) -> None:
    """One that has this wrong with it."""
    with pytest.raises(AssertionError):
        holds(check, decided, examples=3_000)
