"""Authorising: claim the references, lock the cards, then for each request load, decide and write. All in one go.

The order of locks is references, cards, accounts, each ascending: so no deadlock, whatever a list holds.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from delegation import requests as drawing_requests
from tokenization import cards, credentials, events, ids, life_cycle, policies, tokens
from tokenization.clock import local_date
from tokenization.models import Card
from tokenization.vault import Vault
from wallet.payments import accounts, asking, books, references, rules, snapshot
from wallet.payments.billing import billed_as_json
from wallet.payments.decision import decide
from wallet.payments.desk import Case, Desk
from wallet.payments.events import PaymentApproved, PaymentDeclined, PaymentEvent, payment_event
from wallet.payments.expiry import expires_at
from wallet.payments.models import Payment
from wallet.payments.rates import Rates
from wallet.payments.reasons import RESPONSE_CODES
from wallet.payments.references import Answer, Claim, ReferenceReused
from wallet.payments.requests import Authorization
from wallet.payments.situation import Approved, Declined, Verdict
from wallet.payments.snapshot import Loaded
from wallet.payments.standing import Standing


def authorize(
    session: Session, vault: Vault, rates: Rates, requests: Sequence[Authorization], now: datetime
) -> list[Answer | ReferenceReused]:
    """Decide every request, in order of arrival; one that was answered before gets that answer again."""
    claims = references.claim(session, [asked.reference for asked in requests], now)
    desk = Desk(session, vault, rates, policies.load(session, now), now)
    cases = _open_cases(desk, requests, claims)
    return [_answer(desk, *each) for each in zip(requests, claims, cases, strict=True)]


def _open_cases(desk: Desk, requests: Sequence[Authorization], claims: Sequence[Claim]) -> list[Case | None]:
    """Lock every card, then every account. None for a request that is not ours to decide, or of an unknown number."""
    places = [
        None if claim is Claim.TAKEN else snapshot.locate(desk.session, desk.vault, asked.instrument)
        for asked, claim in zip(requests, claims, strict=True)
    ]
    card_ids = sorted({place.card_id for place in places if place})
    locked = {card_id: card for card_id in card_ids if (card := cards.lock(desk.session, card_id))}
    held = accounts.lock_all(desk.session, [card.account_id for card in locked.values()])
    cases: list[Case | None] = []
    for asked, place in zip(requests, places, strict=True):
        card = locked.get(place.card_id) if place else None
        cases.append(Case(asked, place.row_id, card, held[card.account_id]) if place and card else None)
    return cases


def _answer(desk: Desk, asked: Authorization, claim: Claim, case: Case | None) -> Answer | ReferenceReused:
    if claim is Claim.TAKEN:
        return references.earlier(desk.session, asked.reference)
    loaded = snapshot.load(desk, case) if case else None
    verdict = _verdict(desk, asked, claim, loaded)
    payment_id, tries_left, payment = ids.new_id(), None, None
    if loaded is not None:
        tries_left = _note_proof(desk, loaded, verdict)
        payment = _write(desk, loaded, verdict, payment_id)
    body = _body(payment_id, asked, verdict, tries_left) | {"billed": billed_as_json(payment) if payment else None}
    card_id = loaded.case.card.card_id if loaded else None
    references.keep(desk.session, asked.reference, card_id, payment_id, body)
    return Answer(body)


def _verdict(desk: Desk, asked: Authorization, claim: Claim, loaded: Loaded | None) -> Verdict:
    if claim is Claim.REVERSED_BEFORE:
        return Declined("reversed")
    if loaded is None:
        return Declined("unknown_number")
    return decide(asked, loaded.snapshot, desk.policies, desk.now)


def _note_proof(desk: Desk, loaded: Loaded, verdict: Verdict) -> int | None:
    """An ATC is used up when its MAC verifies, and a wrong PIN costs a try, whatever the decision.

    Else PINs could be tried out where something other than the PIN decides. Tries left, where the PIN did.
    """
    token, proof = loaded.token, loaded.snapshot.proof
    if token is None or proof is None or loaded.window is None:
        return None
    token.atc_seen, token.atc_window = loaded.window.highest, loaded.window.bitmap.to_bytes(8)
    if proof.device and proof.person:
        token.pin_tries_left = tokens.PIN_TRIES
    if proof.person is not False:
        return None
    token.pin_tries_left = max(token.pin_tries_left - 1, 0)
    if not token.pin_tries_left:
        life_cycle.suspend(desk.session, loaded.case.card, token, by="pin_locked", reason="wrong_pin", now=desk.now)
    return token.pin_tries_left if _reason(verdict) == "wrong_pin" else None


def _write(desk: Desk, loaded: Loaded, verdict: Verdict, payment_id: UUID) -> Payment:
    """The payment, and if it is approved all that it moves."""
    case, payment = loaded.case, _payment(desk, loaded, verdict, payment_id)
    one_off = verdict.one_off if isinstance(verdict, Approved) else None
    desk.session.add(payment)
    if payment.approved:
        margin = rules.margin_minor(case.asked, desk.policies.holds)
        books.move(desk.session, payment, case.account, Standing(held=case.asked.amount_minor, margin=margin))
        _count_without_pin(loaded)
        _take_consent(desk, loaded)
        _spend_one_off(desk, payment, one_off)
    events.emit(desk.session, _happened(desk, case.card, payment, one_off))
    return payment


def _happened(desk: Desk, card: Card, payment: Payment, one_off: UUID | None) -> PaymentEvent:
    most_minor = payment.amount_minor + payment.margin_minor
    of_payment = (card, payment, payment.amount_minor, most_minor, desk.now)
    if payment.approved:
        return payment_event(PaymentApproved, *of_payment, left=payment.right_left, one_off=one_off)
    can_be_asked_for = asking.objection(payment, desk.policies) is None
    return payment_event(PaymentDeclined, *of_payment, can_be_asked_for=can_be_asked_for)


def _count_without_pin(loaded: Loaded) -> None:
    """R-2.5a: executed payments without PIN count, one with a PIN starts the count again."""
    counted, asked = loaded.token or loaded.plastic, loaded.case.asked
    if counted is None:
        return
    if rules.counts_without_pin(asked, loaded.snapshot):
        counted.payments_without_pin += 1
        counted.minor_without_pin += loaded.snapshot.billed(asked.amount_minor)
    elif rules.starts_count_again(asked, loaded.snapshot):
        counted.payments_without_pin = counted.minor_without_pin = 0


def _take_consent(desk: Desk, loaded: Loaded) -> None:
    """A first payment that the cardholder authenticated is the yes to the registration (R-3.6a)."""
    if loaded.credential is not None and loaded.snapshot.waits_for_consent:
        credentials.confirm(desk.session, loaded.case.card, loaded.credential, automatic_update=False, now=desk.now)


def _spend_one_off(desk: Desk, payment: Payment, one_off: UUID | None) -> None:
    """The grantor's yes that the payment needed is for no other one."""
    if one_off is not None:
        asked = drawing_requests.load(desk.session, payment.card_id, one_off)
        drawing_requests.spend(asked, payment.payment_id, desk.now)


def _payment(desk: Desk, loaded: Loaded, verdict: Verdict, payment_id: UUID) -> Payment:
    case, asked = loaded.case, loaded.case.asked
    approved = isinstance(verdict, Approved)
    return Payment(
        card_id=case.card.card_id,
        payment_id=payment_id,
        account_id=case.account.account_id,
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
        merchant={name: said for name, said in asdict(asked.merchant).items() if said is not None},
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
        rate=loaded.snapshot.rate and loaded.snapshot.rate.value,
        rate_of=loaded.snapshot.rate and loaded.snapshot.rate.of,
        expires_at=expires_at(asked.merchant.mcc, desk.policies.holds, desk.now) if approved else None,
        usage_day=local_date(desk.now),
        at=desk.now,
    )


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
