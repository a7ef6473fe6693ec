"""Payments to decide on in tests: requests, snapshots and policies as values."""

import dataclasses
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from delegation.limits import Usage
from tests.drawing_rights import POLICY as RIGHTS_POLICY
from tokenization.policies import (
    CardLimits,
    CardsOnFilePolicy,
    Ceilings,
    Contactless,
    Holds,
    PaymentsPolicy,
    Policies,
    ProvisioningPolicy,
    TokensPolicy,
)
from tokenization.secret import Cvc, Number
from wallet.payments.requests import (
    Authorization,
    CredentialInstrument,
    Cryptogram,
    Instrument,
    Merchant,
    PlasticInstrument,
    Reference,
    TokenInstrument,
)
from wallet.payments.situation import Proof, Snapshot

NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
NETTO = Merchant(id="DK-123", name="Netto Vesterbro", mcc="5411", country="DK")

# As delivered (3-api.md).
POLICIES = Policies(
    ProvisioningPolicy(5, 10, 30, 2, 5, 24),
    Ceilings(200_000, 300_000, 700_000, 1_500_000, 20),
    Contactless(pin_above=35_000, counter="count", payments_without_pin=5, amount_without_pin=111_900),
    CardLimits(cash_per_day=600_000, gambling_per_day=500_000, visa_per_30_days=5_000_000, visa_cash_per_day=600_000),
    Holds(7, 30, ["hotels", "car_hire"], ["hotels", "car_hire", "fuel"], 115),
    TokensPolicy(30, 2, ["DK"], 10, 3, 3, 6, 7, 100),
    RIGHTS_POLICY,
    PaymentsPolicy(wrong_cvcs_per_day=5, rate_days=7),
    CardsOnFilePolicy(contact_after_days=14, pending_days=30, pending_per_merchant=5, told_within_days=5),
)
BY_AMOUNT = dataclasses.replace(POLICIES, contactless=dataclasses.replace(POLICIES.contactless, counter="amount"))


def token(cvm: str = "none") -> TokenInstrument:
    """A phone; what its cryptogram shows stands in the snapshot."""
    shown = Cryptogram(7, date(2026, 11, 22), bytes(4), cvm, bytes(8), None if cvm == "none" else bytes(8))
    return TokenInstrument(Number("9208910000000008"), shown)


def plastic(cvm: str = "none", cvc: str | None = None) -> PlasticInstrument:
    """A plastic, or its number."""
    return PlasticInstrument(Number("9208900000000000"), "2029-09", Cvc(cvc) if cvc else None, cvm)


def credential() -> CredentialInstrument:
    """A card on file."""
    return CredentialInstrument(UUID(int=1))


def asked(instrument: Instrument | None = None, entry_mode: str = "wallet", **changes: Any) -> Authorization:
    """DKK 100.00 at a grocer's, from a phone, unless said otherwise."""
    usual = Authorization(
        reference=Reference("acquirer", "acq-1", bytes(32)),
        instrument=instrument or token(),
        entry_mode=entry_mode,
        kind="purchase",
        amount_minor=10_000,
        currency="DKK",
        estimated=False,
        scheme="dankort",
        merchant=NETTO,
        terminal={"id": "T1", "unattended": False},
        authentication="none",
        initiated_by="cardholder",
    )
    return dataclasses.replace(usual, **changes)


def at(mcc: str, country: str = "DK") -> Merchant:
    """A shop of that category."""
    return dataclasses.replace(NETTO, mcc=mcc, country=country)


def unattended() -> dict[str, Any]:
    """A terminal where nobody stands."""
    return {"id": "T1", "unattended": True}


def snapshot(**changes: Any) -> Snapshot:
    """A co-badged card with enough money, from whose phone a right cryptogram without PIN came."""
    usual = Snapshot(
        unusable=None,
        schemes=frozenset({"dankort", "visa"}),
        account_currency="DKK",
        available_minor=10_000_000,
        card_usage=Usage(),
        proof=Proof(device=True),
    )
    return dataclasses.replace(usual, **changes)
