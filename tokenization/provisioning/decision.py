"""May this card be put on this phone? Pure: facts and policies in, the schemes' green, yellow or red out.

The rules are two tables, each read from above: the first refusal that applies is the answer (red); else the first doubt
(yellow); else the card is put on the phone (green). docs/provisioning.md shows them, and a test holds that it does.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from tokenization.policies import Policies


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the decision looks at. The counts leave out this device's own, which would be replaced.

    `active_tokens` are the cardholder's tokens of the card, or the phones of one drawing right. A phone is known, and a
    country is, once a token of this person's has been activated there; `new_phones` are those of the last hour.
    """

    card_status: str
    requestor_status: str
    requestor_kind: str
    requestor_schemes: frozenset[str]
    card_schemes: frozenset[str]
    scheme: str
    under_right: bool
    active_tokens: int
    provisionings_in_window: int
    reported_ago: timedelta | None
    phone_is_known: bool
    phone_was_held_back: bool
    country: str | None
    known_countries: frozenset[str]
    new_phones: int
    card_was_typed_in: bool
    can_be_verified: bool


@dataclass(frozen=True, slots=True)
class Accepted:
    """Make the token: at once (green), or, where there is a doubt, once it has been verified (yellow)."""

    doubt: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Make none (red). `code` is the API's; `facts` go with it."""

    code: str
    facts: dict[str, Any]


Condition = Callable[[Facts, Policies], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """Where it applies, `reason` is the answer's; `says` and `cites` are for who reads the table."""

    reason: str
    says: str
    cites: str
    applies: Condition


def _wallet_is_not_approved(facts: Facts, _: Policies) -> bool:
    is_wallet = facts.requestor_kind == "wallet" and facts.requestor_status == "active"
    return not is_wallet or facts.scheme not in facts.requestor_schemes


def _card_is(status: str) -> Condition:
    return lambda facts, _: facts.card_status == status


def _is_on_too_many_phones(facts: Facts, policies: Policies) -> bool:
    return facts.active_tokens >= _phones_allowed(facts, policies)


def _phones_allowed(facts: Facts, policies: Policies) -> int:
    limits = policies.provisioning
    return limits.phones_per_drawing_right if facts.under_right else limits.active_tokens_per_card


def _was_put_on_too_many_phones(facts: Facts, policies: Policies) -> bool:
    return not facts.under_right and facts.provisionings_in_window >= policies.provisioning.provisionings_per_window


def _was_reported_lately(facts: Facts, policies: Policies) -> bool:
    lately = timedelta(days=policies.tokens.lost_within_days)
    return facts.reported_ago is not None and facts.reported_ago < lately


def _is_in_a_new_country(facts: Facts, policies: Policies) -> bool:
    expected = facts.known_countries | {None, *policies.tokens.home_countries}
    return not facts.phone_is_known and facts.country not in expected


def _is_one_of_several_new_phones(facts: Facts, policies: Policies) -> bool:
    return not facts.phone_is_known and facts.new_phones >= policies.tokens.new_phones_per_hour


LIMIT_REACHED: Final = "provisioning-limit-reached"
UNVERIFIABLE: Final = "verification-unavailable"

REFUSALS: Final = (
    Rule(
        "wallet-not-approved",
        "the requestor is not a wallet, is suspended, or is not approved for the scheme",
        "R-3.3b",
        _wallet_is_not_approved,
    ),
    Rule(
        "scheme-not-on-card",
        "the card has no half of the scheme",
        "R-3.3e",
        lambda facts, _: facts.scheme not in facts.card_schemes,
    ),
    Rule("card-blocked", "the card is blocked", "R-10.1", _card_is("blocked")),
    Rule("card-closed", "the card is closed", "R-12.1", _card_is("closed")),
    Rule("card-expired", "the card has expired", "R-13", _card_is("expired")),
    Rule(
        LIMIT_REACHED,
        "the card has `active_tokens_per_card` tokens on other phones (under a drawing right: "
        "`phones_per_drawing_right` other phones have it)",
        "R-3.3c",
        _is_on_too_many_phones,
    ),
    Rule(
        LIMIT_REACHED,
        "the card was put on `provisionings_per_window` other phones within `window_days`",
        "R-3.3c",
        _was_put_on_too_many_phones,
    ),
)
DOUBTS: Final = (
    Rule(
        "card_reported",
        "loss, theft or misuse of the card was reported within `lost_within_days`",
        "R-10.1a",
        _was_reported_lately,
    ),
    Rule(
        "phone_held_back",
        "a token on this phone, whosever, was suspended by the bank or the wallet's provider, or by its cardholder for "
        "loss, theft or fraud, or ended for one of these, and not resumed; and this person has put no token to use "
        "there since that was verified",
        "R-10.2",
        lambda facts, _: facts.phone_was_held_back,
    ),
    Rule(
        "new_country",
        "the phone is new, and says that it is in a country that is none of `home_countries` and new to this person",
        "R-3.3a",
        _is_in_a_new_country,
    ),
    Rule(
        "new_phones",
        "the phone is new, and `new_phones_per_hour` others were so within the last hour, over all the person's cards",
        "R-3.3a",
        _is_one_of_several_new_phones,
    ),
    Rule(
        "cvc_only",
        "the card was named by its id, with the CVC, and not typed in",
        "R-3.3a",
        lambda facts, _: not facts.card_was_typed_in,
    ),
)


def decide(facts: Facts, policies: Policies) -> Accepted | Refused:
    """Red, yellow or green, with the reason. A child card is let in by the parent's pairing, so nothing is in doubt."""
    refusal = _first(REFUSALS, facts, policies)
    if refusal is not None:
        return Refused(refusal.reason, _figures(facts, policies) if refusal.reason == LIMIT_REACHED else {})
    doubt = None if facts.under_right else _first(DOUBTS, facts, policies)
    if doubt is not None and not facts.can_be_verified:
        return Refused(UNVERIFIABLE, {"decision_reason": doubt.reason})
    return Accepted(doubt.reason if doubt else None)


def _first(rules: Iterable[Rule], facts: Facts, policies: Policies) -> Rule | None:
    return next((rule for rule in rules if rule.applies(facts, policies)), None)


def _figures(facts: Facts, policies: Policies) -> dict[str, Any]:
    limit, days = _phones_allowed(facts, policies), policies.provisioning.window_days
    return {"active_tokens": facts.active_tokens, "limit": limit, "window_days": days}
