"""What a decision looks at, put together from the records of a group. Nothing is read here: keys are opened, MACs
checked.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from delegation import drawing_rights
from delegation.limits import Usage
from tokenization import card_verification, cards, credentials, cvc_guesses, token_status, tokens
from tokenization.clock import local_date
from tokenization.cryptogram import AtcWindow
from tokenization.models import Card, Plastic
from tokenization.secret import Number
from tokenization.vault import Place, VaultError
from wallet.payments import accounts
from wallet.payments.group import Group
from wallet.payments.locating import Located
from wallet.payments.models import Account
from wallet.payments.proof import prove
from wallet.payments.reasons import REASON_BY_TOKEN_CAUSE
from wallet.payments.requests import Authorization, CredentialInstrument, PlasticInstrument, TokenInstrument
from wallet.payments.situation import Drawn, Snapshot


@dataclass(frozen=True, slots=True)
class Loaded:
    """The records around one request, and the snapshot that the rules look at. One that is not there is None."""

    asked: Authorization
    card: Any
    account: Account
    snapshot: Snapshot
    plastic: Any = None
    token: Any = None
    credential: Any = None
    right: Any = None
    window: AtcWindow | None = None


def load(group: Group, asked: Authorization, place: Located) -> Loaded | None:
    """What is around a request; None where the card is gone, the number is not its, or its expiry was guessed."""
    card = group.cards.get(place.card_id)
    if card is None:
        return None
    if isinstance(asked.instrument, TokenInstrument):
        return _load_token(group, asked, asked.instrument, card, place.row_id)
    if isinstance(asked.instrument, PlasticInstrument):
        return _load_plastic(group, asked, asked.instrument, card, place.row_id)
    return _load_credential(group, asked, asked.instrument, card)


def _snapshot(group: Group, asked: Authorization, card: Any, **of_the_instrument: Any) -> Snapshot:
    account, most_days = group.accounts[card.account_id], group.policies.payments.rate_days
    today = local_date(group.now)
    return Snapshot(
        rate=group.rates.find(asked.currency, account.currency, on=today, most_days=most_days),
        account_currency=account.currency,
        available_minor=accounts.available_minor(account),
        card_usage=group.usage[card.card_id],
        **of_the_instrument,
    )


def _is_its(group: Group, card: Any, place: Place, sealed: bytes, shown: Number) -> bool:
    """Whether the number that is sealed in a row is the one that was shown; not where it cannot be opened.

    The directory is look-up only: whoever writes to it cannot make a number stand for another card.
    """
    try:
        return Number(group.data_key(card).open(place, sealed).decode()) == shown
    except VaultError:
        return False


def _load_token(
    group: Group, asked: Authorization, instrument: TokenInstrument, card: Any, token_id: UUID
) -> Loaded | None:
    token = group.tokens.get((card.card_id, token_id))
    if token is None or not _is_its(group, card, tokens.number_place(token_id), token.number_sealed, instrument.number):
        return None
    right = group.rights[card.card_id, token.right_id] if token.right_id else None
    proof, window = prove(group, asked, instrument.cryptogram, token)
    snapshot = _snapshot(
        group,
        asked,
        card,
        unusable=_token_unusable(group, card, token, right),
        schemes=frozenset({token.scheme}),
        proof=proof,
        payments_without_pin=token.payments_without_pin,
        minor_without_pin=token.minor_without_pin,
        right=_drawn(group, right) if right else None,
    )
    return Loaded(asked, card, group.accounts[card.account_id], snapshot, token=token, right=right, window=window)


def _token_unusable(group: Group, card: Any, token: Any, right: Any) -> str | None:
    requestor, held_by = group.requestors[token.requestor_id], group.held_by[card.card_id, token.token_id]
    also = drawing_rights.because(right, group.now) if right else frozenset[str]()
    status = token_status.derive(token, card, group.current_plastic(card), requestor, held_by, group.now, also)
    return REASON_BY_TOKEN_CAUSE[status.because] if status.because else None


def _drawn(group: Group, right: Any) -> Drawn:
    used: Usage = group.usage[right.right_id]
    return Drawn(drawing_rights.terms_of(right), used, group.one_offs.get(right.right_id, ()))


def _load_plastic(
    group: Group, asked: Authorization, instrument: PlasticInstrument, card: Any, plastic_id: UUID
) -> Loaded | None:
    plastic = group.plastics.get((card.card_id, plastic_id))
    if plastic is None:
        return None
    place = cards.number_place(plastic_id)
    is_its = _is_its(group, card, place, plastic.number_sealed, instrument.number)
    if not is_its or cards.month(plastic.expiry) != instrument.expiry:
        return None
    snapshot = _snapshot(
        group,
        asked,
        card,
        unusable=plastic_unusable(card, plastic, group.now),
        schemes=cards.HALVES[card.scheme],
        payments_without_pin=plastic.payments_without_pin,
        minor_without_pin=plastic.minor_without_pin,
        wrong_cvcs_today=cvc_guesses.made_today(plastic, group.now),
        **_cvc(group, plastic, instrument),
    )
    return Loaded(asked, card, group.accounts[card.account_id], snapshot, plastic=plastic)


def _cvc(group: Group, plastic: Any, instrument: PlasticInstrument) -> dict[str, bool]:
    if instrument.cvc is None:
        return {}
    try:
        printed = card_verification.of_plastic(group.vault.ring, plastic, instrument.number)
    except VaultError:
        return {"cvc_readable": False}
    return {"cvc_matches": printed == instrument.cvc}


def plastic_unusable(card: Card, plastic: Plastic, now: datetime) -> str | None:
    """Why the plastic cannot pay, in the words of a payment. A lost or stolen one says so: the shop may keep it."""
    if card.state == "closed":
        return "card_closed"
    if plastic.state == "replaced":
        return {"lost": "card_lost", "stolen": "card_stolen"}.get(plastic.ended_reason or "", "card_replaced")
    if card.state == "blocked":
        return {"lost": "card_lost", "stolen": "card_stolen"}.get(card.block_reason or "", "card_blocked")
    if plastic.state == "inactive":
        return "card_inactive"
    return "expired" if cards.is_expired(plastic, now) else None


def _load_credential(group: Group, asked: Authorization, instrument: CredentialInstrument, card: Any) -> Loaded | None:
    credential = group.credentials.get((card.card_id, instrument.credential_id))
    if credential is None:
        return None
    requestor = group.requestors[credential.requestor_id]
    snapshot = _snapshot(
        group,
        asked,
        card,
        unusable=_credential_unusable(group, card, credential, requestor),
        schemes=cards.HALVES[card.scheme],
        own_merchant=asked.merchant.id in requestor.merchant_ids,
        waits_for_consent=credential.state == "pending",
    )
    return Loaded(asked, card, group.accounts[card.account_id], snapshot, credential=credential)


def _credential_unusable(group: Group, card: Any, credential: Any, requestor: Any) -> str | None:
    status = cards.status(card, group.current_plastic(card), group.now)
    if status != "active":
        return status if status == "expired" else f"card_{status}"
    withdrawn = credentials.status(credential, group.now) == "withdrawn" or requestor.status != "active"
    return "credential_withdrawn" if withdrawn else None
