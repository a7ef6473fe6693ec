"""The decision about one payment: every rule, in the order in which they are asked. Pure.

What stands first decides: is it a card at all, may it be used, here, is it really the device and the person, and only
then how much.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from delegation.limits import Attempt, Usage, refusal
from delegation.terms import Ceiling, RightTerms
from delegation.usage import Delta
from tokenization.policies import Policies
from wallet.payments.requests import Authorization, CredentialInstrument, PlasticInstrument, TokenInstrument

ANY_AMOUNT_MODES: Final = frozenset({"chip", "magstripe", "contactless"})
TOKEN_MODES: Final = frozenset({"wallet", "contactless"})  # R-3.3d: nothing without the phone at the terminal
PLASTIC_MODES: Final = frozenset({"contactless", "chip", "magstripe", "keyed", "ecommerce", "moto"})
REMOTE_MODES: Final = frozenset({"ecommerce", "credential_on_file"})
CONTACTLESS_MODES: Final = frozenset({"wallet", "contactless"})
# RTS art. 12: unattended terminals for transport fares and parking need no PIN.
TRANSPORT_MCCS: Final = frozenset({"4111", "4112", "4131", "4784", "7523"})


@dataclass(frozen=True, slots=True)
class LimitReached:
    """Which limit stopped a payment. Minor units, or a count; `of` is drawing_right, card, ceiling or policy."""

    name: str
    limit: int | None
    spent: int | None
    of: str

    def as_json(self) -> dict[str, Any]:
        """The contract's object."""
        return {"name": self.name, "limit": self.limit, "spent": self.spent, "of": self.of}


@dataclass(frozen=True, slots=True)
class Declined:
    """No, and why."""

    reason: str
    limit: LimitReached | None = None


@dataclass(frozen=True, slots=True)
class Approved:
    """Yes."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What the cryptogram showed: the MAC verifies over a fresh, issued ATC; and the CVM's MAC, if there was one."""

    device: bool
    person: bool | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that the rules look at, as it stands under the card's lock.

    `unusable` is why the instrument cannot pay at all, already in the words of a payment; None when it can.
    """

    unusable: str | None
    schemes: frozenset[str]
    account_currency: str
    available_minor: int
    card_usage: Usage
    proof: Proof | None = None
    cvc_matches: bool | None = None
    payments_without_pin: int = 0
    minor_without_pin: int = 0
    merchant_known: bool = True
    right: RightTerms | None = None
    right_usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """What one rule sees."""

    asked: Authorization
    card: Snapshot
    policies: Policies
    attempt: Attempt


Rule = Callable[[Situation], Declined | None]


def decide(asked: Authorization, snapshot: Snapshot, policies: Policies, attempt: Attempt) -> Approved | Declined:
    """Ask the rules in turn; the first that objects decides."""
    situation = Situation(asked, snapshot, policies, attempt)
    for rule in RULES:
        declined = rule(situation)
        if declined is not None:
            return declined
    return Approved()


def usable(s: Situation) -> Declined | None:
    """R-10.1, R-10.2, R-13, R-3.6a: card, plastic, token, credential and drawing right must be in force."""
    return Declined(s.card.unusable) if s.card.unusable else None


def scheme_and_domain(s: Situation) -> Declined | None:
    """R-3.3d, R-3.3e, R-3.1: in its own scheme, and only where such an instrument may be used."""
    modes = {
        TokenInstrument: TOKEN_MODES,
        PlasticInstrument: PLASTIC_MODES,
        CredentialInstrument: frozenset({"credential_on_file"}),
    }[type(s.asked.instrument)]
    permitted = s.asked.entry_mode in modes and s.asked.scheme in s.card.schemes and s.card.merchant_known
    return None if permitted else Declined("not_permitted")


def device_proof(s: Situation) -> Declined | None:
    """The cryptogram: from this device, for this payment, once."""
    proof = s.card.proof
    return Declined("security_violation") if proof is not None and not proof.device else None


def person_proof(s: Situation) -> Declined | None:
    """The PIN or the biometric that was used must be right."""
    proof = s.card.proof
    return Declined("wrong_pin") if proof is not None and proof.person is False else None


def cvc(s: Situation) -> Declined | None:
    """A CVC that is given must be right."""
    return Declined("wrong_cvc") if s.card.cvc_matches is False else None


def currency(s: Situation) -> Declined | None:
    """The account's currency only."""
    return None if s.asked.currency == s.card.account_currency else Declined("currency_not_supported")


def customer_authentication(s: Situation) -> Declined | None:
    """SCA at a distance (PSD2 art. 97): e-commerce, and a card on file that the cardholder uses."""
    by_cardholder = s.asked.entry_mode in REMOTE_MODES and s.asked.initiated_by == "cardholder"
    if by_cardholder and s.asked.authentication == "none":
        return Declined("customer_authentication_required")
    return None


def pin(s: Situation) -> Declined | None:
    """R-2.5a: above a limit always, below it now and then; R-3.4: not at unattended terminals for fares."""
    if not needs_no_person(s.asked, s.card) or s.asked.kind == "verification":
        return None
    fare = s.asked.unattended and s.asked.merchant.mcc in TRANSPORT_MCCS
    if fare:
        return None
    policy = s.policies.contactless
    over = s.asked.kind == "cash" or s.asked.amount_minor > policy.pin_above
    if policy.counter == "count":
        over = over or s.card.payments_without_pin >= policy.payments_without_pin
    else:
        over = over or s.card.minor_without_pin + s.asked.amount_minor > policy.amount_without_pin
    return Declined("pin_required") if over else None


def needs_no_person(asked: Authorization, card: Snapshot) -> bool:
    """A payment at a terminal in which nobody showed who they are."""
    if isinstance(asked.instrument, TokenInstrument):
        return card.proof is not None and card.proof.person is None
    if isinstance(asked.instrument, PlasticInstrument):
        return asked.entry_mode in ANY_AMOUNT_MODES and asked.instrument.cvm == "none"
    return False


def drawing_right(s: Situation) -> Declined | None:
    """R-2.10a, R-2.10b: within what the grantor and the scheme permit."""
    if s.card.right is None or s.card.right_usage is None:
        return None
    refused = refusal(s.card.right, ceiling(s.policies), s.card.right_usage, s.attempt)
    if refused is None:
        return None
    return Declined(refused.reason, LimitReached(refused.limit, refused.allowed, refused.spent, refused.of))


def ceiling(policies: Policies) -> Ceiling:
    """The scheme's maximum over every drawing right."""
    return Ceiling.of(dataclasses.asdict(policies.ceilings))


def card_limits(s: Situation) -> Declined | None:
    """R-2.6 gambling a day, R-2.7 cash a day, R-2.8 and R-2.2 Visa over 30 days and its cash a day."""
    limits, used = s.policies.card_limits, s.card.card_usage
    adds = usage_of(s.asked)
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


def usage_of(asked: Authorization) -> Delta:
    """Where the payment counts, if it is approved."""
    return Delta.of(asked.amount_minor, kind=asked.kind, mcc=asked.merchant.mcc, scheme=asked.scheme)


def funds(s: Situation) -> Declined | None:
    """R-2.4: no more than is available on the account."""
    return None if s.asked.amount_minor <= s.card.available_minor else Declined("insufficient_funds")


RULES: Final[tuple[Rule, ...]] = (
    usable,
    scheme_and_domain,
    device_proof,
    person_proof,
    cvc,
    currency,
    customer_authentication,
    pin,
    drawing_right,
    card_limits,
    funds,
)
