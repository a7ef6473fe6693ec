"""Putting a card on a phone, through all floors: ID&V, drawing right, decision, token (R-3.3, R-2.10)."""

import json
import math
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from marshmallow import Schema, ValidationError
from sqlalchemy.orm import Session

from delegation import drawing_rights, pairing
from tokenization import cardholders, cards, envelopes, policies, tokens
from tokenization.errors import Invalid
from tokenization.models import Requestor, Token
from tokenization.provisioning import card_entry, making, verification
from tokenization.provisioning.card_entry import CardEntry, KnownCard
from tokenization.provisioning.decision import Refused
from tokenization.provisioning.history import Wish
from wallet.services import Services


@dataclass(frozen=True, slots=True)
class Phone:
    """From which device, in which country (where the wallet says), through which wallet, for which scheme a token is
    asked.
    """

    requestor: Requestor
    scheme: str
    device: tokens.Device
    country: str | None = None

    def wish(self, right_id: UUID | None, *, card_was_typed_in: bool, can_be_verified: bool = False) -> Wish:
        """What it asks for: a token of its own, or one under a drawing right."""
        where = (self.requestor, self.scheme, self.device, right_id)
        return Wish(*where, card_was_typed_in, can_be_verified, self.country)


def open_card(keys: KeySet, encrypted: str, schema: Schema) -> dict[str, Any]:
    """The card in a compact JWE to a key of `/oauth/jwks` with `use: enc`. Raises Invalid, showing nothing of it."""
    try:
        loaded: dict[str, Any] = schema.load(json.loads(_opened(keys, encrypted)))
    except (ValueError, RecursionError, ValidationError):
        raise Invalid("encrypted_card", "cannot be opened as a card encrypted to our key") from None
    return loaded


def _opened(keys: KeySet, encrypted: str) -> bytes:
    """By the key that its `kid` names; without one (RFC 7516 section 4.1.6) any that is not retired may be it."""
    for key in keys:
        with suppress(JoseError, ValueError):
            return jwe.decrypt_compact(encrypted, KeySet([key]), algorithms=list(envelopes.ALGORITHMS)).plaintext or b""
    return b""


def by_card(
    session: Session, parts: Services, phone: Phone, holder_id: UUID, entry: CardEntry | KnownCard, now: datetime
) -> Token | Refused:
    """Provision by the physical card, typed in by its holder (R-3.3a); by less, it must be verified too."""
    figures = policies.load(session, now)
    holder = cardholders.get(session, holder_id, lock=True)
    wrong_at = card_entry.wrong_entries(session, holder_id, figures.provisioning)
    wait = card_entry.pause(wrong_at, figures.provisioning, now)
    if wait:
        return Refused("too-many-attempts", {"retry_after_seconds": math.ceil(wait.total_seconds())})
    card = card_entry.verify(session, parts.vault, holder_id, entry, now)
    if card is None:
        card_entry.note_failure(session, holder_id, now)
        return Refused("card-not-verified", {})
    shows_text = parts.settings.broker.shows_text
    can_be_verified = bool(verification.methods(session, holder, figures.tokens, now, mitid_shows_text=shows_text))
    wish = phone.wish(None, card_was_typed_in=isinstance(entry, CardEntry), can_be_verified=can_be_verified)
    return making.provision(session, parts.vault, parts.settings.number_space, card, wish, figures, now)


def by_right(
    session: Session, parts: Services, phone: Phone, card_id: UUID, right_id: UUID, now: datetime
) -> Token | Refused:
    """Provision a child card: the parent's pairing of this phone allows it once, within the hour (R-2.10a). The phone
    keeps the name by which the parent let it in: the bank's messages have it.
    """
    card = cards.lock(session, card_id)
    right = drawing_rights.load(session, card_id, right_id)
    paired = pairing.live(session, card_id, right_id, phone.device.thumbprint)
    if card is None or paired is None or drawing_rights.because(right, now):
        return Refused("drawing-right-inactive", {})
    if not pairing.has_allowance(paired, now):
        return Refused("pair-again", {})
    phone = replace(phone, device=replace(phone.device, name=paired.device_name))
    wish = phone.wish(right_id, card_was_typed_in=False)
    space, figures = parts.settings.number_space, policies.load(session, now)
    made = making.provision(session, parts.vault, space, card, wish, figures, now)
    if isinstance(made, Token):
        pairing.use_allowance(paired, now)
    return made
