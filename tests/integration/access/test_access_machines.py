"""Machines: client credentials by a signed assertion, for us alone, for minutes, once."""

import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from joserfc.jwk import ECKey, OctKey, RSAKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.integration.access.acting import ASSERTION_TYPE, PUBLIC_URL, Machine, Phone, base64url, claims_in
from tokenization.clock import SetClock
from wallet.access.models import AssertionJti

MakeMachine = Callable[[str], Machine]
STRANGERS = ECKey.generate_key("P-256")


@pytest.mark.parametrize("scope", ["network", "merchant", "provider", "issuer"])
def test_a_machine_gets_a_token_of_its_own_scope(machine: MakeMachine, scope: str) -> None:
    acquirer = machine(scope)
    body = acquirer.token().json
    assert (body["token_type"], body["scope"], body["expires_in"]) == ("Bearer", scope, 300)
    assert "refresh_token" not in body
    claims = claims_in(body["access_token"])
    assert (claims["sub"], claims["client_id"], claims["scope"]) == (acquirer.client_id, acquirer.client_id, scope)


def test_a_machine_is_let_in(machine: MakeMachine) -> None:
    acquirer = machine("network")
    answer = acquirer.call("/v1/network", acquirer.token(scope="network").json["access_token"])
    assert answer.json["actor"] == f"network:{acquirer.client_id}"


@pytest.mark.parametrize("scope", ["issuer", "network issuer", "nonsense"])
def test_another_scope_is_refused_and_not_emptied(machine: MakeMachine, scope: str) -> None:
    assert machine("network").token(scope=scope).json["error"] == "invalid_scope"


def test_an_assertion_counts_once(machine: MakeMachine) -> None:
    acquirer = machine("network")
    assertion = acquirer.assertion()
    assert acquirer.token(assertion).status_code == 200
    assert acquirer.token(assertion).json["error"] == "invalid_client"


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://other.example"},
        {"aud": f"{PUBLIC_URL}/oauth/token"},
        {"aud": [PUBLIC_URL, "https://other.example"]},
        {"aud": None},
        {"exp": None},
        {"exp": 4_000_000_000},
        {"exp": "soon"},
        {"exp": 1},
        {"iat": 4_000_000_000},
        {"nbf": 4_000_000_000},
        {"jti": None},
        {"jti": ""},
        {"jti": 7},
        {"jti": "zero\x00byte"},
        {"jti": "x" * 257},
        {"iss": "somebody-else"},
        {"iss": None},
        {"sub": "unknown"},
        {"sub": None},
        {"sub": 7},
        {"header": {"typ": "at+jwt"}},
        {"header": {"typ": "dpop+jwt"}},
        {"header": {"kid": "unknown"}},
        {"header": {"kid": "../../../../dev/null"}},
        {"header": {"kid": "' OR 1=1 --"}},
        {"header": {"jwk": STRANGERS.as_dict(private=False)}, "key": STRANGERS},
        {"header": {"jwk": STRANGERS.as_dict(private=False)}},
        {"header": {"jku": "http://127.0.0.1:9/jwks"}},
        {"header": {"x5u": "http://127.0.0.1:9/chain"}},
        {"header": {"x5c": ["MIIB"]}},
        {"header": {"alg": "RS256"}, "key": RSAKey.generate_key(2048)},
        {"key": STRANGERS},
        {"key": OctKey.import_key("a shared secret of thirty-two b."), "header": {"alg": "HS256"}},
    ],
)
def test_a_wrong_assertion_is_refused(machine: MakeMachine, changes: dict[str, object]) -> None:
    acquirer = machine("network")
    assert acquirer.token(acquirer.assertion(**changes)).json["error"] == "invalid_client"


def test_an_assertion_that_nobody_signed_is_refused(machine: MakeMachine) -> None:
    acquirer = machine("network")
    payload = acquirer.assertion().split(".")[1]
    for header in ('{"alg":"none"}', '{"alg":"None"}', '{"alg":"ES256"}', '{"alg":["ES256"]}', "{}", "[]", '""'):
        assert acquirer.token(f"{base64url(header.encode())}.{payload}.").json["error"] == "invalid_client"


def test_a_public_key_is_no_shared_secret(machine: MakeMachine) -> None:
    acquirer = machine("network")
    public = acquirer.key.public_key
    point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for secret in (pem, pem.strip(), point, json.dumps(acquirer.key.as_dict(private=False)).encode()):
        signed = base64url(b'{"alg":"HS256"}') + "." + acquirer.assertion().split(".")[1]
        forged = f"{signed}.{base64url(hmac.digest(secret, signed.encode(), 'sha256'))}"
        assert acquirer.token(forged).json["error"] == "invalid_client"


def test_no_assertion_and_nonsense_are_refused(machine: MakeMachine) -> None:
    acquirer = machine("network")
    for assertion in ("nonsense", "a.b.c", "e30.e30.e30"):
        assert acquirer.token(assertion).json["error"] == "invalid_client"
    form = {"grant_type": "client_credentials", "client_id": acquirer.client_id}
    assert acquirer.post("/oauth/token", form).json["error"] == "invalid_client"
    assert acquirer.post("/oauth/token", {}).json["error"] == "invalid_request"
    assert acquirer.post("/oauth/token", {"grant_type": "password"}).json["error"] == "unsupported_grant_type"


def test_a_phone_is_no_machine(phone: Phone, clock: SetClock) -> None:
    pretending = Machine(phone.http, clock, phone.client_id, phone.key)
    assert pretending.token().json["error"] == "invalid_client"


def test_a_machine_is_no_phone(machine: MakeMachine) -> None:
    acquirer = machine("network")
    form = {"grant_type": "refresh_token", "refresh_token": "any", "client_id": acquirer.client_id}
    assert acquirer.post("/oauth/token", form).json["error"] == "invalid_client"
    query = {"client_id": acquirer.client_id, "response_type": "code", "redirect_uri": "https://wallet.example/"}
    assert acquirer.http.get("/oauth/authorize", query_string=query).status_code == 400


def test_parameters_in_the_address_of_the_token_endpoint_do_not_count(machine: MakeMachine) -> None:
    acquirer = machine("network")
    form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": acquirer.assertion()}
    answer = acquirer.post("/oauth/token?grant_type=client_credentials", form)
    assert answer.json["error"] == "invalid_request"


def test_a_machine_may_bind_its_token_to_a_key(machine: MakeMachine, phone: Phone) -> None:
    acquirer = machine("network")
    form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE}
    proof = phone.proof("POST", "/oauth/token")
    body = phone.post("/oauth/token", {**form, "client_assertion": acquirer.assertion()}, proof).json
    assert body["token_type"] == "DPoP"
    assert phone.call("GET", "/v1/network", body["access_token"]).status_code == 200
    assert acquirer.call("/v1/network", body["access_token"]).status_code == 401


def test_a_client_id_beside_the_assertion_must_be_the_same(machine: MakeMachine, phone: Phone) -> None:
    assert machine("network").token(client_id=phone.client_id).json["error"] == "invalid_client"


def test_used_assertions_are_forgotten_when_they_have_expired(
    machine: MakeMachine, clock: SetClock, committed: Session
) -> None:
    acquirer = machine("network")
    acquirer.token()
    clock.advance(timedelta(minutes=5))
    acquirer.token()
    assert len(committed.scalars(select(AssertionJti)).all()) == 1


@pytest.mark.usefixtures("redis_away")
def test_machines_work_while_redis_is_away(machine: MakeMachine) -> None:
    acquirer = machine("network")
    token = acquirer.token().json["access_token"]
    assert acquirer.call("/v1/network", token).status_code == 200


def test_a_machines_token_cannot_be_revoked(machine: MakeMachine) -> None:
    acquirer = machine("network")
    token = acquirer.token().json["access_token"]
    form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": acquirer.assertion(), "token": token}
    assert acquirer.post("/oauth/revoke", form).json["error"] == "unsupported_token_type"


def test_anybody_can_read_what_the_server_can_do(app: Flask) -> None:
    http: Any = app.test_client()
    found = http.get("/.well-known/oauth-authorization-server").json
    assert found["issuer"] == PUBLIC_URL
    assert found["code_challenge_methods_supported"] == ["S256"]
    keys = http.get("/oauth/jwks").json["keys"]
    assert [(key["use"], key["alg"]) for key in keys] == [("sig", "ES256"), ("enc", "ECDH-ES")]
    assert all("d" not in key for key in keys)
