"""Forged tokens, at every place where we take a signed one, against the whole app: refused in the place's own words."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey
from redis import Redis
from sqlalchemy import Connection, Engine

from tests.integration.access.acting import ANNA, ASSERTION_TYPE, PUBLIC_URL
from tests.integration.access.forging import FORGERIES, Honest
from tests.integration.access.lying import LyingBroker, begin, connected, who
from tests.policy.worlds import rolled_back, undone
from tests.world import Phone, World
from tokenization import ids
from tokenization.clock import SetClock
from tokenization.keys.folder import FileKeyRing
from tokenization.models import Requestor
from tokenization.vault import Vault
from wallet import embedded
from wallet.access.access_tokens import LIFETIME
from wallet.access.dpop import hash_of
from wallet.access.keys import AccessKeys
from wallet.access.mitid.identity import SignInFailed
from wallet.access.models import OAuthClient

TRAVERSAL = "../../../../../../dev/null"


@dataclass
class Place:
    """Where we take a signed token: one that holds there, how it is sent, and what is said of one that does not."""

    honest: Honest
    send: Callable[[str], httpx.Response]
    refusal: tuple[int, str]

    def answer(self, token: str) -> tuple[int, str]:
        """Status and code of the answer; the code is the field's name where a field is refused."""
        answer = self.send(token)
        said = answer.json()
        fields = [error["field"] for error in said.get("errors", ())]
        return answer.status_code, (fields or [said.get("code") or said.get("error", "")])[0]


def now(world: World) -> int:
    return int(world.clock.now().timestamp())


def machine_key(world: World, scope: str) -> ECKey:
    return ECKey.import_key(world.access["machines"][scope]["private_jwk"])


def client_assertion(world: World) -> Place:
    client_id, key = world.access["machines"]["issuer"]["client_id"], machine_key(world, "issuer")
    claims = {"iss": client_id, "sub": client_id, "aud": PUBLIC_URL, "jti": ids.new_id().hex}
    honest = Honest({"alg": "ES256", "kid": key.kid}, {**claims, "iat": now(world), "exp": now(world) + 60}, key)

    def send(token: str) -> httpx.Response:
        form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": token}
        return world.http.post("/oauth/token", data={"grant_type": "client_credentials", **form})

    return Place(honest, send, (400, "invalid_client"))


def access_token(world: World) -> Place:
    key, client_id = AccessKeys(world.parts.vault.ring).access_token, world.access["machines"]["issuer"]["client_id"]
    claims = {"iss": PUBLIC_URL, "aud": PUBLIC_URL, "sub": client_id, "client_id": client_id, "scope": "issuer"}
    times = {"iat": now(world), "exp": now(world) + LIFETIME.seconds, "jti": "once"}
    honest = Honest({"typ": "at+jwt", "alg": "ES256", "kid": key.kid}, claims | times, key)

    def send(token: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}".encode("utf-8", "surrogatepass"), "X-Actor": "Mette"}
        return world.http.get("/v1/issuer/policies", headers=headers)  # type: ignore[arg-type]  # bytes are allowed

    return Place(honest, send, (401, "invalid-token"))


def proof(world: World, phone: Phone, method: str, path: str, **more: str) -> Honest:
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": phone.key.as_dict(private=False)}
    claims = {"jti": ids.new_id().hex, "htm": method, "htu": PUBLIC_URL + path, "iat": now(world), **more}
    return Honest(header, claims, phone.key)


def proof_at_a_resource(world: World) -> Place:
    phone = world.phone()
    token = phone.access_token()

    def send(text: str) -> httpx.Response:
        return world.http.get("/v1/me", headers={"Authorization": f"DPoP {token}", "DPoP": text})

    return Place(proof(world, phone, "GET", "/v1/me", ath=hash_of(token)), send, (401, "invalid-dpop-proof"))


def proof_at_the_token_endpoint(world: World) -> Place:
    """Of a phone that has a device code, which is bound to its key."""
    phone, client_id = world.phone(), world.access["child_app"]["client_id"]
    form = {"client_id": client_id, "device_name": "Emils telefon", "dpop_jkt": phone.thumbprint}
    code = world.http.post("/oauth/device_authorization", data=form).json()["device_code"]
    grant = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": code, "client_id": client_id}

    def send(text: str) -> httpx.Response:
        return world.http.post("/oauth/token", data=grant, headers={"DPoP": text})

    return Place(proof(world, phone, "POST", "/oauth/token"), send, (400, "invalid_dpop_proof"))


def provider_assertion(world: World) -> Place:
    phone, key = world.phone().step_up("provision"), machine_key(world, "provider")
    card = world.person("anna")["card"]
    keys = {"signing_key": phone.thumbprint, "encryption_key": phone.encryption_key.thumbprint()}
    honest = Honest({"typ": "provider-assertion+jwt", "alg": "ES256", "kid": key.kid}, {**keys, "iat": now(world)}, key)

    def send(text: str) -> httpx.Response:
        body = {"card": card, "scheme": "dankort", "device": {**phone.device(), "provider_assertion": text}}
        return phone.request("POST", "/v1/tokens", body)

    return Place(honest, send, (422, "device.provider_assertion"))


PLACES: dict[str, Callable[[World], Place]] = {
    "client assertion": client_assertion,
    "access token": access_token,
    "DPoP proof at a resource": proof_at_a_resource,
    "DPoP proof at the token endpoint": proof_at_the_token_endpoint,
    "provider assertion": provider_assertion,
}
TAKEN = {
    "client assertion": (200, ""),
    "access token": (200, ""),
    "DPoP proof at a resource": (200, ""),
    "DPoP proof at the token endpoint": (400, "authorization_pending"),
    "provider assertion": (201, ""),
}
SAID_OTHERWISE = {
    # A proof by a key of one's own is a proof: of another phone, for which the code is not.
    ("DPoP proof at the token endpoint", "jwk of their own"): (400, "invalid_grant"),
    # No parameter may be that long.
    ("client assertion", "too long"): (400, "invalid_request"),
    ("client assertion", "a header too long"): (400, "invalid_request"),
}


@pytest.fixture(scope="module")
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection


@pytest.fixture(scope="module")
def strict(connection: Connection, servers: embedded.Servers, key_ring: FileKeyRing, vault: Vault) -> Iterator[World]:
    """A world whose wallet must vouch for its phones, made once."""
    with Redis.from_url(servers.redis_url) as redis, rolled_back(connection, redis, key_ring, vault) as world:
        with world.parts.database.transaction("test") as session:
            client = session.get_one(OAuthClient, world.access["wallet_app"]["client_id"])
            session.get_one(Requestor, client.requestor_id).app_attestation = "required"
        yield world


@pytest.fixture
def world(strict: World, connection: Connection) -> Iterator[World]:
    """What a test does in it is undone; nobody has been counted by any limit yet."""
    strict.parts.redis.flushall()
    with undone(connection):
        yield strict


@pytest.mark.parametrize("place", PLACES)
def test_an_honest_one_is_taken(world: World, place: str) -> None:
    there = PLACES[place](world)
    assert there.answer(there.honest.text()) == TAKEN[place]


@pytest.mark.parametrize("how", FORGERIES)
@pytest.mark.parametrize("place", PLACES)
def test_a_forgery_is_refused(world: World, place: str, how: str) -> None:
    there = PLACES[place](world)
    assert there.answer(FORGERIES[how](there.honest)) == SAID_OTHERWISE.get((place, how), there.refusal)


MINUTE, HOUR, FAR = 60, 3600, 4_000_000_000
EVIL = "https://evil.example"
# Signed by the right key, and wrong in one place. A number beside a time is added to now.
BENT: dict[str, dict[str, dict[str, Any]]] = {
    "client assertion": {
        "typ of an access token": {"header": {"typ": "at+jwt"}},
        "typ of a proof": {"header": {"typ": "dpop+jwt"}},
        "typ is no text": {"header": {"typ": ["JWT"]}},
        "kid leads to a file": {"header": {"kid": TRAVERSAL}},
        "aud is somebody else": {"aud": EVIL},
        "aud is somebody else, too": {"aud": [PUBLIC_URL, EVIL]},
        "aud is the token endpoint": {"aud": f"{PUBLIC_URL}/oauth/token"},
        "aud is us with a slash": {"aud": f"{PUBLIC_URL}/"},
        "aud is us in capitals": {"aud": PUBLIC_URL.upper()},
        "aud is missing": {"aud": None},
        "aud is an object": {"aud": {PUBLIC_URL: 1}},
        "expired": {"exp": -1},
        "expires in an hour": {"exp": HOUR},
        "expires never": {"exp": FAR},
        "exp is true": {"exp_is": True},
        "exp is infinite": {"exp_is": float("inf")},
        "exp is not a number": {"exp_is": float("nan")},
        "exp is missing": {"exp": None},
        "from the future": {"iat": 2 * MINUTE},
        "not yet": {"nbf": 2 * MINUTE},
        "another issuer": {"iss": EVIL},
        "another subject": {"sub": "somebody-else"},
        "a subject with a zero byte": {"sub": "a\x00b", "iss": "a\x00b"},
        "a subject of half a character": {"sub": "\ud800", "iss": "\ud800"},
        "a subject that is a list": {"sub": ["a"], "iss": ["a"]},
        "jti is missing": {"jti": None},
        "jti holds a zero byte": {"jti": "a\x00b"},
        "jti is half a character": {"jti": "\ud800"},
    },
    "access token": {
        "typ of any JWT": {"header": {"typ": "JWT"}},
        "typ of a proof": {"header": {"typ": "dpop+jwt"}},
        "typ is missing": {"header": {"typ": None}},
        "kid leads to a file": {"header": {"kid": TRAVERSAL}},
        "kid is missing": {"header": {"kid": None}},
        "jku beside the right key": {"header": {"jku": EVIL}},
        "x5u beside the right key": {"header": {"x5u": EVIL}},
        "aud is somebody else": {"aud": EVIL},
        "aud is somebody else, too": {"aud": [PUBLIC_URL, EVIL]},
        "aud is missing": {"aud": None},
        "expired": {"exp": 0},
        "exp is infinite": {"exp_is": float("inf")},
        "exp is not a number": {"exp_is": float("nan")},
        "exp is a text": {"exp_is": "4000000000"},
        "from the future": {"iat": 2 * MINUTE},
        "another issuer": {"iss": EVIL},
        "another client": {"client_id": "somebody-else"},
        "a session of nobody": {"sid": "sess_01jd7xv0y8e5ktpw5q6d3cc000"},
        "a session that is none": {"sid": "a\x00b"},
        "bound to a key": {"cnf": {"jkt": "k" * 43}},
        "bound to nothing": {"cnf": {}},
        "scope is missing": {"scope": None},
        "jti is missing": {"jti": None},
    },
    "DPoP proof at a resource": {
        "ath is missing": {"ath": None},
        "ath of another token": {"ath": hash_of("another")},
        "htm of another method": {"htm": "POST"},
        "htm in small letters": {"htm": "get"},
        "htu of another path": {"htu": f"{PUBLIC_URL}/v1/cards"},
    },
    "DPoP proof at the token endpoint": {
        "typ of any JWT": {"header": {"typ": "JWT"}},
        "typ is missing": {"header": {"typ": None}},
        "jwk holds the private key": {"private": True},
        "jwk is missing": {"header": {"jwk": None}},
        "jwk is a text": {"header": {"jwk": "key"}},
        "jwk is a shared secret": {"header": {"jwk": {"kty": "oct", "k": "AAAA"}}},
        "jwk is on another curve": {"header": {"jwk": ECKey.generate_key("P-384").as_dict(private=False)}},
        "jwk is not on its curve": {"header": {"jwk": {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}}},
        "htm is missing": {"htm": None},
        "htu is missing": {"htu": None},
        "htu with a query": {"htu": f"{PUBLIC_URL}/oauth/token?a=1"},
        "htu with a fragment": {"htu": f"{PUBLIC_URL}/oauth/token#a"},
        "htu of another host": {"htu": f"{EVIL}/oauth/token"},
        "htu of a host that begins as ours": {"htu": f"{PUBLIC_URL}.evil.example/oauth/token"},
        "htu with us as a user": {"htu": f"{PUBLIC_URL}@evil.example/oauth/token"},
        "htu with a user": {"htu": f"{PUBLIC_URL.replace('//', '//evil@')}/oauth/token"},
        "htu of another port": {"htu": "http://127.0.0.1:9/oauth/token"},
        "htu of another scheme": {"htu": f"{PUBLIC_URL.replace('http:', 'https:')}/oauth/token"},
        "htu with a slash": {"htu": f"{PUBLIC_URL}/oauth/token/"},
        "htu with a detour": {"htu": f"{PUBLIC_URL}/oauth/par/../token"},
        "htu in capitals": {"htu": f"{PUBLIC_URL}/OAUTH/TOKEN"},
        "htu without a host": {"htu": "/oauth/token"},
        "htu is a list": {"htu": [f"{PUBLIC_URL}/oauth/token"]},
        "htu has a broken host": {"htu": "http://[::1/oauth/token"},
        "too old": {"iat": -61},
        "from the future": {"iat": 61},
        "iat is missing": {"iat": None},
        "iat is a text": {"iat_is": "now"},
        "iat is true": {"iat_is": True},
        "iat is infinite": {"iat_is": float("inf")},
        "jti is missing": {"jti": None},
        "jti is empty": {"jti": ""},
        "jti is a number": {"jti": 7},
        "jti is too long": {"jti": "x" * 257},
    },
    "provider assertion": {
        "typ of any JWT": {"header": {"typ": "JWT"}},
        "typ is missing": {"header": {"typ": None}},
        "typ of a proof": {"header": {"typ": "dpop+jwt"}},
        "kid leads to a file": {"header": {"kid": TRAVERSAL}},
        "too old": {"iat": -5 * MINUTE - 1},
        "from the future": {"iat": 61},
        "iat is missing": {"iat": None},
        "iat is infinite": {"iat_is": float("inf")},
        "iat is not a number": {"iat_is": float("nan")},
        "another signing key": {"signing_key": "k" * 43},
        "another encryption key": {"encryption_key": "k" * 43},
        "no key": {"signing_key": None, "encryption_key": None},
    },
}


def bent(world: World, honest: Honest, changes: dict[str, Any]) -> str:
    """A token with those changes: times are seconds from now, but for those that `…_is` says as they are."""
    header, claims = changes.get("header", {}), {}
    for name, value in changes.items():
        is_time = name in ("exp", "iat", "nbf") and isinstance(value, int)
        claims[name.removesuffix("_is")] = value + now(world) if is_time else value
    for other in ("header", "private"):
        claims.pop(other, None)
    if changes.get("private"):
        header = {"jwk": honest.key.as_dict(private=True)}
    return honest.bent(header, **claims)


@pytest.mark.parametrize(
    ("place", "how"), [(place, how) for place, ways in BENT.items() for how in ways], ids=lambda name: name
)
def test_one_that_is_wrong_in_one_place_is_refused(world: World, place: str, how: str) -> None:
    there = PLACES[place](world)
    assert there.answer(bent(world, there.honest, BENT[place][how])) == there.refusal


# A broker may say as much as it likes, if it is the broker.
@pytest.mark.parametrize("how", [how for how in FORGERIES if how != "too long"])
def test_a_forged_id_token_signs_nobody_in(clock: SetClock, how: str) -> None:
    broker = LyingBroker(clock)
    ours = connected(broker)
    begin(ours, broker)
    honest = Honest({"alg": "ES256", "kid": broker.key.kid}, broker.said(), broker.key)
    broker.tokens["id_token"] = honest.text()
    assert who(ours, clock).mitid_uuid == ANNA.mitid_uuid
    broker.tokens["id_token"] = FORGERIES[how](honest)
    with pytest.raises(SignInFailed) as failed:
        who(ours, clock)
    assert failed.value.error == "server_error"
    ours.close()


@pytest.mark.parametrize("place", ["client assertion", "DPoP proof at a resource", "DPoP proof at the token endpoint"])
def test_one_that_was_used_is_refused(world: World, place: str) -> None:
    there = PLACES[place](world)
    assert there.answer(there.honest.text()) == TAKEN[place]
    assert there.answer(there.honest.text()) == there.refusal


@pytest.mark.parametrize(
    ("taken", "given"),
    [(taken, given) for taken in PLACES for given in PLACES if taken[:4] != given[:4]],
    ids=lambda name: name,
)
def test_a_token_of_one_kind_passes_for_no_other(world: World, taken: str, given: str) -> None:
    """RFC 8725 section 2.8: by its own key, whatever that is for."""
    there, other = PLACES[taken](world), PLACES[given](world)
    assert there.answer(other.honest.text()) == there.refusal
