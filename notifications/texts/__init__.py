"""What people are told, in Danish and English: kind -> language -> (title, text).

House rules (R-S1): last 4 at most, never a link or a number to call, never a question for anything secret. The text
must stand alone, since it is also what an SMS says. What the braces hold is in messages.py.
"""

from typing import Final

from notifications.texts.cards import ABOUT_CARDS
from notifications.texts.delegates import FOR_CHILDREN, FOR_DELEGATES
from notifications.texts.grantors import ABOUT_RIGHTS
from notifications.texts.shape import Texts

FOR_HOLDERS: Final[Texts] = {**ABOUT_CARDS, **ABOUT_RIGHTS}

__all__ = ["FOR_CHILDREN", "FOR_DELEGATES", "FOR_HOLDERS", "Texts"]
