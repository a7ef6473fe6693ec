"""Our own keys rotate while several processes run over one ring, of which one has not noticed yet."""

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from joserfc import jwe, jwt
from joserfc.jwk import ECKey
from marshmallow import Schema, fields

from tests.integration.access.acting import PUBLIC_URL
from tokenization import envelopes
from tokenization.clock import SetClock
from tokenization.errors import Invalid
from tokenization.keys import ceremonies
from tokenization.keys.folder import FileKeyRing
from tokenization.keys.ring import Purpose
from wallet import provisioning
from wallet.access.access_tokens import LIFETIME, AccessTokens, Grant, InvalidToken
from wallet.access.keys import AccessKeys
from wallet.access.wiring import init
from wallet.services import Services

GRANT = Grant("machine-1", "network", "machine-1")
QUARTER = timedelta(minutes=15)
SECOND = timedelta(seconds=1)
CARD = {"expiry": "2029-09"}
ANY_CARD = Schema.from_dict({"expiry": fields.String()})()


@dataclass
class Process:
    """What a process of the service holds."""

    keys: AccessKeys
    tokens: AccessTokens


@pytest.fixture
def folder(tmp_path: Path, clock: SetClock) -> Path:
    ceremonies.create(tmp_path / "ring", clock.now())
    return tmp_path / "ring"


def started(folder: Path, clock: SetClock) -> Process:
    keys = AccessKeys(FileKeyRing(folder, clock))
    return Process(keys, AccessTokens(keys, PUBLIC_URL, clock))


@pytest.fixture
def one(folder: Path, clock: SetClock) -> Process:
    return started(folder, clock)


@pytest.fixture
def other(folder: Path, clock: SetClock) -> Process:
    return started(folder, clock)


def is_read(process: Process, token: str) -> bool:
    try:
        return process.tokens.read(token).grant == GRANT
    except InvalidToken:
        return False


def key_ids(published: dict[str, Any], use: str = "sig") -> list[str]:
    return [key["kid"] for key in published["keys"] if key["use"] == use]


def test_what_an_older_version_signed_is_good_until_it_expires(folder: Path, one: Process, clock: SetClock) -> None:
    before = one.tokens.issue(GRANT)
    ceremonies.rotate(folder, Purpose.ACCESS_TOKEN, clock.now())
    clock.advance(LIFETIME - SECOND)
    after = one.tokens.issue(GRANT)
    assert (is_read(one, before), is_read(one, after)) == (True, True)
    clock.advance(SECOND)
    assert (is_read(one, before), is_read(one, after)) == (False, True)


def test_a_new_version_is_published_before_it_signs(folder: Path, one: Process, clock: SetClock) -> None:
    first = one.keys.access_token.kid
    ceremonies.rotate(folder, Purpose.ACCESS_TOKEN, clock.now() + QUARTER)
    clock.advance(SECOND)
    [old, new] = key_ids(one.keys.published)
    assert one.keys.access_token.kid == old == first
    clock.advance(QUARTER)
    assert one.keys.access_token.kid == new
    assert key_ids(one.keys.published) == [old, new]


def test_a_process_that_has_not_noticed_takes_what_another_signed(
    folder: Path, one: Process, other: Process, clock: SetClock
) -> None:
    clock.advance(SECOND)
    assert is_read(other, one.tokens.issue(GRANT))  # now both have just looked
    before = other.tokens.issue(GRANT)
    ceremonies.rotate(folder, Purpose.ACCESS_TOKEN, clock.now())
    newcomer = started(folder, clock)
    assert other.keys.access_token.kid != newcomer.keys.access_token.kid
    assert is_read(other, newcomer.tokens.issue(GRANT))
    assert is_read(newcomer, before)


def test_after_a_leak_everything_that_the_old_version_signed_is_refused_at_once(
    folder: Path, one: Process, clock: SetClock
) -> None:
    before = one.tokens.issue(GRANT)
    assert is_read(one, before)
    ceremonies.rotate(folder, Purpose.ACCESS_TOKEN, clock.now())
    ceremonies.retire(folder, Purpose.ACCESS_TOKEN, 1, clock.now())
    clock.advance(SECOND)
    assert (is_read(one, before), is_read(one, one.tokens.issue(GRANT))) == (False, True)
    assert len(key_ids(one.keys.published)) == 1


def test_a_thief_of_the_old_key_signs_nothing_after_it_was_retired(folder: Path, one: Process, clock: SetClock) -> None:
    stolen = started(folder, clock).keys.access_token
    honest = one.tokens.issue(GRANT)
    ceremonies.rotate(folder, Purpose.ACCESS_TOKEN, clock.now())
    ceremonies.retire(folder, Purpose.ACCESS_TOKEN, 1, clock.now())
    clock.advance(SECOND)
    claims = jwt.decode(honest, stolen).claims
    for kid in (stolen.kid, one.keys.access_token.kid):
        assert not is_read(one, jwt.encode({"typ": "at+jwt", "alg": "ES256", "kid": kid}, claims, stolen))


def sealed(published: dict[str, Any], **header: str) -> str:
    """A card encrypted to the key that is published for it."""
    key = ECKey.import_key(next(key for key in published["keys"] if key["use"] == "enc"))
    full = {"alg": "ECDH-ES", "enc": "A256GCM", **header}
    return jwe.encrypt_compact(full, json.dumps(CARD), key, algorithms=list(envelopes.ALGORITHMS))


def opened(process: Process, encrypted: str) -> dict[str, Any]:
    return provisioning.open_card(process.keys.card_transport, encrypted, ANY_CARD)


@pytest.mark.parametrize("names_its_key", [True, False])
def test_a_card_that_was_encrypted_to_the_old_key_opens_until_that_is_retired(
    folder: Path, one: Process, clock: SetClock, names_its_key: bool
) -> None:
    [kid] = key_ids(one.keys.published, "enc")
    header = {"kid": kid} if names_its_key else {}
    before = sealed(one.keys.published, **header)
    ceremonies.rotate(folder, Purpose.CARD_TRANSPORT, clock.now())
    clock.advance(SECOND)
    assert key_ids(one.keys.published, "enc") != [kid]
    assert opened(one, before) == opened(one, sealed(one.keys.published)) == CARD
    ceremonies.retire(folder, Purpose.CARD_TRANSPORT, 1, clock.now())
    clock.advance(SECOND)
    with pytest.raises(Invalid, match="cannot be opened"):
        opened(one, before)


def test_apps_are_given_the_new_transport_key_when_it_is_active(folder: Path, one: Process, clock: SetClock) -> None:
    first = key_ids(one.keys.published, "enc")
    ceremonies.rotate(folder, Purpose.CARD_TRANSPORT, clock.now() + QUARTER)
    clock.advance(SECOND)
    assert key_ids(one.keys.published, "enc") == first
    clock.advance(QUARTER)
    assert len(key_ids(one.keys.published, "enc")) == 1
    assert key_ids(one.keys.published, "enc") != first


def test_the_broker_is_given_the_next_key_before_we_sign_with_it(folder: Path, one: Process, clock: SetClock) -> None:
    first = one.keys.broker_client.kid
    ceremonies.rotate(folder, Purpose.BROKER_CLIENT, clock.now() + QUARTER)
    clock.advance(SECOND)
    [old, new] = key_ids(one.keys.broker_client_published)
    assert one.keys.broker_client.kid == old == first
    clock.advance(QUARTER)
    assert one.keys.broker_client.kid == new


def test_the_jwks_of_a_running_app_follows_the_ring(
    folder: Path, one: Process, services: Services, clock: SetClock
) -> None:
    app = Flask("another process")
    app.extensions["tegnebog"] = replace(services, keys=one.keys)
    broker = init(app)
    http: Any = app.test_client()
    before = http.get("/oauth/jwks").json
    ceremonies.rotate(folder, Purpose.ACCESS_TOKEN, clock.now() + QUARTER)
    clock.advance(SECOND)
    answer = http.get("/oauth/jwks")
    broker.close()
    assert key_ids(answer.json)[:1] == key_ids(before)
    assert len(key_ids(answer.json)) == 2
    assert not any("d" in key for key in answer.json["keys"])
    assert answer.cache_control.max_age == 300
