"""What somebody chose to be called, or wrote, as it may stand among our words: in any script, harmless (R-S1). Pure.

Kept: letters with their marks, digits, some signs, emoji. Left out: what nobody sees but text obeys (directions,
joiners out of place, fillers), what means nothing (unassigned, private use), and marks that belong to no letter.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from tokenization import numbers

LONGEST: Final = 40
_NOTHING: Final = "?"
END_OF_ISOLATE: Final = "\u2069"
_ISOLATE: Final = "\u2068"
# What NFKC would take apart to no use: Thai and Lao AM, which fonts would draw wrongly then, and our own ellipsis.
_WHOLE: Final = frozenset("\u0e33\u0eb3…")
_SIGNS: Final = frozenset("&'’.,:/@()+!?…-‐·・׳״՚་")
# Would seem to close the quotation marks that we put around it. Gershayim stand within a Hebrew word.
_LOOKS_LIKE_A_QUOTE: Final = re.compile("(?<=['’׳])['’׳״]+|״(?![\u05d0-\u05ea])")
_LOOKS_LIKE_AN_ADDRESS: Final = re.compile(r"(?<=\S)(?:[.:@]|//)+(?=\S)|www\b", re.IGNORECASE)

# Unicode's Default_Ignorable_Code_Point but for the selectors of CJK variants; and those that only look empty.
_UNSEEN: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0e\ufeff\uffa0\ufff0-\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a]"
)
# Where So is a picture. (Not: letters and words in boxes.)
_PICTURES: Final = re.compile(
    "[\u231a\u231b\u23e9-\u23fa\u2600-\u27bf\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55"
    "\U0001f004\U0001f0cf\U0001f300-\U0001f6ff\U0001f7e0-\U0001f7f0\U0001f900-\U0001faff]"
)
# Each character as one letter, its kind; what has none is left out, and what is seen but not wanted becomes a space.
_KINDS: Final = {
    "\u200c": "J",
    "\u200d": "J",
    "\ufe0f": "X",
    "\U0001f3f4": "B",
    "\U000e007f": "E",
    **{chr(tone): "S" for tone in range(0x1F3FB, 0x1F400)},
    **{chr(flag): "F" for flag in range(0x1F1E6, 0x1F200)},
    **{chr(tag): "T" for tag in (*range(0xE0030, 0xE003A), *range(0xE0061, 0xE007B))},
}
_LEFT_OUT: Final = "-"
_BY_CATEGORY: Final = {"Mn": "M", "Mc": "M", "Me": _LEFT_OUT, "Cf": _LEFT_OUT, "Cn": _LEFT_OUT, "Co": _LEFT_OUT}
_VIRAMA: Final = 9  # its combining class: the letter after it is drawn together with the one before
# From Arabic to Mongolian letters may need a joiner between them to be spelt right; elsewhere nobody would see it.
_FIRST_JOINED, _LAST_JOINED = "\u0600", "\u18af"
# What is seen as one sign (UAX 29, near enough). Bounded, so that no sign holds a thousand: more marks are left out.
_ONE: Final = re.compile(
    r"BT{2,6}E|FF"  # flags
    r"|[PB]X?S?(?:J[PB]X?S?){0,4}"  # one picture, or up to five joined
    r"|L(?:M|V(?:J?L)?){0,5}(?:J(?=L))?"  # a letter of a script with joiners: its marks, and what it is joined with
    r"|A[MV]{0,3}"  # any other letter or digit
    r"|[ .]"
)


def harmless(text: str, longest: int = LONGEST) -> str:
    """The text in one line, with so many signs at most: without an address that a phone would turn into a link, a
    number to call or a card's, and so that it turns nothing around it, whichever way it is written itself.
    """
    visible = "".join(_signs(_folded(text)))
    plain = numbers.none_to_call(_LOOKS_LIKE_AN_ADDRESS.sub(" ", _LOOKS_LIKE_A_QUOTE.sub("", visible)))
    signs = list(_signs(" ".join(plain.split())))
    return _isolated("".join(signs[:longest]).strip(" \u200c\u200d") or _NOTHING)


def _folded(text: str) -> str:
    """Each character as what it stands for."""
    plain = (sign if sign in _WHOLE else numbers.stands_for(sign) for sign in text)
    return unicodedata.normalize("NFC", "".join(plain))


def _signs(text: str) -> Iterator[str]:
    """What is seen, one by one: a letter with its marks, a picture with all that is joined to it."""
    kinds = "".join(map(_kind, text))
    for found in _ONE.finditer(kinds):
        yield " " if found[0] == " " else text[found.start() : found.end()]


@lru_cache(4096)
def _kind(sign: str) -> str:
    if sign in _KINDS:
        return _KINDS[sign]
    if sign in _SIGNS:
        return "."
    if _UNSEEN.match(sign):
        return _LEFT_OUT
    category = unicodedata.category(sign)
    if category[0] == "L" or category in ("Nd", "Nl"):
        return "L" if _FIRST_JOINED <= sign <= _LAST_JOINED else "A"
    if category == "Mn" and unicodedata.combining(sign) == _VIRAMA:
        return "V"
    if category == "So" and _PICTURES.match(sign):
        return "P"
    return _BY_CATEGORY.get(category, " ")


def _isolated(text: str) -> str:
    """Between the marks of a first strong isolate (UAX 9) where it is written from right to left, so that the amount
    behind it stays where it is.
    """
    turns = any(unicodedata.bidirectional(sign) in ("R", "AL", "AN") for sign in text)
    return f"{_ISOLATE}{text}{END_OF_ISOLATE}" if turns else text
