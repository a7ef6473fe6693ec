"""The decision about one payment: every rule, in the order in which they are asked. Pure.

What stands first decides: is it a payment at all, may the card be used, here, is it really the device and the person,
and only then how much.
"""

from datetime import datetime
from typing import Final

from tokenization.policies import Policies
from wallet.payments import rules
from wallet.payments.requests import Authorization
from wallet.payments.situation import Rule, Situation, Snapshot, Verdict

RULES: Final[tuple[Rule, ...]] = (
    rules.amount,
    rules.own_merchant,
    rules.in_force,
    rules.consent,
    rules.domain,
    rules.device_proof,
    rules.person_proof,
    rules.cvc,
    rules.currency,
    rules.customer_authentication,
    rules.pin,
    rules.drawing_right,
    rules.card_limits,
    rules.funds,
)


def decide(asked: Authorization, snapshot: Snapshot, policies: Policies, now: datetime) -> Verdict:
    """Ask the rules in turn; the first that objects decides. `now` is the server's."""
    situation = Situation(asked, snapshot, policies, now)
    objections = (rule(situation) for rule in RULES)
    return next((declined for declined in objections if declined), None) or rules.approval(situation)
