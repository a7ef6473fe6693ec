"""No card number, token number, CVC, PIN key, CPR number or secret gets into a log, a row, an answer, or Redis."""

import base64
import json
import logging
import re
import secrets
from collections.abc import Iterator
from io import StringIO
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from joserfc import jwe
from joserfc.jwk import ECKey
from sqlalchemy import text

from mobile_mock.phone_token import PhoneToken
from tests.policy.callers import childs_phone, headers_of, of_scope, tell
from tests.policy.canary import Answers, Birds, escaped, everything
from tests.policy.table import v1
from tests.world import FILMFLODEN, Machine, Phone, World
from tokenization.ids import new_id
from wallet import logs

CPR, MOBILE = "010190-4242", "+4587654321"
STREAM = "/v1/inbox/stream"


class Cage:
    """Everybody, and everything that is said, with what must not get out."""

    def __init__(self, world: World, out: StringIO) -> None:
        self.world, self.out = world, out
        self.birds, self.answers = Birds(), Answers()
        self.issuer, self.merchant = world.machine("issuer"), world.machine("merchant")
        self.anna = world.phone("anna")
        self.answers.listen(world.http)

    def escaped(self) -> set[tuple[str, str]]:
        return escaped(self.birds, everything(self.world, self.out, self.answers))

    def card(self, name: str, answer: dict[str, Any]) -> dict[str, str]:
        """A card as the bank made it."""
        self.birds.number(f"{name} number", answer["number"])
        self.birds.cvc(f"{name} CVC", answer["cvc"])
        return {field: answer[field] for field in ("number", "expiry", "cvc")}

    def issue(self) -> dict[str, str]:
        """A customer with a CPR number, an account and a card; asked for twice under one key."""
        self.birds.add("CPR", CPR, CPR.replace("-", ""), CPR.replace("-", "").encode().hex())
        self.birds.add("mobile", MOBILE, MOBILE.encode().hex())
        call = self.issuer.request
        anna = self.world.person("anna")
        call("POST", "/v1/issuer/cardholders", {"name": "Ida", "cpr": CPR, "mobile": MOBILE})
        call("POST", "/v1/issuer/cards/search", {"cpr": CPR})
        asked = {"cardholder_id": anna["cardholder_id"], "account_id": anna["account_id"], "scheme": "visa_dankort"}
        made, again = (call("POST", "/v1/issuer/cards", asked, headers={"Idempotency-Key": "a"}) for _ in range(2))
        assert made.status_code == 201, made.text
        assert again.json() == made.json()
        self.card_id = made.json()["id"]
        return self.card("first", made.json())

    def token(self, phone: Phone, card: dict[str, str] | None, right_id: str | None = None) -> PhoneToken:
        """A token with keys of its own, ready to pay."""
        provisioned = phone.provision(card, right_id=right_id)
        assert provisioned.status_code == 201, provisioned.text
        today = lambda: self.world.clock.now().date()  # noqa: E731 - one use, one line
        token = PhoneToken(phone.request, provisioned.json(), phone.encryption_key, today)
        token.choose_pin("8642", biometric=True)
        token.fetch_keys()
        for kind, key in token._holder_keys.items():  # noqa: SLF001 - what the phone never shows
            self.birds.key(f"{phone.name}'s {kind} key", key)
        for atc, key in list(token._keys):  # noqa: SLF001 - as above
            self.birds.key(f"{phone.name}'s payment key {atc}", key)
        self.birds.number(f"{phone.name}'s token number", token.number)
        return token

    def sealed(self, card: dict[str, str]) -> str:
        """The card encrypted to the service's key."""
        keys = self.world.http.get("/oauth/jwks").json()["keys"]
        key = ECKey.import_key(next(key for key in keys if key["use"] == "enc"))
        header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": key.kid}
        return jwe.encrypt_compact(header, json.dumps(card).encode(), key, algorithms=["ECDH-ES", "A256GCM"])


@pytest.fixture
def out() -> Iterator[StringIO]:
    """What is logged, as a process would write it."""
    root, written = logging.getLogger(), StringIO()
    handlers, level = root.handlers[:], root.level
    logs.configure("DEBUG", written)
    yield written
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def cage(world: World, out: StringIO) -> Cage:
    return Cage(world, out)


def test_nothing_gets_out_on_the_way_of_the_story(cage: Cage) -> None:
    world, merchant, card = cage.world, cage.merchant, cage.issue()
    token = cage.token(cage.anna, card)
    child = childs_phone(world)
    childs = cage.token(child, None, child.subject)
    shop, streaming = world.shop(), world.shop(FILMFLODEN)
    shop.tap(token, 8_900)
    request = shop.tap_request(token, 50_000, "pin")
    assert [shop.authorize(request)["reason"] for _ in range(2)] == ["approved", "security_violation"]
    shop.tap(token, 50_000, "pin", pin="1111")
    shop.tap(childs, 25_000)
    shop.charge_card(card | {"cvc": "000"}, 100, "ecommerce", "none")
    shop.charge_card(card, 100, "ecommerce", "none", authentication="3ds")

    endpoint = {"url": "http://127.0.0.1:9/hooks", "update_format": "token"}
    for machine, path in ((merchant, "/v1/merchant"), (world.machine("provider"), "/v1/provider")):
        secret = machine.request("PUT", f"{path}/webhook-endpoint", endpoint).json()["secret"]
        cage.birds.add(f"{path}'s webhook secret", secret, secret.removeprefix("whsec_"))
        cage.answers.given.pop()  # it is shown this once
    kept = {"number": card["number"], "expiry": card["expiry"]}
    agreed = {"agreement": "subscription", "reference": "customer-42"}
    sources = ({"card": kept}, {"encrypted_card": cage.sealed(kept)})
    made = [merchant.request("POST", "/v1/merchant/credentials", {**source, **agreed}) for source in sources]
    assert [answer.status_code for answer in made] == [201, 201]
    credential = made[0].json()["id"]
    cage.anna.request("POST", f"/v1/credentials/{credential}/confirm", {"automatic_update": True})
    assert streaming.charge_on_file(credential, 9_900)["reason"] == "approved"

    replaced = cage.issuer.request("POST", f"/v1/issuer/cards/{cage.card_id}/replace", {"reason": "bank"})
    new = cage.card("second", replaced.json())
    tell(world)
    cage.issuer.request("POST", f"/v1/issuer/cards/{cage.card_id}/activate-plastic")
    assert shop.charge_card(card, 100)["reason"] == "card_replaced"
    assert shop.charge_card(new, 100)["reason"] == "approved"
    cage.issuer.request("POST", "/v1/issuer/cards/search", {"number": new["number"]})
    merchant.request("POST", "/v1/merchant/blocked-cards/check", {"numbers": [card["number"], new["number"]]})
    cage.anna.step_up("pin").request("PUT", f"/v1/tokens/{token.id}/pin", {"pin_key": "A" * 43})
    cage.anna.request("POST", f"/v1/cards/{cage.card_id}/block", {"reason": "lost"})
    tell(world)
    for caller in (cage.anna, child, cage.issuer, merchant, world.machine("provider"), world.machine("network")):
        read_all(world, caller, {"card_id": cage.card_id, "token_id": token.id, "credential_id": credential})
    assert cage.escaped() == set()
    assert len(cage.birds.written) > 20
    assert len(cage.answers.given) > 60


def read_all(world: World, caller: Phone | Machine, known: dict[str, str]) -> None:
    """Look at whatever there is to look at."""
    for route in v1(world.app):
        if route.method == "GET" and caller.scope in route.scopes and route.path != STREAM:
            path = re.sub(r"<(\w+)>", lambda found: known.get(found[1], "nothing"), route.path)
            caller.request("GET", path)


def test_nothing_gets_out_from_where_it_should_not_have_been_put(cage: Cage) -> None:
    world, card = cage.world, cage.issue()
    cage.birds.number("a number typed somewhere", card["number"])
    secret = secrets.token_bytes(32)
    cage.birds.key("a key pasted somewhere", secret)
    number, key = card["number"], next(iter(cage.birds.written["a key pasted somewhere"]))
    callers = {scope: of_scope(world, scope) for scope in ("wallet", "child", *world.access["machines"])}
    for route in v1(world.app):
        caller = callers[min(route.scopes)]
        if isinstance(caller, Phone) and route.access:
            caller.step_up(route.access.step_up or "")
        for put in (number, f"{number[:4]} {number[4:8]} {number[8:12]} {number[12:]}"):
            path = re.sub(r"<\w+>", quote(put), route.path)
            headers = headers_of(caller, route.method, path) | {
                "Idempotency-Key": put,
                "User-Agent": put,
                "X-Other": put,
            }
            for body in BODIES[: 1 if route.method == "GET" else None]:
                sent = json.dumps(body).replace("NUMBER", put).replace("KEY", key)
                world.http.request(
                    route.method, path, params={"cursor": put, put: "1"}, content=sent, headers=headers | _json()
                )
    assert cage.escaped() == set()


# A number as a value, as a name, deep inside, as a number; a key as a name; and what isn't JSON at all.
BODIES: tuple[Any, ...] = (
    {"name": "NUMBER", "reference": "NUMBER", "reason": "NUMBER", "delegate": {"name": "NUMBER"}},
    {"NUMBER": 1, "KEY": 1},
    {"limits": {"per_payment": "NUMBER", "NUMBER": {"KEY": "NUMBER"}}},
    "NUMBER",
    ["NUMBER", {"number": "NUMBER NUMBER"}],
)


def _json() -> dict[str, str]:
    return {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        ("POST", "/v1/issuer/cardholders", {"name": "NUMBER", "cpr": "010190-0001"}),
        ("POST", "/v1/issuer/cardholders", {"name": "Ida", "cpr": "010190-0001", "address": "behind NUMBER"}),
        ("POST", "/v1/issuer/requestors", {"kind": "acquirer", "name": "NUMBER", "jwks": "JWKS"}),
        ("PUT", "/v1/issuer/policies/contactless", {"figures": {"NUMBER": 1, "pin_above": "NUMBER"}}),
    ],
)
def test_a_number_is_not_kept_where_text_is(cage: Cage, method: str, path: str, sent: dict[str, Any]) -> None:
    number = cage.issue()["number"]
    jwks = {"keys": [ECKey.generate_key("P-256").as_dict(private=False) | {"kid": number}]}
    body = json.loads(json.dumps(sent).replace("NUMBER", number).replace('"JWKS"', json.dumps(jwks)))
    assert cage.issuer.request(method, path, body).status_code == 422
    assert cage.escaped() == set()


def test_a_number_is_not_kept_as_who_acts_or_signs_in(cage: Cage) -> None:
    number, http = cage.issue()["number"], cage.world.http
    staff = cage.issuer.request("GET", "/v1/issuer/policies", headers={"X-Actor": number})
    assert staff.status_code == 422
    app, child = cage.world.access["wallet_app"], cage.world.access["child_app"]["client_id"]
    asked = {
        "response_type": "code",
        "client_id": app["client_id"],
        "redirect_uri": app["redirect_uri"],
        "scope": "wallet",
    }
    asked |= {"code_challenge": "A" * 43, "code_challenge_method": "S256", "dpop_jkt": "A" * 43, "state": "s"}
    for name in ("state", "login_hint", "nonce", "purpose", "client_id", "unknown"):
        put = asked | {name: number}
        for answer in (http.post("/oauth/par", data=put), http.get("/oauth/authorize", params=put)):
            assert answer.status_code in (400, 401, 302), (name, answer.text)
    device = {"client_id": child, "scope": "child", "device_name": number, "dpop_jkt": "A" * 43}
    assert http.post("/oauth/device_authorization", data=device).status_code == 400
    http.post("/oauth/token", data={"grant_type": "authorization_code", "code": number, "client_id": number})
    assert cage.escaped() == set()


def test_a_fault_of_ours_shows_nothing(cage: Cage) -> None:
    card, world = cage.issue(), cage.world
    body = {"card": card, "scheme": "dankort", "device": cage.anna.device()}
    token = cage.token(cage.anna, card)
    for broken in ("tokenization.tokens", "tokenization.key_batches", "tokenization.pan_directory", "wallet.payments"):
        with world.parts.database.transaction("test") as session:
            session.execute(text(f"ALTER TABLE {broken} RENAME TO broken"))
        cage.anna.step_up("provision").request("POST", "/v1/tokens", body)
        request = world.shop().tap_request(token, 100)
        world.machine("network").request(
            "POST", "/v1/network/authorizations", {"network_reference": "x" + broken} | request
        )
        cage.anna.step_up("pin").request("PUT", f"/v1/tokens/{token.id}/pin", {"pin_key": _held(token)})
        with world.parts.database.transaction("test") as session:
            schema, _, table = broken.partition(".")
            session.execute(text(f"ALTER TABLE {schema}.broken RENAME TO {table}"))
    faults = [line for line in cage.out.getvalue().splitlines() if json.loads(line)["event"] == "surprise"]
    assert len(faults) >= 4
    assert cage.escaped() == set()


def _held(token: PhoneToken) -> str:
    return base64.urlsafe_b64encode(token._holder_keys["pin"]).rstrip(b"=").decode()  # noqa: SLF001 - as above


def test_what_is_planted_is_found(cage: Cage) -> None:
    number = cage.issue()["number"]
    assert cage.escaped() == set()
    planted = {"event": "planted", "number": number}
    cage.out.write(json.dumps(planted) + "\n")
    cage.world.parts.redis.set("planted", number)
    cage.world.parts.redis.hset(f"planted:{number}", "a", "b")
    cage.answers.given.append(("GET /planted", f"it is {number[:4]} {number[4:8]} {number[8:12]} {number[12:]}"))
    now, recipient = cage.world.clock.now(), new_id()
    with cage.world.parts.database.transaction("test") as session:
        session.execute(
            text(
                "INSERT INTO notifications.messages"
                " (recipient_id, message_id, event_id, kind, language, title, text, at)"
                " VALUES (:id, :id, :id, 'a', 'da', 'b', :text, :at)"
            ),
            {"id": recipient, "text": f"your card {number}", "at": now},
        )
        session.execute(text("UPDATE tokenization.cards SET journal_head = :head"), {"head": b"\x00" + number.encode()})
    found = {place for name, place in cage.escaped() if name == "first number"}
    assert found == {"log: planted", "redis", "GET /planted", "notifications.messages", "tokenization.cards"}
