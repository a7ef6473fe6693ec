"""A small world to test in: the real app over real parts, Anna and Bo with a card each, a wallet, a shop, an acquirer.

People and machines call the app through httpx, in this process, with real access tokens and DPoP proofs; how they get
those is what the tests of `wallet/access` are about.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import httpx
from flask import Flask
from joserfc.jwk import ECKey

from delegation import drawing_rights
from mobile_mock.dpop import DpopClient
from mobile_mock.phone_token import PhoneToken
from mobile_mock.shop import Merchant, Shop
from notifications import outbox
from notifications.telling import fan_out
from tokenization import cards, ids
from tokenization.clock import SetClock
from tokenization.keys.ring import KeyRing
from wallet import people, phones
from wallet.access import guard, sessions, step_up
from wallet.access.access_tokens import AccessTokens, Grant
from wallet.access.keys import AccessKeys
from wallet.access.oauth import blueprint as oauth
from wallet.access.oauth.server import Server
from wallet.app import create_app
from wallet.services import Services

NETTO = Merchant("DK-123", "Netto Vesterbro", "5411")
PIN_KEY = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"  # 32 bytes
FILMFLODEN = Merchant(people.MERCHANT_ID, "Filmfloden", "4899")
STAFF = "Mette"


@dataclass
class Machine:
    """A machine client: Bearer tokens by its scope."""

    world: "World"
    scope: str
    client_id: str

    def request(
        self, method: str, path: str, json: Any = None, *, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Call the API as this machine."""
        token = self.world.tokens.issue(Grant(self.client_id, self.scope, self.client_id))
        sent = {"Authorization": f"Bearer {token}"} | (headers or {})
        if self.scope == "issuer":
            sent.setdefault("X-Actor", STAFF)
        return self.world.http.request(method, path, json=json, headers=sent)


@dataclass
class Phone:
    """A signed-in phone: its DPoP key, its encryption key and its session."""

    world: "World"
    scope: str
    client_id: str
    subject: str
    name: str
    session_id: UUID
    key: ECKey
    encryption_key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256"))
    purpose: str | None = None
    acr: str | None = step_up.SUBSTANTIAL
    auth_time: datetime | None = None

    @property
    def thumbprint(self) -> str:
        """Of its DPoP key."""
        return self.key.thumbprint()

    def step_up(self, purpose: str) -> "Phone":
        """Signed in again for a purpose, just now."""
        self.purpose, self.auth_time = purpose, self.world.clock.now()
        return self

    def access_token(self) -> str:
        """A fresh token of its session."""
        grant = Grant(
            self.client_id,
            self.scope,
            self.subject,
            session_id=self.session_id,
            thumbprint=self.thumbprint,
            acr=self.acr,
            auth_time=self.auth_time,
            purpose=self.purpose,
        )
        return self.world.tokens.issue(grant)

    def request(
        self, method: str, path: str, json: Any = None, *, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Call the API from this phone."""
        url = self.world.parts.settings.public_url + path
        return self._dpop().send(method, url, access_token=self.access_token(), json=json, headers=headers)

    def proof(self, method: str, url: str, access_token: str) -> str:
        """A DPoP proof, for a call that `request` cannot make."""
        return self._dpop().proof(method, url, access_token)

    def _dpop(self) -> DpopClient:
        return DpopClient(self.world.http, self.key, lambda: self.world.clock.now().timestamp())

    def device(self) -> dict[str, Any]:
        """Itself, as `POST /v1/tokens` wants it."""
        public = self.encryption_key.as_dict(private=False)
        return {"name": self.name, "platform": "ios", "encryption_key": public, "provider_assertion": None}

    def provision(self, card: dict[str, str] | None = None, *, right_id: str | None = None) -> httpx.Response:
        """Put a card, or a child card, on this phone."""
        which = {"card": card} if card else {"drawing_right_id": right_id}
        if self.scope == "wallet":
            self.step_up("provision")
        return self.request("POST", "/v1/tokens", which | {"scheme": "dankort", "device": self.device()})

    def active(self, card: dict[str, str] | None = None, *, right_id: str | None = None) -> dict[str, Any]:
        """Put a card on this phone and activate it, without what makes a PIN slow: the token as the API shows it."""
        made = self.provision(card, right_id=right_id)
        assert made.status_code == 201, made.text
        answer = self.request("POST", f"/v1/tokens/{made.json()['id']}/activate", {"pin_key": PIN_KEY})
        assert answer.status_code == 200, answer.text
        activated: dict[str, Any] = answer.json()
        return activated

    def token(
        self,
        card: dict[str, str] | None = None,
        *,
        right_id: str | None = None,
        pin: str = "1234",
        biometric: bool = False,
    ) -> PhoneToken:
        """Put a card on this phone, choose a PIN and fetch keys: ready to pay."""
        answer = self.provision(card, right_id=right_id)
        assert answer.status_code == 201, answer.text
        made = PhoneToken(self.request, answer.json(), self.encryption_key, lambda: self.world.clock.now().date())
        made.choose_pin(pin, biometric=biometric)
        made.fetch_keys()
        return made


_APPS: Final[dict[KeyRing, Flask]] = {}


def _app(parts: Services) -> Flask:
    """The app over these parts. One serves a whole run, test after test: to describe every route takes longer than most
    tests do.
    """
    ring = parts.vault.ring
    if ring not in _APPS:
        _APPS[ring] = create_app(parts)
    app = _APPS[ring]
    tokens = AccessTokens(AccessKeys(ring), parts.settings.public_url, parts.clock)
    app.extensions["tegnebog"], app.extensions[guard.EXTENSION] = parts, tokens
    app.extensions[oauth.EXTENSION] = replace(app.extensions[oauth.EXTENSION], server=Server(tokens))
    return app


@dataclass
class World:
    """The app, its parts, and who is in it: they are filled in, unless `access` tells of those who are there."""

    parts: Services
    clock: SetClock
    access: dict[str, Any] = field(default_factory=dict)
    app: Flask = field(init=False)
    http: httpx.Client = field(init=False)
    tokens: AccessTokens = field(init=False)

    def __post_init__(self) -> None:
        self.app = _app(self.parts)
        self.tokens = self.app.extensions[guard.EXTENSION]
        transport = httpx.WSGITransport(app=self.app)
        self.http = httpx.Client(transport=transport, base_url=self.parts.settings.public_url)
        self.access = self.access or people.fill_in(self.parts)

    def person(self, name: str) -> dict[str, Any]:
        """`anna` or `bo`, as in access.json."""
        found: dict[str, Any] = self.access["people"][name]
        return found

    def phone(self, name: str = "anna", key: ECKey | None = None, *, client_id: str | None = None) -> Phone:
        """A new phone of Anna or Bo, or the one with that key, signed in at Substantial an hour ago, with our app or
        that client's.
        """
        holder_id = ids.parse("holder", self.person(name)["cardholder_id"])
        key, now = key or ECKey.generate_key("P-256"), self.clock.now()
        client_id = client_id or self.access["wallet_app"]["client_id"]
        signed_in_at = now - timedelta(hours=1)
        with self.parts.database.transaction("test") as session:
            started = sessions.start(
                session,
                client_id=client_id,
                holder_id=holder_id,
                thumbprint=key.thumbprint(),
                acr=step_up.SUBSTANTIAL,
                auth_time=signed_in_at,
                now=now,
            )
            session_id = started.session_id
        subject = self.person(name)["cardholder_id"]
        return Phone(self, "wallet", client_id, subject, f"{name}'s phone", session_id, key, auth_time=signed_in_at)

    def grant(self, parent: Phone, name: str = "anna", **terms: Any) -> dict[str, Any]:
        """A drawing right for Emil on that person's card: DKK 200 a payment, unless the terms say something else."""
        card_id = self.person(name)["card_id"]
        body = {"delegate": {"name": "Emil"}, "limits": {"per_payment": 20_000}} | terms
        answer = parent.step_up("right").request("POST", f"/v1/cards/{card_id}/drawing-rights", body)
        assert answer.status_code == 201, answer.text
        granted: dict[str, Any] = answer.json()
        return granted

    def child(self, right_id: str, key: ECKey | None = None, name: str = "Emil's phone") -> Phone:
        """A phone that the parent has just let in; that this wants a device grant is tested with `wallet/access`."""
        key, now, wanted = key or ECKey.generate_key("P-256"), self.clock.now(), ids.parse("right", right_id)
        client_id = self.access["child_app"]["client_id"]
        with self.parts.database.transaction("test") as session:
            card = cards.lock(session, drawing_rights.card_of(session, wanted) or wanted)
            assert card is not None
            right = drawing_rights.load(session, card.card_id, wanted)
            phone = {"client_id": client_id, "thumbprint": key.thumbprint(), "name": name}
            started = phones.let_in(session, card, right, **phone, now=now)
            session_id = started.session_id
        return Phone(self, "child", client_id, right_id, name, session_id, key, acr=None)

    def tell(self) -> None:
        """Let everybody be told of what happened; texts and webhooks stay where they wait."""
        now = self.clock.now()
        with self.parts.database.transaction("relay") as session:
            for event in outbox.claim(session, now, 1_000):
                fan_out(session, event, now)

    def machine(self, scope: str) -> Machine:
        """The bank, the acquirer, the shop or the wallet's server."""
        return Machine(self, scope, self.access["machines"][scope]["client_id"])

    def shop(self, merchant: Merchant = NETTO) -> Shop:
        """A shop whose acquirer asks."""
        return Shop(self.machine("network").request, merchant, now=self.clock.now)
