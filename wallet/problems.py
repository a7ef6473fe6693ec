"""Every `code` that a problem of the API may have: its status, what it means and what to do. `/openapi.json` and
docs/errors.md show this table; a test holds it to what the code raises and answers.
"""

from typing import Final, NamedTuple


class Problem(NamedTuple):
    """What stands beside a code: `members` are named in the body besides those that every problem has."""

    status: int
    about: str
    members: tuple[str, ...] = ()


PROBLEMS: Final[dict[str, Problem]] = {
    # Of any call.
    "bad-request": Problem(400, "the body is not JSON in UTF-8 with each field once, or the request cannot be read"),
    "unauthenticated": Problem(401, "no access token was sent"),
    "invalid-token": Problem(
        401, "the access token is too old or no good, or the session has ended: refresh, else sign in"
    ),
    "invalid-dpop-proof": Problem(
        401, "no DPoP proof, one of another key or request, one used twice, or the clock is off"
    ),
    "use-dpop-nonce": Problem(401, "sign the proof again, with the `DPoP-Nonce` of this answer"),
    "insufficient-user-authentication": Problem(401, "a step-up is needed: for which purpose, `WWW-Authenticate` says"),
    "insufficient-scope": Problem(403, "the call is for others: of a child's phone, a parent's, or a machine"),
    "requestor-suspended": Problem(403, "the bank has suspended the wallet, merchant or acquirer"),
    "not-found": Problem(404, "there is no such thing, or it is not the caller's"),
    "method-not-allowed": Problem(405, "the path has other methods: `Allow`"),
    "conflict": Problem(409, "there is such a thing already"),
    "illegal-state": Problem(409, "the state of the thing does not allow that now: read it again"),
    "idempotency-key-running": Problem(
        409, "the first call with this `Idempotency-Key` is not answered yet: ask again"
    ),
    "erased": Problem(409, "the numbers that this needs were erased, for good"),
    "unreadable": Problem(409, "what this needs is sealed and cannot be opened: tell the bank"),
    "too-large": Problem(413, "the body is larger than 64 KiB"),
    "unsupported-media-type": Problem(415, "the body must be `application/json`, and not compressed"),
    "invalid": Problem(422, "`errors` names each field, and what is wrong with it"),
    "idempotency-key-reused": Problem(422, "this `Idempotency-Key` came before with another body: take a new one"),
    "too-many-requests": Problem(429, "too often, or too many wrong codes: wait as long as `Retry-After` says"),
    "internal": Problem(500, "our fault: `request_id` finds it in the log"),
    "busy": Problem(503, "the card is being changed: try again, after `Retry-After`"),
    "unavailable": Problem(503, "a part of ours is away: try again, after `Retry-After`"),
    "numbers-exhausted": Problem(503, "no number is free: the bank needs another BIN"),
    "key-too-old": Problem(503, "nothing new can be made until the bank has rotated a key of its own"),
    # Cards and cardholders.
    "card-blocked": Problem(409, "the card is blocked: the bank unblocks or replaces it"),
    "card-closed": Problem(409, "the card is closed, for good"),
    "card-expired": Problem(409, "the card has expired: the bank renews it"),
    "card-not-closed": Problem(409, "only the numbers of a closed card can be erased"),
    "card-erased": Problem(409, "the numbers of the card were erased, for good"),
    "cardholder-known": Problem(409, "there is another cardholder with this CPR number or MitID"),
    # Putting a card on a phone, and the token then.
    "wallet-not-approved": Problem(403, "the wallet may not put this card on phones: its provider talks to the bank"),
    "wrong-device": Problem(403, "only the phone that the token is on may do that"),
    "provisioning-limit-reached": Problem(
        409,
        "the card is on as many phones as the bank allows: take it off one",
        ("active_tokens", "limit", "window_days"),
    ),
    "verification-unavailable": Problem(
        409, "it must be verified, and there is no way to: the bank can help", ("decision_reason",)
    ),
    "contact-bank": Problem(409, "only the bank can undo this, after theft or fraud"),
    "no-code": Problem(409, "no code waits to be confirmed: ask for one"),
    "no-more-codes": Problem(409, "no more codes are sent for this token: put the card on anew"),
    "keys-unused": Problem(409, "the phone has unused payment keys enough: pay with them first", ("unused", "limit")),
    "atc-exhausted": Problem(409, "the token has made its last payment: put the card on anew"),
    "card-not-verified": Problem(422, "number, expiry and CVC are not those of a card of this bank's"),
    "scheme-not-on-card": Problem(422, "the card has no half of that scheme: choose the other"),
    "wrong-code": Problem(422, "not the code that was sent", ("remaining_attempts",)),
    "too-many-attempts": Problem(429, "too many wrong cards: wait as long as `Retry-After` says"),
    "too-many-codes": Problem(429, "no more codes for this person for now: wait as long as `Retry-After` says"),
    "too-many-registrations": Problem(
        409, "the merchant asked this cardholder as often as the bank allows, and got no yes: wait for one"
    ),
    # Drawing rights.
    "drawing-right-inactive": Problem(409, "the right is not in force on this phone: paused, or the phone was put out"),
    "pair-again": Problem(409, "a new card or PIN on this phone needs the grantor's yes anew: pair it again"),
    "too-many-phones": Problem(
        409, "`phones_allowed` are paired: put one out, or allow more; the code stays good", ("phones", "limit")
    ),
    "already-asked": Problem(
        409,
        "this payment was asked for: wait for the answer, or use the yes; which request, the member says",
        ("drawing_request_id",),
    ),
    "too-many-open-requests": Problem(
        409, "too many requests of this right wait for an answer: let the grantor answer"
    ),
    "exceeds-scheme-ceiling": Problem(
        422, "a limit is above the scheme's maximum: `errors` names each, and its maximum"
    ),
    "unknown-user-code": Problem(422, "no phone shows this code, or no longer: let it show a new one"),
    "preference-fixed": Problem(422, "this kind of message is always told: `errors` names what cannot be switched off"),
    # Acquirers and networks.
    "payment-declined": Problem(409, "the payment was declined: there is nothing to capture, reverse or refund"),
    "nothing-held": Problem(409, "nothing is held any more: it was captured, reversed or given up"),
    "hold-expired": Problem(409, "what was held and not captured has expired: ask for a new authorisation"),
    "nothing-captured": Problem(409, "nothing is left of what was captured"),
    "nothing-to-reverse": Problem(409, "nothing is held, and nothing is left of what was captured"),
    "amount-too-high": Problem(422, "more than is held or was captured", ("most",)),
    "network-reference-reused": Problem(422, "this reference came before with other content: take a new one"),
    "not-an-authorization": Problem(422, "`original_network_reference` names no authorisation"),
}


def as_markdown() -> str:
    """The table, as docs/errors.md and the OpenAPI document have it."""
    rows = [
        f"| `{code}` | {each.status} | {each.about} | {', '.join(f'`{name}`' for name in each.members)} |"
        for code, each in PROBLEMS.items()
    ]
    return "\n".join(
        ["| `code` | status | what it means, and what to do | added members |", "| --- | --- | --- | --- |", *rows]
    )
