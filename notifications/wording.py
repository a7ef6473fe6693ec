"""What stands in a text's braces: amounts, times, names and reasons in the reader's language."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

from babel import Locale
from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_currency, format_decimal

from delegation import categories
from delegation.judging import HOW_MUCH, LIFTED
from delegation.limits import CEILING, DRAWING_RIGHT
from notifications import names
from notifications.phrases import (
    DECLINES,
    DID_IT,
    LEFT,
    LIMITS,
    NEXT,
    REASONS,
    RULES,
    STOPPED,
    STOPPED_BY_FIGURE,
    WHOSE,
    Phrases,
)
from tokenization import money
from tokenization.clock import COPENHAGEN

T = TypeVar("T")
LANGUAGES: Final = ("da", "en")
# Limits and requests for more are in the account's currency; policies are in DKK.
ACCOUNT_CURRENCY: Final = "DKK"
# Whose figures a delegate may read; the card's own would tell what its holder spends.
_OPEN_TO_DELEGATES: Final = frozenset({DRAWING_RIGHT, CEILING})
_MOMENT: Final = {"da": "d. MMMM y 'kl.' HH.mm", "en": "d MMMM y 'at' HH:mm"}
_AMOUNT: Final = {"da": None, "en": "¤¤ #,##0.00"}  # the locale's own, but "DKK 120.00" and not "DKK120.00"
_DAY: Final = "d. MMMM y", "d MMMM y"
_MONTH: Final = "MMMM y"
_ENDS_WITH_AN_S: Final = {"da": frozenset("sxz"), "en": frozenset("s")}
_HOME: Final = "DK"
_LONGEST_MESSAGE: Final = 120
_MOST_MERCHANTS: Final = 5
_KINDS_OF_SHOP: Final = {each.name: (each.da, each.en) for each in categories.described()}


def language(wanted: str) -> str:
    """The language to write in: English to whoever wants one that we have not."""
    return wanted if wanted in LANGUAGES else "en"


def amount(minor: int, currency: str, to: str) -> str:
    """12000, DKK -> `120,00 kr.`, `DKK 120.00`; plain spaces, so that an SMS stays in its alphabet."""
    major = Decimal(minor).scaleb(-money.exponent(currency))
    return format_currency(major, currency, _AMOUNT[to], locale=to).replace("\xa0", " ")


def paid(payload: Mapping[str, Any], which: str, to: str) -> str:
    """An amount of a payment as it stands on the receipt, and beside it what the account pays where that has another
    currency (R-18): `EUR 20.00 (DKK 149.21)`.
    """
    on_receipt, billed = amount(payload[which], payload["currency"], to), payload.get("billed")
    return f"{on_receipt} ({amount(billed[which], billed['currency'], to)})" if billed else on_receipt


def in_account(payload: Mapping[str, Any]) -> str:
    """The currency of the limits and of what is left of them: the account's."""
    return str((payload.get("billed") or payload)["currency"])


def moment(at: datetime, to: str) -> str:
    """Day and minute in Copenhagen."""
    return format_datetime(at, _MOMENT[to], tzinfo=COPENHAGEN, locale=to)


def minutes(count: int, to: str) -> str:
    """10 -> `10 minutter`, `10 minutes`."""
    return format_timedelta(timedelta(minutes=count), granularity="minute", threshold=1, locale=to)


def number(count: int, to: str) -> str:
    """1234 -> `1.234`, `1,234`."""
    return format_decimal(count, locale=to)


def month(expiry: str, to: str) -> str:
    """`2029-09` -> `september 2029`."""
    return format_date(date.fromisoformat(f"{expiry}-01"), _MONTH, locale=to)


def day(when: date, to: str) -> str:
    """`1. december 2026`, `1 December 2026`."""
    return format_date(when, _of(_DAY, to), locale=to)


def week(monday: str, to: str) -> str:
    """`2026-11-16` -> `uge 47`: people count weeks as ISO 8601 does."""
    return f"{_of(('uge', 'week'), to)} {date.fromisoformat(monday).isocalendar().week}"


def name(text: str) -> str:
    """A name that somebody chose, made harmless (R-S1)."""
    return names.harmless(text)


def device(text: str) -> str:
    """What somebody called a phone: between quotation marks that it cannot close (names.py lets none through). They
    are those of the alphabet of an SMS.
    """
    return f'"{name(text)}"'


def place(merchant: str, country: str | None, to: str, kind: str | None = None) -> str:
    """A shop, with its country where that is another, and what kind of shop it is: `Gallerian (Sverige, sport)`."""
    abroad = None if country in (None, _HOME) else Locale(to).territories.get(country, country)
    about = ", ".join(filter(None, (abroad, kind)))
    return f"{name(merchant)} ({about})" if about else name(merchant)


def genitive(whose: str, to: str) -> str:
    """Emils, Jonas', Max'; Emil's, Jonas', Max's."""
    if whose.rstrip(names.END_OF_ISOLATE)[-1:].lower() in _ENDS_WITH_AN_S[to]:
        return f"{whose}'"
    return f"{whose}s" if to == "da" else f"{whose}'s"


def phrase(table: Phrases, word: str, to: str) -> str | None:
    """A word of the API as people say it, or None."""
    return _of(table[word], to) if word in table else None


def _of(both: tuple[T, T], to: str) -> T:
    return both[LANGUAGES.index(to)]


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."  # "kr." has its own


def listed(things: Sequence[str], to: str) -> str:
    """`a, b og c`, `a, b and c`."""
    *first, last = things
    return f"{', '.join(first)} {_of(('og', 'and'), to)} {last}" if first else last


def reason(word: str, to: str) -> str:
    """Why, after `Reason: `."""
    return phrase(REASONS, word, to) or _of(REASONS["other"], to)


def who_did_it(payload: Mapping[str, Any], to: str) -> str:
    """The bank, an app's provider or a shop, where one of them did; not the bank where it was asked to (R-12.1)."""
    did = None if payload.get("reported_by") else phrase(DID_IT, payload.get("by") or "", to)
    return f" {did}" if did else ""


def by_payment(payload: Mapping[str, Any], to: str) -> str:
    """That a payment was the yes to a shop (R-3.6a)."""
    if not payload.get("by_payment"):
        return ""
    return (
        f" {_of(('Du sagde ja, da du godkendte en betaling dér.', 'You said yes by approving a payment there.'), to)}"
    )


def why_declined(payload: Mapping[str, Any], to: str, *, for_delegate: bool) -> str:
    """A sentence: why a payment was declined, with the limit that stopped it."""
    limit = payload["limit"]
    if limit and (rule := phrase(RULES, limit["name"], to)):
        return rule.format(kind=_kind_of_shop(payload, to))
    if limit and limit["name"] in LIMITS and not (for_delegate and limit["of"] not in _OPEN_TO_DELEGATES):
        return _limit_sentence(limit, in_account(payload), to)
    return phrase(DECLINES, payload["reason"], to) or _of(DECLINES["not_permitted"], to)


def _kind_of_shop(payload: Mapping[str, Any], to: str) -> str:
    if "mcc" not in payload:  # of before
        return ""
    kinds = [_of(_KINDS_OF_SHOP[each], to) for each in sorted(categories.categories_of(payload["mcc"]))]
    return f": {', '.join(kinds).lower()}"


def _what_it_is(kinds: Sequence[str] | None, to: str) -> str | None:
    """The first of a shop's categories, cash before all others; nothing of one that is none of them."""
    known = sorted((each for each in kinds or () if each != categories.OTHER), key=lambda each: each != categories.CASH)
    return _of(_KINDS_OF_SHOP[known[0]], to).lower() if known else None


def what_next(payload: Mapping[str, Any], to: str, *, is_child: bool) -> str:
    """What a delegate can do after a payment was declined: ask the grantor, where a yes would let it through."""
    limit = payload["limit"] or {}
    of_before = limit.get("of") == DRAWING_RIGHT and limit["name"] in LIFTED and payload["amount"] > 0
    if payload.get("can_be_asked_for", of_before):
        return f" {phrase(NEXT, 'more' if limit['name'] in HOW_MUCH else 'permission', to)}"
    return f" {phrase(NEXT, 'help', to)}" if is_child else ""


def _limit_sentence(limit: Mapping[str, Any], currency: str, to: str) -> str:
    most, on = figure(limit["name"], limit["limit"], currency, to), phrase(LIMITS, limit["name"], to)
    whose = phrase(WHOSE, limit["of"], to) or _of(WHOSE[DRAWING_RIGHT], to)
    sentence = f"{whose} {on} {_of(('er', 'is'), to)} {most}"
    if limit["spent"]:
        spent = figure(limit["name"], limit["spent"], currency, to)
        sentence += f"; der er brugt {spent}" if to == "da" else f"; used so far: {spent}"
    return _sentence(sentence)


def left(payload: Mapping[str, Any], to: str) -> str:
    """What is left of the nearest limit after a payment; nothing where there is none, or the event is of before."""
    nearest = payload.get("left") or {}
    where = phrase(LEFT, nearest.get("limit", ""), to)
    return _sentence(f" {where}: {amount(nearest['remaining'], in_account(payload), to)}") if where else ""


def may_become(payload: Mapping[str, Any], to: str) -> str:
    """What an estimate may be captured for (R-3.1a): the limits, and who watches, count with it."""
    most = payload.get("most", payload["amount"])
    if most <= payload["amount"]:
        return ""
    return _sentence(f" {_of(('Det kan blive op til', 'It may come to as much as'), to)} {paid(payload, 'most', to)}")


def figures(lowered: Mapping[str, int], to: str) -> str:
    """Limits by name: `1.000,00 kr. pr. dag og 10 betalinger pr. dag`."""
    return listed([_limited(limit, most, to) for limit, most in lowered.items()], to)


def _limited(limit: str, most: int, to: str) -> str:
    return f"{figure(limit, most, ACCOUNT_CURRENCY, to)} {phrase(LIMITS, limit, to)}"


def figure(limit: str, value: int, currency: str, to: str) -> str:
    """A limit's figure: an amount, or so many payments."""
    return payments(value, to) if limit == "payments_per_day" else amount(value, currency, to)


def payments(count: int, to: str) -> str:
    """1 -> `1 betaling`, 4 -> `4 betalinger`."""
    one, many = _of((("betaling", "betalinger"), ("payment", "payments")), to)
    return f"{number(count, to)} {one if count == 1 else many}"


def asked_for(payload: Mapping[str, Any], to: str) -> str:
    """What a delegate asked for: one payment, or a higher limit."""
    if payload["kind"] != "one_off":
        return _limited(payload["limit"], payload["amount"], to)
    once = f"{amount(payload['amount'], ACCOUNT_CURRENCY, to)} {_of(('til én betaling', 'for one payment'), to)}"
    if payload["merchant"] is None:
        return once
    shop = place(payload["merchant"], payload["country"], to, _what_it_is(payload["categories"], to))
    return f"{once} {_of(('hos', 'at'), to)} {shop}"


def stopped(payload: Mapping[str, Any], to: str) -> str:
    """What a yes to one payment sets aside: why it was declined; nothing where it is about no declined one."""
    limit = payload["stopped_by"]
    if payload["kind"] != "one_off" or limit is None:
        return ""
    why = phrase(STOPPED, limit, to) or _of(STOPPED_BY_FIGURE, to).format(on=phrase(LIMITS, limit, to) or "")
    return f" {_of(('Betalingen blev afvist, fordi', 'The payment was declined because'), to)} {why}."


def granted(payload: Mapping[str, Any], until: datetime | None, to: str) -> str:
    """What a yes is good for: one payment until then, or every payment from now on."""
    if payload["kind"] != "one_off" or until is None:
        return _of(("Det gælder fra nu af.", "It holds from now on."), to)
    return f"{_of(('Du kan betale indtil', 'You can pay until'), to)} {moment(until, to)}."


def quoted(message: str | None, to: str) -> str:
    """What somebody wrote, between quotation marks that it cannot close (names.py lets none through)."""
    if not message:
        return ""
    return f" {_of(('Besked', 'Message'), to)}: “{names.harmless(message, _LONGEST_MESSAGE)}”."


def after_replacement(reason_: str, not_updated: Sequence[str], to: str) -> str:
    """What a cardholder must do now: phones after misuse, and the shops that are not told (R-3.6c)."""
    sentences = []
    if reason_ == "misused":
        sentences.append("Sæt kortet på dine telefoner igen." if to == "da" else "Put the card on your phones again.")
    if not_updated:
        shops = ", ".join(map(name, not_updated[:_MOST_MERCHANTS]))
        if (left_out := len(not_updated) - _MOST_MERCHANTS) > 0:
            shops += f" og {left_out} til" if to == "da" else f" and {left_out} more"
        sentences.append(f"Disse får det ikke at vide: {shops}." if to == "da" else f"These are not told: {shops}.")
    return "".join(f" {sentence}" for sentence in sentences)
