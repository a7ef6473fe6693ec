"""The alphabet of a text message (3GPP TS 23.038, GSM 7 bit), and what fits in two of its segments. Pure.

One letter outside it makes the whole text UCS-2, in which a segment holds less than half as much.
"""

import unicodedata
from typing import Final

SEPTETS_MAX: Final = 306  # two segments of 153
_ONE: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_TWO: Final = frozenset("^{}\\[~]|€")
_INSTEAD: Final = str.maketrans({"“": '"', "”": '"', "’": "'", "–": "-", "…": "...", "\xa0": " "})
# What names.py puts around a name from right to left.
_ISOLATE, _END_OF_ISOLATE = "\u2068", "\u2069"
_NO_ISOLATES: Final = dict.fromkeys(map(ord, (_ISOLATE, _END_OF_ISOLATE)))
_CUT: Final = "..."


def septets(text: str) -> int:
    """How much of two segments a text takes."""
    return sum(2 if sign in _TWO else 1 for sign in text)


def is_written(text: str) -> bool:
    """Whether it needs no letter but those of the alphabet."""
    return all(sign in _ONE or sign in _TWO for sign in text)


def fitted(text: str) -> str:
    """A text as it is sent: signs that the alphabet has not as those that it has, accents left out (a name in another
    script stays as it is, and in its isolate), cut at a word where it is too long.
    """
    isolated = "".join(map(_nearest, text.translate(_INSTEAD)))
    plain = isolated.translate(_NO_ISOLATES)
    if not is_written(plain):
        plain = isolated
    if septets(plain) <= SEPTETS_MAX:
        return plain
    room = SEPTETS_MAX - len(_CUT)
    while septets(plain) > room:
        plain = plain[: min(len(plain) - 1, room)]
    cut = plain.rpartition(" ")[0]
    is_open = cut.count(_ISOLATE) > cut.count(_END_OF_ISOLATE)
    return cut + _END_OF_ISOLATE * is_open + _CUT


def _nearest(sign: str) -> str:
    if is_written(sign):
        return sign
    letter = unicodedata.normalize("NFKD", sign)[:1]
    return letter if is_written(letter) else sign
