"""Whether an event is told at all, or as what: what its payload must say. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

Payload = Mapping[str, Any]


def always(_: Payload) -> bool:
    """Whatever it says."""
    return True


def under_a_right(payload: Payload) -> bool:
    """Whether it is about a drawing right's payment or token."""
    return payload["right_id"] is not None


def paid_under_a_right(payload: Payload) -> bool:
    """Whether a delegate pays, or would: nobody does where a shop only asks whether the card is good."""
    return under_a_right(payload) and payload["amount"] > 0


def for_oneself(payload: Payload) -> bool:
    """Whether it is about a cardholder's own."""
    return payload["right_id"] is None


def at_once(payload: Payload) -> bool:
    """Whether a cardholder's own card was put on a phone, with nothing left to confirm."""
    return payload["right_id"] is None and payload["decision"] == "approved"


def in_doubt(payload: Payload) -> bool:
    """Whether it must be confirmed first."""
    return bool(payload["decision"] == "verification_required")


def by_the_provider(payload: Payload) -> bool:
    """Not told by SMS: a wallet's server may suspend and resume as often as it likes."""
    return bool(payload["by"] == "wallet_provider")


def by_the_delegate(payload: Payload) -> bool:
    """Whether the delegate did it, who has no way to resume it."""
    return bool(payload.get("by_delegate"))


def by_others(payload: Payload) -> bool:
    """Whether neither the wallet's server nor the delegate did it."""
    return not by_the_provider(payload) and not by_the_delegate(payload)


def by_a_copy(payload: Payload) -> bool:
    """Whether a token or a code came twice."""
    return payload["reason"] in ("refresh_reuse", "code_reuse")


def expired_by(why: str) -> Callable[[Payload], bool]:
    """Whether a right expired for that reason."""
    return lambda payload: bool(payload["why"] == why)


def lowers_ceilings(payload: Payload) -> bool:
    """Whether the scheme's ceilings are lower than before."""
    return payload["name"] == "ceilings" and bool(payload.get("lowered"))


def sets_contactless(payload: Payload) -> bool:
    """Whether it is about contactless payments."""
    return bool(payload["name"] == "contactless")


def becomes(status: str) -> Callable[[Payload], bool]:
    """Whether a requestor's status becomes that."""
    return lambda payload: status == payload["changes"].get("status")
