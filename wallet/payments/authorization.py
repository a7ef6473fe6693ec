"""Authorising: claim the references, lock the cards and read around them, decide one by one, write it all at once.

The order of locks is references, cards, accounts, each ascending: so no deadlock, whatever a list holds.
"""

from collections.abc import Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from sqlalchemy.orm import Session

from delegation.categories import counted_as
from tokenization import events, ids
from tokenization.clock import local_date
from tokenization.pipeline import pipeline
from tokenization.vault import Vault
from wallet.payments import asking, effects, references, snapshot, writing
from wallet.payments.billing import billed_as_json
from wallet.payments.decision import decide
from wallet.payments.events import PaymentApproved, PaymentDeclined, PaymentEvent, payment_event
from wallet.payments.expiry import expires_at
from wallet.payments.group import Group, gather
from wallet.payments.locating import Located, Search
from wallet.payments.models import Payment
from wallet.payments.rates import Rates
from wallet.payments.reasons import RESPONSE_CODES
from wallet.payments.references import Answer, Claim, Claims, Kept, ReferenceReused
from wallet.payments.requests import Authorization, Reference
from wallet.payments.situation import Approved, Declined, Verdict
from wallet.payments.snapshot import Loaded


def authorize(
    session: Session, vault: Vault, rates: Rates, requests: Sequence[Authorization], now: datetime
) -> list[Answer | ReferenceReused]:
    """Decide every request, in order of arrival, each as it stands after those before it; one that was answered before
    gets that answer again.
    """
    payment_ids = [ids.new_id() for _ in requests]
    with pipeline(session) as pipe:
        claimed = Claims(pipe, [asked.reference for asked in requests], payment_ids, now)
        search = Search(pipe, vault, [asked.instrument for asked in requests])
    claims, places = claimed.outcomes(session), search.places()
    each = list(zip(requests, claims, places, payment_ids, strict=True))
    ours = [(asked, place) for asked, claim, place, _ in each if place and claim is not Claim.TAKEN]
    group = gather(session, vault, rates, ours, now)
    answers = [_answer(group, *one) for one in each]
    writing.write(group)
    return answers


def _answer(
    group: Group, asked: Authorization, claim: Claim, place: Located | None, payment_id: UUID
) -> Answer | ReferenceReused:
    if claim is Claim.TAKEN:
        return _earlier(group, asked.reference)
    events.act_as(group.session, f"network:{asked.reference.client_id}")
    loaded = snapshot.load(group, asked, place) if place else None
    verdict = _verdict(group, asked, claim, loaded)
    tries_left, payment = None, None
    if loaded is not None:
        tries_left = effects.note_tries(group, loaded, verdict)
        payment = _write(group, loaded, verdict, payment_id)
    body = _body(payment_id, asked, verdict, tries_left) | {"billed": billed_as_json(payment) if payment else None}
    card_id = loaded.card.card_id if loaded else None
    group.changes.answers.append(Kept(asked.reference, card_id, payment_id, body))
    return Answer(body)


def _earlier(group: Group, reference: Reference) -> Answer | ReferenceReused:
    """What was answered to it a moment ago in this group, or at any time before."""
    for kept in group.changes.answers:
        if kept.names_the_same(reference):
            return references.again(reference, kept.reference.content_hash, kept.answer)
    return references.earlier(group.session, reference)


def _verdict(group: Group, asked: Authorization, claim: Claim, loaded: Loaded | None) -> Verdict:
    if claim is Claim.REVERSED_BEFORE:
        return Declined("reversed")
    if loaded is None:
        return Declined("unknown_number")
    return decide(asked, loaded.snapshot, group.policies, group.now)


def _write(group: Group, loaded: Loaded, verdict: Verdict, payment_id: UUID) -> Payment:
    """The payment, and if it is approved all that it moves."""
    payment = _payment(group, loaded, verdict, payment_id)
    group.changes.payments.append(payment)
    if isinstance(verdict, Approved):
        effects.of_approval(group, loaded, payment, verdict)
    events.emit(group.session, _happened(group, loaded.card, payment, verdict))
    return payment


def _happened(group: Group, card: Any, payment: Payment, verdict: Verdict) -> PaymentEvent:
    most_minor = payment.amount_minor + payment.margin_minor
    of_payment = (card, payment, payment.amount_minor, most_minor, group.now)
    if isinstance(verdict, Approved):
        return payment_event(PaymentApproved, *of_payment, left=payment.right_left, one_off=verdict.one_off)
    can_be_asked_for = asking.objection(payment, group.policies) is None
    return payment_event(PaymentDeclined, *of_payment, can_be_asked_for=can_be_asked_for)


def _payment(group: Group, loaded: Loaded, verdict: Verdict, payment_id: UUID) -> Payment:
    """The row to be. No entity: nothing tracks it, and it costs a tenth."""
    asked, approved, rate = loaded.asked, isinstance(verdict, Approved), loaded.snapshot.rate
    row = SimpleNamespace(
        card_id=loaded.card.card_id,
        payment_id=payment_id,
        account_id=loaded.card.account_id,
        client_id=asked.reference.client_id,
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
        merchant=asked.merchant.as_json(),
        terminal=asked.terminal,
        approved=approved,
        reason=_reason(verdict),
        limit=_limit(verdict),
        right_left=_left(verdict),
        held_minor=0,
        margin_minor=0,
        captured_minor=0,
        reversed_minor=0,
        refunded_minor=0,
        expired_minor=0,
        rate=rate.value if rate else None,
        rate_of=rate.of if rate else None,
        expires_at=expires_at(asked.merchant.mcc, group.policies.holds, group.now) if approved else None,
        usage_day=local_date(group.now),
        counted_as=counted_as(asked.merchant.mcc, asked.kind),
        at=group.now,
    )
    return cast(Payment, row)


def _reason(verdict: Verdict) -> str:
    return verdict.reason if isinstance(verdict, Declined) else "approved"


def _limit(verdict: Verdict) -> dict[str, Any] | None:
    return verdict.limit.as_json() if isinstance(verdict, Declined) and verdict.limit else None


def _left(verdict: Verdict) -> dict[str, Any] | None:
    return verdict.left.as_json() if isinstance(verdict, Approved) and verdict.left else None


def _body(payment_id: UUID, asked: Authorization, verdict: Verdict, tries_left: int | None) -> dict[str, Any]:
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
