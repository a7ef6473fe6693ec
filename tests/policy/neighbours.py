"""Two families, two shops, two wallets, two acquirers and a bank: what each of them has, and who may see it."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import httpx
from joserfc.jwk import ECKey

from mobile_mock.phone_token import PhoneToken
from mobile_mock.shop import Merchant, Shop
from tests.policy.callers import childs_phone, tell
from tests.policy.table import Route
from tests.world import FILMFLODEN, NETTO, Machine, Phone, World
from tokenization import ids
from wallet.access.models import AccessSession

Caller = Phone | Machine
# Emil and Ella are Anna's children, Osvald is Bo's. Bo and Osvald have the wallet of the other provider.
PARENT_OF: Final = {"emil": "anna", "ella": "anna", "osvald": "bo"}
# Another phone of Emil's, under the same right: all that is Emil's is on both, but for the card on the one.
TABLET: Final = "emils tablet"
SIDES: Final = ("one", "other")
SIDE_OF: Final = {"anna": "one", "bo": "other"}
MACHINES: Final = tuple(f"{side} {scope}" for scope in ("merchant", "provider", "network") for side in SIDES)
CALLERS: Final = (*SIDE_OF, *PARENT_OF, TABLET, *MACHINES)
BANK: Final = "bank"
HOOKS: Final = "http://127.0.0.1:9/hooks"


@dataclass(frozen=True)
class Thing:
    """Something that is somebody's. `kind` is the path variable for it; whoever is not in `seen_by` must not see it,
    nor its id in any answer, but for `named_to`.
    """

    kind: str
    id: str
    whose: str
    seen_by: frozenset[str]
    named_to: frozenset[str]

    def __str__(self) -> str:
        return f"the {self.kind} of {self.whose}"


class Neighbours:
    """Everybody, in a world, and everything that they have."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.callers: dict[str, Caller] = {BANK: world.machine("issuer")}
        self.things: list[Thing] = []
        self._add_machines()
        self._add_people()
        self._provision()
        self._keep_on_file()
        self._pay()
        self._ask()
        self._deliver()
        self._tell()

    def theirs(self, who: str) -> dict[str, str]:
        """What a caller may see, one of each kind."""
        return {thing.kind: thing.id for thing in reversed(self.things) if who in thing.seen_by or who == BANK}

    def others(self, who: str, kind: str) -> list[Thing]:
        """What there is of a kind that a caller may not see."""
        return [thing for thing in self.things if thing.kind == kind and who not in thing.seen_by and who != BANK]

    def who_may(self, route: Route) -> list[str]:
        """The callers whose scope the route admits."""
        return [who for who, caller in self.callers.items() if caller.scope in route.scopes]

    def ask(self, who: str, route: Route, path: str, body: Any = None) -> httpx.Response:
        """Call a route as somebody who has just signed in for it, and has not been counted by any limit yet."""
        caller = self.callers[who]
        self.world.parts.redis.flushall()
        if isinstance(caller, Phone) and route.access:
            caller.step_up(route.access.step_up or "")
        return caller.request(route.method, path, body)

    def cvc_of(self, card_id: str) -> str:
        """Of the card with that id, or of none."""
        people = [self.world.person(name) for name in SIDE_OF]
        return next((str(person["card"]["cvc"]) for person in people if person["card_id"] == card_id), "123")

    def _add_machines(self) -> None:
        self._clients = {"one": self._known(), "other": self._approved()}
        for side, clients in self._clients.items():
            for scope in ("merchant", "provider", "network"):
                self.callers[f"{side} {scope}"] = Machine(self.world, scope, clients[scope])

    def _known(self) -> dict[str, str]:
        """The clients of the wallet, the shop and the acquirer that are in every world, by scope."""
        access = self.world.access
        machines = {scope: machine["client_id"] for scope, machine in access["machines"].items()}
        return machines | {"wallet": access["wallet_app"]["client_id"], "child": access["child_app"]["client_id"]}

    def _approved(self) -> dict[str, str]:
        """The clients of another wallet, another shop and another acquirer, by scope."""
        more: dict[str, dict[str, Any]] = {
            "wallet": {"redirect_uris": ["https://other.example/in"]},
            "merchant": {"merchant_ids": ["DK-OTHER"]},
            "acquirer": {},
        }
        found: dict[str, str] = {}
        for kind, terms in more.items():
            jwks = {"keys": [ECKey.generate_key("P-256").as_dict(private=False)]}
            asked = {"kind": kind, "name": f"Another {kind}", "jwks": jwks, **terms}
            made = self._done(BANK, "POST", "/v1/issuer/requestors", asked)
            found |= {client["scope"]: client["client_id"] for client in made["clients"]}
            self._add("requestor_id", made["id"], f"another {kind}", named_to=CALLERS)
        return found

    def _add_people(self) -> None:
        for name, side in SIDE_OF.items():
            phone, person = self.world.phone(name, client_id=self._clients[side]["wallet"]), self.world.person(name)
            self._add_phone(name, phone)
            self._add("holder_id", person["cardholder_id"], name)
            self._add("account_id", person["account_id"], name)
            self._add("card_id", person["card_id"], name, name, named_to=(f"{side} provider",))
        for name, parent in PARENT_OF.items():
            side = SIDE_OF[parent]
            phone = childs_phone(self.world, parent, f"{name}'s phone", client_id=self._clients[side]["child"])
            self._add_phone(name, phone, parent)
            self._add("right_id", phone.subject, name, *_phones(name), parent, named_to=(f"{side} provider",))
            self._add("pairing_id", self._pairing_of(phone), name, parent)
        self._add_phone(TABLET, self.world.child(self._phone("emil").subject), "anna")

    def _add_phone(self, name: str, phone: Phone, *seen_by: str) -> None:
        self.callers[name] = phone
        self._add("session_id", ids.to_text("sess", phone.session_id), name, name, *seen_by)

    def _pairing_of(self, phone: Phone) -> str:
        with self.world.parts.database.reading() as session:
            pairing_id = session.get_one(AccessSession, phone.session_id).pairing_id
        assert pairing_id is not None
        return ids.to_text("pair", pairing_id)

    def _provision(self) -> None:
        for name, side in SIDE_OF.items():
            phone = self._phone(name)
            token = phone.active(self.world.person(name)["card"])
            self._add("token_id", token["id"], name, name, f"{side} provider")
            if name == "anna":
                self._annas = self._ready(phone, token)
        for name, parent in (*PARENT_OF.items(), (TABLET, "anna")):
            phone = self._phone(name)
            token = phone.active(right_id=phone.subject)
            seen_by = (name, parent, f"{SIDE_OF[parent]} provider")
            self._add("token_id", token["id"], name, *seen_by, named_to=_phones(name))
            if name == "emil":
                self._emils = self._ready(phone, token)

    def _ready(self, phone: Phone, token: dict[str, Any]) -> PhoneToken:
        """What is on that phone, with keys to pay."""
        made = PhoneToken(phone.request, token, phone.encryption_key, self._today)
        made.fetch_keys()
        return made

    def _keep_on_file(self) -> None:
        for name, merchant in (("anna", "one merchant"), ("anna", "other merchant"), ("bo", "other merchant")):
            card = self.world.person(name)["card"]
            typed = {"number": card["number"], "expiry": card["expiry"]}
            asked = {"card": typed, "agreement": "subscription", "reference": f"customer-{name}"}
            made = self._done(merchant, "POST", "/v1/merchant/credentials", asked)
            self._add("credential_id", made["id"], f"{name} at the {merchant}", name, merchant)

    def _pay(self) -> None:
        for name, acquirer in (("anna", "one network"), ("bo", "other network")):
            card, reference = self.world.person(name)["card"], f"acq-{name}"
            paid = self._shop(acquirer).charge_card(card, 100, network_reference=reference)
            self._add("payment_id", paid["id"], name, name, acquirer)
        shop, kept = self._shop("one network"), self.theirs("anna")["credential_id"]
        for paid in (shop.tap(self._annas, 100), self._shop("one network", FILMFLODEN).charge_on_file(kept, 100)):
            self._add("payment_id", paid["id"], "anna", "anna", "one network")
        paid = shop.tap(self._emils, 100)
        self._add("payment_id", paid["id"], "emil", *_phones("emil"), "anna", "one network")

    def _ask(self) -> None:
        for name, parent in PARENT_OF.items():
            right_id = self._phone(name).subject
            asked = {"kind": "one_off", "amount": 30_000, "message": f"{name} asks"}
            made = self._done(name, "POST", f"/v1/drawing-rights/{right_id}/requests", asked)
            self._add("request_id", made["id"], name, *_phones(name), parent)

    def _deliver(self) -> None:
        for who in MACHINES[:4]:
            place = f"/v1/{self.callers[who].scope}/webhook-endpoint"
            self._done(who, "PUT", place, {"url": HOOKS})
            self._add("delivery_id", self._done(who, "POST", f"{place}/test")["id"], who, who)

    def _tell(self) -> None:
        tell(self.world)
        for name in (*SIDE_OF, *PARENT_OF):
            newest = self._done(name, "GET", "/v1/inbox")["data"][0]
            self._add("message_id", newest["id"], name, *_phones(name))

    def _add(self, kind: str, text: str, whose: str, *seen_by: str, named_to: tuple[str, ...] = ()) -> None:
        self.things.append(Thing(kind, text, whose, frozenset(seen_by), frozenset((*seen_by, *named_to))))

    def _done(self, who: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
        answer = self.callers[who].request(method, path, body)
        assert answer.is_success, (who, method, path, answer.text)
        found: dict[str, Any] = answer.json()
        return found

    def _phone(self, name: str) -> Phone:
        phone = self.callers[name]
        assert isinstance(phone, Phone)
        return phone

    def _shop(self, acquirer: str, merchant: Merchant = NETTO) -> Shop:
        return Shop(self.callers[acquirer].request, merchant, now=self.world.clock.now)

    def _today(self) -> date:
        return self.world.clock.now().date()


def _phones(name: str) -> tuple[str, ...]:
    """The callers that are the same person: what is theirs, but for what is on one phone alone."""
    return (name, TABLET) if name == "emil" else (name,)
