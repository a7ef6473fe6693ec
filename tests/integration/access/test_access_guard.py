"""Who is let in to a guarded route: tokens, proofs, scopes, sessions, step-up."""

import hmac
import json
import secrets
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import jwt as pyjwt
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from tests.integration.access.acting import BO, PUBLIC_URL, Answer, Machine, Phone, base64url, claims_in
from tokenization import cardholders
from tokenization.clock import SetClock
from tokenization.models import Requestor
from tokenization.vault import Vault
from wallet.access import sessions
from wallet.access.keys import AccessKeys
from wallet.access.models import OAuthClient
from wallet.database import Database
from wallet.services import Services


def refused(answer: Answer) -> tuple[int, str]:
    return answer.status_code, answer.json["code"]


def test_without_a_token_nobody_is_let_in(phone: Phone) -> None:
    answer = phone.http.get("/v1/me")
    assert refused(answer) == (401, "unauthenticated")
    assert answer.headers.getlist("WWW-Authenticate") == ['DPoP algs="ES256"', "Bearer"]
    assert answer.content_type == "application/problem+json"


def test_a_bound_token_as_bearer_is_refused(phone: Phone) -> None:
    token = phone.sign_in().access_token
    assert refused(phone.call("GET", "/v1/me", token, scheme="Bearer")) == (401, "invalid-token")


@pytest.mark.parametrize(
    ("scheme", "challenges"),
    [
        ("DPoP", ['DPoP error="invalid_token", algs="ES256"']),
        ("Bearer", ['Bearer error="invalid_token"', 'DPoP algs="ES256"']),
        ("dpop", ['DPoP error="invalid_token", algs="ES256"']),
        ("Basic", ['DPoP algs="ES256"', "Bearer"]),
        ("", ['DPoP algs="ES256"', "Bearer"]),
    ],
)
def test_a_refused_token_is_challenged_in_its_own_scheme_and_told_of_dpop(
    phone: Phone, scheme: str, challenges: list[str]
) -> None:
    answer = phone.http.get("/v1/me", headers={"Authorization": f"{scheme} nonsense"})
    assert (answer.status_code, answer.headers.getlist("WWW-Authenticate")) == (401, challenges)


def test_a_token_counts_in_the_header_alone_and_once(phone: Phone) -> None:
    token = phone.sign_in().access_token
    proof = {"DPoP": phone.proof("GET", "/v1/me", token)}
    in_query = phone.http.get(f"/v1/me?access_token={token}", headers=proof)
    in_body = phone.http.open("/v1/me", method="GET", data={"access_token": token}, headers=proof)
    assert refused(in_query) == refused(in_body) == (401, "unauthenticated")
    twice = phone.http.get("/v1/me", headers=[("Authorization", f"DPoP {token}")] * 2 + list(proof.items()))
    assert refused(twice) == (401, "invalid-token")
    assert phone.http.get("/v1/me", headers={"Authorization": f"DPoP {token}", **proof}).status_code == 200


def test_a_head_wants_a_proof_for_a_head(phone: Phone) -> None:
    token = phone.sign_in().access_token
    assert phone.call("HEAD", "/v1/me", token, htm="GET").status_code == 401
    assert phone.call("HEAD", "/v1/me", token).status_code == 200


@pytest.mark.parametrize("characters", [4_097, 60_000])
def test_headers_of_any_length_are_refused_without_a_fuss(phone: Phone, characters: int) -> None:
    token, long = phone.sign_in().access_token, "x" * characters
    assert refused(phone.call("GET", "/v1/me", token, proof=long)) == (401, "invalid-dpop-proof")
    assert refused(phone.call("GET", "/v1/me", long)) == (401, "invalid-token")


def test_an_unbound_token_as_dpop_is_refused(phone: Phone, machine: Callable[[str], Machine]) -> None:
    network = machine("network")
    token = network.token().json["access_token"]
    assert refused(phone.call("GET", "/v1/network", token)) == (401, "invalid-token")
    assert network.call("/v1/network", token).status_code == 200


def test_a_bound_token_without_a_proof_is_refused(phone: Phone) -> None:
    token = phone.sign_in().access_token
    answer = phone.http.get("/v1/me", headers={"Authorization": f"DPoP {token}"})
    assert refused(answer) == (401, "invalid-dpop-proof")
    assert answer.headers["WWW-Authenticate"] == 'DPoP error="invalid_dpop_proof", algs="ES256"'


def test_a_proof_of_another_key_is_refused(phone: Phone) -> None:
    token = phone.sign_in().access_token
    thief = Phone(phone.http, phone.browser, phone.clock, phone.client_id)
    assert refused(thief.call("GET", "/v1/me", token)) == (401, "invalid-dpop-proof")


def test_a_proof_counts_once(phone: Phone) -> None:
    token = phone.sign_in().access_token
    proof = phone.proof("GET", "/v1/me", token)
    assert phone.call("GET", "/v1/me", token, proof=proof).status_code == 200
    assert refused(phone.call("GET", "/v1/me", token, proof=proof)) == (401, "invalid-dpop-proof")


def test_a_proof_counts_once_at_the_token_endpoint_too(phone: Phone) -> None:
    form = {"client_id": phone.client_id, "grant_type": "refresh_token", "refresh_token": "unknown"}
    proof = phone.proof("POST", "/oauth/token")
    assert phone.post("/oauth/token", form, proof).json["error"] == "invalid_grant"
    assert phone.post("/oauth/token", form, proof).json["error"] == "invalid_dpop_proof"


def test_two_proofs_are_none(phone: Phone) -> None:
    token = phone.sign_in().access_token
    proofs = [("DPoP", phone.proof("GET", "/v1/me", token)) for _ in range(2)]
    answer = phone.http.get("/v1/me", headers=[("Authorization", f"DPoP {token}"), *proofs])
    assert refused(answer) == (401, "invalid-dpop-proof")


def test_a_proof_for_another_token_is_refused(phone: Phone) -> None:
    token, other = phone.sign_in().access_token, phone.sign_in().access_token
    proof = phone.proof("GET", "/v1/me", other)
    assert refused(phone.call("GET", "/v1/me", token, proof=proof)) == (401, "invalid-dpop-proof")


def test_the_query_is_no_part_of_a_proof(phone: Phone) -> None:
    token = phone.sign_in().access_token
    sent = {"Authorization": f"DPoP {token}", "DPoP": phone.proof("GET", "/v1/me", token)}
    assert phone.http.get("/v1/me?limit=1", headers=sent).status_code == 200


def test_an_expired_token_is_refused(phone: Phone, clock: SetClock) -> None:
    token = phone.sign_in().access_token
    clock.advance(timedelta(seconds=299))
    assert phone.call("GET", "/v1/me", token).status_code == 200
    clock.advance(timedelta(seconds=1))
    assert refused(phone.call("GET", "/v1/me", token)) == (401, "invalid-token")


@pytest.fixture
def forge(phone: Phone, services: Services) -> Callable[..., str]:
    """An access token bent in one place, signed with our own key unless told otherwise."""
    claims = claims_in(phone.sign_in().access_token)
    ours = AccessKeys(services.vault.ring).access_token

    def forge(header: dict[str, object] | None = None, key: ECKey | None = None, **changes: object) -> str:
        bent = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        return jwt.encode({"typ": "at+jwt", "alg": "ES256", "kid": ours.kid, **(header or {})}, bent, key or ours)

    return forge


def test_a_token_bent_in_no_place_is_let_in(phone: Phone, forge: Callable[..., str]) -> None:
    assert phone.call("GET", "/v1/me", forge()).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"key": ECKey.generate_key("P-256")},
        {"header": {"typ": "JWT"}},
        {"header": {"typ": "dpop+jwt"}},
        {"header": {"kid": "../../etc/passwd"}},
        {"header": {"jku": "https://evil.example/jwks"}},
        {"header": {"jwk": ECKey.generate_key("P-256").as_dict(private=False)}},
        {"iss": "https://evil.example"},
        {"aud": "https://evil.example"},
        {"aud": [PUBLIC_URL, "https://evil.example"]},
        {"exp": None},
        {"jti": None},
        {"sub": None},
        {"client_id": None},
        {"scope": None},
        {"iat": 4_000_000_000},
        {"sid": "sess_01jd7xv0y8e5ktpw5q6d3cc000"},
        {"sid": "not an id"},
        {"client_id": "unknown"},
        {"cnf": {"jkt": "k" * 43}},
        {"exp": "soon"},
        {"cnf": "text"},
        {"cnf": None},
        {"cnf": {}},
        {"cnf": {"x5t#S256": "k" * 43}},
        {"sid": None, "scope": "network"},
    ],
)
def test_a_forged_token_is_refused(phone: Phone, forge: Callable[..., str], changes: dict[str, object]) -> None:
    assert phone.call("GET", "/v1/me", forge(**changes)).status_code in {401, 403}


def test_a_token_signed_with_nothing_or_with_our_public_key_is_refused(phone: Phone, services: Services) -> None:
    ours = AccessKeys(services.vault.ring).access_token
    claims = claims_in(phone.sign_in().access_token)
    unsigned = pyjwt.encode(claims, "", algorithm="none", headers={"typ": "at+jwt", "kid": ours.kid})
    header = {"typ": "at+jwt", "alg": "HS256", "kid": ours.kid}
    signed = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
    confused = f"{signed}.{base64url(hmac.digest(ours.as_bytes('PEM', private=False), signed.encode(), 'sha256'))}"
    for token in (unsigned, confused, "nonsense", "a.b.c", "x" * 5000):
        assert refused(phone.call("GET", "/v1/me", token)) == (401, "invalid-token")


def test_a_token_for_another_scope_is_forbidden(phone: Phone, machine: Callable[[str], Machine]) -> None:
    token = phone.sign_in().access_token
    answer = phone.call("GET", "/v1/network", token)
    assert refused(answer) == (403, "insufficient-scope")
    assert answer.headers["WWW-Authenticate"] == 'DPoP error="insufficient_scope"'
    merchant = machine("merchant")
    assert refused(merchant.call("/v1/network", merchant.token().json["access_token"])) == (403, "insufficient-scope")


def test_an_ended_session_is_refused_at_once(phone: Phone, database: Database, clock: SetClock) -> None:
    token = phone.sign_in().access_token
    with database.transaction("test") as session:
        assert sessions.end_for_phone(session, phone.key.thumbprint(), reason="device_lost", now=clock.now()) == 1
    assert refused(phone.call("GET", "/v1/me", token)) == (401, "invalid-token")


def test_the_sessions_of_another_phone_go_on(phone: Phone, database: Database, clock: SetClock) -> None:
    token = phone.sign_in().access_token
    with database.transaction("test") as session:
        assert sessions.end_for_phone(session, "k" * 43, reason="device_lost", now=clock.now()) == 0
    assert phone.call("GET", "/v1/me", token).status_code == 200


def test_a_revoked_client_and_a_suspended_requestor_are_out_at_once(
    phone: Phone, requestor: UUID, database: Database
) -> None:
    token = phone.sign_in().access_token
    with database.transaction("test") as session:
        session.get_one(Requestor, requestor).status = "suspended"
    assert refused(phone.call("GET", "/v1/me", token)) == (403, "requestor-suspended")
    with database.transaction("test") as session:
        session.get_one(OAuthClient, phone.client_id).status = "revoked"
    assert refused(phone.call("GET", "/v1/me", token)) == (401, "invalid-token")


def test_step_up_asks_for_a_fresh_sign_in_for_that_very_purpose(phone: Phone) -> None:
    for purpose in (None, "pin"):
        answer = phone.call("POST", "/v1/tokens", phone.sign_in(purpose=purpose).access_token)
        assert refused(answer) == (401, "insufficient-user-authentication")
        assert answer.headers["WWW-Authenticate"] == (
            'DPoP error="insufficient_user_authentication", '
            'acr_values="https://data.gov.dk/concept/core/nsis/Substantial", max_age="300", purpose="provision"'
        )
    stepped_up = phone.sign_in(purpose="provision").access_token
    assert phone.call("POST", "/v1/tokens", stepped_up).json == {"purpose": "provision"}


def test_a_refreshed_token_keeps_auth_time_and_has_no_purpose(phone: Phone, clock: SetClock) -> None:
    tokens = phone.sign_in(purpose="provision")
    clock.advance(timedelta(seconds=100))
    refreshed = phone.refresh(tokens.refresh_token).json["access_token"]
    assert claims_in(refreshed)["auth_time"] == claims_in(tokens.access_token)["auth_time"]
    assert "purpose" not in claims_in(refreshed)
    assert refused(phone.call("POST", "/v1/tokens", refreshed)) == (401, "insufficient-user-authentication")


def test_without_redis_a_phone_can_still_block_and_do_nothing_else(
    phone: Phone, request: pytest.FixtureRequest
) -> None:
    token = phone.sign_in().access_token
    request.getfixturevalue("redis_away")
    assert phone.call("POST", "/v1/block", token).json == {"blocked": True}
    assert refused(phone.call("GET", "/v1/me", token)) == (503, "unavailable")
    assert phone.token({"grant_type": "refresh_token", "refresh_token": "any"}).status_code == 503
    assert phone.authorize().status_code == 503
    too_old = phone.proof("POST", "/v1/block", token, iat=phone.seconds() - 61)
    assert refused(phone.call("POST", "/v1/block", token, proof=too_old)) == (401, "invalid-dpop-proof")


def test_the_issuer_names_the_member_of_staff(machine: Callable[[str], Machine]) -> None:
    bank = machine("issuer")
    token = bank.token().json["access_token"]
    named = bank.call("/v1/issuer", token, **{"X-Actor": "Søren Prøve".encode().decode("latin-1")})
    assert named.json == {"actor": f"issuer:{bank.client_id}:Søren Prøve"}
    for name in ({}, {"X-Actor": " "}, {"X-Actor": "x" * 101}, {"X-Actor": "tab\tbed"}):
        answer = bank.call("/v1/issuer", token, **name)
        assert refused(answer) == (422, "invalid")
        assert answer.json["errors"][0]["field"] == "X-Actor"


def test_a_person_of_the_bank_is_no_cardholder_of_another(
    phone: Phone, database: Database, vault: Vault, clock: SetClock
) -> None:
    with database.transaction("test") as session:
        cardholders.register(session, vault, name="Bo", cpr=BO.cpr, mobile=None, now=clock.now())
    mine = claims_in(phone.sign_in().access_token)["sub"]
    assert claims_in(phone.sign_in(login_hint=f"uuid:{BO.mitid_uuid}").access_token)["sub"] != mine


def test_a_proof_is_remembered_by_key_so_that_two_phones_may_choose_one_jti(phone: Phone) -> None:
    jti = secrets.token_urlsafe(16)
    other = Phone(phone.http, phone.browser, phone.clock, phone.client_id)
    first, second = phone.sign_in().access_token, other.sign_in().access_token
    assert phone.call("GET", "/v1/me", first, jti=jti).status_code == 200
    assert other.call("GET", "/v1/me", second, jti=jti).status_code == 200
