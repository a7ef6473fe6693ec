"""What a decision needs, read under the card's lock: the instrument, what it hangs on, what was used, what is left."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from delegation import drawing_rights, requests, usage
from delegation.models import DrawingRight
from tokenization import card_verification, cards, credentials, token_status, tokens
from tokenization.clock import local_date
from tokenization.cryptogram import AtcWindow
from tokenization.models import Card, Credential, Plastic, Requestor, Token
from tokenization.secret import Number
from tokenization.vault import Vault, VaultError
from wallet.payments import accounts
from wallet.payments.desk import Case, Desk
from wallet.payments.proof import prove
from wallet.payments.rates import Rate
from wallet.payments.reasons import REASON_BY_TOKEN_CAUSE
from wallet.payments.requests import CredentialInstrument, Instrument, PlasticInstrument, TokenInstrument
from wallet.payments.situation import Drawn, Snapshot


@dataclass(frozen=True, slots=True)
class Located:
    """Which card a request concerns, and which row of it: a plastic, a token or a credential."""

    card_id: UUID
    row_id: UUID


@dataclass(frozen=True, slots=True)
class Loaded:
    """The rows around one request, and the snapshot that the rules look at."""

    case: Case
    snapshot: Snapshot
    plastic: Plastic | None = None
    token: Token | None = None
    credential: Credential | None = None
    right: DrawingRight | None = None
    window: AtcWindow | None = None


def locate(session: Session, vault: Vault, instrument: Instrument) -> Located | None:
    """Find the card through the directories; None for a number or a credential that nobody has."""
    if isinstance(instrument, TokenInstrument):
        token = tokens.find_by_number(session, vault, instrument.number.reveal())
        return Located(token.card_id, token.token_id) if token else None
    if isinstance(instrument, PlasticInstrument):
        pan = cards.find_by_number(session, vault, instrument.number.reveal())
        return Located(pan.card_id, pan.plastic_id) if pan else None
    card_id = credentials.card_of(session, instrument.credential_id)
    return Located(card_id, instrument.credential_id) if card_id else None


def load(desk: Desk, case: Case) -> Loaded | None:
    """Read everything around the request; None where the number is not this card's, or its expiry was guessed."""
    instrument = case.asked.instrument
    if isinstance(instrument, TokenInstrument):
        return _load_token(desk, case, instrument)
    if isinstance(instrument, PlasticInstrument):
        return _load_plastic(desk, case, instrument)
    return _load_credential(desk, case, instrument)


def _snapshot(desk: Desk, case: Case, **of_the_instrument: Any) -> Snapshot:
    card_id = case.card.card_id
    return Snapshot(
        account_currency=case.account.currency,
        available_minor=accounts.available_minor(case.account),
        card_usage=usage.load(desk.session, card_id, card_id, desk.now, total=False),
        rate=_rate(desk, case),
        **of_the_instrument,
    )


def _rate(desk: Desk, case: Case) -> Rate | None:
    today, most_days = local_date(desk.now), desk.policies.payments.rate_days
    return desk.rates.find(case.asked.currency, case.account.currency, on=today, most_days=most_days)


def _has_number(desk: Desk, token: Token, shown: Number) -> bool:
    """Whether the number that is sealed in a token's row is the one that was shown, as with a plastic's."""
    try:
        return tokens.reveal_number(desk.session, desk.vault, token) == shown
    except VaultError:
        return False


def _load_token(desk: Desk, case: Case, instrument: TokenInstrument) -> Loaded | None:
    card_id = case.card.card_id
    token = desk.session.get_one(Token, (card_id, case.row_id), populate_existing=True)
    if not _has_number(desk, token, instrument.number):
        return None
    right = drawing_rights.load(desk.session, card_id, token.right_id) if token.right_id else None
    proof, window = prove(desk, case.asked, instrument.cryptogram, token)
    snapshot = _snapshot(
        desk,
        case,
        unusable=_token_unusable(desk, case.card, token, right),
        schemes=frozenset({token.scheme}),
        proof=proof,
        payments_without_pin=token.payments_without_pin,
        minor_without_pin=token.minor_without_pin,
        right=_drawn(desk, right) if right else None,
    )
    return Loaded(case, snapshot, token=token, right=right, window=window)


def _token_unusable(desk: Desk, card: Card, token: Token, right: DrawingRight | None) -> str | None:
    session, now = desk.session, desk.now
    requestor = session.get_one(Requestor, token.requestor_id)
    held_by = [held.by for held in tokens.suspensions(session, card.card_id, token.token_id)]
    also = drawing_rights.because(right, now) if right else frozenset[str]()
    status = token_status.derive(token, card, cards.current_plastic(session, card), requestor, held_by, now, also)
    return REASON_BY_TOKEN_CAUSE[status.because] if status.because else None


def _drawn(desk: Desk, right: DrawingRight) -> Drawn:
    with_total = right.total is not None
    used = usage.load(desk.session, right.card_id, right.right_id, desk.now, total=with_total)
    one_offs = requests.one_offs(desk.session, right.card_id, right.right_id, desk.now)
    return Drawn(drawing_rights.terms_of(right), used, one_offs)


def _load_plastic(desk: Desk, case: Case, instrument: PlasticInstrument) -> Loaded | None:
    plastic = desk.session.get_one(Plastic, (case.card.card_id, case.row_id), populate_existing=True)
    is_its = cards.has_number(desk.session, desk.vault, case.card.card_id, case.row_id, instrument.number)
    if not is_its or cards.month(plastic.expiry) != instrument.expiry:
        return None
    snapshot = _snapshot(
        desk,
        case,
        unusable=plastic_unusable(case.card, plastic, desk.now),
        schemes=cards.HALVES[case.card.scheme],
        payments_without_pin=plastic.payments_without_pin,
        minor_without_pin=plastic.minor_without_pin,
        **_cvc(desk, plastic, instrument),
    )
    return Loaded(case, snapshot, plastic=plastic)


def _cvc(desk: Desk, plastic: Plastic, instrument: PlasticInstrument) -> dict[str, bool]:
    if instrument.cvc is None:
        return {}
    try:
        printed = card_verification.of_plastic(desk.vault.ring, plastic, instrument.number)
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


def _load_credential(desk: Desk, case: Case, instrument: CredentialInstrument) -> Loaded:
    of_credential = (case.card.card_id, instrument.credential_id)
    credential = desk.session.get_one(Credential, of_credential, populate_existing=True)
    requestor = desk.session.get_one(Requestor, credential.requestor_id)
    snapshot = _snapshot(
        desk,
        case,
        unusable=_credential_unusable(desk, case.card, credential, requestor),
        schemes=cards.HALVES[case.card.scheme],
        own_merchant=case.asked.merchant.id in requestor.merchant_ids,
        waits_for_consent=credential.state == "pending",
    )
    return Loaded(case, snapshot, credential=credential)


def _credential_unusable(desk: Desk, card: Card, credential: Credential, requestor: Requestor) -> str | None:
    status = cards.status(card, cards.current_plastic(desk.session, card), desk.now)
    if status != "active":
        return status if status == "expired" else f"card_{status}"
    withdrawn = credential.state == "withdrawn" or requestor.status != "active"
    return "credential_withdrawn" if withdrawn else None
