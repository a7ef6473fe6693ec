"""What MitID shows, so that who approves knows what for. Pure.

A name in it was chosen by whoever had the phone in hand, perhaps a thief: so it stands among our words, within
quotation marks that it cannot close, as letters and digits, cut short.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tokenization import numbers

CHARACTERS_MAX: Final = 130  # of MitID
NAME_CHARACTERS_MAX: Final = 28
REFERENCE_TEXTS: Final[Mapping[str | None, str]] = {
    None: "Log ind i din wallet",
    "provision": "Læg et kort på din telefon",
    "right": "Giv en anden lov til at betale med dit kort, eller giv lov til mere",
    "pair": "Forbind en andens telefon, så den kan betale med dit kort",
    "pin": "Vælg ny PIN til kortet på din telefon",
    "resume": "Genåbn kortet på din telefon",
    "approve": "Sig ja til en betaling eller en højere grænse for en, der betaler med dit kort",
}
# By the language of the person: here it is known who is to approve.
VERIFICATION: Final[Mapping[str, str]] = {
    "da": 'Godkend, at kortet, der ender på {card}, bruges på telefonen "{device}" i appen "{wallet}"',
    "en": 'Approve that the card ending in {card} is used on the phone "{device}" in the app "{wallet}"',
}
_LETTERS: Final = frozenset({"Lu", "Ll", "Lt", "Lo", "Nd"})
_SIGNS: Final = frozenset("'-")
_LEFT_TO_RIGHT: Final = frozenset({"L", "EN"})
_SEEN_IN_OTHERS: Final = frozenset({"Mn", "Mc", "Me", "Cf"})  # combining marks, joiners, overrides of the direction
_SPACES: Final = re.compile(" +")
_ELLIPSIS: Final = "…"
_UNREADABLE: Final = "?"


@dataclass(frozen=True, slots=True)
class ReferenceText:
    """What MitID shows, and in which language."""

    text: str
    language: str


def of_purpose(purpose: str | None) -> ReferenceText:
    """For a purpose that is about no one thing: in Danish, as nobody knows yet who will sign in."""
    return ReferenceText(REFERENCE_TEXTS[purpose], "da")


def of_verification(language: str, *, card: str, device: str, wallet: str) -> ReferenceText:
    """For verifying a token: which card, by its last four digits, on which phone, in which wallet."""
    text = VERIFICATION[language].format(card=card, device=harmless(device), wallet=harmless(wallet))
    return ReferenceText(text, language)


def harmless(name: str) -> str:
    """A name as it may stand there: letters, digits, `'` and `-`; for all else a space, or nothing where it shows only
    in what it does to others. Letters that run from right to left would turn the words around them.
    """
    kept = "".join(_kept(sign) for sign in unicodedata.normalize("NFKC", name))
    short = numbers.none_to_call(_SPACES.sub(" ", kept).strip()) or _UNREADABLE
    return short if len(short) <= NAME_CHARACTERS_MAX else short[: NAME_CHARACTERS_MAX - 1].rstrip() + _ELLIPSIS


def _kept(sign: str) -> str:
    category = unicodedata.category(sign)
    if sign in _SIGNS or (category in _LETTERS and unicodedata.bidirectional(sign) in _LEFT_TO_RIGHT):
        return sign
    return "" if category in _SEEN_IN_OTHERS else " "
