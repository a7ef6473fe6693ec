"""Who may do what to a token, and why: operation x reason x party, with what it reaches, who undoes it, and what the
schemes' token services call it.

The operations are those of EMVCo's token life cycle. Mastercard's codes are those of the MDES Customer Service API, and
its event names those that MDES tells token requestors; Visa Token Service has fewer words, the rest is free text.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# Who acts. A child's phone that suspends does so for the cardholder, who alone, or the bank, may resume.
CARDHOLDER: Final = "cardholder"
DELEGATE: Final = "delegate"
ISSUER: Final = "issuer"
PROVIDER: Final = "wallet_provider"
PIN_LOCK: Final = "pin_locked"  # three wrong PINs; a new PIN undoes it

OPERATIONS: Final = ("suspend", "resume", "deactivate")
OTHER: Final = "other"
# What only the bank takes away from a cardholder's token, and what must not be forgotten where it is learned of later.
GRAVE: Final = frozenset({"device_stolen", "fraud"})
# What speaks against the phone itself, and so against what is put on it later.
OF_THE_PHONE: Final = GRAVE | {"device_lost"}


@dataclass(frozen=True, slots=True)
class Rule:
    """One row. `reaches` is `token`, or `phone`: then every token on that phone is suspended and its sessions end
    (R-10.2). `undone_by` may resume; for nobody's asking (`by` empty) the reason follows from something else.
    """

    operation: str
    reason: str
    by: tuple[str, ...]
    reaches: str = "token"
    undone_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Names:
    """What Mastercard's and Visa's token services call a reason; None where they have no word for it."""

    mastercard_code: str | None
    mastercard_event: str | None
    visa: str | None


RULES: Final = (
    Rule("suspend", "device_lost", (CARDHOLDER,), "phone", (CARDHOLDER, ISSUER)),
    Rule("suspend", "device_lost", (ISSUER,), "phone", (ISSUER,)),
    Rule("suspend", "device_lost", (PROVIDER,), "token", (PROVIDER,)),
    Rule("suspend", "device_stolen", (CARDHOLDER, ISSUER), "phone", (ISSUER,)),
    Rule("suspend", "device_stolen", (PROVIDER,), "token", (PROVIDER,)),
    Rule("suspend", "fraud", (CARDHOLDER, ISSUER), "token", (ISSUER,)),
    Rule("suspend", "fraud", (PROVIDER,), "token", (PROVIDER,)),
    Rule("suspend", OTHER, (CARDHOLDER,), "token", (CARDHOLDER, ISSUER)),
    Rule("suspend", OTHER, (ISSUER,), "token", (ISSUER,)),
    Rule("suspend", OTHER, (PROVIDER,), "token", (PROVIDER,)),
    Rule("suspend", "wrong_pin", (PIN_LOCK,), "token", ()),
    Rule("resume", "device_found", (CARDHOLDER, ISSUER, PROVIDER)),
    Rule("resume", "not_fraud", (ISSUER, PROVIDER)),
    Rule("resume", OTHER, (CARDHOLDER, ISSUER, PROVIDER)),
    Rule("deactivate", "device_lost", (CARDHOLDER, DELEGATE, ISSUER), "phone"),
    Rule("deactivate", "device_stolen", (CARDHOLDER, DELEGATE, ISSUER), "phone"),
    Rule("deactivate", "device_sold", (CARDHOLDER, DELEGATE, ISSUER)),
    Rule("deactivate", "fraud", (CARDHOLDER, DELEGATE, ISSUER)),
    Rule("deactivate", "account_closed", (ISSUER,)),
    Rule("deactivate", OTHER, (CARDHOLDER, DELEGATE, ISSUER)),
    Rule("deactivate", "reprovisioned", ()),
    Rule("deactivate", "unpaired", ()),
    Rule("deactivate", "card_misused", ()),
    Rule("deactivate", "card_expired", ()),
)

NAMES: Final = {
    ("suspend", "device_lost"): Names("L", "DEVICE_LOST", "CUSTOMER_CONFIRMED"),
    ("suspend", "device_stolen"): Names("S", "DEVICE_STOLEN", "CUSTOMER_CONFIRMED"),
    ("suspend", "fraud"): Names("T", "SUSPECTED_FRAUD", "FRAUD"),
    ("suspend", OTHER): Names("Z", "OTHER", None),
    ("suspend", "wrong_pin"): Names(None, "MOBILE_PIN_LOCKED", None),
    ("resume", "device_found"): Names("F", "DEVICE_FOUND", "CUSTOMER_CONFIRMED"),
    ("resume", "not_fraud"): Names("T", "NOT_FRAUD", None),
    ("resume", OTHER): Names("Z", "OTHER", None),
    ("deactivate", "device_lost"): Names("L", "DEVICE_LOST", "CUSTOMER_CONFIRMED"),
    ("deactivate", "device_stolen"): Names("S", "DEVICE_STOLEN", "CUSTOMER_CONFIRMED"),
    ("deactivate", "device_sold"): Names("Z", "OTHER", "CUSTOMER_CONFIRMED"),
    ("deactivate", "fraud"): Names("T", "SUSPECTED_FRAUD", "FRAUD"),
    ("deactivate", "account_closed"): Names("C", "ACCOUNT_CLOSED", "ACCOUNT_CLOSED"),
    ("deactivate", OTHER): Names("Z", "OTHER", None),
    ("deactivate", "reprovisioned"): Names("Z", "OTHER", None),
    ("deactivate", "unpaired"): Names("Z", "OTHER", None),
    ("deactivate", "card_misused"): Names("T", "SUSPECTED_FRAUD", "FRAUD"),
    ("deactivate", "card_expired"): Names("Z", "OTHER", None),
}

# Why a suspension is lifted follows from why it was there.
_RESUMED: Final = {
    "device_lost": "device_found",
    "device_stolen": "device_found",
    "fraud": "not_fraud",
}


def reasons(operation: str, by: str) -> tuple[str, ...]:
    """The reasons that a party may give for an operation."""
    return tuple(dict.fromkeys(rule.reason for rule in _of(operation, by)))


def rule_of(operation: str, reason: str, by: str) -> Rule:
    """The row for it. A reason in somebody's own words counts as the last one, `other`."""
    rules = list(_of(operation, by))
    return next((rule for rule in rules if rule.reason == reason), rules[-1])


def _of(operation: str, by: str) -> Iterator[Rule]:
    return (rule for rule in RULES if rule.operation == operation and by in rule.by)


def reaches_phone(operation: str, reason: str, by: str) -> bool:
    """Whether it holds for every token on the phone: a phone that is gone is gone for all of them (R-10.2)."""
    return rule_of(operation, reason, by).reaches == "phone"


def may_undo(by: str, reason: str, of: str) -> bool:
    """Whether `by` may lift a suspension of the party `of` for that reason."""
    return by in rule_of("suspend", reason, of).undone_by


def is_graver(reason: str, than: str) -> bool:
    """Whether a reason takes the place of one that stands already."""
    return reason in GRAVE and than not in GRAVE


def holder(by: str) -> str:
    """Whose suspension it is when `by` holds a token back."""
    return CARDHOLDER if by == DELEGATE else by


def why_resumed(reason: str) -> str:
    """The reason of a resumption, from that of the suspension."""
    return _RESUMED.get(reason, OTHER)
