"""Requests that are decided together: what is around them, read under their cards' locks in a few round trips, and how
it stands after each decision, so that the next one sees it.

Records, not entities: whoever decides changes them here, and writing.py writes what was changed.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from delegation import requests as drawing_requests
from delegation import usage
from delegation.judging import OneOff
from delegation.limits import Usage
from delegation.models import DrawingRight
from delegation.usage import Charge, Scope
from tokenization import cards, payment_keys, policies
from tokenization.errors import NotFound
from tokenization.models import CardKey, Credential, Plastic, Requestor, Token, TokenSuspension
from tokenization.pipeline import looking_up, pipeline
from tokenization.policies import Policies
from tokenization.vault import DataKey, Vault
from wallet.payments import accounts
from wallet.payments.locating import Located
from wallet.payments.models import Account, Payment
from wallet.payments.rates import Rates
from wallet.payments.references import Kept
from wallet.payments.requests import (
    Authorization,
    CredentialInstrument,
    Instrument,
    PlasticInstrument,
    TokenInstrument,
)

OfCard = tuple[UUID, UUID]  # the ids of a card and of a row that belongs to it
Asked = tuple[Authorization, Located]

_TOKENS: Final = looking_up(
    Token,
    ["card_id", "token_id"],
    [
        *("right_id", "requestor_id", "scheme", "number_sealed", "state", "pin_key_sealed", "biometric_key_sealed"),
        *("pin_tries_left", "atc_seen", "atc_window", "payments_without_pin", "minor_without_pin"),
    ],
)
_SUSPENSIONS: Final = looking_up(TokenSuspension, ["card_id", "token_id"], ["by"])
_CREDENTIALS: Final = looking_up(Credential, ["card_id", "credential_id"])
_DATA_KEYS: Final = looking_up(CardKey, ["card_id"], ["version", "kek_version", "wrapped"], "ORDER BY t.version")
_PLASTICS: Final = looking_up(Plastic, ["card_id", "plastic_id"])
_REQUESTORS: Final = looking_up(Requestor, ["requestor_id"])
_RIGHTS: Final = looking_up(DrawingRight, ["card_id", "right_id"])


@dataclass(slots=True)
class Changes:
    """What is to be written of a group: new rows, and which of its records were changed."""

    payments: list[Payment] = field(default_factory=list)
    charges: list[Charge] = field(default_factory=list)
    answers: list[Kept] = field(default_factory=list)
    accounts: dict[UUID, Account] = field(default_factory=dict)
    tokens: dict[UUID, Any] = field(default_factory=dict)
    plastics: dict[UUID, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Group:
    """Everything around some requests."""

    session: Session
    vault: Vault
    rates: Rates
    now: datetime
    policies: Policies
    cards: dict[UUID, Any]
    tokens: dict[OfCard, Any]
    held_by: dict[OfCard, set[str]]
    key_versions: dict[tuple[UUID, UUID, int], int]
    credentials: dict[OfCard, Any]
    data_keys: dict[UUID, Any]
    opened: dict[UUID, DataKey] = field(default_factory=dict)
    accounts: dict[UUID, Account] = field(default_factory=dict)
    plastics: dict[OfCard, Any] = field(default_factory=dict)
    requestors: dict[UUID, Any] = field(default_factory=dict)
    rights: dict[OfCard, Any] = field(default_factory=dict)
    usage: dict[UUID, Usage] = field(default_factory=dict)
    one_offs: dict[UUID, tuple[OneOff, ...]] = field(default_factory=dict)
    changes: Changes = field(default_factory=Changes)

    def current_plastic(self, card: Any) -> Any:
        """The plastic that the card's tokens and credentials hang on: the newest."""
        return self.plastics[card.card_id, card.current_plastic_id]

    def data_key(self, card: Any) -> DataKey:
        """What the card's numbers are sealed under. Raises VaultError, and Erased."""
        found = self.opened.get(card.card_id)
        if found is None:
            row = None if card.erased_at else self.data_keys.get(card.card_id)
            found = self.opened[card.card_id] = self.vault.card_key_of(card.card_id, row)
        return found


def gather(session: Session, vault: Vault, rates: Rates, asked: Sequence[Asked], now: datetime) -> Group:
    """Lock the cards, then their accounts, and read what is around the requests: two round trips, three for children.

    What is sent behind a lock is read under it. Raises NotFound for a card that lacks its account.
    """
    tokens = _rows(asked, TokenInstrument)
    with pipeline(session) as pipe:
        locks = cards.lock_many(pipe, (place.card_id for _, place in asked))
        in_force = policies.find(pipe, now)
        found, held = pipe.find(_TOKENS, tokens), pipe.find(_SUSPENSIONS, tokens)
        issued = payment_keys.find_versions(pipe, _atcs(asked), now)
        on_file = pipe.find(_CREDENTIALS, _rows(asked, CredentialInstrument))
        data_keys = pipe.find(_DATA_KEYS, ((place.card_id,) for _, place in asked))
    group = Group(
        session=session,
        vault=vault,
        rates=rates,
        now=now,
        policies=policies.of_rows(in_force.rows()),
        cards=cards.locked_now(session, locks),
        tokens={(row.card_id, row.token_id): row for row in found.rows()},
        held_by=_suspended(held.rows()),
        key_versions={(row.card_id, row.token_id, row.atc): row.key_version for row in issued.rows()},
        credentials={(row.card_id, row.credential_id): row for row in on_file.rows()},
        data_keys={row.card_id: row for row in data_keys.rows()},  # of several, the newest comes last
    )
    _read_around(group, _rows(asked, PlasticInstrument))
    if group.rights:
        _read_rights(group)
    return group


def _read_around(group: Group, plastics: Iterable[OfCard]) -> None:
    """The accounts, locked, and what the rows that were found point to."""
    of_cards = [Scope(card_id, card_id, total=False) for card_id in group.cards]
    current = [(card.card_id, card.current_plastic_id) for card in group.cards.values()]
    rights = [(token.card_id, token.right_id) for token in group.tokens.values() if token.right_id]
    owners = [*group.tokens.values(), *group.credentials.values()]
    with pipeline(group.session) as pipe:
        locked = accounts.lock_many(pipe, (card.account_id for card in group.cards.values()))
        used = usage.find(pipe, of_cards, group.now)
        printed = pipe.find(_PLASTICS, [*plastics, *current])
        requestors = pipe.find(_REQUESTORS, ((owner.requestor_id,) for owner in owners))
        granted = pipe.find(_RIGHTS, rights)
    group.accounts = {row.account_id: row for row in locked.rows()}
    if any(card.account_id not in group.accounts for card in group.cards.values()):
        raise NotFound
    group.usage = usage.of_rows(used.rows(), of_cards)
    group.plastics = {(row.card_id, row.plastic_id): row for row in printed.rows()}
    group.requestors = {row.requestor_id: row for row in requestors.rows()}
    group.rights = {(row.card_id, row.right_id): row for row in granted.rows()}


def _read_rights(group: Group) -> None:
    """What children have used, and what they were given once."""
    scopes = [Scope(*of_card, total=right.total is not None) for of_card, right in group.rights.items()]
    with pipeline(group.session) as pipe:
        used = usage.find(pipe, scopes, group.now)
        one_offs = drawing_requests.find_one_offs(pipe, group.rights, group.now)
    group.usage |= usage.of_rows(used.rows(), scopes)
    group.one_offs = drawing_requests.one_offs_of_rows(one_offs.rows())


def _rows(asked: Iterable[Asked], kind: type[Instrument]) -> list[OfCard]:
    """The rows of those instruments."""
    return [(place.card_id, place.row_id) for each, place in asked if isinstance(each.instrument, kind)]


def _atcs(asked: Iterable[Asked]) -> list[tuple[UUID, UUID, int]]:
    shown = [(place, each.instrument) for each, place in asked]
    return [(place.card_id, place.row_id, of.cryptogram.atc) for place, of in shown if isinstance(of, TokenInstrument)]


def _suspended(rows: Iterable[Any]) -> dict[OfCard, set[str]]:
    held: dict[OfCard, set[str]] = defaultdict(set)
    for row in rows:
        held[row.card_id, row.token_id].add(row.by)
    return held
