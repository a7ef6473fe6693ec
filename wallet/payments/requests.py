"""What an acquirer asks, as values."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from tokenization.secret import Cvc, Number


@dataclass(frozen=True, slots=True)
class Reference:
    """What a client calls a request of its own. `content_hash` is keyed: the same reference never has other content.

    `other_hashes` are of the same content, by the other usable versions of the key: it may rotate before a repeat.
    """

    client_id: str
    text: str
    content_hash: bytes
    other_hashes: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Merchant:
    """Where the payment is made. `country` is ISO 3166 alpha-2, `mcc` ISO 18245, `city` as the acquirer writes it."""

    id: str
    name: str
    mcc: str
    country: str
    city: str | None = None

    def as_json(self) -> dict[str, str]:
        """As it is kept with the payment; without the city where none is named."""
        named = {"id": self.id, "name": self.name, "mcc": self.mcc, "country": self.country}
        return named if self.city is None else {**named, "city": self.city}


@dataclass(frozen=True, slots=True)
class Cryptogram:
    """The proof that came from the device; MACs are eight bytes."""

    atc: int
    date: date
    unpredictable_number: bytes
    cvm: str
    mac: bytes
    cvm_mac: bytes | None


@dataclass(frozen=True, slots=True)
class TokenInstrument:
    """A token on a phone."""

    number: Number
    cryptogram: Cryptogram


@dataclass(frozen=True, slots=True)
class PlasticInstrument:
    """The plastic, or its number; `expiry` is `2029-09`."""

    number: Number
    expiry: str
    cvc: Cvc | None
    cvm: str


@dataclass(frozen=True, slots=True)
class CredentialInstrument:
    """A card on file."""

    credential_id: UUID


Instrument = TokenInstrument | PlasticInstrument | CredentialInstrument


@dataclass(frozen=True, slots=True)
class Authorization:
    """A request to pay: amount in minor units of `currency`."""

    reference: Reference
    instrument: Instrument
    entry_mode: str
    kind: str
    amount_minor: int
    currency: str
    estimated: bool
    scheme: str
    merchant: Merchant
    terminal: dict[str, Any] | None
    authentication: str
    initiated_by: str

    @property
    def unattended(self) -> bool:
        """Whether nobody stands at the terminal (R-3.4)."""
        return bool(self.terminal and self.terminal["unattended"])


@dataclass(frozen=True, slots=True)
class Operation:
    """A capture, a reversal or a refund: amount in minor units; None is a reversal of all there is.

    `final` says that nothing more is captured after it.
    """

    reference: Reference
    kind: str
    amount_minor: int | None
    final: bool = False
