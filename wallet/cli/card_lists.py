"""A list of cards that somebody gives us: a card id or a card number a line. What is wrong is named by its line."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import click
from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from tokenization import ids
from tokenization.models import Card, PanDirectory, Plastic
from tokenization.numbers import is_number
from tokenization.secret import Number
from tokenization.vault import Vault

Entry = UUID | Number
_PAGE: Final = 500
_MOST_NAMED: Final = 20


@dataclass(frozen=True, slots=True)
class CardList:
    """The cards, ascending, each once. `ended` are numbers that a newer one has taken the place of: nothing to do."""

    card_ids: tuple[UUID, ...]
    ended: int


def read(file: Iterable[str]) -> dict[int, Entry]:
    """What stands in each line, by its number; empty lines are none. Raises UsageError, and shows nothing of a line."""
    lines = {number: text for number, line in enumerate(file, 1) if (text := line.strip().removeprefix("\ufeff"))}
    entries = {number: _entry(text) for number, text in lines.items()}
    _check((number for number, entry in entries.items() if entry is None), "neither a card id nor a card number")
    return {number: entry for number, entry in entries.items() if entry is not None}


def _entry(text: str) -> Entry | None:
    if is_number(text):
        return Number(text)
    try:
        return ids.parse("card", text)
    except ids.InvalidId:
        return None


def find(session: Session, vault: Vault, entries: Mapping[int, Entry]) -> CardList:
    """The cards that are meant. Raises UsageError, which names the lines that no card of ours stands in."""
    found: dict[Entry, UUID | None] = {}
    distinct = list(set(entries.values()))
    for begin in range(0, len(distinct), _PAGE):
        found |= _look_up(session, vault, distinct[begin : begin + _PAGE])
    _check((number for number, entry in entries.items() if entry not in found), "no card of ours")
    card_ids = tuple(sorted({card_id for card_id in found.values() if card_id is not None}))
    return CardList(card_ids, ended=list(found.values()).count(None))


def _look_up(session: Session, vault: Vault, entries: Iterable[Entry]) -> dict[Entry, UUID | None]:
    """The card of each id and number; None for a number that has ended."""
    card_ids = {entry for entry in entries if isinstance(entry, UUID)}
    numbers = {vault.fingerprint("number", entry.reveal()): entry for entry in entries if isinstance(entry, Number)}
    cards = session.scalars(select(Card.card_id).where(Card.card_id.in_(card_ids))) if card_ids else ()
    of_plastic = and_(Plastic.card_id == PanDirectory.card_id, Plastic.plastic_id == PanDirectory.plastic_id)
    pans = (
        select(PanDirectory.fingerprint, PanDirectory.card_id, Plastic.state)
        .join(Plastic, of_plastic)
        .where(PanDirectory.fingerprint.in_(numbers))
    )
    plastics = session.execute(pans) if numbers else ()
    by_number = {numbers[key]: None if state == "replaced" else card_id for key, card_id, state in plastics}
    return {card_id: card_id for card_id in cards} | by_number


def _check(wrong: Iterable[int], what: str) -> None:
    lines = sorted(wrong)
    if not lines:
        return
    named = ", ".join(map(str, lines[:_MOST_NAMED]))
    more = f" and {len(lines) - _MOST_NAMED:,} more" if len(lines) > _MOST_NAMED else ""
    raise click.UsageError(f"line {named}{more}: {what}. Nothing was done")
