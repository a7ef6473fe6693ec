"""How each instrument may be used (R-3.1): in which entry modes, for what, and what shows there who pays. Values."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wallet.payments.requests import (
    Authorization,
    CredentialInstrument,
    Instrument,
    PlasticInstrument,
    TokenInstrument,
)


class Pin(StrEnum):
    """When an entry mode wants a PIN, or a biometric in its place."""

    NEVER = "never"
    NOW_AND_THEN = "now and then"  # contactless, R-2.5a
    ALWAYS = "always"  # or a signature, where somebody looks at it


@dataclass(frozen=True, slots=True)
class EntryMode:
    """What one instrument may do in one entry mode.

    `pin_by` are the CVMs that are a PIN there. `attended`: only where somebody stands at the terminal. `authenticated`
    are those who must be authenticated when they start such a payment (SCA at a distance).
    """

    kinds: frozenset[str] = frozenset()
    pin: Pin = Pin.NEVER
    pin_by: frozenset[str] = frozenset()
    attended: bool = False
    authenticated: frozenset[str] = frozenset()


NO_CASH: Final = frozenset({"purchase", "verification"})  # cash is handed out at a terminal, to whoever shows the PIN
ALL_KINDS: Final = NO_CASH | {"cash"}
ONLINE: Final = frozenset({"online_pin"})
_PHONE: Final = EntryMode(ALL_KINDS, Pin.NOW_AND_THEN, frozenset({"pin", "biometric"}))
_NOWHERE: Final = EntryMode()

# What is not here is not permitted. R-3.3d: a token pays where the phone is at the terminal, and nowhere else.
ENTRY_MODES: Final[Mapping[type[Instrument], Mapping[str, EntryMode]]] = {
    TokenInstrument: {"wallet": _PHONE, "contactless": _PHONE},
    PlasticInstrument: {
        "contactless": EntryMode(ALL_KINDS, Pin.NOW_AND_THEN, ONLINE),
        # An offline PIN is one that the chip has checked: it must be in the reader.
        "chip": EntryMode(ALL_KINDS, Pin.ALWAYS, ONLINE | {"offline_pin"}),
        "magstripe": EntryMode(ALL_KINDS, Pin.ALWAYS, ONLINE),
        "keyed": EntryMode(NO_CASH, attended=True),
        "ecommerce": EntryMode(NO_CASH, authenticated=frozenset({"cardholder", "merchant"})),
        "moto": EntryMode(NO_CASH),
    },
    CredentialInstrument: {"credential_on_file": EntryMode(NO_CASH, authenticated=frozenset({"cardholder"}))},
}


def entry_mode(asked: Authorization) -> EntryMode:
    """What the instrument may do in the mode in which it is used; nothing where there is no such mode for it."""
    return ENTRY_MODES[type(asked.instrument)].get(asked.entry_mode, _NOWHERE)
