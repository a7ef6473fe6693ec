"""The rules about one payment, each by itself. Pure. Their order stands in decision.py."""

from typing import Final

from delegation.categories import categories_of
from delegation.judging import Permitted, judge, nearest
from delegation.limits import Attempt, Refused
from delegation.terms import Ceiling
from delegation.usage import Delta
from tokenization.policies import Holds, Policies
from wallet.payments.requests import Authorization, CredentialInstrument, PlasticInstrument, TokenInstrument
from wallet.payments.situation import Approved, Declined, Left, LimitReached, Situation, Snapshot

CONTACTLESS_MODES: Final = frozenset({"wallet", "contactless"})
TERMINAL_MODES: Final = CONTACTLESS_MODES | {"chip", "magstripe"}  # where somebody can be asked for a PIN
MODES: Final = {
    TokenInstrument: CONTACTLESS_MODES,  # R-3.3d: nothing without the phone at the terminal
    PlasticInstrument: frozenset({"contactless", "chip", "magstripe", "keyed", "ecommerce", "moto"}),
    CredentialInstrument: frozenset({"credential_on_file"}),
}
PIN_CVMS: Final = frozenset({"online_pin", "offline_pin"})
FARE_MCCS: Final = frozenset({"4111", "4112", "4131", "4784", "7523"})  # RTS art. 12: transport fares and parking
CURRENCY: Final = "DKK"  # of every figure in the policies, until amounts are converted


def amount(s: Situation) -> Declined | None:
    """A verification is of nothing, everything else of something."""
    fits = s.asked.amount_minor == 0 if s.asked.kind == "verification" else s.asked.amount_minor > 0
    return None if fits else Declined("invalid_amount")


def own_merchant(s: Situation) -> Declined | None:
    """A card on file is for the merchants of its requestor; of how it stands, no other is told anything."""
    return None if s.card.own_merchant else Declined("not_permitted")


def in_force(s: Situation) -> Declined | None:
    """R-10.1, R-10.2, R-13, R-3.6a: card, plastic, token, credential and drawing right must be in force."""
    return Declined(s.card.unusable) if s.card.unusable else None


def consent(s: Situation) -> Declined | None:
    """R-3.6a: a card on file pays once its cardholder said yes, or says so now; the merchant alone cannot."""
    says_so_now = s.asked.authentication == "3ds" and s.asked.initiated_by == "cardholder"
    return Declined("credential_pending") if s.card.waits_for_consent and not says_so_now else None


def domain(s: Situation) -> Declined | None:
    """R-3.3d, R-3.3e, R-3.1: in its own scheme, where such an instrument may be used; cash only at a terminal."""
    modes = MODES[type(s.asked.instrument)]
    modes = modes & TERMINAL_MODES if s.asked.kind == "cash" else modes
    permitted = s.asked.entry_mode in modes and s.asked.scheme in s.card.schemes
    return None if permitted else Declined("not_permitted")


def device_proof(s: Situation) -> Declined | None:
    """The cryptogram: from this device, for this payment, once."""
    proof = s.card.proof
    if proof is None or (proof.readable and proof.device):
        return None
    return Declined("security_violation" if proof.readable else "system_error")


def person_proof(s: Situation) -> Declined | None:
    """The PIN or the biometric that was used must be right."""
    proof = s.card.proof
    return Declined("wrong_pin") if proof is not None and proof.person is False else None


def cvc(s: Situation) -> Declined | None:
    """A CVC that is given must be right."""
    if not s.card.cvc_readable:
        return Declined("system_error")
    return Declined("wrong_cvc") if s.card.cvc_matches is False else None


def currency(s: Situation) -> Declined | None:
    """The account's currency only, and only the one that limits are set in: no figure may be read in another."""
    known = s.asked.currency == s.card.account_currency == CURRENCY
    return None if known else Declined("currency_not_supported")


def customer_authentication(s: Situation) -> Declined | None:
    """SCA at a distance (PSD2 art. 97). Without it a merchant may only charge a card on file, by consent (R-3.6a)."""
    mode, by_cardholder = s.asked.entry_mode, s.asked.initiated_by == "cardholder"
    needed = mode == "ecommerce" or (mode == "credential_on_file" and by_cardholder)
    return Declined("customer_authentication_required") if needed and s.asked.authentication == "none" else None


def pin(s: Situation) -> Declined | None:
    """R-2.5a: contactless above a limit always, below it now and then; chip and magstripe always, or a signature."""
    asked = s.asked
    if asked.entry_mode not in TERMINAL_MODES or asked.kind == "verification" or shows_person(asked, s.card):
        return None
    if is_fare(asked):
        return None
    if _is_cash(asked):
        needed = True
    elif asked.entry_mode in CONTACTLESS_MODES:
        needed = asked.amount_minor > s.policies.contactless.pin_above or _counter_is_full(s)
    else:
        needed = not _is_signed(asked)
    return Declined("pin_required") if needed else None


def shows_person(asked: Authorization, card: Snapshot) -> bool:
    """Whether a right PIN, or a biometric on the phone, shows who pays."""
    if isinstance(asked.instrument, TokenInstrument):
        return card.proof is not None and card.proof.person is True
    return isinstance(asked.instrument, PlasticInstrument) and asked.instrument.cvm in PIN_CVMS


def is_fare(asked: Authorization) -> bool:
    """R-3.4, RTS art. 12: a fare or parking at an unattended terminal needs no PIN, whatever it costs."""
    return asked.unattended and asked.merchant.mcc in FARE_MCCS and asked.kind == "purchase"


def counts_without_pin(asked: Authorization, card: Snapshot) -> bool:
    """Whether R-2.5a's counter counts the payment, once it is executed. A fare rests on an exemption of its own."""
    contactless = asked.entry_mode in CONTACTLESS_MODES and asked.kind != "verification"
    return contactless and not shows_person(asked, card) and not is_fare(asked)


def starts_count_again(asked: Authorization, card: Snapshot) -> bool:
    """Whether the payment, once executed, sets the counter back: somebody showed at a terminal who they are."""
    at_terminal = asked.entry_mode in TERMINAL_MODES and asked.kind != "verification"
    return at_terminal and shows_person(asked, card)


def _counter_is_full(s: Situation) -> bool:
    policy = s.policies.contactless
    if policy.counter == "count":
        return s.card.payments_without_pin >= policy.payments_without_pin
    return s.card.minor_without_pin + s.asked.amount_minor > policy.amount_without_pin


def _is_cash(asked: Authorization) -> bool:
    return _usage_of(asked).cash_minor > 0


def _is_signed(asked: Authorization) -> bool:
    return isinstance(asked.instrument, PlasticInstrument) and asked.instrument.cvm == "signature"


def drawing_right(s: Situation) -> Declined | None:
    """R-2.10a, R-2.10b: within what the grantor and the scheme permit, whatever the payment may become (R-3.1a)."""
    judged = judged_right(s)
    if not isinstance(judged, Refused):
        return None
    return Declined(judged.reason, LimitReached(judged.limit, judged.allowed, judged.spent, judged.of))


def judged_right(s: Situation) -> Permitted | Refused | None:
    """What its drawing right says to a payment, and which one-off it took to say yes; None where there is none."""
    right = s.card.right
    return judge(right.terms, ceiling(s.policies), right.used, _attempt(s), right.one_offs) if right else None


def approval(s: Situation) -> Approved:
    """Yes, with what the payment takes of its drawing right, whatever it may become."""
    right = s.card.right
    if right is None:
        return Approved()
    judged = judged_right(s) if right.one_offs else Permitted()
    one_off = judged.one_off if isinstance(judged, Permitted) else None
    left = nearest(right.terms, ceiling(s.policies), right.used, _attempt(s).amount_minor)
    return Approved(one_off, Left(*left) if left else None)


def _attempt(s: Situation) -> Attempt:
    return Attempt(
        amount_minor=s.asked.amount_minor + margin_minor(s.asked, s.policies.holds),
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


def margin_minor(asked: Authorization, holds: Holds) -> int:
    """R-3.1a: how much more than an estimated amount may be captured, where the policy lets such merchants estimate."""
    return margin_of(asked.amount_minor, asked.merchant.mcc, holds) if asked.estimated else 0


def margin_of(estimate_minor: int, mcc: str, holds: Holds) -> int:
    """The same of any estimate, by where it was made."""
    if categories_of(mcc).isdisjoint(holds.estimated_categories):
        return 0
    return max(0, estimate_minor * holds.estimated_percent // 100 - estimate_minor)


def card_limits(s: Situation) -> Declined | None:
    """R-2.6 gambling a day, R-2.7 cash a day, R-2.8 and R-2.2 Visa over 30 days and its cash a day."""
    limits, used = s.policies.card_limits, s.card.card_usage
    adds = _usage_of(s.asked)
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


def _usage_of(asked: Authorization) -> Delta:
    return Delta.of(asked.amount_minor, kind=asked.kind, mcc=asked.merchant.mcc, scheme=asked.scheme)


def funds(s: Situation) -> Declined | None:
    """R-2.4: no more than is available on the account."""
    return None if s.asked.amount_minor <= max(0, s.card.available_minor) else Declined("insufficient_funds")
