from typing import Any

import pytest

from delegation.parties import NOTIFY, Watching
from notifications.audiences import PEOPLE, REQUESTORS, SILENT, Audience, concerns_anybody, is_wanted, tellings


@pytest.mark.parametrize(
    ("type_", "payload", "concerned"),
    [
        ("card.blocked", {}, True),
        ("card.issued", {}, False),
        ("token.keys_issued", {}, False),
        ("token.activated", {}, True),
        ("payment.approved", {"right_id": None}, False),
        ("payment.approved", {"right_id": "right_1", "amount": 1}, True),
        ("payment.approved", {"right_id": "right_1", "amount": 0}, False),
        ("payment.declined", {"right_id": None}, False),
        ("payment.captured", {"right_id": "right_1"}, False),
        ("payment.reversed", {"right_id": None, "amount": 1}, False),
        ("payment.reversed", {"right_id": "right_1", "amount": 1}, True),
        ("token.provisioning_refused", {"right_id": None}, True),
        ("token.provisioning_refused", {"right_id": "right_1"}, False),
        ("policy.set", {"name": "ceilings", "lowered": ["per_day"]}, True),
        ("policy.set", {"name": "ceilings", "lowered": []}, False),
        ("policy.set", {"name": "ceilings"}, False),
        ("policy.set", {"name": "contactless", "lowered": []}, True),
        ("policy.set", {"name": "card_limits", "lowered": ["cash_per_day"]}, False),
        ("drawing_right.expired", {"why": "something_new"}, True),
        ("something.nobody_thought_of", {}, True),
    ],
)
def test_only_what_concerns_somebody_goes_to_the_outbox(type_: str, payload: dict[str, Any], concerned: bool) -> None:
    assert concerns_anybody(type_, payload) is concerned


def test_a_provisioning_has_one_telling_whoever_it_is_for_and_however_it_was_decided() -> None:
    [own] = tellings("token.provisioned", {"right_id": None, "decision": "approved"})
    [doubtful] = tellings("token.provisioned", {"right_id": None, "decision": "verification_required"})
    [childs] = tellings("token.provisioned", {"right_id": "right_1", "decision": "approved"})
    kinds = (None, "token.verification_required", "drawing_right.token_provisioned")
    assert (own.kind, doubtful.kind, childs.kind) == kinds


def test_a_wallets_server_cannot_flood_a_person_with_texts() -> None:
    for by, texted in (("wallet_provider", False), ("issuer", True), ("cardholder", True), ("pin_locked", True)):
        [telling] = tellings("token.suspended", {"by": by, "by_delegate": False, "right_id": None})
        assert (telling.kind, telling.sms) == (None, texted)


def test_a_delegate_that_suspends_its_own_card_is_named_to_the_grantor() -> None:
    own = {"by": "cardholder", "by_delegate": True, "right_id": "right_1"}
    assert [(each.audience, each.kind) for each in tellings("token.suspended", own)] == [
        (Audience.HOLDER, "drawing_right.token_suspended"),
        (Audience.DELEGATE, None),
    ]


@pytest.mark.parametrize(("taken_back", "kind"), [(False, None), (True, "drawing_request.taken_back")])
def test_a_yes_that_is_taken_back_is_not_told_as_a_no(taken_back: bool, kind: str | None) -> None:
    [telling] = tellings("drawing_request.declined", {"taken_back": taken_back})
    assert (telling.audience, telling.kind) == (Audience.DELEGATE, kind)


def test_money_that_comes_back_is_told_to_whoever_was_told_of_the_payment_and_never_as_a_text() -> None:
    for type_ in ("payment.reversed", "payment.refunded"):
        grantors, delegates = tellings(type_, {"right_id": "right_1", "amount": 1})
        assert (grantors.audience, grantors.notify, grantors.if_large) == (Audience.HOLDER, frozenset({"all"}), True)
        assert delegates.audience is Audience.DELEGATE
        assert (grantors.sms, delegates.sms) == (False, False)


def test_a_token_that_made_way_for_its_successor_is_not_told_of() -> None:
    assert tellings("token.deactivated", {"by": "reprovisioning"}) == ()
    assert len(tellings("token.deactivated", {"by": "cardholder"})) == 1


def test_blocks_provisioning_suspension_replacement_guesses_and_stolen_sessions_are_sent_as_texts() -> None:
    texted = {type_ for type_, each in PEOPLE.items() if any(telling.sms for telling in each)}
    of_cards = {"card.blocked", "card.replaced", "card.cvc_guessed"}
    of_tokens = {"token.provisioned", "token.verified", "token.suspended"}
    assert texted == of_cards | of_tokens | {"session.ended"}


@pytest.mark.parametrize(("reason", "times"), [("refresh_reuse", 1), ("code_reuse", 1), ("signed_out", 0)])
def test_a_session_that_a_copy_ended_is_told(reason: str, times: int) -> None:
    assert len(tellings("session.ended", {"reason": reason})) == times


def test_only_cardholders_get_texts() -> None:
    assert all(telling.audience is Audience.HOLDER for each in PEOPLE.values() for telling in each if telling.sms)


def test_nothing_is_both_told_and_silent() -> None:
    assert SILENT.isdisjoint(PEOPLE)
    assert SILENT.isdisjoint(REQUESTORS)


@pytest.mark.parametrize(
    ("watching", "small", "large", "declined"),
    [
        (Watching("all"), True, True, True),
        (Watching("all", notify_above=10_000), False, True, True),
        (Watching("all", notify_above=0), True, True, True),
        (Watching("declined"), False, False, True),
        (Watching("declined", notify_above=10_000), False, False, True),
        (Watching("none"), False, False, False),
        (Watching("none", notify_above=10_000), False, False, False),
    ],
)
def test_a_grantor_hears_of_payments_as_wished(watching: Watching, small: bool, large: bool, declined: bool) -> None:
    approved, refused = PEOPLE["payment.approved"][0], PEOPLE["payment.declined"][0]
    wanted = [is_wanted(approved, watching, {"amount": amount}) for amount in (10_000, 10_001)]
    assert (*wanted, is_wanted(refused, watching, {"amount": 1})) == (small, large, declined)


def test_an_estimate_is_as_large_as_it_may_become() -> None:
    approved, watching = PEOPLE["payment.approved"][0], Watching("all", notify_above=10_000)
    wanted = [is_wanted(approved, watching, {"amount": 10_000, "most": most}) for most in (10_000, 11_500)]
    assert wanted == [False, True]


def test_a_payment_abroad_is_as_large_as_what_is_billed() -> None:
    approved, watching = PEOPLE["payment.approved"][0], Watching("all", notify_above=14_920)
    payload = {"amount": 99_999, "most": 99_999, "currency": "JPY"}
    wanted = [is_wanted(approved, watching, payload | {"billed": {"most": most}}) for most in (14_920, 14_921)]
    assert wanted == [False, True]


@pytest.mark.parametrize("notify_grantor", NOTIFY)
def test_everything_else_is_told_whatever_was_chosen_of_payments(notify_grantor: str) -> None:
    others = [each for type_, of_type in PEOPLE.items() if not type_.startswith("payment.") for each in of_type]
    assert all(is_wanted(telling, Watching(notify_grantor, notify_above=1), {"amount": 0}) for telling in others)


@pytest.mark.parametrize(
    ("why", "kinds"),
    [
        ("valid_until", [None, None]),
        ("came_of_age", ["drawing_right.ended_of_age", "drawing_right.ended_of_age"]),
        ("invitation_lapsed", ["drawing_right.invitation_lapsed"]),
    ],
)
def test_a_right_that_expired_is_told_by_its_reason(why: str, kinds: list[str | None]) -> None:
    told = tellings("drawing_right.expired", {"why": why})
    assert [telling.kind for telling in told] == kinds
    assert told[0].audience is Audience.HOLDER


@pytest.mark.parametrize("answer", ["payment.approved", "payment.declined"])
def test_a_payment_that_a_shop_only_asked_about_is_no_news(answer: str) -> None:
    assert tellings(answer, {"right_id": "right_1", "amount": 0}) == ()
    assert len(tellings(answer, {"right_id": "right_1", "amount": 1})) == 2
