"""Putting a card on a phone, through all floors: ID&V, drawing right, decision, token (R-3.3, R-2.10)."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from marshmallow import Schema, ValidationError
from sqlalchemy.orm import Session

from delegation import drawing_rights, pairing
from tokenization import cardholders, cards, policies, provisioning, requestors, tokens
from tokenization.errors import Invalid
from tokenization.models import Token
from tokenization.policies import ProvisioningPolicy
from tokenization.provisioning import CardEntry, Refused, Wish
from tokenization.vault import Vault

TRANSPORT_ALGORITHMS = ["ECDH-ES", "A256GCM"]


@dataclass(frozen=True, slots=True)
class Phone:
    """Who asks, from which device, through which wallet."""

    requestor_id: UUID
    scheme: str
    device: tokens.Device


def open_card(keys: KeySet, encrypted: str, schema: Schema) -> dict[str, Any]:
    """The card in a compact JWE to a key of `/oauth/jwks` with `use: enc`. Raises Invalid."""
    try:
        opened = jwe.decrypt_compact(encrypted, keys, algorithms=TRANSPORT_ALGORITHMS)
        loaded: dict[str, Any] = schema.load(json.loads(opened.plaintext or b""))
    except (JoseError, ValueError, ValidationError):
        raise Invalid("encrypted_card", "cannot be opened as a card encrypted to our key") from None
    return loaded


def by_card(
    session: Session,
    vault: Vault,
    space: cards.NumberSpace,
    phone: Phone,
    holder_id: UUID,
    entry: CardEntry,
    now: datetime,
) -> Token | Refused:
    """Provision by the physical card, typed in by its holder (R-3.3a)."""
    policy = policies.load(session, now).provisioning
    cardholders.get(session, holder_id, lock=True)
    if provisioning.recent_failures(session, holder_id, policy, now) >= policy.wrong_card_entries:
        return Refused("too-many-attempts", {"retry_after_seconds": _pause(policy)})
    plastic = provisioning.match_entry(session, vault, holder_id, entry)
    if plastic is None:
        provisioning.note_failure(session, holder_id, now)
        return Refused("card-not-verified", {})
    return _provision(session, vault, space, plastic.card_id, _wish(session, phone, None), policy, now)


def by_right(
    session: Session,
    vault: Vault,
    space: cards.NumberSpace,
    phone: Phone,
    card_id: UUID,
    right_id: UUID,
    now: datetime,
) -> Token | Refused:
    """Provision a child card: the parent's pairing of this phone allows it once, within the hour (R-2.10a)."""
    cards.lock(session, card_id)
    right = drawing_rights.load(session, card_id, right_id)
    paired = pairing.live(session, card_id, right_id, phone.device.thumbprint)
    if drawing_rights.because(right, now) or paired is None:
        return Refused("drawing-right-inactive", {})
    if not pairing.use_allowance(paired, now):
        return Refused("pair-again", {})
    policy = policies.load(session, now).provisioning
    return _provision(session, vault, space, card_id, _wish(session, phone, right_id), policy, now)


def _wish(session: Session, phone: Phone, right_id: UUID | None) -> Wish:
    requestor = requestors.get(session, phone.requestor_id)
    return Wish(requestor, phone.scheme, phone.device, right_id, card_was_typed_in=right_id is None)


def _provision(
    session: Session,
    vault: Vault,
    space: cards.NumberSpace,
    card_id: UUID,
    wish: Wish,
    policy: ProvisioningPolicy,
    now: datetime,
) -> Token | Refused:
    card = cards.lock(session, card_id)
    if card is None:
        return Refused("card-not-verified", {})
    return provisioning.provision(session, vault, space, card, wish, policy, now)


def _pause(policy: ProvisioningPolicy) -> int:
    return int(timedelta(hours=policy.pause_hours).total_seconds())
