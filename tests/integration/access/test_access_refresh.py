"""Refresh tokens: bound, rotating, and their reuse."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.integration.access.acting import Phone, tokens_in
from tokenization.clock import SetClock
from wallet.access.models import AccessSession, RefreshChain


def test_each_refresh_gives_a_new_token_and_the_chain_goes_on(phone: Phone) -> None:
    tokens = phone.sign_in()
    seen = {tokens.refresh_token}
    for _ in range(3):
        tokens = tokens_in(phone.refresh(tokens.refresh_token))
        seen.add(tokens.refresh_token)
        assert phone.call("GET", "/v1/me", tokens.access_token).status_code == 200
    assert len(seen) == 4


def test_one_retry_of_a_lost_answer_is_allowed(phone: Phone) -> None:
    first = phone.sign_in()
    phone.refresh(first.refresh_token)
    again = tokens_in(phone.refresh(first.refresh_token))
    assert phone.refresh(again.refresh_token).status_code == 200


def test_a_second_retry_ends_the_session(phone: Phone, committed: Session) -> None:
    first = phone.sign_in()
    phone.refresh(first.refresh_token)
    kept = tokens_in(phone.refresh(first.refresh_token))
    assert phone.refresh(first.refresh_token).json["error"] == "invalid_grant"
    assert phone.refresh(kept.refresh_token).json["error"] == "invalid_grant"
    assert phone.call("GET", "/v1/me", kept.access_token).status_code == 401
    assert committed.scalar(select(AccessSession.end_reason)) == "refresh_reuse"


def test_a_token_whose_successor_was_used_ends_the_session(phone: Phone) -> None:
    first = phone.sign_in()
    second = tokens_in(phone.refresh(first.refresh_token))
    third = tokens_in(phone.refresh(second.refresh_token))
    assert phone.refresh(first.refresh_token).json["error"] == "invalid_grant"
    assert phone.refresh(third.refresh_token).json["error"] == "invalid_grant"


def test_the_successor_that_a_retry_replaced_ends_the_session(phone: Phone) -> None:
    first = phone.sign_in()
    lost = tokens_in(phone.refresh(first.refresh_token))
    kept = tokens_in(phone.refresh(first.refresh_token))
    assert phone.refresh(lost.refresh_token).json["error"] == "invalid_grant"
    assert phone.refresh(kept.refresh_token).json["error"] == "invalid_grant"


def test_a_stolen_refresh_token_is_of_no_use_with_another_key_and_harms_nobody(phone: Phone) -> None:
    tokens = phone.sign_in()
    thief = Phone(phone.http, phone.browser, phone.clock, phone.client_id)
    assert thief.refresh(tokens.refresh_token).json["error"] == "invalid_grant"
    assert phone.refresh(tokens.refresh_token).status_code == 200


def test_a_refresh_token_ends_after_ninety_days(phone: Phone, clock: SetClock) -> None:
    tokens = phone.sign_in()
    clock.advance(timedelta(days=90))
    assert phone.refresh(tokens.refresh_token).json["error"] == "invalid_grant"


def test_a_refresh_cannot_widen_the_scope(phone: Phone) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": phone.sign_in().refresh_token, "scope": "issuer"}
    assert phone.token(form).json["error"] == "invalid_scope"


def test_only_hashes_of_refresh_tokens_are_kept(phone: Phone, committed: Session) -> None:
    token = phone.sign_in().refresh_token
    kept = committed.scalars(select(RefreshChain.current_hash)).all()
    assert len(kept) == 1
    assert token.encode() not in kept[0]


@pytest.mark.parametrize("token", ["", ".", "nothing", "æ.secret", "A" * 22, "A" * 23 + ".secret", "A" * 4000])
def test_what_is_no_refresh_token_is_refused_like_one_that_has_passed(phone: Phone, token: str) -> None:
    answer = phone.refresh(token)
    assert (answer.status_code, answer.json["error"]) in ((400, "invalid_grant"), (400, "invalid_request"))


def test_however_long_a_phone_goes_on_it_leaves_one_row(phone: Phone, committed: Session) -> None:
    tokens = phone.sign_in()
    first = tokens.refresh_token
    for _ in range(5):
        tokens = tokens_in(phone.refresh(tokens.refresh_token))
    assert len(committed.scalars(select(RefreshChain.chain_id)).all()) == 1
    assert phone.refresh(first).json["error"] == "invalid_grant"
    assert committed.scalar(select(AccessSession.end_reason)) == "refresh_reuse"
