"""Cards with tokens that are ready to pay, made through the rules, and the requests of their terminals."""

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from joserfc.jwk import ECKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from tokenization import cards, cryptogram, life_cycle, payment_keys, tokens
from tokenization.clock import local_date
from tokenization.keys.ring import Purpose
from tokenization.models import Card, Cardholder, Requestor, Token
from tokenization.policies import load
from tokenization.provisioning import making
from tokenization.provisioning.decision import Refused
from tokenization.provisioning.history import Wish
from tokenization.secret import Key, Number
from wallet.payments import accounts
from wallet.services import Services

AMOUNT_MINOR = 8_900
BALANCE_MINOR = 999_999_999


@dataclass
class CardFile:
    """What a phone knows: its token, its PIN key, and the next of its keys."""

    number: str
    token_key: Key
    pin_key: Key
    atc: int = 0

    def payment(self) -> bytes:
        """The body of the next authorisation, with a cryptogram and PIN."""
        self.atc += 1
        now, unpredictable = datetime.now(UTC), secrets.token_bytes(4)
        signed = cryptogram.Input(AMOUNT_MINOR, 208, 208, local_date(now), "purchase", unpredictable, self.atc, "pin")
        key = cryptogram.atc_key(self.token_key, self.atc)
        body = {
            "network_reference": secrets.token_hex(16),
            "token": self.number,
            "entry_mode": "wallet",
            "kind": "purchase",
            "amount": AMOUNT_MINOR,
            "currency": "DKK",
            "estimated": False,
            "scheme": "dankort",
            "at": now.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "terminal": {"id": "T1", "unattended": False},
            "merchant": {"id": "DK-123", "name": "Netto Vesterbro", "mcc": "5411", "country": "DK"},
            "cryptogram": {
                "atc": self.atc,
                "date": f"{signed.on:%y%m%d}",
                "unpredictable_number": unpredictable.hex(),
                "cvm": "pin",
                "mac": cryptogram.mac(key, signed).hex(),
                "cvm_mac": cryptogram.mac(cryptogram.cvm_session_key(key, self.pin_key), signed).hex(),
            },
        }
        return json.dumps(body).encode()


def fill(parts: Services, count: int, batches: int) -> list[CardFile]:
    """So many cards of one cardholder, each on one phone with `batches` times ten keys."""
    made = []
    for begin in range(0, count, 50):
        with parts.database.transaction("bench") as session:
            made += [_make(session, parts, batches) for _ in range(min(50, count - begin))]
    return made


def bare_cards(parts: Services, count: int) -> list[UUID]:
    """So many cards of that cardholder, on no phone."""
    with parts.database.transaction("bench") as session:
        return [issued(session, parts).card_id for _ in range(count)]


def issued(session: Session, parts: Services) -> Card:
    """A card of that cardholder, on an account of its own."""
    now, holder = parts.clock.now(), session.scalars(select(Cardholder).limit(1)).one()
    account = accounts.open_account(
        session,
        holder_id=holder.holder_id,
        currency="DKK",
        balance_minor=BALANCE_MINOR,
        overdraft_limit_minor=0,
        now=now,
    )
    session.flush()
    owner = {"holder_id": holder.holder_id, "account_id": account.account_id}
    return cards.issue(session, parts.vault, parts.settings.number_space, **owner, scheme="visa_dankort", now=now)


def _make(session: Session, parts: Services, batches: int) -> CardFile:
    pin_key = Key(secrets.token_bytes(32))
    token = ready(session, parts, pin_key, batches)
    return file_of(parts, token.token_id, tokens.reveal_number(session, parts.vault, token), pin_key)


def ready(session: Session, parts: Services, pin_key: Key, batches: int) -> Token:
    """The token of a new card, which can pay."""
    now, vault, card = parts.clock.now(), parts.vault, issued(session, parts)
    token = provisioned(session, parts, card)
    life_cycle.activate(session, vault, card, token, pin_key, None, also=frozenset(), now=now)
    for _ in range(batches):
        payment_keys.issue(session, vault, card, token, batches * payment_keys.BATCH, now)
    return token


def file_of(parts: Services, token_id: UUID, number: Number, pin_key: Key) -> CardFile:
    """What the phone of a token knows."""
    ring = parts.vault.ring
    root = payment_keys.token_key(ring, ring.current(Purpose.TOKEN).version, token_id)
    return CardFile(number.reveal(), root, pin_key)


def provisioned(session: Session, parts: Services, card: Card) -> Token:
    """A token of the card, whose lock is held, on a phone of its own."""
    now = parts.clock.now()
    wallet = session.scalars(select(Requestor).where(Requestor.kind == "wallet")).first()
    key = ECKey.generate_key("P-256")
    public = {name: str(value) for name, value in key.as_dict(private=False).items()}
    device = tokens.Device("bench", "web", key.thumbprint(), public)
    if wallet is None:
        raise LookupError("the demo has a wallet")
    wish = Wish(wallet, "dankort", device, None, card_was_typed_in=True)
    space, policies = parts.settings.number_space, load(session, now)
    made = making.provision(session, parts.vault, space, card, wish, policies, now)
    if isinstance(made, Refused):
        raise LookupError(made.code)
    return made
