"""A file for the card bureau: complete and on the disk before anything counts as ordered, so nothing is left out."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID

from joserfc.jwk import ECKey
from sqlalchemy import func, select

from tokenization import cards, embossing, new_files
from tokenization.vault import Erased, VaultError
from wallet.services import Services

_TURN: Final = func.pg_try_advisory_xact_lock(4, 1)


@dataclass(slots=True)
class Written:
    """What stands in a file: card and plastic, line by line; and the cards of which nothing could be written."""

    plastics: list[tuple[UUID, UUID]] = field(default_factory=list)
    erased: int = 0
    failed: dict[UUID, str] = field(default_factory=dict)


@contextmanager
def alone(parts: Services) -> Iterator[bool]:
    """Whether nobody else is writing a file meanwhile, from the first line to the last note."""
    with parts.database.reading() as session:
        yield bool(session.scalar(select(_TURN)))


def write(parts: Services, bureau: ECKey, path: Path) -> Written:
    """Write what waits, a line for each plastic. The file appears when it is complete; where nothing waits, none does.

    Raises OSError, FileExistsError where there is one.
    """
    written = Written()
    with new_files.draft(path) as (file, finish):
        for line in _lines(parts, bureau, written):
            file.write(line + "\n")
        if written.plastics:
            finish()
    return written


def _lines(parts: Services, bureau: ECKey, written: Written) -> Iterator[str]:
    after: UUID | None = None
    with parts.database.reading() as session:
        while orders := embossing.waiting(session, after):
            for order in orders:
                after = order.card.card_id
                try:
                    yield embossing.encrypted(session, parts.vault, order, bureau)
                except Erased:
                    written.erased += 1
                except VaultError as error:
                    written.failed[after] = str(error)
                else:
                    written.plastics.append((after, order.plastic.plastic_id))


def note(parts: Services, plastics: list[tuple[UUID, UUID]], bureau: ECKey, actor: str) -> Iterator[UUID]:
    """Note of each plastic that it is ordered, and answer it. What is not noted stands in the next file, too."""
    thumbprint = bureau.thumbprint()
    for card_id, plastic_id in plastics:
        with parts.database.transaction(actor) as session:
            card = cards.lock(session, card_id)
            if card is not None:
                embossing.note(session, card, plastic_id, thumbprint, parts.clock.now())
        yield card_id
