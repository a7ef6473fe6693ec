import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from string import Formatter
from typing import Any

import pytest

from delegation.judging import HOW_MUCH, WHERE_AND_WHEN
from notifications import sms_alphabet, wording
from notifications.audiences import PEOPLE, Audience, Telling
from notifications.messages import Happening, Rendered, render
from notifications.phrases import LIMITS, STOPPED
from notifications.texts import FOR_CHILDREN, FOR_DELEGATES, FOR_HOLDERS, Texts

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
    "country": "DK",
    "mcc": "5411",
    "left": {"limit": "per_day", "remaining": 38_000},
    "kind": "one_off",
    "amount": 25_000,
    "currency": "DKK",
    "limit": LIMIT,
    "message": "Må jeg? 🙏",
    "guesses": 5,
    "week": "2026-11-16",
    "spent": 31_000,
    "payments": 4,
    "figures": dict.fromkeys(("per_payment", "per_day", "per_week", "per_month", "payments_per_day"), 123_456_789),
    "from": date(2026, 12, 1),
    "pin_above": 52_500,
    "pin_above_before": 35_000,
}
REQUEST = {**PAYLOAD, "limit": "per_payment", "categories": ["groceries"], "stopped_by": "per_payment"}
ABROAD: dict[str, Any] = {
    "merchant": "Lucky Star",
    "country": "MT",
    "categories": ["gambling"],
    "stopped_by": "category",
}
TO_DELEGATES = (FOR_DELEGATES, FOR_CHILDREN)


def words(telling: Telling, type_: str, language: str = "en", *, is_child: bool = False, **changes: Any) -> Rendered:
    payload = {**(REQUEST if type_.startswith("drawing_request.") else PAYLOAD), **changes}
    around: dict[str, Any] = {"card_last4": "4711", "wallet_name": "Lommen", "not_updated": ["Filmfloden"]}
    happening = Happening(type_, payload, AT, **around, is_child=is_child, until=AT + timedelta(hours=24))
    return render(telling, happening, language)


def every_message() -> Iterator[tuple[str, Telling, str, bool]]:
    for type_, tellings in PEOPLE.items():
        for telling in tellings:
            for language in wording.LANGUAGES:
                yield type_, telling, language, False
                if (telling.kind or type_) in FOR_CHILDREN and telling.audience is not Audience.HOLDER:
                    yield type_, telling, language, True


EVERY = pytest.mark.parametrize(("type_", "telling", "language", "is_child"), list(every_message()))


@EVERY
def test_every_message_can_be_said_in_both_languages(
    type_: str, telling: Telling, language: str, is_child: bool
) -> None:
    said = words(telling, type_, language, is_child=is_child)
    assert said.language == language
    assert 5 < len(said.title) <= 60
    assert 20 < len(said.text) <= 300
    assert said.text.endswith(".")
    assert not re.search(r"[{}\xa0]", said.title + said.text)


@EVERY
def test_no_message_has_a_link_a_number_to_call_or_a_question_for_secrets(
    type_: str, telling: Telling, language: str, is_child: bool
) -> None:
    said = words(telling, type_, language, is_child=is_child)
    assert not re.search(r"https?:|www|[a-z]\.[a-z]|@|\d{5,}", f"{said.title} {said.text}", re.IGNORECASE)
    asks = r"(type|enter|send|reply|indtast|oplys|svar med).{0,30}(pin|cvc|code|kode|number|nummer|password)"
    assert not re.search(asks, said.text, re.IGNORECASE)


@EVERY
def test_every_message_names_its_time_but_for_a_question(
    type_: str, telling: Telling, language: str, is_child: bool
) -> None:
    if type_ in {"credential.registered", "drawing_request.asked"}:
        return
    if "of_age" in (telling.kind or type_):
        day = {"da": "23. november 2026", "en": "23 November 2026"}[language]
        assert f" {day}." in words(telling, type_, language, is_child=is_child).text
        return
    clock = {"drawing_right.week_ended": {"da": "uge 47", "en": "week 47"}, "policy.set": dict.fromkeys("de", "")}
    when = clock.get(type_, {"da": "00.30", "en": "00:30"}).get(language, "ecember 2026")
    assert when in words(telling, type_, language, is_child=is_child).text


def test_delegates_never_read_the_cards_number_or_why_it_is_blocked() -> None:
    parts = {part for texts in TO_DELEGATES for _, text in pairs(texts) for part in placeholders(text)}
    assert parts.isdisjoint({"card", "reason", "previous", "expiry", "more"})


def placeholders(text: str) -> set[str]:
    return {part for _, part, _, _ in Formatter().parse(text) if part}


def pairs(texts: Texts) -> Iterator[tuple[str, str]]:
    for kind, by_language in texts.items():
        yield from ((kind, text) for both in by_language.values() for text in both)


def test_every_text_has_both_languages_and_asks_for_the_same_in_each() -> None:
    for texts in (FOR_HOLDERS, *TO_DELEGATES):
        for kind, by_language in texts.items():
            asked = [
                {part for text in by_language[language] for _, part, _, _ in Formatter().parse(text) if part}
                for language in wording.LANGUAGES
            ]
            assert asked[0] == asked[1], kind


def test_a_text_for_children_asks_for_what_everybodys_does_and_says_something_else() -> None:
    for kind, by_language in FOR_CHILDREN.items():
        for language, (_, text) in by_language.items():
            usual = FOR_DELEGATES[kind][language][1]
            assert (placeholders(text), text != usual) == (placeholders(usual), True), kind


def test_only_a_child_is_told_to_ask_a_grown_up() -> None:
    everybodys = [text for texts in (FOR_HOLDERS, FOR_DELEGATES) for _, text in pairs(texts)]
    assert not [text for text in everybodys if re.search(r"voksen|grown-up|\b(barn|børn|child)", text)]
    assert all(re.search("voksen|grown-up", text) for both in FOR_CHILDREN.values() for _, text in both.values())


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
        "Grænsen pr. dag er 500,00 kr.; der er brugt 380,00 kr."
    )
    assert words(child, "payment.declined", "en").text == (
        "You wanted to pay DKK 250.00 at Netto Vesterbro on 23 November 2026 at 00:30. "
        "The limit per day is DKK 500.00; used so far: DKK 380.00. You can ask for more in the app."
    )


def test_a_new_card_after_misuse_says_what_to_do() -> None:
    said = words(PEOPLE["card.replaced"][0], "card.replaced", "en", reason="misused")
    assert said.text == (
        "The card ending in 0815 was replaced on 23 November 2026 at 00:30 by one that ends in 4711 and expires "
        "September 2029. Put the card on your phones again. These are not told: Filmfloden."
    )


def test_an_approved_payment_says_what_is_left() -> None:
    parent, child = PEOPLE["payment.approved"]
    assert words(parent, "payment.approved", "da", country="SE", merchant="Gallerian").text == (
        "Emil betalte 250,00 kr. hos Gallerian (Sverige) 23. november 2026 kl. 00.30. Tilbage i dag: 380,00 kr."
    )
    weekly = {"limit": "per_week", "remaining": 0}
    assert words(child, "payment.approved", left=weekly).text.endswith(" at 00:30. Left this week: DKK 0.00.")
    for nothing in ({"left": None}, {"left": {"limit": "something_new", "remaining": 1}}):
        assert words(child, "payment.approved", **nothing).text.endswith(" at 00:30.")


def test_a_payment_of_before_there_was_anything_left_is_told_too() -> None:
    [parent, _] = PEOPLE["payment.approved"]
    of_before = {name: value for name, value in PAYLOAD.items() if name not in ("left", "mcc")}
    said = render(parent, Happening("payment.approved", of_before, AT, card_last4="4711"), "en")
    assert said.text == "Emil paid DKK 250.00 at Netto Vesterbro on 23 November 2026 at 00:30."
    stopped = {**of_before, "limit": {**LIMIT, "name": "category"}}
    assert wording.why_declined(stopped, "en", for_delegate=False) == "That kind of shop is not allowed."


def test_an_estimate_says_what_it_may_become() -> None:
    for telling in PEOPLE["payment.approved"]:
        said = words(telling, "payment.approved", "da", most=28_750).text
        assert said.endswith(" kl. 00.30. Det kan blive op til 287,50 kr. Tilbage i dag: 380,00 kr.")


def test_what_came_back_is_told_as_such() -> None:
    parent, child = PEOPLE["payment.reversed"]
    assert words(parent, "payment.reversed", "da").text == (
        "250,00 kr., som Emil betalte hos Netto Vesterbro, kom tilbage 23. november 2026 kl. 00.30."
    )
    assert words(child, "payment.reversed").text == (
        "DKK 250.00 that you paid at Netto Vesterbro came back on 23 November 2026 at 00:30."
    )


def test_who_suspended_a_childs_card_is_named() -> None:
    [telling] = [each for each in PEOPLE["token.suspended"] if each.kind]
    assert words(telling, "token.suspended", "da", reason="fraud").text == (
        'Emil har selv spærret sin del af kortet, der ender på 4711, på "Emil\'s phone" 23. november 2026 kl. 00.30. '
        "Årsag: mistanke om misbrug. Selve kortet virker stadig."
    )


@EVERY
def test_what_a_phone_is_called_stands_in_quotation_marks(
    type_: str, telling: Telling, language: str, is_child: bool
) -> None:
    text = words(telling, type_, language, is_child=is_child).text
    assert text.count("Emil's phone") == text.count('"Emil\'s phone"')


@pytest.mark.parametrize("mark", ['"', "''", "’’", "״", "″", "“", "”", "„", "«", "＂", "'׳"])
def test_no_name_can_close_its_quotation_marks(mark: str) -> None:
    said = wording.device(f"iPhone{mark}. MitID: Svar JA")
    assert re.fullmatch(r'"iPhone[\'’]? ?\. MitID: Svar JA"', said)


def test_a_week_in_danish() -> None:
    [telling] = PEOPLE["drawing_right.week_ended"]
    said = words(telling, "drawing_right.week_ended", "da")
    assert (said.title, said.text) == (
        "Emils uge: 310,00 kr.",
        "Emil brugte 310,00 kr. af grænserne på 4 betalinger i uge 47 med kortet, der ender på 4711.",
    )


@pytest.mark.parametrize(("monday", "week"), [("2026-12-28", 53), ("2027-01-04", 1), ("2024-12-30", 1)])
def test_weeks_are_counted_as_iso_8601_does(monday: str, week: int) -> None:
    assert (wording.week(monday, "da"), wording.week(monday, "en")) == (f"uge {week}", f"week {week}")


def test_lowered_ceilings_name_each_figure_and_the_day() -> None:
    parent, child, *_ = PEOPLE["policy.set"]
    two = {"per_day": 200_000, "payments_per_day": 10}
    assert words(parent, "policy.set", "da", figures=two).text == (
        "Fra 1. december 2026 gælder der højst 2.000,00 kr. pr. dag og 10 betalinger pr. dag for den, du lader betale "
        "med dit kort. Har du selv sat en højere grænse, er det kortselskabets, der gælder."
    )
    assert words(child, "policy.set", figures={"per_week": 700_000}).text == (
        "From 1 December 2026 your card is good for at most DKK 7,000.00 per week."
    )


def test_a_hold_that_ended_says_whose_and_where_and_since_when() -> None:
    parent, child = PEOPLE["payment.expired"]
    assert words(parent, "payment.expired").text == (
        "DKK 250.00 that Emil paid at Netto Vesterbro was not taken in time. "
        "As of 23 November 2026 at 00:30 it is free again."
    )
    assert words(child, "payment.expired").text == (
        "DKK 250.00 that you paid at Netto Vesterbro was not taken in time. "
        "As of 23 November 2026 at 00:30 it is free again."
    )


def test_a_new_limit_for_paying_without_a_pin_names_both_amounts_and_the_day() -> None:
    *_, changed, not_as_told = PEOPLE["policy.set"]
    assert words(changed, "policy.set", "da").text == (
        "Når du betaler kontaktløst for mere end 525,00 kr., skal du fra 1. december 2026 bruge pinkode. "
        "Hidtil har 350,00 kr. været grænsen."
    )
    assert words(changed, "policy.set").text == (
        "From 1 December 2026 you need your PIN for contactless payments above DKK 525.00. "
        "The limit used to be DKK 350.00."
    )
    assert words(not_as_told, "policy.set", "da").text == (
        "Det, du har fået at vide om en ny grænse, gælder ikke mere. Når du betaler kontaktløst for mere end "
        "525,00 kr., skal du fra 1. december 2026 bruge pinkode."
    )
    assert words(not_as_told, "policy.set").text == (
        "What you were told of a new limit no longer holds. From 1 December 2026 you need your PIN for contactless "
        "payments above DKK 525.00."
    )


def test_a_request_says_what_for_where_and_in_whose_words() -> None:
    [telling] = PEOPLE["drawing_request.asked"]
    assert words(telling, "drawing_request.asked", "da").text == (
        "Emil beder om 250,00 kr. til én betaling hos Netto Vesterbro (dagligvarer) på kortet, der ender på 4711. "
        "Betalingen blev afvist, fordi den går over din grænse pr. betaling. Besked: “Må jeg? 🙏”. Svar i appen."
    )
    bare = words(telling, "drawing_request.asked", message=None, merchant=None, stopped_by=None)
    assert bare.text == "Emil asks for DKK 250.00 for one payment on the card ending in 4711. Answer in the app."


def test_a_request_hides_neither_country_nor_kind_of_shop_nor_the_rule_that_a_yes_would_set_aside() -> None:
    [telling] = PEOPLE["drawing_request.asked"]
    assert words(telling, "drawing_request.asked", "da", message=None, **ABROAD).text == (
        "Emil beder om 250,00 kr. til én betaling hos Lucky Star (Malta, spil om penge) på kortet, der ender på 4711. "
        "Betalingen blev afvist, fordi du ikke tillader den slags butik. Svar i appen."
    )
    cash: dict[str, Any] = {"categories": ["airlines", "cash"], "stopped_by": "cash"}
    at_a_till = words(telling, "drawing_request.asked", message=None, **cash).text
    assert "at Netto Vesterbro (cash) on" in at_a_till
    assert "declined because you do not allow cash and money transfers. Answer" in at_a_till
    for answer in ("approved", "declined"):
        telling = PEOPLE[f"drawing_request.{answer}"][0]
        assert "at Lucky Star (Malta, gambling) and got" in words(telling, f"drawing_request.{answer}", **ABROAD).text


@pytest.mark.parametrize("limit", sorted(HOW_MUCH | WHERE_AND_WHEN))
def test_whatever_a_yes_can_set_aside_is_named(limit: str) -> None:
    said = [wording.stopped({**REQUEST, "stopped_by": limit}, to) for to in wording.LANGUAGES]
    assert all(re.fullmatch(r" (Betalingen|The payment) [^{}]+ [^ ]+\.", each) for each in said)
    assert (limit in STOPPED) != (limit in LIMITS) or limit == "payments_per_day"


@pytest.mark.parametrize(
    ("country", "kinds", "said"),
    [
        ("DK", ["other"], "X"),
        ("DK", None, "X"),
        (None, [], "X"),
        ("XX", [], "X (XX)"),
        ("GB", ["pets"], "X (UK, pets)"),
    ],
)
def test_a_place_is_said_as_far_as_it_is_news(country: str | None, kinds: list[str] | None, said: str) -> None:
    payload = {**REQUEST, "merchant": "X", "country": country, "categories": kinds}
    expected = said.replace("UK", "United Kingdom").replace("pets", "pets and vets")
    assert wording.asked_for(payload, "en") == f"DKK 250.00 for one payment at {expected}"


def test_what_a_child_writes_can_pass_for_nothing_that_we_say() -> None:
    [telling] = PEOPLE["drawing_request.asked"]
    sly = "”. Banken: ring 70 10 20 30, eller https://evil.example “\u202e\n\nMere" + "x" * 500
    said = words(telling, "drawing_request.asked", message=sly).text
    quoted = said.split("“")[1].split("”")[0]
    assert (said.count("“"), said.count("”"), len(quoted)) == (1, 1, 120)
    assert not re.search(r"\d|//|\w\.\w|[\u202e\n]", quoted)


def test_a_yes_says_until_when_or_that_it_holds_from_now_on() -> None:
    [telling] = PEOPLE["drawing_request.approved"]
    assert words(telling, "drawing_request.approved", "da").text == (
        "Du bad om 250,00 kr. til én betaling hos Netto Vesterbro (dagligvarer) og fik ja 23. november 2026 kl. 00.30. "
        "Du kan betale indtil 24. november 2026 kl. 00.30."
    )
    raised = words(telling, "drawing_request.approved", kind="raise", limit="per_week", amount=70_000)
    assert raised.text.endswith("DKK 700.00 per week and got a yes on 23 November 2026 at 00:30. It holds from now on.")


def test_a_request_for_a_higher_limit_says_which() -> None:
    [telling] = PEOPLE["drawing_request.asked"]
    raised = words(telling, "drawing_request.asked", "da", kind="raise", limit="per_week", amount=70_000)
    assert "beder om 700,00 kr. pr. uge på" in raised.text
    counted = words(telling, "drawing_request.asked", "en", kind="raise", limit="payments_per_day", amount=1)
    assert "asks for 1 payment per day on" in counted.text


def test_an_unknown_language_is_english() -> None:
    assert words(PEOPLE["card.blocked"][0], "card.blocked", "kl").language == "en"


@pytest.mark.parametrize(
    ("by", "reported_by", "said"),
    [("cardholder", None, ""), ("issuer", None, " Det gjorde banken."), ("issuer", "Anna Prøve", "")],
)
def test_a_block_says_that_the_bank_did_it_unless_it_was_asked_to(by: str, reported_by: str | None, said: str) -> None:
    blocked = words(PEOPLE["card.blocked"][0], "card.blocked", "da", by=by, reported_by=reported_by)
    assert f"kl. 00.30.{said} Årsag: kortet er bortkommet." in blocked.text


@pytest.mark.parametrize(
    ("type_", "by", "said"),
    [
        ("drawing_right.paused", "issuer", "The bank did it."),
        ("drawing_right.revoked", "issuer", "The bank did it."),
        ("token.suspended", "issuer", "The bank did it."),
        ("token.deactivated", "wallet_provider", "The app's provider did it."),
        ("credential.withdrawn", "merchant", "The shop did it."),
    ],
)
def test_what_nobody_in_the_family_did_says_who_did(type_: str, by: str, said: str) -> None:
    for telling in PEOPLE[type_]:
        if telling.kind is None:
            assert said in words(telling, type_, by=by).text
            assert said not in words(telling, type_, by="cardholder").text


def test_a_yes_by_a_payment_says_so() -> None:
    [telling] = PEOPLE["credential.confirmed"]
    assert words(telling, "credential.confirmed", by_payment=True).text.endswith(
        ". You said yes by approving a payment there."
    )
    assert "payment" not in words(telling, "credential.confirmed").text


# As a text message


LONG = "Abcdefghij" * 4
LARGE: dict[str, Any] = dict.fromkeys(("delegate_name", "device_name", "merchant"), LONG) | {
    "country": "BA",
    "amount": 12_345_678,
    "most": 13_345_678,
    "currency": "EUR",
    "reason": "cvc_only",
    "billed": {"amount": 92_345_678, "most": 99_345_678, "currency": "DKK"},
    "by": "wallet_provider",
    "by_payment": True,
    "message": "x" * 300,
    "spent": 12_345_678,
    "figures": dict.fromkeys(PAYLOAD["figures"], 12_345_678),
}
# A list of shops and what a child wrote may be longer; these are cut.
MAY_BE_CUT = {"card.replaced", "drawing_request.asked"}


@EVERY
def test_the_longest_text_fits_in_two_segments_of_the_alphabet(
    type_: str, telling: Telling, language: str, is_child: bool
) -> None:
    if telling.audience is not Audience.HOLDER:
        return
    text = words(telling, type_, language, **LARGE).text
    sent = sms_alphabet.fitted(text)
    assert sms_alphabet.is_written(sent)
    assert sms_alphabet.septets(sent) <= sms_alphabet.SEPTETS_MAX
    assert sent == text or (telling.kind or type_) in MAY_BE_CUT


EVIL = "www.evil.example/reset 4571 9999 8888 7777 ring 70 10 20 30\u202e\x00 log in"


@EVERY
def test_no_name_that_somebody_chose_becomes_a_link_or_a_number(
    type_: str, telling: Telling, language: str, is_child: bool
) -> None:
    named = dict.fromkeys(("delegate_name", "device_name", "merchant", "message"), EVIL)
    said = words(telling, type_, language, is_child=is_child, **named)
    whole = f"{said.title} {said.text}"
    assert not re.search(r"www|[a-z]\.[a-z]|//|4571|7777|[\u202e\x00]|70 ?10", whole, re.IGNORECASE)


# What must be told, and how: a provisioning, a block, a new card, a child's payment, R-2.5b, R-2.10b, R-S2


@pytest.mark.parametrize(
    ("type_", "kind", "sms"),
    [
        ("token.provisioned", "token.provisioned", True),
        ("token.provisioned", "token.verification_required", True),
        ("token.provisioned", "drawing_right.token_provisioned", True),
        ("token.provisioning_refused", "token.provisioning_refused", False),
        ("card.blocked", "card.blocked", True),
        ("card.replaced", "card.replaced", True),
        ("card.cvc_guessed", "card.cvc_guessed", True),
        ("session.ended", "session.ended", True),
        ("payment.declined", "drawing_right.payment_declined", False),
        ("policy.set", "contactless.limit_changed", False),
        ("policy.set", "drawing_right.ceilings_lowered", False),
    ],
)
def test_what_a_cardholder_must_hear_is_told_in_the_inbox_and_where_due_by_sms(
    type_: str, kind: str, sms: bool
) -> None:
    of_holder = [each for each in PEOPLE[type_] if each.audience is Audience.HOLDER]
    assert sms in [each.sms for each in of_holder if (each.kind or type_) == kind]
