"""The decision about one payment: every rule, in the order in which they are asked. Pure.

What stands first decides: is it a payment at all, may the card be used, here, is it really the device and the person,
and only then how much. docs/payments.md shows this table; a test holds each rule to its reasons.
"""

from datetime import datetime
from typing import Final

from tokenization.policies import Policies
from wallet.payments import rules
from wallet.payments.reasons import UNUSABLE
from wallet.payments.requests import Authorization
from wallet.payments.situation import Approved, Declined, Rule, Situation, Snapshot, Verdict

RULES: Final[tuple[Rule, ...]] = (
    Rule(rules.amount, (), ("invalid_amount",)),
    Rule(rules.own_merchant, ("R-3.6a",), ("not_permitted",)),
    Rule(rules.in_force, ("R-10.1", "R-10.2", "R-11.4", "R-13", "R-3.3b", "R-3.6a"), UNUSABLE),
    Rule(rules.consent, ("R-3.6a",), ("credential_pending",)),
    Rule(rules.domain, ("R-3.1", "R-3.3d", "R-3.3e", "R-3.4", "R-2.2"), ("not_permitted",)),
    Rule(rules.device_proof, (), ("security_violation", "system_error")),
    Rule(rules.person_proof, ("R-4.1",), ("wrong_pin",)),
    Rule(rules.cvc_tries, (), ("count_limit",)),
    Rule(rules.cvc, (), ("wrong_cvc", "system_error")),
    Rule(rules.currency, ("R-18",), ("currency_not_supported", "invalid_amount")),
    Rule(rules.customer_authentication, ("R-3.6a",), ("customer_authentication_required",)),
    Rule(rules.pin, ("R-2.5a", "R-3.4"), ("pin_required",)),
    Rule(rules.drawing_right, ("R-2.10a", "R-2.10b", "R-3.1a"), ("not_permitted", "amount_limit", "count_limit")),
    Rule(rules.card_limits, ("R-2.6", "R-2.7", "R-2.8", "R-2.2", "R-3.1a"), ("amount_limit",)),
    Rule(rules.funds, ("R-2.4", "R-3.1a"), ("insufficient_funds",)),
)


def decide(asked: Authorization, snapshot: Snapshot, policies: Policies, now: datetime) -> Verdict:
    """Ask the rules in turn; the first that says no decides. `now` is the server's."""
    situation = Situation(asked, snapshot, policies, now)
    verdict = Approved()
    for rule in RULES:
        answer = rule.ask(situation)
        if isinstance(answer, Declined):
            return answer
        verdict = answer or verdict
    return verdict
