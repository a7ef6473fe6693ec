import re
from collections.abc import Iterator
from datetime import UTC, datetime
from string import Formatter
from typing import Any

import pytest

from notifications import wording
from notifications.audiences import PEOPLE, Audience, Telling
from notifications.messages import Happening, Rendered, render
from notifications.phrases import DECLINES, LIMITS, REASONS, RULES
from notifications.texts import FOR_DELEGATES, FOR_HOLDERS, Texts
from tokenization import cards, token_operations
from wallet.payments.reasons import RESPONSE_CODES

AT = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)  # half past midnight in Copenhagen
LIMIT = {"name": "per_day", "limit": 50_000, "spent": 38_000, "of": "drawing_right"}
# Everything that any event may carry; the texts take what they ask for.
PAYLOAD: dict[str, Any] = {
    "last4": "4711",
    "previous_last4": "0815",
    "previous_expiry": "2026-11",
    "expiry": "2029-09",
    "reason": "lost",
    "by": "cardholder",
    "unblocked": True,
    "right_id": "right_01h2xcejqtf2nbrexx3vqjhp41",
    "delegate_name": "Emil",
    "device_name": "Emil's phone",
    "merchant": "Netto Vesterbro",
    "kind": "one_off",
    "amount": 25_000,
    "currency": "DKK",
    "limit": LIMIT,
}
SUSPENSION_REASONS = {rule.reason for rule in token_operations.RULES if rule.operation == "suspend"}
REQUEST = {**PAYLOAD, "limit": "per_payment"}


def words(telling: Telling, type_: str, language: str = "en", **changes: Any) -> Rendered:
    payload = {**(REQUEST if type_.startswith("drawing_request.") else PAYLOAD), **changes}
    around: dict[str, Any] = {"card_last4": "4711", "wallet_name": "Lommen", "not_updated": ["Filmfloden"]}
    return render(telling, Happening(type_, payload, AT, **around), language)


def every_message() -> Iterator[tuple[str, Telling, str]]:
    for type_, tellings in PEOPLE.items():
        for telling in tellings:
            yield from ((type_, telling, language) for language in wording.LANGUAGES)


EVERY = pytest.mark.parametrize(("type_", "telling", "language"), list(every_message()))


@EVERY
def test_every_message_can_be_said_in_both_languages(type_: str, telling: Telling, language: str) -> None:
    said = words(telling, type_, language)
    assert said.language == language
    assert 5 < len(said.title) <= 60
    assert 20 < len(said.text) <= 300
    assert said.text.endswith(".")
    assert not re.search(r"[{}\xa0]", said.title + said.text)


@EVERY
def test_no_message_has_a_link_a_number_to_call_or_a_question_for_secrets(
    type_: str, telling: Telling, language: str
) -> None:
    said = words(telling, type_, language)
    assert not re.search(r"https?:|www|[a-z]\.[a-z]|@|\d{5,}", f"{said.title} {said.text}", re.IGNORECASE)
    asks = r"(type|enter|send|reply|indtast|oplys|svar med).{0,30}(pin|cvc|code|kode|number|nummer|password)"
    assert not re.search(asks, said.text, re.IGNORECASE)


@EVERY
def test_every_message_names_its_time_but_for_a_question(type_: str, telling: Telling, language: str) -> None:
    if type_ in {"credential.registered", "drawing_request.asked"}:
        return
    clock = "00.30" if language == "da" else "00:30"
    assert clock in words(telling, type_, language).text


def test_delegates_never_read_the_cards_number_or_why_it_is_blocked() -> None:
    parts = {part for _, text in pairs(FOR_DELEGATES) for _, part, _, _ in Formatter().parse(text) if part}
    assert parts.isdisjoint({"card", "reason", "previous", "expiry", "more"})


def pairs(texts: Texts) -> Iterator[tuple[str, str]]:
    for kind, by_language in texts.items():
        yield from ((kind, text) for both in by_language.values() for text in both)


def test_every_text_has_both_languages_and_asks_for_the_same_in_each() -> None:
    for texts in (FOR_HOLDERS, FOR_DELEGATES):
        for kind, by_language in texts.items():
            asked = [
                {part for text in by_language[language] for _, part, _, _ in Formatter().parse(text) if part}
                for language in wording.LANGUAGES
            ]
            assert asked[0] == asked[1], kind


def test_no_text_is_left_over() -> None:
    told = {
        (telling.audience is Audience.HOLDER, telling.kind or type_)
        for type_, each in PEOPLE.items()
        for telling in each
    }
    assert told == {(True, kind) for kind in FOR_HOLDERS} | {(False, kind) for kind in FOR_DELEGATES}


# Texts that matter, word for word


def test_a_block_in_danish() -> None:
    said = words(PEOPLE["card.blocked"][0], "card.blocked", "da")
    assert said.title == "Dit kort er spærret"
    assert said.text == (
        "Kortet, der ender på 4711, blev spærret 23. november 2026 kl. 00.30. Årsag: kortet er bortkommet. "
        "Det kan ikke bruges nogen steder, heller ikke på telefoner."
    )


def test_a_declined_child_payment_in_danish() -> None:
    parent, child = PEOPLE["payment.declined"]
    assert words(parent, "payment.declined", "da").text == (
        "Emil ville betale 250,00 kr. hos Netto Vesterbro 23. november 2026 kl. 00.30. "
        "Grænsen pr. dag er 500,00 kr.; brugt er 380,00 kr."
    )
    assert words(child, "payment.declined", "en").text == (
        "You wanted to pay DKK 250.00 at Netto Vesterbro on 23 November 2026 at 00:30. "
        "The limit per day is DKK 500.00; used so far is DKK 380.00."
    )


def test_a_new_card_after_misuse_says_what_to_do() -> None:
    said = words(PEOPLE["card.replaced"][0], "card.replaced", "en", reason="misused")
    assert said.text == (
        "The card ending in 0815 was replaced on 23 November 2026 at 00:30 by one that ends in 4711 and expires "
        "September 2029. Put the card on your phones again. These are not told: Filmfloden."
    )


def test_a_request_for_a_higher_limit_says_which() -> None:
    [telling] = PEOPLE["drawing_request.asked"]
    raised = words(telling, "drawing_request.asked", "da", kind="raise", limit="per_week", amount=70_000)
    assert "beder om 700,00 kr. pr. uge på" in raised.text
    counted = words(telling, "drawing_request.asked", "en", kind="raise", limit="payments_per_day", amount=1)
    assert "asks for 1 payment per day on" in counted.text


def test_an_unknown_language_is_english() -> None:
    assert words(PEOPLE["card.blocked"][0], "card.blocked", "kl").language == "en"


# Parts


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
    ("chosen", "shown"),
    [
        ("Anna's phone", "Anna's phone"),
        ("Blåbærgrød & Sønner", "Blåbærgrød & Sønner"),
        ("https://evil.example/x", "https evil example/x"),
        ("www.evil.example", "evil example"),
        ("evil.example", "evil example"),
        ("me@evil.example", "me evil example"),
        ("Call 12 34 56 78 now", "Call … now"),
        ("+45 12345678", "+…"),
        ("9208900000000000", "…"),
        ("9208 9000 0000 0000", "…"),
        ("９２０８９０００００００００００", "…"),
        ("7-Eleven 1234", "7-Eleven 1234"),
        ("Ring 70:10:20:30 straks. Annas tlf", "Ring … straks. Annas tlf"),
        ("Ring 70  10  20  30", "Ring …"),
        ("70,10/20+30", "…"),
        ("⑦⓪①⓪②⓪③⓪", "…"),
        ("7o10 20 3o", "…o…o"),
        ("two\nlines\tand\x00nul", "two lines and nul"),
        ("\u202eenohp\u200b", "enohp"),
        ("<b>bold</b>", "b bold /b"),
        ("Salling Group A/S", "Salling Group A/S"),
        ("x" * 200, "x" * 40),
        ("", "?"),
        ("\u200b", "?"),
        ("{at}", "at"),
    ],
)
def test_a_name_that_somebody_chose_is_made_harmless(chosen: str, shown: str) -> None:
    assert wording.name(chosen) == shown


@pytest.mark.parametrize(
    ("whose", "danish", "english"),
    [("Emil", "Emils", "Emil's"), ("Jonas", "Jonas'", "Jonas'"), ("Max", "Max'", "Max'")],
)
def test_whose_it_is(whose: str, danish: str, english: str) -> None:
    assert (wording.genitive(whose, "da"), wording.genitive(whose, "en")) == (danish, english)


def declined(limit: dict[str, Any] | None, reason: str = "amount_limit", *, for_delegate: bool = False) -> str:
    payload = {"limit": limit, "reason": reason, "currency": "DKK"}
    return wording.why_declined(payload, "en", for_delegate=for_delegate)


def test_a_limit_of_the_card_is_told_its_holder_and_not_a_delegate() -> None:
    of_the_card = {**LIMIT, "of": "card"}
    assert declined(of_the_card) == "The limit per day is DKK 500.00; used so far is DKK 380.00."
    assert declined(of_the_card, for_delegate=True) == "An amount limit is reached."


def test_a_limit_on_how_often_counts_payments() -> None:
    often = {"name": "payments_per_day", "limit": 5, "spent": 5, "of": "drawing_right"}
    assert declined(often, "count_limit") == "The limit per day is 5 payments; used so far is 5 payments."


def test_a_rule_without_a_figure_is_named() -> None:
    hours = {"name": "hours", "limit": None, "spent": None, "of": "drawing_right"}
    assert declined(hours, "not_permitted") == "It is outside the allowed hours."


def test_a_limit_that_has_no_words_yet_falls_back_on_the_reason() -> None:
    assert declined({**LIMIT, "name": "cash_per_day"}) == "An amount limit is reached."


def test_every_reason_has_words() -> None:
    assert set(cards.BLOCK_REASONS) | SUSPENSION_REASONS <= set(REASONS)
    assert set(RESPONSE_CODES) - {"approved"} <= set(DECLINES)


def test_every_phrase_has_both_languages() -> None:
    for table in (REASONS, DECLINES, LIMITS, RULES):
        assert all(danish and english for danish, english in table.values())
