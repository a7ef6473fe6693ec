"""Authorising: claim the references, lock the cards, then for each request load, decide and write. All in one go.

The order of locks is references, cards, accounts, each ascending: so no deadlock, whatever a group holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from delegation import usage
from delegation.limits import Attempt
from tokenization import cards, credentials, events, ids, policies, tokens
from tokenization.clock import local_date
from tokenization.models import Card
from tokenization.vault import Vault
from wallet.payments import accounts, references, snapshot
from wallet.payments.decision import Approved, Declined, decide, needs_no_person, usage_of
from wallet.payments.events import PaymentApproved, PaymentDeclined, payment_event
from wallet.payments.models import Account, Payment
from wallet.payments.reasons import RESPONSE_CODES
from wallet.payments.requests import Authorization
from wallet.payments.snapshot import Loaded, Located

Verdict = Approved | Declined


@dataclass(frozen=True, slots=True)
class Answer:
    """What the acquirer is told, now or again."""

    body: dict[str, Any]
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class ReferenceReused:
    """The reference was used before, with other content."""


def authorize(
    session: Session, vault: Vault, requests: Sequence[Authorization], now: datetime
) -> list[Answer | ReferenceReused]:
    """Decide every request, in order of arrival; one that was answered before gets that answer again."""
    claims = references.claim(session, [(r.client_id, r.network_reference, r.content_hash) for r in requests], now)
    located = [snapshot.locate(session, vault, r) if c.ours else None for r, c in zip(requests, claims, strict=True)]
    locked = {
        card_id: cards.lock(session, card_id) for card_id in sorted({place.card_id for place in located if place})
    }
    held = accounts.lock_all(session, [card.account_id for card in locked.values() if card])
    in_force = policies.load(session, now)
    answers: list[Answer | ReferenceReused] = []
    for asked, claim, place in zip(requests, claims, located, strict=True):
        if not claim.ours:
            earlier = references.earlier(session, asked.client_id, asked.network_reference, asked.content_hash)
            answers.append(ReferenceReused() if earlier is None else Answer(earlier, replayed=True))
            continue
        card = locked[place.card_id] if place else None
        body = _one(session, vault, in_force, asked, place, card, held, now, reversed_before=claim.reversed_before)
        answers.append(Answer(body))
    return answers


def _one(
    session: Session,
    vault: Vault,
    in_force: policies.Policies,
    asked: Authorization,
    place: Located | None,
    card: Card | None,
    held: dict[UUID, Account],
    now: datetime,
    *,
    reversed_before: bool,
) -> dict[str, Any]:
    loaded = None
    if place is not None and card is not None:
        loaded = snapshot.load(session, vault, asked, place, card, held[card.account_id], now)
    payment_id = ids.new_id()
    if loaded is None:
        verdict: Verdict = Declined("reversed" if reversed_before else "unknown_number")
        answer = _answer(payment_id, asked, verdict, None)
        references.keep(session, asked.client_id, asked.network_reference, None, payment_id, answer)
        return answer
    verdict = Declined("reversed") if reversed_before else decide(asked, loaded.snapshot, in_force, attempt(asked, now))
    left = _note_proof(session, loaded, verdict, now)
    if isinstance(verdict, Approved):
        _carry_out(session, asked, loaded, now)
    _write(session, asked, loaded, verdict, payment_id, now)
    answer = _answer(payment_id, asked, verdict, left)
    references.keep(session, asked.client_id, asked.network_reference, loaded.card.card_id, payment_id, answer)
    return answer


def attempt(asked: Authorization, now: datetime) -> Attempt:
    """The payment as a drawing right sees it; by the server's clock."""
    return Attempt(
        amount_minor=asked.amount_minor,
        mcc=asked.merchant.mcc,
        country=asked.merchant.country,
        merchant_id=asked.merchant.id,
        kind=asked.kind,
        at=now,
        recurring=asked.initiated_by == "merchant",
    )


def _note_proof(session: Session, loaded: Loaded, verdict: Verdict, now: datetime) -> int | None:
    """An ATC is used up when its MAC verifies, whatever the decision; a wrong PIN costs a try. Tries left, if so."""
    token, proof = loaded.token, loaded.snapshot.proof
    if token is None or proof is None:
        return None
    if loaded.window is not None:
        token.atc_seen, token.atc_window = loaded.window.highest, loaded.window.bitmap.to_bytes(8)
    if proof.device and proof.person:
        token.pin_tries_left = tokens.PIN_TRIES
    if not isinstance(verdict, Declined) or verdict.reason != "wrong_pin":
        return None
    token.pin_tries_left -= 1
    if token.pin_tries_left <= 0:
        tokens.suspend(session, loaded.card, token, by="pin_locked", reason="wrong_pin", now=now)
    return max(token.pin_tries_left, 0)


def _carry_out(session: Session, asked: Authorization, loaded: Loaded, now: datetime) -> None:
    if loaded.credential is not None and loaded.credential.state == "pending":
        credentials.confirm(session, loaded.card, loaded.credential, automatic_update=False, now=now)
    if asked.kind == "verification":
        return
    accounts.reserve(loaded.account, asked.amount_minor)
    card_id, day, used = loaded.card.card_id, local_date(now), usage_of(asked)
    usage.charge(session, card_id, card_id, day, used)
    if loaded.right is not None:
        usage.charge(session, card_id, loaded.right.right_id, day, used)
    _count_without_pin(asked, loaded)


def _count_without_pin(asked: Authorization, loaded: Loaded) -> None:
    """R-2.5a: executed payments without PIN count, one with a PIN starts the count again."""
    counted = loaded.token or loaded.plastic
    if counted is None:
        return
    if needs_no_person(asked, loaded.snapshot):
        counted.payments_without_pin += 1
        counted.minor_without_pin += asked.amount_minor
    elif loaded.token is not None or asked.entry_mode in {"chip", "contactless"}:
        counted.payments_without_pin = counted.minor_without_pin = 0


def _write(
    session: Session, asked: Authorization, loaded: Loaded, verdict: Verdict, payment_id: UUID, now: datetime
) -> None:
    approved = isinstance(verdict, Approved)
    payment = Payment(
        card_id=loaded.card.card_id,
        payment_id=payment_id,
        account_id=loaded.account.account_id,
        client_id=asked.client_id,
        plastic_id=loaded.plastic.plastic_id if loaded.plastic else None,
        token_id=loaded.token.token_id if loaded.token else None,
        credential_id=loaded.credential.credential_id if loaded.credential else None,
        right_id=loaded.right.right_id if loaded.right else None,
        kind=asked.kind,
        entry_mode=asked.entry_mode,
        scheme=asked.scheme,
        amount_minor=asked.amount_minor,
        currency=asked.currency,
        estimated=asked.estimated,
        merchant={name: getattr(asked.merchant, name) for name in ("id", "name", "mcc", "country")},
        terminal=asked.terminal,
        approved=approved,
        reason=_reason(verdict),
        limit=_limit(verdict),
        held_minor=asked.amount_minor if approved else 0,
        captured_minor=0,
        reversed_minor=0,
        refunded_minor=0,
        usage_day=local_date(now),
        at=now,
    )
    session.add(payment)
    happened = PaymentApproved if approved else PaymentDeclined
    events.emit(session, payment_event(happened, loaded.card, payment, asked.amount_minor, now))


def _reason(verdict: Verdict) -> str:
    return verdict.reason if isinstance(verdict, Declined) else "approved"


def _limit(verdict: Verdict) -> dict[str, Any] | None:
    return verdict.limit.as_json() if isinstance(verdict, Declined) and verdict.limit else None


def _answer(payment_id: UUID, asked: Authorization, verdict: Verdict, tries_left: int | None) -> dict[str, Any]:
    reason = _reason(verdict)
    return {
        "id": ids.to_text("pay", payment_id),
        "approved": isinstance(verdict, Approved),
        "response_code": RESPONSE_CODES[reason],
        "reason": reason,
        "amount": asked.amount_minor,
        "currency": asked.currency,
        "scheme": asked.scheme,
        "limit": _limit(verdict),
        "remaining_attempts": tries_left,
    }
