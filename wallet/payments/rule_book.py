"""The rules, the entry modes and the reasons as docs/payments.md shows them: `python -m wallet.payments.rule_book`."""

import sys
from collections.abc import Iterable, Iterator
from typing import Final

from wallet.payments.decision import RULES
from wallet.payments.entry_modes import ENTRY_MODES, EntryMode, Pin
from wallet.payments.reasons import RESPONSE_CODES
from wallet.payments.requests import CredentialInstrument, Instrument, PlasticInstrument, TokenInstrument

INSTRUMENTS: Final[dict[type[Instrument], str]] = {
    TokenInstrument: "token",
    PlasticInstrument: "plastic, or its number",
    CredentialInstrument: "card on file",
}
KINDS: Final = ("purchase", "cash", "verification")
# Given by no rule: by what stands before them.
BEFORE: Final = {"approved": "no rule objects", "reversed": "before the rules", "unknown_number": "before the rules"}


def rules() -> str:
    """Every rule, in the order in which they are asked."""
    rows = (
        (str(place), f"`{rule.name}`", ", ".join(rule.marks), _says(rule.ask.__doc__), _coded(rule.reasons))
        for place, rule in enumerate(RULES, 1)
    )
    return _table(("", "rule", "marks", "what it asks", "its reasons, and their DE 39"), rows)


def entry_modes() -> str:
    """What each instrument is used for in each entry mode."""
    names = dict.fromkeys(name for modes in ENTRY_MODES.values() for name in modes)
    rows = (
        (f"`{name}`", *(_kinds(ENTRY_MODES[instrument].get(name, EntryMode())) for instrument in INSTRUMENTS))
        for name in names
    )
    return _table(("entry mode", *INSTRUMENTS.values()), rows)


def persons() -> str:
    """What shows who pays, in each entry mode of each instrument."""
    rows = (
        (INSTRUMENTS[instrument], f"`{name}`", str(mode.pin), _quoted(sorted(mode.pin_by)), "; ".join(_besides(mode)))
        for instrument, modes in ENTRY_MODES.items()
        for name, mode in modes.items()
    )
    return _table(("instrument", "entry mode", "PIN wanted", "a PIN is", "besides"), rows)


def reasons() -> str:
    """Every reason, its response code (ISO 8583 field 39), and the rules that give it."""
    rows = (
        (f"`{reason}`", code, BEFORE.get(reason) or _quoted(rule.name for rule in RULES if reason in rule.reasons))
        for reason, code in RESPONSE_CODES.items()
    )
    return _table(("reason", "DE 39", "given by"), rows)


def _besides(mode: EntryMode) -> Iterator[str]:
    if mode.pin is Pin.ALWAYS:
        yield "or a signature, for a purchase, where somebody looks at it"
    if mode.attended:
        yield "only where somebody stands at the terminal"
    if mode.authenticated:
        yield f"SCA where the {' or the '.join(sorted(mode.authenticated))} starts it"


def _kinds(mode: EntryMode) -> str:
    return ", ".join(kind for kind in KINDS if kind in mode.kinds) or "not permitted"


def _coded(reasons: Iterable[str]) -> str:
    return ", ".join(f"`{reason}` {RESPONSE_CODES[reason]}" for reason in reasons)


def _says(docstring: str | None) -> str:
    return " ".join((docstring or "").split())


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heading, ("---",) * len(heading), *rows))


if __name__ == "__main__":
    sys.stdout.write("\n\n".join((rules(), entry_modes(), persons(), reasons(), "")))
