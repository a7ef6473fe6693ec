"""What a delegate asks for: what the body of a request leaves out follows from the payment that was declined. Pure."""

from collections.abc import Mapping
from typing import Any

from delegation.judging import HOW_MUCH, LIFTED
from delegation.limits import CEILING, DRAWING_RIGHT
from delegation.requests import ONE_OFF, Wanted
from tokenization.errors import Invalid
from tokenization.policies import Holds, Policies
from wallet.payments import billing, history, rates, rules
from wallet.payments.models import Payment


def wanted(body: Mapping[str, Any], declined: Payment | None, present: Policies) -> Wanted:
    """The request that a body of the API's shape makes, for itself or about a declined payment. Raises Invalid."""
    if declined is not None and (why := objection(declined, present)):
        raise Invalid("payment_id", why)
    limit = body["limit"] or _limit(body["kind"], declined)
    least = None if declined is None else _least(body["kind"], limit, declined, present.holds)
    return Wanted(
        kind=body["kind"],
        amount=_amount(body["amount"], least),
        limit=limit,
        payment_id=body["payment_id"],
        merchant=None if declined is None else _merchant(declined),
        message=body["message"],
    )


def objection(payment: Payment, present: Policies) -> str | None:
    """Why it cannot be asked for, or None: only what a grantor can lift may be. Of other reasons a delegate is told no
    more than at the shop.
    """
    most = rules.ceiling(present).per_payment
    if payment.approved:
        return "was not declined"
    limit = payment.limit or {}
    if limit.get("of") == CEILING:
        return "was stopped by the scheme's ceiling, which no grantor can lift"
    if limit.get("of") != DRAWING_RIGHT or limit["name"] not in LIFTED or payment.kind == "verification":
        return "was declined for a reason that no grantor can lift"
    if most is not None and _needs(payment, present.holds) > most:
        return "is above the scheme's ceiling, which no grantor can lift"
    return None


def _limit(kind: str, declined: Payment | None) -> str:
    """The limit that stopped it. A one-off is about no limit more than another."""
    if declined is not None and declined.limit and declined.limit["name"] in HOW_MUCH:
        return str(declined.limit["name"])
    if kind == ONE_OFF:
        return "per_payment"
    raise Invalid("limit", "name the limit that should become higher")


def _needs(declined: Payment, holds: Holds) -> int:
    """What it would have cost the account (R-18), whatever it may become (R-3.1a)."""
    margin = rules.margin_of(declined.amount_minor, declined.merchant["mcc"], holds) if declined.estimated else 0
    return rates.billed_minor(declined.amount_minor + margin, billing.rate_of(declined))


def _least(kind: str, limit: str, declined: Payment, holds: Holds) -> int | None:
    """What the payment needs; None of a limit that did not stop it."""
    needs = _needs(declined, holds)
    if kind == ONE_OFF:
        return needs
    stopped = declined.limit or {}
    if stopped["name"] != limit:
        return None
    return int(stopped["spent"]) + (1 if limit == "payments_per_day" else needs)


def _amount(given: int | None, least: int | None) -> int:
    amount = least if given is None else given
    if amount is None:
        raise Invalid("amount", "is needed, unless payment_id says for which payment")
    if least is not None and amount < least:
        raise Invalid("amount", f"must be at least {least}: so much the payment needs")
    return amount


def _merchant(declined: Payment) -> dict[str, Any]:
    """Where it was declined, with the categories that it was declined under, and by the name of which limit."""
    where: dict[str, Any] = {name: declined.merchant[name] for name in ("id", "name", "country")}
    where |= {"client_id": declined.client_id, "categories": history.categories(declined)}
    return where | {"stopped_by": (declined.limit or {}).get("name")}
