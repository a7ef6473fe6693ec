"""What stands in a text's braces: amounts, times, names and reasons in the reader's language."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_currency, format_decimal

from notifications.phrases import DECLINES, LIMITS, REASONS, RULES, Phrases
from tokenization import money, numbers
from tokenization.clock import COPENHAGEN

LANGUAGES: Final = ("da", "en")
# Limits and requests for more are in the account's currency; policies are in DKK.
ACCOUNT_CURRENCY: Final = "DKK"
# Whose figures a delegate may read; the card's own would tell what its holder spends.
_OPEN_TO_DELEGATES: Final = frozenset({"drawing_right", "ceiling"})
_MOMENT: Final = {"da": "d. MMMM y 'kl.' HH.mm", "en": "d MMMM y 'at' HH:mm"}
_AMOUNT: Final = {"da": None, "en": "¤¤ #,##0.00"}  # the locale's own, but "DKK 120.00" and not "DKK120.00"
_MONTH: Final = "MMMM y"
_MOST_MERCHANTS: Final = 5
_LONGEST_NAME: Final = 40
_LOOKS_LIKE_AN_ADDRESS: Final = re.compile(r"(?<=\S)(?:[.:@]|//)+(?=\S)|www\b", re.IGNORECASE)
_UNPRINTABLE: Final = re.compile(r"[^\w\s&'’.,:/@()+!-]|_")


def language(wanted: str) -> str:
    """The language to write in: English to whoever wants one that we have not."""
    return wanted if wanted in LANGUAGES else "en"


def amount(minor: int, currency: str, to: str) -> str:
    """12000, DKK -> `120,00 kr.`, `DKK 120.00`; plain spaces, so that an SMS stays in its alphabet."""
    major = Decimal(minor).scaleb(-money.exponent(currency))
    return format_currency(major, currency, _AMOUNT[to], locale=to).replace("\xa0", " ")


def moment(at: datetime, to: str) -> str:
    """Day and minute in Copenhagen."""
    return format_datetime(at, _MOMENT[to], tzinfo=COPENHAGEN, locale=to)


def minutes(count: int, to: str) -> str:
    """10 -> `10 minutter`, `10 minutes`."""
    return format_timedelta(timedelta(minutes=count), granularity="minute", threshold=1, locale=to)


def month(expiry: str, to: str) -> str:
    """`2029-09` -> `september 2029`."""
    return format_date(date.fromisoformat(f"{expiry}-01"), _MONTH, locale=to)


def name(text: str) -> str:
    """A name that somebody chose, made harmless: no address that a phone would turn into a link, no number to call, no
    card number, nothing invisible (R-S1)."""
    visible = _UNPRINTABLE.sub(" ", unicodedata.normalize("NFKC", text))
    no_address = _LOOKS_LIKE_AN_ADDRESS.sub(" ", visible)
    return numbers.none_to_call(" ".join(no_address.split()))[:_LONGEST_NAME].strip() or "?"


def genitive(whose: str, to: str) -> str:
    """Emils, Jonas'; Emil's, Jonas'."""
    if whose[-1:].lower() in {"s", "x", "z"}:
        return f"{whose}'"
    return f"{whose}s" if to == "da" else f"{whose}'s"


def phrase(table: Phrases, word: str, to: str) -> str | None:
    """A word of the API as people say it, or None."""
    return table[word][LANGUAGES.index(to)] if word in table else None


def reason(word: str, to: str) -> str:
    """Why, after `Reason: `."""
    return phrase(REASONS, word, to) or REASONS["other"][LANGUAGES.index(to)]


def why_declined(payload: Mapping[str, Any], to: str, *, for_delegate: bool) -> str:
    """A sentence: why a payment was declined, with the limit that stopped it."""
    limit = payload["limit"]
    if limit and (rule := phrase(RULES, limit["name"], to)):
        return rule
    if limit and limit["name"] in LIMITS and not (for_delegate and limit["of"] not in _OPEN_TO_DELEGATES):
        return _limit_sentence(limit, payload["currency"], to)
    return phrase(DECLINES, payload["reason"], to) or DECLINES["not_permitted"][LANGUAGES.index(to)]


def _limit_sentence(limit: Mapping[str, Any], currency: str, to: str) -> str:
    most, on = figure(limit["name"], limit["limit"], currency, to), phrase(LIMITS, limit["name"], to)
    sentence = f"Grænsen {on} er {most}" if to == "da" else f"The limit {on} is {most}"
    if limit["spent"]:
        spent = figure(limit["name"], limit["spent"], currency, to)
        sentence += f"; brugt er {spent}" if to == "da" else f"; used so far is {spent}"
    return sentence if sentence.endswith(".") else f"{sentence}."  # "kr." has its own


def figure(limit: str, value: int, currency: str, to: str) -> str:
    """A limit's figure: an amount, or so many payments."""
    if limit != "payments_per_day":
        return amount(value, currency, to)
    one, many = ("betaling", "betalinger") if to == "da" else ("payment", "payments")
    return f"{format_decimal(value, locale=to)} {one if value == 1 else many}"


def asked_for(payload: Mapping[str, Any], currency: str, to: str) -> str:
    """What a delegate asked for: a payment's amount once, or a higher limit."""
    wanted = figure(payload["limit"], payload["amount"], currency, to)
    if payload["kind"] == "one_off":
        return amount(payload["amount"], currency, to)
    return f"{wanted} {phrase(LIMITS, payload['limit'], to) or ''}".strip()


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
