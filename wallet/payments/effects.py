"""What a decision changes: money, usage, counters, tries, a consent, a one-off. In the records of its group, so that
the next decision sees it; what stands in other tables, and changes seldom, through its own rules.
"""

from uuid import UUID

from delegation import requests as drawing_requests
from delegation import usage
from tokenization import credentials, cvc_guesses, life_cycle, tokens
from tokenization.models import Credential, Token
from wallet.payments import books, rules
from wallet.payments.billing import Movement
from wallet.payments.group import Group
from wallet.payments.models import Payment
from wallet.payments.situation import Approved, Declined, Verdict
from wallet.payments.snapshot import Loaded
from wallet.payments.standing import Standing


def note_tries(group: Group, loaded: Loaded, verdict: Verdict) -> int | None:
    """An ATC is used up when its MAC verifies; a wrong PIN costs a try and a wrong CVC counts, whatever the decision.

    Else they could be tried out where something other than they decides. Tries left, where the PIN did.
    """
    if rules.counts_wrong_cvc(loaded.snapshot, group.policies):
        holder_id, policy = loaded.card.holder_id, group.policies.payments
        cvc_guesses.count_wrong(group.session, loaded.plastic, holder_id, policy, group.now)
        group.changes.plastics[loaded.plastic.plastic_id] = loaded.plastic
    token, proof = loaded.token, loaded.snapshot.proof
    if token is None or proof is None or loaded.window is None:
        return None
    group.changes.tokens[token.token_id] = token
    token.atc_seen, token.atc_window = loaded.window.highest, loaded.window.bitmap.to_bytes(8)
    if proof.device and proof.person:
        token.pin_tries_left = tokens.PIN_TRIES
    if proof.person is not False:
        return None
    token.pin_tries_left = max(token.pin_tries_left - 1, 0)
    if not token.pin_tries_left:
        _lock_pin(group, loaded)
    return int(token.pin_tries_left) if isinstance(verdict, Declined) and verdict.reason == "wrong_pin" else None


def _lock_pin(group: Group, loaded: Loaded) -> None:
    """The token is held back, and its unused keys die, for those behind in the group too."""
    of_card = loaded.token.card_id, loaded.token.token_id
    token = group.session.get_one(Token, of_card, populate_existing=True)
    life_cycle.suspend(group.session, loaded.card, token, by="pin_locked", reason="wrong_pin", now=group.now)
    group.held_by[of_card].add("pin_locked")
    group.key_versions = {key: version for key, version in group.key_versions.items() if key[:2] != of_card}


def of_approval(group: Group, loaded: Loaded, payment: Payment, approved: Approved) -> None:
    """All that an approved payment moves."""
    margin = rules.margin_minor(loaded.asked, group.policies.holds)
    _book(group, loaded, payment, Standing(held=loaded.asked.amount_minor, margin=margin))
    _count_without_pin(group, loaded, payment)
    _take_consent(group, loaded)
    if approved.one_off is not None:
        _spend(group, loaded, payment, approved.one_off)


def _book(group: Group, loaded: Loaded, payment: Payment, opened: Standing) -> None:
    payment.held_minor, payment.margin_minor = opened.held, opened.margin
    moved = Movement.between(Standing(), opened, loaded.snapshot.rate)
    books.book(loaded.account, moved)
    group.changes.accounts[loaded.account.account_id] = loaded.account
    for charge in books.charges(payment, moved):
        group.usage[charge.scope_id] = usage.charged(group.usage[charge.scope_id], charge.delta)
        group.changes.charges.append(charge)


def _count_without_pin(group: Group, loaded: Loaded, payment: Payment) -> None:
    """R-2.5a: executed payments without PIN count, one with a PIN starts the count again."""
    counted, asked = loaded.token or loaded.plastic, loaded.asked
    if counted is None:
        return
    if rules.counts_without_pin(asked, loaded.snapshot):
        counted.payments_without_pin += 1
        # Whatever it may become: what is captured beyond an estimate was paid without PIN too (R-3.1a).
        counted.minor_without_pin += loaded.snapshot.billed(asked.amount_minor + payment.margin_minor)
    elif rules.starts_count_again(asked, loaded.snapshot):
        counted.payments_without_pin = counted.minor_without_pin = 0
    if loaded.plastic:
        group.changes.plastics[loaded.plastic.plastic_id] = loaded.plastic


def _take_consent(group: Group, loaded: Loaded) -> None:
    """A first payment that the cardholder authenticated is the yes to the registration (R-3.6a).

    Not to updates: those are as the cardholder chose before, or off (R-3.6c).
    """
    if loaded.credential is None or not loaded.snapshot.waits_for_consent:
        return
    of_card = loaded.credential.card_id, loaded.credential.credential_id
    credential = group.session.get_one(Credential, of_card, populate_existing=True)
    chosen = credential.automatic_update
    credentials.confirm(group.session, loaded.card, credential, automatic_update=chosen, now=group.now, by_payment=True)
    loaded.credential.state = credential.state


def _spend(group: Group, loaded: Loaded, payment: Payment, one_off: UUID) -> None:
    """The grantor's yes that the payment needed is for no other one."""
    asked = drawing_requests.load(group.session, payment.card_id, one_off)
    drawing_requests.spend(asked, payment.payment_id, group.now)
    of_right = loaded.right.right_id
    group.one_offs[of_right] = tuple(each for each in group.one_offs[of_right] if each.request_id != one_off)
