"""The rules about one payment, each by itself. Pure. Their order stands in decision.py.

How much is asked of what a payment may cost the account at most: in its currency, and with what an estimate may become.
"""

from typing import Final

from delegation.categories import CASH, categories_at, categories_of, counted_as
from delegation.judging import judge, nearest
from delegation.limits import Attempt, Refused
from delegation.terms import Ceiling
from delegation.usage import Delta
from tokenization import cvc_guesses
from tokenization.money import MAX_AMOUNT_MINOR
from tokenization.policies import Holds, Policies
from wallet.payments.entry_modes import Pin, entry_mode
from wallet.payments.rates import ACCOUNT_CURRENCY
from wallet.payments.requests import Authorization, PlasticInstrument, TokenInstrument
from wallet.payments.situation import Approved, Declined, Left, LimitReached, Situation, Snapshot, Verdict

FARE_MCCS: Final = frozenset({"4111", "4112", "4131", "4784", "7523"})  # RTS art. 12: transport fares and parking


def amount(s: Situation) -> Declined | None:
    """A verification is of nothing, everything else of something."""
    fits = s.asked.amount_minor == 0 if s.asked.kind == "verification" else s.asked.amount_minor > 0
    return None if fits else Declined("invalid_amount")


def own_merchant(s: Situation) -> Declined | None:
    """A card on file is for the merchants of its requestor; of how it stands, no other is told anything."""
    return None if s.card.own_merchant else Declined("not_permitted")


def in_force(s: Situation) -> Declined | None:
    """Card, plastic, token with its wallet, credential with its merchant, and drawing right must be in force."""
    return Declined(s.card.unusable) if s.card.unusable else None


def consent(s: Situation) -> Declined | None:
    """A card on file pays once its cardholder said yes, or says so now; the merchant alone cannot."""
    says_so_now = s.asked.authentication == "3ds" and s.asked.initiated_by == "cardholder"
    return Declined("credential_pending") if s.card.waits_for_consent and not says_so_now else None


def domain(s: Situation) -> Declined | None:
    """In its own scheme, where and for what such an instrument may be used; cash only at a terminal."""
    mode, kind = entry_mode(s.asked), "cash" if is_cash(s.asked) else s.asked.kind
    somebody_stands_there = not (mode.attended and s.asked.unattended)
    permitted = kind in mode.kinds and s.asked.scheme in s.card.schemes and somebody_stands_there
    return None if permitted else Declined("not_permitted")


def device_proof(s: Situation) -> Declined | None:
    """The cryptogram of a token: from this device, for this payment, once."""
    proof = s.card.proof
    if proof is None:
        return Declined("security_violation") if isinstance(s.asked.instrument, TokenInstrument) else None
    if proof.readable and proof.device:
        return None
    return Declined("security_violation" if proof.readable else "system_error")


def person_proof(s: Situation) -> Declined | None:
    """The PIN or the biometric that was used must be right."""
    proof = s.card.proof
    return Declined("wrong_pin") if proof is not None and proof.person is False else None


def cvc_tries(s: Situation) -> Declined | None:
    """After so many wrong CVCs on a day none is compared any more: a right one, too, would tell that it is."""
    policy, spent = s.policies.payments, s.card.wrong_cvcs_today
    if not gives_cvc(s.asked) or not cvc_guesses.are_used_up(spent, policy):
        return None
    limit = policy.wrong_cvcs_per_day
    return Declined("count_limit", LimitReached("wrong_cvcs_per_day", limit, spent, "policy"))


def cvc(s: Situation) -> Declined | None:
    """A CVC that is given must be right."""
    if not s.card.cvc_readable:
        return Declined("system_error")
    return Declined("wrong_cvc") if s.card.cvc_matches is False else None


def gives_cvc(asked: Authorization) -> bool:
    """Whether there is a CVC to compare."""
    return isinstance(asked.instrument, PlasticInstrument) and asked.instrument.cvc is not None


def counts_wrong_cvc(card: Snapshot, policies: Policies) -> bool:
    """Whether a guess of the CVC counts: every wrong one, whatever decides.

    None beyond the limit: the figure that a decline names would grow by the wrong ones only, and so tell the right one.
    """
    return card.cvc_matches is False and not cvc_guesses.are_used_up(card.wrong_cvcs_today, policies.payments)


def currency(s: Situation) -> Declined | None:
    """The account is in the currency that limits are set in; the payment too, or there is a rate between the two, by
    which it costs no more than an amount may be.
    """
    paid, held, rate = s.asked.currency, s.card.account_currency, s.card.rate
    fits = paid == held if rate is None else (rate.currency, rate.account_currency) == (paid, held)
    if not fits or held != ACCOUNT_CURRENCY:
        return Declined("currency_not_supported")
    return Declined("invalid_amount") if s.card.billed(s.asked.amount_minor) > MAX_AMOUNT_MINOR else None


def customer_authentication(s: Situation) -> Declined | None:
    """SCA at a distance (PSD2 art. 97). Without it a merchant may only charge a card on file, by consent."""
    needed = s.asked.initiated_by in entry_mode(s.asked).authenticated
    return Declined("customer_authentication_required") if needed and s.asked.authentication == "none" else None


def pin(s: Situation) -> Declined | None:
    """Contactless above a limit always, below it now and then; chip and magstripe always, or a signature; cash always.

    An unattended terminal for fares or parking wants none, and no other takes a signature.
    """
    asked, mode = s.asked, entry_mode(s.asked)
    if mode.pin is Pin.NEVER or asked.kind == "verification" or shows_person(asked, s.card) or is_fare(asked):
        return None
    if is_cash(asked):
        needed = True
    elif mode.pin is Pin.NOW_AND_THEN:
        needed = most_minor(s) > s.policies.contactless.pin_above or _counter_is_full(s)
    else:
        needed = not _is_signed(asked)
    return Declined("pin_required") if needed else None


def shows_person(asked: Authorization, card: Snapshot) -> bool:
    """Whether a right PIN, or a biometric on the phone, shows who pays."""
    if isinstance(asked.instrument, TokenInstrument):
        return card.proof is not None and card.proof.person is True
    return isinstance(asked.instrument, PlasticInstrument) and asked.instrument.cvm in entry_mode(asked).pin_by


def is_fare(asked: Authorization) -> bool:
    """R-3.4, RTS art. 12: a fare or parking at an unattended terminal needs no PIN, whatever it costs."""
    return asked.unattended and asked.merchant.mcc in FARE_MCCS and asked.kind == "purchase"


def is_cash(asked: Authorization) -> bool:
    """Whether cash is handed out, by whatever name it is asked for."""
    return asked.kind != "verification" and CASH in categories_at(asked.merchant.mcc, asked.kind)


def counts_without_pin(asked: Authorization, card: Snapshot) -> bool:
    """Whether R-2.5a's counter counts the payment, once it is executed. A fare rests on an exemption of its own."""
    now_and_then = entry_mode(asked).pin is Pin.NOW_AND_THEN and asked.kind != "verification"
    return now_and_then and not shows_person(asked, card) and not is_fare(asked)


def starts_count_again(asked: Authorization, card: Snapshot) -> bool:
    """Whether the payment, once executed, sets the counter back: somebody showed at a terminal who they are."""
    at_terminal = entry_mode(asked).pin is not Pin.NEVER and asked.kind != "verification"
    return at_terminal and shows_person(asked, card)


def _counter_is_full(s: Situation) -> bool:
    policy = s.policies.contactless
    if policy.counter == "count":
        return s.card.payments_without_pin >= policy.payments_without_pin
    return s.card.minor_without_pin + most_minor(s) > policy.amount_without_pin


def _is_signed(asked: Authorization) -> bool:
    """Whether there is a signature, and somebody to look at it."""
    signed = isinstance(asked.instrument, PlasticInstrument) and asked.instrument.cvm == "signature"
    return signed and not asked.unattended


def drawing_right(s: Situation) -> Verdict | None:
    """Within what the grantor and the scheme permit. A yes names the one-off that it took, and what is left."""
    right = s.card.right
    if right is None:
        return None
    most, attempt = ceiling(s.policies), _attempt(s)
    judged = judge(right.terms, most, right.used, attempt, right.one_offs)
    if isinstance(judged, Refused):
        return Declined(judged.reason, LimitReached(judged.limit, judged.allowed, judged.spent, judged.of))
    left = nearest(right.terms, most, right.used, attempt.amount_minor)
    return Approved(judged.one_off, Left(*left) if left else None)


def _attempt(s: Situation) -> Attempt:
    return Attempt(
        amount_minor=most_minor(s),
        mcc=s.asked.merchant.mcc,
        country=s.asked.merchant.country,
        merchant_id=s.asked.merchant.id,
        client_id=s.asked.reference.client_id,
        kind=s.asked.kind,
        at=s.now,
        recurring=s.asked.initiated_by == "merchant",
    )


def ceiling(policies: Policies) -> Ceiling:
    """The scheme's maximum over every drawing right."""
    return Ceiling.of(policies.ceilings)


def most_minor(s: Situation) -> int:
    """What the payment may cost the account at most: what it holds, and what may be captured beyond (R-3.1a, R-18)."""
    return s.card.billed(s.asked.amount_minor + margin_minor(s.asked, s.policies.holds))


def margin_minor(asked: Authorization, holds: Holds) -> int:
    """R-3.1a: how much more than an estimated amount may be captured, where the policy lets such merchants estimate.

    Minor units of the payment's own currency.
    """
    return margin_of(asked.amount_minor, asked.merchant.mcc, holds) if asked.estimated else 0


def margin_of(estimate_minor: int, mcc: str, holds: Holds) -> int:
    """The same of any estimate, by where it was made."""
    if categories_of(mcc).isdisjoint(holds.estimated_categories):
        return 0
    return max(0, estimate_minor * holds.estimated_percent // 100 - estimate_minor)


def card_limits(s: Situation) -> Declined | None:
    """Gambling a day, cash a day; what is paid by Visa, in Denmark too, over 30 days, and its cash a day."""
    limits, used = s.policies.card_limits, s.card.card_usage
    counted = counted_as(s.asked.merchant.mcc, s.asked.kind)
    adds = Delta.of(most_minor(s), counted_as=counted, scheme=s.asked.scheme)
    checks = (
        (adds.gambling_minor, "gambling_per_day", limits.gambling_per_day, used.gambling_today_minor),
        (adds.cash_minor, "cash_per_day", limits.cash_per_day, used.cash_today_minor),
        (adds.visa_cash_minor, "visa_cash_per_day", limits.visa_cash_per_day, used.visa_cash_today_minor),
        (adds.visa_minor, "visa_per_30_days", limits.visa_per_30_days, used.visa_thirty_days_minor),
    )
    for added, name, limit, spent in checks:
        if added and spent + added > limit:
            return Declined("amount_limit", LimitReached(name, limit, spent, "policy"))
    return None


def funds(s: Situation) -> Declined | None:
    """No more than is available on the account."""
    return None if most_minor(s) <= max(0, s.card.available_minor) else Declined("insufficient_funds")
