from typing import Any

import pytest

from notifications.audiences import PEOPLE, REQUESTORS, SILENT, Audience, concerns_anybody, tellings


@pytest.mark.parametrize(
    ("type_", "payload", "concerned"),
    [
        ("card.blocked", {}, True),
        ("card.issued", {}, False),
        ("token.keys_issued", {}, False),
        ("token.activated", {}, True),
        ("payment.approved", {"right_id": None}, False),
        ("payment.approved", {"right_id": "right_1"}, True),
        ("payment.declined", {"right_id": None}, False),
        ("payment.captured", {"right_id": "right_1"}, False),
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
        [telling] = tellings("token.suspended", {"by": by, "right_id": None})
        assert telling.sms is texted


def test_a_token_that_made_way_for_its_successor_is_not_told_of() -> None:
    assert tellings("token.deactivated", {"by": "reprovisioning"}) == ()
    assert len(tellings("token.deactivated", {"by": "cardholder"})) == 1


def test_blocks_provisioning_suspension_replacement_and_stolen_sessions_are_sent_as_texts() -> None:
    texted = {type_ for type_, each in PEOPLE.items() if any(telling.sms for telling in each)}
    of_cards, of_tokens = {"card.blocked", "card.replaced"}, {"token.provisioned", "token.verified", "token.suspended"}
    assert texted == of_cards | of_tokens | {"session.ended"}


@pytest.mark.parametrize(("reason", "times"), [("refresh_reuse", 1), ("code_reuse", 1), ("signed_out", 0)])
def test_a_session_that_a_copy_ended_is_told(reason: str, times: int) -> None:
    assert len(tellings("session.ended", {"reason": reason})) == times


def test_only_cardholders_get_texts() -> None:
    assert all(telling.audience is Audience.HOLDER for each in PEOPLE.values() for telling in each if telling.sms)


def test_nothing_is_both_told_and_silent() -> None:
    assert SILENT.isdisjoint(PEOPLE)
    assert SILENT.isdisjoint(REQUESTORS)
