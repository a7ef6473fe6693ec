"""Where numbers come from: the bank's BINs for cards and for tokens, how full they are, and PARs.

A token number is never a PAN: the BINs differ, and a new number is looked for in both directories.
"""

import secrets
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import exists, literal, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from tokenization import numbers
from tokenization.models import PanDirectory, TokenDirectory
from tokenization.secret import Number
from tokenization.vault import Vault

Directory = type[PanDirectory] | type[TokenDirectory]
PAR_CHARACTERS: Final = 29
# Where a fifth of the numbers is taken, one claim in 125 needs a fourth try; where four fifths are, one in 90 fails.
_TRIES: Final = 20
_MANY_TRIES: Final = 4
_ALPHANUMERIC: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_ROWS: Final = text("""
    SELECT greatest(cards.reltuples, 0)::bigint, greatest(tokens.reltuples, 0)::bigint
    FROM pg_class AS cards, pg_class AS tokens
    WHERE cards.oid = 'tokenization.pan_directory'::regclass AND tokens.oid = 'tokenization.token_directory'::regclass
""")
_chance: Final = secrets.SystemRandom()
log = structlog.get_logger()


class NumbersExhausted(Exception):
    """The BINs have next to no free numbers left: the bank needs another."""


@dataclass(frozen=True, slots=True)
class NumberSpace:
    """The BINs, 6 to 8 digits each; how many months a plastic is valid; the four characters that begin our PARs."""

    card_bins: tuple[str, ...]
    token_bins: tuple[str, ...]
    validity_months: int
    par_prefix: str


@dataclass(frozen=True, slots=True)
class Fill:
    """How many numbers of a kind (`card`, `token`) are taken, of how many there are. Only erasing frees any."""

    kind: str
    taken: int
    capacity: int


def claim(
    session: Session, vault: Vault, space: NumberSpace, directory: Directory, card_id: UUID, row_id: UUID
) -> Number:
    """A fresh number that is neither a PAN nor a token number, entered in its directory.

    Raises NumbersExhausted when twenty tries in a row hit numbers in use.
    """
    bins = space.card_bins if directory is PanDirectory else space.token_bins
    for tried in range(1, _TRIES + 1):
        number = numbers.random_number(_chance.choices(bins, [_capacity(bin_) for bin_ in bins])[0])
        if _enter(session, directory, vault.fingerprint("number", number.reveal()), card_id, row_id):
            if tried >= _MANY_TRIES:
                log.warning("numbers_running_out", bins=bins, tries=tried)
            return number
    raise NumbersExhausted(f"BIN {', '.join(bins)}: nearly full")


def _enter(session: Session, directory: Directory, fingerprint: bytes, card_id: UUID, row_id: UUID) -> bool:
    """One statement: look in the other directory, and enter it in this one unless it is there."""
    other = TokenDirectory if directory is PanDirectory else PanDirectory
    row = {"fingerprint": fingerprint, "card_id": card_id, _row_column(directory): row_id}
    types = directory.__table__.columns
    found = select(*(literal(value, types[name].type) for name, value in row.items()))
    free = found.where(~exists().where(other.fingerprint == fingerprint))
    claimed = insert(directory).from_select(list(row), free).on_conflict_do_nothing()
    return session.scalar(claimed.returning(directory.card_id)) is not None


def _row_column(directory: Directory) -> str:
    return "plastic_id" if directory is PanDirectory else "token_id"


def _capacity(bin_: str) -> int:
    """How many numbers begin so: the last digit checks."""
    return int(10 ** (numbers.LENGTH - 1 - len(bin_)))


def fills(session: Session, space: NumberSpace) -> list[Fill]:
    """How full the number spaces are, by PostgreSQL's own estimate of its tables: exact enough, and free."""
    cards, tokens = session.execute(_ROWS).one()
    return [
        Fill("card", cards, sum(map(_capacity, space.card_bins))),
        Fill("token", tokens, sum(map(_capacity, space.token_bins))),
    ]


def new_par(space: NumberSpace) -> str:
    """A payment account reference (EMVCo), the same for the card and all of its tokens: 29 characters, four for who
    gives it, 25 at random, which are so many that none is met twice.
    """
    rest = PAR_CHARACTERS - len(space.par_prefix)
    return space.par_prefix + "".join(secrets.choice(_ALPHANUMERIC) for _ in range(rest))
