"""What a decision needs, read under the card's lock: the instrument, what it hangs on, what was used, what is left."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import pycountry
from sqlalchemy.orm import Session

from delegation import drawing_rights, usage
from delegation.limits import Usage
from delegation.models import DrawingRight
from tokenization import cards, credentials, cryptogram, money, payment_keys, provisioning, tokens
from tokenization.clock import local_date
from tokenization.models import Card, Credential, Plastic, Requestor, Token
from tokenization.vault import Vault
from wallet.payments import accounts
from wallet.payments.decision import Proof, Snapshot
from wallet.payments.models import Account
from wallet.payments.reasons import REASON_BY_TOKEN_CAUSE
from wallet.payments.requests import (
    Authorization,
    CredentialInstrument,
    Cryptogram,
    PlasticInstrument,
    TokenInstrument,
)


@dataclass(frozen=True, slots=True)
class Located:
    """Which card a request concerns, and which row of it: a plastic, a token or a credential."""

    card_id: UUID
    row_id: UUID


@dataclass(frozen=True, slots=True)
class Loaded:
    """The rows around one request, and the snapshot that the rules look at."""

    card: Card
    account: Account
    snapshot: Snapshot
    plastic: Plastic | None = None
    token: Token | None = None
    credential: Credential | None = None
    right: DrawingRight | None = None
    window: cryptogram.AtcWindow | None = None


def locate(session: Session, vault: Vault, asked: Authorization) -> Located | None:
    """Find the card through the directories; None for a number or a credential that nobody has."""
    instrument = asked.instrument
    if isinstance(instrument, TokenInstrument):
        token = tokens.find_by_number(session, vault, instrument.number.reveal())
        return Located(token.card_id, token.token_id) if token else None
    if isinstance(instrument, PlasticInstrument):
        pan = cards.find_by_number(session, vault, instrument.number.reveal())
        return Located(pan.card_id, pan.plastic_id) if pan else None
    card_id = credentials.card_of(session, instrument.credential_id)
    return Located(card_id, instrument.credential_id) if card_id else None


def load(
    session: Session, vault: Vault, asked: Authorization, located: Located, card: Card, account: Account, now: datetime
) -> Loaded | None:
    """Read everything around the request; None where the expiry shows that the number was guessed."""
    if isinstance(asked.instrument, TokenInstrument):
        return _load_token(session, vault, asked, asked.instrument, located, card, account, now)
    if isinstance(asked.instrument, PlasticInstrument):
        return _load_plastic(session, vault, asked.instrument, located, card, account, now)
    return _load_credential(session, asked, asked.instrument, card, account, now)


def _load_token(
    session: Session,
    vault: Vault,
    asked: Authorization,
    instrument: TokenInstrument,
    located: Located,
    card: Card,
    account: Account,
    now: datetime,
) -> Loaded:
    token = session.get_one(Token, (card.card_id, located.row_id), populate_existing=True)
    requestor = session.get_one(Requestor, token.requestor_id)
    right = drawing_rights.load(session, card.card_id, token.right_id) if token.right_id else None
    held_by = [held.by for held in tokens.suspensions(session, card.card_id, token.token_id)]
    also = drawing_rights.because(right, now) if right else frozenset[str]()
    status = tokens.status(token, card, cards.current_plastic(session, card), requestor, held_by, now, also)
    proof, window = prove(session, vault, asked, instrument.cryptogram, token, now)
    snapshot = Snapshot(
        unusable=REASON_BY_TOKEN_CAUSE[status.because] if status.because else None,
        schemes=frozenset({token.scheme}),
        account_currency=account.currency,
        available_minor=accounts.available_minor(account),
        card_usage=usage.load(session, card.card_id, card.card_id, now, total=False),
        proof=proof,
        payments_without_pin=token.payments_without_pin,
        minor_without_pin=token.minor_without_pin,
        right=drawing_rights.terms_of(right) if right else None,
        right_usage=_right_usage(session, right, now) if right else None,
    )
    return Loaded(card, account, snapshot, token=token, right=right, window=window)


def _right_usage(session: Session, right: DrawingRight, now: datetime) -> Usage:
    return usage.load(session, right.card_id, right.right_id, now, total=right.total is not None)


def prove(
    session: Session, vault: Vault, asked: Authorization, shown: Cryptogram, token: Token, now: datetime
) -> tuple[Proof, cryptogram.AtcWindow | None]:
    """Check the cryptogram; the window is there to be kept exactly when the MAC verifies over an unused ATC."""
    key_version = payment_keys.key_version_for(session, token, shown.atc, now)
    if key_version is None:
        return Proof(device=False, person=None), None
    root = payment_keys.token_key(vault.ring, key_version, token.token_id)
    key, signed = cryptogram.atc_key(root, shown.atc), signed_input(asked, shown)
    if not cryptogram.matches(cryptogram.mac(key, signed), shown.mac):
        return Proof(device=False, person=None), None
    window = cryptogram.AtcWindow(token.atc_seen, int.from_bytes(token.atc_window)).use(shown.atc)
    in_time = abs((shown.date - local_date(now)).days) <= 1
    if shown.cvm == "none":
        return Proof(device=window is not None and in_time, person=None), window
    cvm_key = tokens.cvm_key(session, vault, token, shown.cvm)
    person = cvm_key is not None and cryptogram.matches(
        cryptogram.mac(cryptogram.cvm_session_key(key, cvm_key), signed), shown.cvm_mac or b""
    )
    return Proof(device=window is not None and in_time, person=person), window


def signed_input(asked: Authorization, shown: Cryptogram) -> cryptogram.Input:
    """What the phone signed, put together from what the acquirer says."""
    return cryptogram.Input(
        amount_minor=asked.amount_minor,
        country=_country_number(asked.merchant.country),
        currency=money.numeric(asked.currency),
        on=shown.date,
        kind=asked.kind,
        unpredictable_number=shown.unpredictable_number,
        atc=shown.atc,
        cvm=shown.cvm,
    )


def _country_number(alpha_2: str) -> int:
    country = pycountry.countries.get(alpha_2=alpha_2)
    if country is None:
        raise ValueError("the country was not checked before")
    return int(country.numeric)


def _load_plastic(
    session: Session,
    vault: Vault,
    instrument: PlasticInstrument,
    located: Located,
    card: Card,
    account: Account,
    now: datetime,
) -> Loaded | None:
    plastic = session.get_one(Plastic, (card.card_id, located.row_id), populate_existing=True)
    if cards.month(plastic.expiry) != instrument.expiry:
        return None
    cvc_matches = None
    if instrument.cvc is not None:
        cvc_matches = cards.cvc(vault, instrument.number.reveal(), instrument.expiry) == instrument.cvc
    snapshot = Snapshot(
        unusable=plastic_unusable(card, plastic, now),
        schemes=provisioning.HALVES[card.scheme],
        account_currency=account.currency,
        available_minor=accounts.available_minor(account),
        card_usage=usage.load(session, card.card_id, card.card_id, now, total=False),
        cvc_matches=cvc_matches,
        payments_without_pin=plastic.payments_without_pin,
        minor_without_pin=plastic.minor_without_pin,
    )
    return Loaded(card, account, snapshot, plastic=plastic)


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


def _load_credential(
    session: Session,
    asked: Authorization,
    instrument: CredentialInstrument,
    card: Card,
    account: Account,
    now: datetime,
) -> Loaded:
    credential = session.get_one(Credential, (card.card_id, instrument.credential_id), populate_existing=True)
    requestor = session.get_one(Requestor, credential.requestor_id)
    snapshot = Snapshot(
        unusable=_credential_unusable(session, asked, card, credential, requestor, now),
        schemes=provisioning.HALVES[card.scheme],
        account_currency=account.currency,
        available_minor=accounts.available_minor(account),
        card_usage=usage.load(session, card.card_id, card.card_id, now, total=False),
        merchant_known=asked.merchant.id in requestor.merchant_ids,
    )
    return Loaded(card, account, snapshot, credential=credential)


def _credential_unusable(
    session: Session, asked: Authorization, card: Card, credential: Credential, requestor: Requestor, now: datetime
) -> str | None:
    status = cards.status(card, cards.current_plastic(session, card), now)
    if status != "active":
        return status if status == "expired" else f"card_{status}"
    if credential.state == "withdrawn" or requestor.status != "active":
        return "credential_withdrawn"
    if credential.state == "pending" and asked.authentication != "3ds":
        return "credential_pending"
    return None
