"""Who is told of what: events by their type, and those whom they concern. A test walks all event types and holds that
each is in one of these tables or is named as silent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from delegation.parties import Watching
from notifications import conditions
from notifications.conditions import Payload


class Audience(Enum):
    """Which people an event concerns."""

    HOLDER = "holder"  # whose card it is; of a requestor, everybody whose card is on a phone in its wallet
    DELEGATE = "delegate"  # who has the drawing right that the event is about; of a requestor, whose phone it is
    DELEGATES = "delegates"  # everybody with a living drawing right on the card


@dataclass(frozen=True, slots=True)
class Telling:
    """One telling of an event. `kind` is its type unless said; `notify` is what the grantor must have chosen, and with
    `if_large` the payment must be above the amount that the grantor chose.
    """

    audience: Audience
    kind: str | None = None
    sms: bool = False
    when: Callable[[Payload], bool] = conditions.always
    notify: frozenset[str] = frozenset({"all", "declined", "none"})
    if_large: bool = False


_HOLDER: Final = Telling(Audience.HOLDER)
_HOLDER_AT_ONCE: Final = Telling(Audience.HOLDER, sms=True)
_DELEGATE: Final = Telling(Audience.DELEGATE)
_DELEGATES: Final = Telling(Audience.DELEGATES)


def _to_grantor(kind: str) -> Telling:
    """Of a payment under a right, to a grantor who wants to hear of all of them, or of large ones."""
    return Telling(
        Audience.HOLDER,
        kind=kind,
        when=conditions.paid_under_a_right,
        notify=frozenset({"all"}),
        if_large=True,
    )


_PAYER: Final = Telling(Audience.DELEGATE, when=conditions.paid_under_a_right)
# To those who were told of the payment. Of a reversal of one's own a shop tells at the counter.
_RETURNED: Final = (
    _to_grantor("drawing_right.payment_returned"),
    Telling(Audience.DELEGATE, kind="payment.returned", when=conditions.paid_under_a_right),
)

PEOPLE: Final[Mapping[str, tuple[Telling, ...]]] = {
    "card.plastic_activated": (_HOLDER,),
    "card.blocked": (_HOLDER_AT_ONCE, _DELEGATES),  # R-10.1b
    "card.unblocked": (_HOLDER, _DELEGATES),
    "card.cvc_guessed": (_HOLDER_AT_ONCE,),  # R-S2
    "card.stayed_blocked": (_HOLDER,),
    "card.closed": (_HOLDER, _DELEGATES),
    "card.replaced": (
        _HOLDER_AT_ONCE,
        Telling(Audience.DELEGATES, kind="card.unblocked", when=lambda payload: payload["unblocked"]),
    ),
    "token.provisioned": (
        Telling(Audience.HOLDER, sms=True, when=conditions.at_once),
        Telling(Audience.HOLDER, kind="token.verification_required", sms=True, when=conditions.in_doubt),
        Telling(Audience.HOLDER, kind="drawing_right.token_provisioned", sms=True, when=conditions.under_a_right),
    ),
    # A delegate's phone, which the grantor let in, says itself that it was refused, and may ask again at once.
    "token.provisioning_refused": (Telling(Audience.HOLDER, when=conditions.for_oneself),),
    "token.verified": (_HOLDER_AT_ONCE,),
    "token.pin_changed": (_HOLDER,),
    "token.suspended": (
        Telling(Audience.HOLDER, sms=True, when=conditions.by_others),
        Telling(Audience.HOLDER, when=conditions.by_the_provider),
        Telling(Audience.HOLDER, kind="drawing_right.token_suspended", sms=True, when=conditions.by_the_delegate),
        Telling(Audience.DELEGATE, when=conditions.under_a_right),
    ),
    "token.resumed": (_HOLDER, Telling(Audience.DELEGATE, when=conditions.under_a_right)),
    # A phone that gets a new token for its old one is told of by the provisioning.
    "token.deactivated": (Telling(Audience.HOLDER, when=lambda payload: payload["by"] != "reprovisioning"),),
    "credential.registered": (_HOLDER,),
    "credential.confirmed": (_HOLDER,),
    "credential.withdrawn": (_HOLDER,),
    "credential.update_missed": (_HOLDER,),  # R-3.6c
    "drawing_right.granted": (_HOLDER,),
    "drawing_right.changed": (_HOLDER, _DELEGATE),
    "drawing_right.paired": (_HOLDER, _DELEGATE),
    "drawing_right.unpaired": (_HOLDER,),
    "drawing_right.paused": (_HOLDER, _DELEGATE),
    "drawing_right.resumed": (_HOLDER, _DELEGATE),
    "drawing_right.revoked": (_HOLDER, _DELEGATE),
    "drawing_right.expired": (
        Telling(Audience.HOLDER, when=conditions.expired_by("valid_until")),
        Telling(Audience.DELEGATE, when=conditions.expired_by("valid_until")),
        Telling(Audience.HOLDER, kind="drawing_right.ended_of_age", when=conditions.expired_by("came_of_age")),
        Telling(Audience.DELEGATE, kind="drawing_right.ended_of_age", when=conditions.expired_by("came_of_age")),
        # Who was invited and never let in has no inbox.
        Telling(
            Audience.HOLDER, kind="drawing_right.invitation_lapsed", when=conditions.expired_by("invitation_lapsed")
        ),
    ),
    "drawing_right.came_of_age": (_HOLDER, _DELEGATE),
    "drawing_right.week_ended": (_HOLDER,),
    "drawing_request.asked": (_HOLDER,),
    "drawing_request.approved": (_DELEGATE,),
    "drawing_request.declined": (
        Telling(Audience.DELEGATE, when=lambda payload: not payload["taken_back"]),
        Telling(Audience.DELEGATE, kind="drawing_request.taken_back", when=lambda payload: payload["taken_back"]),
    ),
    "payment.approved": (
        _to_grantor("drawing_right.payment_approved"),
        _PAYER,  # it is how a delegate sees what is left
    ),
    "payment.declined": (
        Telling(
            Audience.HOLDER,
            kind="drawing_right.payment_declined",
            when=conditions.paid_under_a_right,
            notify=frozenset({"all", "declined"}),
        ),
        _PAYER,
    ),
    "payment.reversed": _RETURNED,
    # To the same: their limits have it again. Of one's own, an account's statement tells.
    "payment.expired": (_to_grantor("drawing_right.payment_expired"), _PAYER),
    "payment.refunded": (Telling(Audience.HOLDER, when=conditions.for_oneself), *_RETURNED),
    # Phones stop paying, or pay again. By no SMS: nothing is asked of anybody, and it may be a million people.
    "requestor.changed": tuple(
        Telling(audience, kind=kind, when=when)
        for kind, when in (
            ("requestor.suspended", conditions.becomes("suspended")),
            ("requestor.resumed", conditions.becomes("active")),
        )
        for audience in (Audience.HOLDER, Audience.DELEGATE)
    ),
    # R-2.10b: a ceiling may be lowered, and whose rights reach above it then must know.
    "policy.set": (
        *(
            Telling(audience, kind="drawing_right.ceilings_lowered", when=conditions.lowers_ceilings)
            for audience in (Audience.HOLDER, Audience.DELEGATE)
        ),
        # R-2.5b: which of the two, if any, the versions before it say (pin_limits.py).
        *(
            Telling(Audience.HOLDER, kind=kind, when=conditions.sets_contactless)
            for kind in ("contactless.limit_changed", "contactless.limit_not_as_told")
        ),
    ),
    # What ended by a token or a code that came twice was stolen from one of the two who came (R-S2).
    "session.ended": (Telling(Audience.HOLDER, sms=True, when=conditions.by_a_copy),),
}

# Which tokens' requestors get `token.updated` (3-api.md, "Wallet provider").
ABOUT_A_TOKEN: Final = frozenset(
    {
        "token.provisioned",
        "token.verified",
        "token.activated",
        "token.pin_changed",
        "token.suspended",
        "token.resumed",
        "token.deactivated",
    }
)
ABOUT_TOKENS_OF_A_CARD: Final = frozenset({"card.blocked", "card.unblocked", "card.closed", "card.replaced"})
ABOUT_TOKENS_OF_A_RIGHT: Final = frozenset(
    {
        "drawing_right.changed",
        "drawing_right.paused",
        "drawing_right.resumed",
        "drawing_right.revoked",
        "drawing_right.expired",
    }
)
# Of them only those that change its status come as far as the outbox.
ABOUT_TOKENS_OF_A_REQUESTOR: Final = frozenset({"requestor.changed"})
# Of them only those that lower a ceiling, or are about contactless payments, do.
ABOUT_A_POLICY: Final = frozenset({"policy.set"})
# People hear of these piece by piece, too (crowds.py).
TOLD_TO_CROWDS: Final = ABOUT_TOKENS_OF_A_REQUESTOR | ABOUT_A_POLICY
# What `token.updated` calls each of them.
OPERATIONS: Final[Mapping[str, str]] = {
    "token.provisioned": "provision",
    "token.verified": "verify",
    "token.activated": "activate",
    "token.pin_changed": "change_pin",
    "token.suspended": "suspend",
    "token.resumed": "resume",
    "token.deactivated": "deactivate",
    "card.blocked": "block_card",
    "card.unblocked": "unblock_card",
    "card.closed": "close_card",
    "card.replaced": "replace_card",
    "drawing_right.changed": "change_right",
    "drawing_right.paused": "pause_right",
    "drawing_right.resumed": "resume_right",
    "drawing_right.revoked": "revoke_right",
    "drawing_right.expired": "expire_right",
    "requestor.changed": "change_wallet",
}
# Who did it, where the event itself does not say; else it was whose phone it is.
_ACTED: Final[Mapping[str, str | None]] = {
    "card.unblocked": "issuer",
    "card.closed": "issuer",
    "card.replaced": "issuer",
    "requestor.changed": "issuer",
    "drawing_right.changed": "cardholder",
    "drawing_right.paused": "cardholder",
    "drawing_right.resumed": "cardholder",
    "drawing_right.revoked": "cardholder",
    "drawing_right.expired": None,  # nobody: time passed
}
# Which credentials' merchants may get `credential.updated` (R-3.6b).
ABOUT_CREDENTIALS_OF_A_CARD: Final = frozenset(
    {"card.replaced", "card.stayed_blocked", "card.unblocked", "card.closed"}
)
ABOUT_A_CREDENTIAL: Final = frozenset({"credential.confirmed", "credential.update_chosen", "credential.withdrawn"})
REQUESTORS: Final = (
    ABOUT_A_TOKEN | ABOUT_TOKENS_OF_A_CARD | ABOUT_TOKENS_OF_A_RIGHT | ABOUT_CREDENTIALS_OF_A_CARD | ABOUT_A_CREDENTIAL
)

# About a person, not about a card.
ABOUT_A_HOLDER: Final = frozenset({"session.ended"})

# Nobody is told: it is a party's own doing that it has its answer to, or a step within something that is told.
SILENT: Final = frozenset(
    {
        "card.issued",
        "card.erased",
        "card.plastic_ordered",
        "token.keys_issued",
        "token.code_sent",
        "token.code_refused",
        # It was told of when it was approved, with the most that it may become. What it came to stands in the
        # statement, what is left in the app: a message of each would tell every payment twice.
        "payment.captured",
        "cardholder.registered",
        "cardholder.changed",
        "requestor.registered",
        # Who looks after an endpoint hears by SMS of its own that it is disabled (contacts.py).
        "endpoint.set",
        "endpoint.secret_rotated",
        "endpoint.key_approved",
        "endpoint.replayed",
        "endpoint.disabled",
        "key.rotated",
        "key.retired",
        "key.reinstated",
        "key.destroyed",
        "client.registered",
        "client.changed",
        "client.suspended",
        "client.resumed",
        "client.revoked",
        "sign_in.linked",
        "sign_in.succeeded",
        "step_up.succeeded",
        "access.refused",
        "session.started",
        "session.renewed",
    }
)


def acted(type_: str, payload: Payload) -> str | None:
    """Which party did what an event of OPERATIONS tells of, where the event does not say; None where nobody did."""
    if type_ in _ACTED:
        return _ACTED[type_]
    return "delegate" if payload["right_id"] else "cardholder"


def tellings(type_: str, payload: Payload) -> tuple[Telling, ...]:
    """How people are told of this event, before anything is asked of the database."""
    return tuple(telling for telling in PEOPLE.get(type_, ()) if telling.when(payload))


def is_wanted(telling: Telling, watching: Watching, payload: Payload) -> bool:
    """Whether a grantor who watches so wants to hear it. A payment is as large as it may become (R-3.1a), in the
    account's currency, which is what the grantor named an amount in.
    """
    if watching.notify_grantor not in telling.notify:
        return False
    if not telling.if_large or watching.notify_above is None:
        return True
    in_account = payload.get("billed") or payload
    most: int = in_account.get("most", payload["amount"])  # an event of before has none
    return most > watching.notify_above


def is_known(type_: str) -> bool:
    """Whether a table says what becomes of it. One of a newer version is not: that version's relay tells it."""
    return type_ in REQUESTORS or type_ in SILENT or type_ in PEOPLE


def concerns_anybody(type_: str, payload: Payload) -> bool:
    """Whether there is anybody to tell. An event that no table knows is kept: it must be noticed, not lost."""
    return type_ in REQUESTORS or not is_known(type_) or bool(tellings(type_, payload))
