"""What stands in the braces: amounts, limits and rules as people say them."""

import inspect
import re
from typing import Any

import pytest

from delegation import limits
from delegation.judging import HOW_MUCH, WHERE_AND_WHEN
from delegation.terms import LIMITS as LIMIT_NAMES
from notifications import wording
from notifications.phrases import DECLINES, LEFT, LIMITS, NEXT, REASONS, RULES, STOPPED, WHOSE
from tokenization import cards, token_operations
from wallet.payments.reasons import RESPONSE_CODES

LIMIT = {"name": "per_day", "limit": 50_000, "spent": 38_000, "of": "drawing_right"}
SUSPENSION_REASONS = {rule.reason for rule in token_operations.RULES if rule.operation == "suspend"}


@pytest.mark.parametrize(
    ("minor", "currency", "danish", "english"),
    [
        (12_000, "DKK", "120,00 kr.", "DKK 120.00"),
        (123_456_789, "DKK", "1.234.567,89 kr.", "DKK 1,234,567.89"),
        (1, "EUR", "0,01 €", "EUR 0.01"),
        (500, "JPY", "500 JP¥", "JPY 500"),
        (1_500, "KWD", "1,500 KWD", "KWD 1.500"),
        (999_999_999_999, "DKK", "9.999.999.999,99 kr.", "DKK 9,999,999,999.99"),
    ],
)
def test_amounts_as_people_write_them(minor: int, currency: str, danish: str, english: str) -> None:
    assert (wording.amount(minor, currency, "da"), wording.amount(minor, currency, "en")) == (danish, english)


@pytest.mark.parametrize(
    ("minor", "currency", "danish", "english"),
    [
        (2_000, "EUR", "20,00 € (149,21 kr.)", "EUR 20.00 (DKK 149.21)"),
        (1_000, "JPY", "1.000 JP¥ (149,21 kr.)", "JPY 1,000 (DKK 149.21)"),
        (12_345, "KWD", "12,345 KWD (149,21 kr.)", "KWD 12.345 (DKK 149.21)"),
    ],
)
def test_beside_an_amount_abroad_stands_what_the_account_pays(
    minor: int, currency: str, danish: str, english: str
) -> None:
    billed = {"amount": 14_921, "most": 17_159, "currency": "DKK", "rate": "7.4605"}
    payload = {"amount": minor, "most": minor, "currency": currency, "billed": billed}
    assert (wording.paid(payload, "amount", "da"), wording.paid(payload, "amount", "en")) == (danish, english)
    assert wording.paid(payload, "most", "en").endswith("(DKK 171.59)")
    assert wording.in_account(payload) == "DKK"


@pytest.mark.parametrize("more", [{}, {"billed": None}], ids=["of before", "at home"])
def test_an_amount_at_home_stands_alone(more: dict[str, Any]) -> None:
    payload = {"amount": 12_000, "currency": "DKK", **more}
    assert (wording.paid(payload, "amount", "da"), wording.in_account(payload)) == ("120,00 kr.", "DKK")


def test_what_an_estimate_abroad_may_become_is_told_in_both_currencies() -> None:
    billed = {"amount": 14_921, "most": 17_159, "currency": "DKK", "rate": "7.4605"}
    payload = {"amount": 2_000, "most": 2_300, "currency": "EUR", "billed": billed}
    assert wording.may_become(payload, "en") == " It may come to as much as EUR 23.00 (DKK 171.59)."
    assert wording.may_become(payload, "da") == " Det kan blive op til 23,00 € (171,59 kr.)."


@pytest.mark.parametrize(
    ("whose", "danish", "english"),
    [("Emil", "Emils", "Emil's"), ("Jonas", "Jonas'", "Jonas'"), ("Max", "Max'", "Max's"), ("Liz", "Liz'", "Liz's")],
)
def test_whose_it_is(whose: str, danish: str, english: str) -> None:
    assert (wording.genitive(whose, "da"), wording.genitive(whose, "en")) == (danish, english)


def declined(limit: dict[str, Any] | None, reason: str = "amount_limit", to: str = "en", **more: Any) -> str:
    for_delegate = more.pop("for_delegate", False)
    payload = {"limit": limit, "reason": reason, "currency": "DKK", "mcc": "5816", **more}
    return wording.why_declined(payload, to, for_delegate=for_delegate)


def test_a_limit_of_the_card_is_told_its_holder_and_not_a_delegate() -> None:
    of_the_card = {**LIMIT, "of": "card"}
    assert declined(of_the_card) == "The limit per day is DKK 500.00; used so far: DKK 380.00."
    assert declined(of_the_card, for_delegate=True) == "An amount limit is reached."


def test_a_limit_on_how_often_counts_payments() -> None:
    often = {"name": "payments_per_day", "limit": 5, "spent": 5, "of": "drawing_right"}
    assert declined(often, "count_limit") == "The limit per day is 5 payments; used so far: 5 payments."


def test_the_schemes_limit_is_told_from_the_grantors() -> None:
    ceiling = {**LIMIT, "of": "ceiling", "spent": 0}
    assert declined(ceiling, to="da") == "Kortselskabets grænse pr. dag er 500,00 kr."
    assert declined(ceiling, for_delegate=True) == "The card scheme's limit per day is DKK 500.00."


def refusable() -> set[str]:
    """What a drawing right can refuse by, from what stands in its rules."""
    return set(LIMIT_NAMES) | set(re.findall(r'_not_permitted\("(\w+)"\)', inspect.getsource(limits)))


@pytest.mark.parametrize("name", sorted(refusable()))
@pytest.mark.parametrize("for_delegate", [False, True])
def test_every_limit_that_can_refuse_is_explained_to_both_in_both_languages(name: str, for_delegate: bool) -> None:
    figures = {"limit": 50_000, "spent": 0} if name in LIMIT_NAMES else {"limit": None, "spent": None}
    limit = {"name": name, "of": "drawing_right", **figures}
    said = [declined(limit, "not_permitted", to, for_delegate=for_delegate) for to in wording.LANGUAGES]
    assert set(said).isdisjoint(DECLINES["not_permitted"])
    assert len(set(said)) == 2


def test_what_is_explained_is_what_can_refuse() -> None:
    assert LIMITS.keys() | RULES.keys() == refusable() >= HOW_MUCH | WHERE_AND_WHEN
    assert LEFT.keys() == HOW_MUCH - {"per_payment", "payments_per_day"}


def test_a_kind_of_shop_is_named() -> None:
    category = {"name": "category", "limit": None, "spent": None, "of": "drawing_right"}
    assert declined(category, "not_permitted", "da") == "Den slags butik er ikke tilladt: apps og digitale varer, spil."
    assert declined(category, "not_permitted", mcc="7995") == "That kind of shop is not allowed: gambling."


@pytest.mark.parametrize(
    ("changes", "of_a_grown_up", "of_a_child"),
    [
        ({"name": "per_day"}, "You can ask for more in the app.", None),
        ({"name": "category"}, "You can ask in the app whether it is all right.", None),
        ({"name": "per_day", "of": "ceiling"}, "", "Ask a grown-up if you need help."),
        ({"name": "valid_from"}, "", "Ask a grown-up if you need help."),
        (None, "", "Ask a grown-up if you need help."),
    ],
)
def test_a_delegate_can_ask_for_what_a_grantor_can_lift(
    changes: dict[str, Any] | None, of_a_grown_up: str, of_a_child: str | None
) -> None:
    payload = {"limit": None if changes is None else {**LIMIT, **changes}, "amount": 100}
    assert wording.what_next(payload, "en", is_child=False).strip() == of_a_grown_up
    assert wording.what_next(payload, "en", is_child=True).strip() == (of_a_child or of_a_grown_up)


def test_nobody_can_ask_for_a_payment_of_nothing() -> None:
    assert wording.what_next({"limit": LIMIT, "amount": 0}, "en", is_child=False) == ""


def test_a_limit_that_has_no_words_yet_falls_back_on_the_reason() -> None:
    assert declined({**LIMIT, "name": "cash_per_day"}) == "An amount limit is reached."


def test_every_reason_has_words() -> None:
    assert set(cards.BLOCK_REASONS) | SUSPENSION_REASONS <= set(REASONS)
    assert set(RESPONSE_CODES) - {"approved"} <= set(DECLINES)


def test_every_phrase_has_both_languages() -> None:
    for table in (REASONS, DECLINES, LIMITS, RULES, LEFT, WHOSE, STOPPED, NEXT):
        assert all(danish and english and danish != english for danish, english in table.values())
