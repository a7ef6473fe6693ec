"""The access journal: who signed in, who stepped up, and who was refused."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.integration.access.acting import STRANGER, Machine, Phone, parameters_in, tokens_in
from tokenization import ids
from tokenization.clock import SetClock
from tokenization.journal import chains
from tokenization.journal.models import SubjectJournalEntry
from tokenization.keys.ring import KeyRing
from wallet.access.events import client_subject
from wallet.services import Services


def told(session: Session, subject_id: UUID) -> list[tuple[str, dict[str, Any]]]:
    """The entries of a journal."""
    entries = select(SubjectJournalEntry).filter_by(subject_id=subject_id).order_by(SubjectJournalEntry.seq)
    return [(entry.type, entry.payload or {}) for entry in session.scalars(entries)]


def refusals(session: Session, subject_id: UUID) -> list[tuple[str, str]]:
    payloads = [payload for type_, payload in told(session, subject_id) if type_ == "access.refused"]
    return [(payload["route"], payload["error"]) for payload in payloads]


def test_a_sign_in_is_journalled_with_its_session(phone: Phone, anna: UUID, committed: Session) -> None:
    phone.sign_in()
    by_type = dict(told(committed, anna))
    assert list(by_type) == ["cardholder.registered", "sign_in.linked", "sign_in.succeeded", "session.started"]
    assert by_type["sign_in.succeeded"]["client"] == phone.client_id
    assert by_type["sign_in.succeeded"]["acr"].endswith("/Substantial")
    assert by_type["session.started"]["session"].startswith("sess_")


def test_a_step_up_is_journalled_with_its_purpose_and_goes_on_with_the_session(
    phone: Phone, anna: UUID, committed: Session
) -> None:
    phone.sign_in()
    phone.sign_in(purpose="provision")
    entries = told(committed, anna)
    assert [type_ for type_, _ in entries[-2:]] == ["step_up.succeeded", "session.renewed"]
    assert entries[-2][1]["purpose"] == "provision"
    assert entries[-1][1]["session"] == dict(entries)["session.started"]["session"]


def test_the_first_access_token_is_good_after_a_step_up(phone: Phone) -> None:
    first, stepped_up = phone.sign_in(), phone.sign_in(purpose="provision")
    assert phone.call("GET", "/v1/me", first.access_token).status_code == 200
    assert phone.call("POST", "/v1/tokens", first.access_token).status_code == 401
    assert phone.call("POST", "/v1/tokens", stepped_up.access_token).json == {"purpose": "provision"}


def test_a_refresh_token_of_before_a_step_up_goes_on_and_opens_nothing_more(phone: Phone, clock: SetClock) -> None:
    first = phone.sign_in()
    clock.advance(timedelta(minutes=1))
    phone.sign_in(purpose="provision")
    refreshed = tokens_in(phone.refresh(first.refresh_token))
    assert phone.call("POST", "/v1/tokens", refreshed.access_token).status_code == 401


def test_a_reuse_in_one_chain_ends_the_phones_session_with_all_its_chains(phone: Phone) -> None:
    first, second = phone.sign_in(), phone.sign_in(purpose="provision")
    for _ in range(3):
        phone.refresh(first.refresh_token)
    assert phone.refresh(second.refresh_token).json["error"] == "invalid_grant"
    assert phone.call("GET", "/v1/me", second.access_token).status_code == 401


def test_a_code_that_comes_again_before_it_was_redeemed_gives_nothing(phone: Phone, committed: Session) -> None:
    """As when a thief and the phone come at once: the thief took it from Redis, and neither has a session yet."""
    form = phone.code_form(phone.answer()["code"])
    assert phone.token({**form, "code_verifier": "A" * 43}).json["error"] == "invalid_grant"
    assert phone.token(form).json["error"] == "invalid_grant"


def test_a_stranger_who_signs_in_is_journalled_with_the_app(phone: Phone, committed: Session) -> None:
    answer = phone.answer(login_hint=f"uuid:{STRANGER.mitid_uuid}")
    assert answer["error"] == "access_denied"
    entries = [payload for type_, payload in told(committed, client_subject(phone.client_id)) if "refused" in type_]
    assert [(each["error"], each["reason"]) for each in entries] == [
        ("access_denied", "this person is no cardholder"),
    ]
    assert entries[0]["route"] == "GET /oauth/mitid/callback"
    assert STRANGER.mitid_uuid not in str(entries)


def test_a_code_or_refresh_token_that_comes_again_is_journalled(phone: Phone, committed: Session) -> None:
    form = phone.code_form(phone.answer()["code"])
    tokens_in(phone.token(form))
    phone.token(form)
    assert ("POST /oauth/token", "invalid_grant") in refusals(committed, client_subject(phone.client_id))


def test_a_machine_that_cannot_prove_itself_is_journalled_with_why(
    machine: Callable[[str], Machine], committed: Session
) -> None:
    network = machine("network")
    network.token(network.assertion(aud="https://elsewhere.example"))
    entries = told(committed, client_subject(network.client_id))
    assert entries[-1][0] == "access.refused"
    assert (entries[-1][1]["error"], entries[-1][1]["reason"]) == (
        "invalid_client",
        "client_assertion: aud must be our issuer, alone",
    )


@pytest.mark.parametrize(
    "name", ["nobody-123456", "zero\x00byte", "", "n" * 5000], ids=["unknown", "zero", "none", "long"]
)
def test_whoever_names_no_client_of_ours_fills_no_journal(phone: Phone, committed: Session, name: str) -> None:
    before = committed.query(SubjectJournalEntry).count()
    form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": name}
    assert phone.token(form).status_code in (400, 401)
    assert committed.query(SubjectJournalEntry).count() == before


def test_the_same_refusal_is_journalled_once_a_minute(phone: Phone, committed: Session) -> None:
    for _ in range(5):
        phone.refresh("nothing")
    assert len(refusals(committed, client_subject(phone.client_id))) == 1


@pytest.mark.parametrize("path", ["/v1/network", "/v1/issuer"])
def test_a_phone_at_a_machines_route_is_journalled_with_its_holder(
    phone: Phone, anna: UUID, committed: Session, path: str
) -> None:
    token = phone.sign_in().access_token
    assert phone.call("GET", path, token).status_code == 403
    assert refusals(committed, anna) == [(f"GET {path}", "insufficient-scope")]


def test_a_missing_step_up_is_journalled(phone: Phone, anna: UUID, committed: Session) -> None:
    token = phone.sign_in().access_token
    assert phone.call("POST", "/v1/tokens", token).status_code == 401
    assert refusals(committed, anna) == [("POST /v1/tokens", "insufficient-user-authentication")]


def test_to_be_asked_for_a_nonce_is_no_refusal(
    phone: Phone, anna: UUID, committed: Session, services: Services
) -> None:
    token = phone.sign_in().access_token
    services.settings.dpop_nonce_required = True
    assert phone.call("GET", "/v1/me", token).status_code == 401
    assert phone.refresh("x").json["error"] == "use_dpop_nonce"
    assert refusals(committed, anna) == refusals(committed, client_subject(phone.client_id)) == []


def test_a_stolen_access_token_is_journalled_with_its_holder(phone: Phone, anna: UUID, committed: Session) -> None:
    token = phone.sign_in().access_token
    thief = Phone(phone.http, phone.browser, phone.clock, phone.client_id)
    assert thief.call("GET", "/v1/me", token).status_code == 401
    assert phone.call("GET", "/v1/me", token, scheme="Bearer").status_code == 401
    assert refusals(committed, anna) == [("GET /v1/me", "invalid-dpop-proof"), ("GET /v1/me", "invalid-token")]


def test_a_thief_without_the_key_cannot_fill_the_journal(phone: Phone, anna: UUID, committed: Session) -> None:
    token = phone.sign_in().access_token
    thief = Phone(phone.http, phone.browser, phone.clock, phone.client_id)
    for claims in ({"htm": "PUT"}, {"htu": "x"}, {"iat": 0}, {"ath": "x"}, {"jti": ""}, {}):
        for path in ("/v1/me", "/v1/network", "/v1/issuer"):
            assert thief.call("GET", path, token, **claims).status_code == 401
    assert refusals(committed, anna) == [("GET /v1/me", "invalid-dpop-proof")]


def test_without_redis_refusals_stand_in_the_log_alone(
    phone: Phone, anna: UUID, committed: Session, redis_away: None
) -> None:
    """Nobody counts them then, and a stranger could fill the journal."""
    form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": phone.client_id}
    for _ in range(3):
        assert phone.post("/oauth/token", form).status_code in (400, 401)
    assert refusals(committed, client_subject(phone.client_id)) == []


def test_a_request_in_the_browser_that_names_a_client_is_journalled(phone: Phone, committed: Session) -> None:
    assert phone.authorize(redirect_uri="https://thief.example/").status_code == 400
    assert refusals(committed, client_subject(phone.client_id)) == [("GET /oauth/authorize", "invalid_request")]


def test_the_chain_of_a_cardholders_journal_holds(
    phone: Phone, anna: UUID, committed: Session, key_ring: KeyRing
) -> None:
    tokens = phone.sign_in()
    phone.call("GET", "/v1/network", tokens.access_token)
    verdict = chains.verify_subject(committed, key_ring, anna)
    assert (verdict.valid, verdict.entries) == (True, 5)


def test_no_code_token_or_key_stands_in_the_journal(phone: Phone, anna: UUID, committed: Session) -> None:
    sent = phone.authorize()
    answer = parameters_in(phone.back(phone.at_broker(sent)).headers["Location"])
    tokens = tokens_in(phone.token(phone.code_form(answer["code"])))
    phone.token(phone.code_form(answer["code"]))
    everything = str(committed.scalars(select(SubjectJournalEntry.payload)).all())
    for secret in (answer["code"], tokens.access_token, tokens.refresh_token, phone.verifier):
        assert secret not in everything
    assert ids.to_text("holder", anna) in everything
