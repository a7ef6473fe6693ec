"""A child's phone: device grant, bound to its key, ended with its right."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from redis import Redis

from tests.integration.access.acting import DEVICE_GRANT, Phone, claims_in, tokens_in
from tokenization import ids
from tokenization.clock import SetClock
from wallet.access import sessions
from wallet.access.errors import AccessRefused
from wallet.access.oauth import devices
from wallet.database import Database

RIGHT, CARD, PAIRING = ids.new_id(), ids.new_id(), ids.new_id()


@pytest.fixture
def let_in(database: Database, redis: Redis, anna: UUID, clock: SetClock) -> Callable[[str], None]:
    """The parent says yes, as `POST …/pair` does."""

    def let_in(user_code: str) -> None:
        pending = devices.claim(redis, user_code, by="parent", now=clock.now())
        assert pending is not None
        with database.transaction("test") as session:
            started = sessions.start_for_child(
                session,
                client_id=pending.client_id,
                thumbprint=pending.thumbprint,
                holder_id=anna,
                card_id=CARD,
                right_id=RIGHT,
                pairing_id=PAIRING,
                now=clock.now(),
            )
            session_id = started.session_id
        devices.approve(redis, pending, session_id)

    return let_in


def test_a_childs_phone_is_let_in_by_the_parent(child_phone: Phone, let_in: Callable[[str], None]) -> None:
    asked = child_phone.ask_to_pair()
    assert child_phone.poll(asked["device_code"]).json["error"] == "authorization_pending"
    let_in(asked["user_code"])
    tokens = tokens_in(child_phone.poll(asked["device_code"]))
    assert claims_in(tokens.access_token)["sub"] == ids.to_text("right", RIGHT)
    answer = child_phone.call("GET", "/v1/me", tokens.access_token)
    assert answer.json["actor"] == f"delegate:{ids.to_text('right', RIGHT)}"


def test_a_child_needs_no_step_up_and_has_no_parents_routes(child_phone: Phone, let_in: Callable[[str], None]) -> None:
    asked = child_phone.ask_to_pair()
    let_in(asked["user_code"])
    token = tokens_in(child_phone.poll(asked["device_code"])).access_token
    assert child_phone.call("POST", "/v1/tokens", token).status_code == 200
    assert child_phone.call("POST", "/v1/block", token).status_code == 403


def test_the_answer_is_that_of_rfc_8628_with_two_digits_to_compare(child_phone: Phone, redis: Redis) -> None:
    asked = child_phone.ask_to_pair()
    assert (asked["expires_in"], asked["interval"]) == (600, 5)
    assert asked["verification_uri"].endswith("/oauth/device")
    assert child_phone.http.get("/oauth/device").status_code == 200
    found = devices.find(redis, asked["user_code"], by="parent", now=child_phone.clock.now())
    assert found is not None
    assert (found.match, found.device_name) == (asked["match"], "Emils telefon")
    assert len(found.match) == 2
    assert found.match.isdigit()


@pytest.mark.parametrize(
    "spelling",
    [
        str.lower,
        lambda code: code.replace("-", ""),
        lambda code: f" {code[:4]} {code[5:]}",
        lambda code: " ".join(code.lower()),
    ],
)
def test_a_user_code_is_found_in_any_spelling(child_phone: Phone, redis: Redis, spelling: Callable[[str], str]) -> None:
    code = child_phone.ask_to_pair()["user_code"]
    found = devices.find(redis, spelling(code), by="parent", now=child_phone.clock.now())
    assert found is not None
    assert found.user_code == code


def test_letters_that_only_become_those_of_a_code_are_none(redis: Redis, clock: SetClock) -> None:
    """In capitals `ß` is SS, and a long s is S."""
    pending = devices.PendingDevice("SSSS-SSSS", "Emils telefon", "k" * 43, "child", clock.now(), "27")
    devices.keep(redis, "device code", pending)
    found = [devices.find(redis, code, by="parent", now=clock.now()) for code in ("ßßßß", "ſſſſſſſſ", "ssss-ssss")]
    assert found == [None, None, pending]


def test_a_user_code_is_claimed_by_one_parent(child_phone: Phone, redis: Redis, clock: SetClock) -> None:
    code = child_phone.ask_to_pair()["user_code"]
    assert devices.claim(redis, code, by="one", now=clock.now()) is not None
    assert devices.claim(redis, code, by="other", now=clock.now()) is None


def test_wrong_codes_are_limited_per_caller_however_many_right_ones_lie_between(
    child_phone: Phone, redis: Redis, clock: SetClock
) -> None:
    right = child_phone.ask_to_pair()["user_code"]
    for wrong in ("BBBB-BBBB", "no code", "CCCC-CCCC", "DDDD-DDDD", "FFFF-FFFF"):
        assert devices.find(redis, right, by="guesser", now=clock.now()) is not None
        assert devices.find(redis, wrong, by="guesser", now=clock.now()) is None
    with pytest.raises(AccessRefused) as refused:
        devices.find(redis, right, by="guesser", now=clock.now())
    assert refused.value.status == 429
    assert 0 < (refused.value.retry_after or 0) <= 600
    assert devices.find(redis, right, by="another", now=clock.now()) is not None


def test_another_key_cannot_redeem(child_phone: Phone, let_in: Callable[[str], None]) -> None:
    asked = child_phone.ask_to_pair()
    let_in(asked["user_code"])
    thief = Phone(child_phone.http, child_phone.browser, child_phone.clock, child_phone.client_id)
    assert thief.poll(asked["device_code"]).json["error"] == "invalid_grant"
    assert child_phone.poll(asked["device_code"]).status_code == 200


def test_a_device_code_without_a_proof_is_refused(child_phone: Phone) -> None:
    asked = child_phone.ask_to_pair()
    form = {"client_id": child_phone.client_id, "grant_type": DEVICE_GRANT, "device_code": asked["device_code"]}
    assert child_phone.post("/oauth/token", form).json["error"] == "invalid_dpop_proof"


def test_a_device_code_is_redeemed_once(child_phone: Phone, let_in: Callable[[str], None]) -> None:
    asked = child_phone.ask_to_pair()
    let_in(asked["user_code"])
    assert child_phone.poll(asked["device_code"]).status_code == 200
    assert child_phone.poll(asked["device_code"]).json["error"] == "expired_token"


def test_polling_too_fast_slows_down_and_patience_is_rewarded(child_phone: Phone, clock: SetClock) -> None:
    code = child_phone.ask_to_pair()["device_code"]
    assert child_phone.poll(code).json["error"] == "authorization_pending"
    assert child_phone.poll(code).json["error"] == "slow_down"
    clock.advance(timedelta(seconds=9))
    assert child_phone.poll(code).json["error"] == "slow_down"
    clock.advance(timedelta(seconds=15))
    assert child_phone.poll(code).json["error"] == "authorization_pending"


def test_a_code_ends_after_ten_minutes(child_phone: Phone, redis: Redis, clock: SetClock) -> None:
    asked = child_phone.ask_to_pair()
    clock.advance(timedelta(minutes=10))
    assert child_phone.poll(asked["device_code"]).json["error"] == "expired_token"
    assert devices.find(redis, asked["user_code"], by="parent", now=clock.now()) is None


@pytest.mark.parametrize("ended_by", ["right", "pairing", "phone"])
def test_a_childs_session_ends_with_its_right_its_pairing_or_its_phone(
    child_phone: Phone, let_in: Callable[[str], None], database: Database, clock: SetClock, ended_by: str
) -> None:
    asked = child_phone.ask_to_pair()
    let_in(asked["user_code"])
    tokens, thumbprint = tokens_in(child_phone.poll(asked["device_code"])), child_phone.key.thumbprint()
    with database.transaction("test") as session:
        ends: dict[str, Callable[[], int]] = {
            "right": lambda: sessions.end_for_right(session, RIGHT, now=clock.now()),
            "pairing": lambda: sessions.end_for_pairing(session, PAIRING, reason="paired_anew", now=clock.now()),
            "phone": lambda: sessions.end_for_phone(session, thumbprint, reason="device_lost", now=clock.now()),
        }
        assert ends[ended_by]() == 1
    assert child_phone.call("GET", "/v1/me", tokens.access_token).status_code == 401
    assert child_phone.refresh(tokens.refresh_token).json["error"] == "invalid_grant"


def test_a_phone_that_was_put_out_before_it_redeemed_stays_out(
    child_phone: Phone, let_in: Callable[[str], None], database: Database, clock: SetClock
) -> None:
    asked = child_phone.ask_to_pair()
    let_in(asked["user_code"])
    with database.transaction("test") as session:
        sessions.end_for_right(session, RIGHT, now=clock.now())
    assert child_phone.poll(asked["device_code"]).json["error"] == "access_denied"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"device_name": ""}, "invalid_request"),
        ({"device_name": "x" * 61}, "invalid_request"),
        ({"device_name": "line\nbreak"}, "invalid_request"),
        ({"dpop_jkt": "short"}, "invalid_request"),
        ({"scope": "wallet"}, "invalid_scope"),
        ({"client_id": "unknown"}, "invalid_client"),
    ],
)
def test_a_wrong_question_gets_no_code(child_phone: Phone, changes: dict[str, Any], error: str) -> None:
    form = {"client_id": child_phone.client_id, "device_name": "Telefon", "dpop_jkt": "k" * 43, **changes}
    answer = child_phone.post("/oauth/device_authorization", form)
    assert (answer.status_code, answer.json["error"]) == (400, error)


def test_a_parents_app_cannot_use_the_device_grant(phone: Phone) -> None:
    form = {"client_id": phone.client_id, "device_name": "Telefon", "dpop_jkt": "k" * 43}
    assert phone.post("/oauth/device_authorization", form).json["error"] == "unauthorized_client"
    assert phone.poll("any").json["error"] == "unauthorized_client"
