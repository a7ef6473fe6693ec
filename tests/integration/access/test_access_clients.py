"""Registering clients: what each kind has, and what none may have."""

from typing import Any
from uuid import UUID

import pytest
from joserfc.jwk import ECKey
from sqlalchemy.orm import Session

from tokenization import requestors
from tokenization.clock import SetClock
from tokenization.errors import Invalid
from tokenization.events import take_pending
from wallet.access.events import ClientRegistered, client_subject
from wallet.access.oauth import clients

PRIVATE = ECKey.generate_key("P-256").as_dict(private=True)
PUBLIC: dict[str, Any] = {name: value for name, value in PRIVATE.items() if name != "d"}
URIS = ["https://wallet.example/signed-in"]


@pytest.fixture
def shop(session: Session, clock: SetClock) -> UUID:
    made = requestors.register(session, kind="merchant", name="Prøve", merchant_ids=[], schemes=[], now=clock.now())
    take_pending(session)
    return made.requestor_id


def test_a_clients_id_can_be_read(session: Session, shop: UUID, clock: SetClock) -> None:
    keys = {"keys": [PUBLIC]}
    made = clients.register_client(
        session, scope="merchant", name="Ærø Købmand & Søn", requestor_id=shop, jwks=keys, now=clock.now()
    )
    assert made.client_id.startswith("aeroe-koebmand-soen-")


def test_registering_is_an_event_without_secrets(session: Session, clock: SetClock) -> None:
    made = clients.register_client(session, scope="issuer", name="Bank", jwks={"keys": [PUBLIC]}, now=clock.now())
    [event] = take_pending(session)
    assert isinstance(event, ClientRegistered)
    assert event.subject_id == client_subject(made.client_id)
    assert event.payload() == {"client": made.client_id, "scope": "issuer", "name": "Bank"}


def test_keys_are_kept_with_kid_use_and_algorithm(session: Session, clock: SetClock) -> None:
    made = clients.register_client(session, scope="issuer", name="Bank", jwks={"keys": [PUBLIC]}, now=clock.now())
    kid = ECKey.import_key(PUBLIC).thumbprint()
    assert made.jwks == {"keys": [{**PUBLIC, "kid": kid, "use": "sig", "alg": "ES256"}]}


@pytest.mark.parametrize(
    ("details", "field"),
    [
        ({"scope": "admin"}, "scope"),
        ({"scope": "merchant", "jwks": {"keys": [PUBLIC]}, "requestor_id": None}, "requestor_id"),
        ({"scope": "merchant"}, "jwks"),
        ({"scope": "wallet", "redirect_uris": URIS, "jwks": {"keys": [PUBLIC]}}, "jwks"),
        ({"scope": "wallet"}, "redirect_uris"),
        ({"scope": "child", "redirect_uris": URIS}, "redirect_uris"),
        ({"scope": "merchant", "jwks": {"keys": []}}, "jwks"),
        ({"scope": "merchant", "jwks": {"keys": [PUBLIC] * 11}}, "jwks"),
        ({"scope": "merchant", "jwks": [PUBLIC]}, "jwks"),
        ({"scope": "merchant", "jwks": {"keys": [PUBLIC, PUBLIC]}}, "jwks"),
        ({"scope": "merchant", "jwks": {"keys": [PRIVATE]}}, "jwks.keys[0]"),
        ({"scope": "merchant", "jwks": {"keys": [{**PUBLIC, "use": "enc"}]}}, "jwks.keys[0]"),
        ({"scope": "merchant", "jwks": {"keys": [{**PUBLIC, "alg": "HS256"}]}}, "jwks.keys[0]"),
        ({"scope": "merchant", "jwks": {"keys": [{**PUBLIC, "kid": 7}]}}, "jwks.keys[0]"),
    ],
)
def test_a_client_of_another_shape_is_refused_by_name(
    session: Session, shop: UUID, clock: SetClock, details: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        clients.register_client(session, **{"name": "Prøve", "requestor_id": shop, "now": clock.now(), **details})
    assert refused.value.field == field
    assert str(PRIVATE["d"]) not in str(refused.value)


@pytest.mark.parametrize(
    "uri",
    [
        "http://wallet.example/cb",
        "http://127.0.0.1:8080/cb",
        "http://localhost/cb",
        "app.wallet:/cb",
        "javascript:alert(1)",
        "https://user@wallet.example/cb",
        "https://wallet.example/cb#part",
        "https:///cb",
        "https://[broken/cb",
        "https://wallet.example:x/cb",
        "https://wallet.example/ø",
        "https://wallet.example/a b",
        "",
    ],
)
def test_only_https_may_be_redirected_to(session: Session, shop: UUID, clock: SetClock, uri: str) -> None:
    with pytest.raises(Invalid) as refused:
        clients.register_client(
            session, scope="wallet", name="App", requestor_id=shop, redirect_uris=[uri], now=clock.now()
        )
    assert refused.value.field == "redirect_uris"


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9000/cb", "http://[::1]/cb"])
def test_the_demo_may_redirect_to_loopback(session: Session, shop: UUID, clock: SetClock, uri: str) -> None:
    made = clients.register_client(
        session,
        scope="wallet",
        name="App",
        requestor_id=shop,
        redirect_uris=[uri],
        loopback_allowed=True,
        now=clock.now(),
    )
    assert made.redirect_uris == [uri]
