"""A quarter in which everything is scarce: where lists of requests are decided that get into each other's way.

A `Wish` says who pays what and how, `Again` asks once more for something that was asked before: plain data, so that a
list can be drawn at random, or be written down.
"""

import secrets
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final, cast

from mobile_mock.phone_token import PhoneToken
from tests.integration.payments.lists import value
from tests.integration.payments.scene import ATM, CASINO, HOTEL, TRAM, Answer, Scene
from tests.world import FILMFLODEN, NETTO, Phone
from wallet.payments.requests import Authorization

MONEY: Final = 150_000  # of Anna, whose two cards share it
TIGHT: Final = {
    "cash_per_day": 40_000,
    "gambling_per_day": 30_000,
    "visa_per_30_days": 60_000,
    "visa_cash_per_day": 20_000,
}
TOKENS: Final = ("anna", "emil", "freja")
PLASTICS: Final = ("anna's plastic", "second plastic", "bo's plastic", "blocked plastic")
FILED: Final = ("pending", "confirmed", "withdrawn", "nobody's")
BURIED: Final = ("buried-1", "buried-2")  # references whose reversal came first
UNKNOWN: Final = "9208900000000002"

# How each may pay: the request's own fields.
TOKEN_WAYS: Final[dict[str, dict[str, Any]]] = {
    "tap": {},
    "pin": {"cvm": "pin"},
    "finger": {"cvm": "biometric"},
    "wrong pin": {"cvm": "pin"},  # its MAC is spoiled: a phone takes its time to turn a PIN into a key
}
PLASTIC_WAYS: Final[dict[str, dict[str, Any]]] = {
    "contactless": {"entry_mode": "contactless", "cvm": "none"},
    "chip": {"entry_mode": "chip", "cvm": "online_pin"},
    "keyed": {"entry_mode": "keyed", "cvm": "none"},
    "web": {"entry_mode": "ecommerce", "cvm": "none", "authentication": "3ds", "cvc": "right"},
    "wrong cvc": {"entry_mode": "ecommerce", "cvm": "none", "authentication": "3ds", "cvc": "wrong"},
}
FILED_WAYS: Final[dict[str, dict[str, Any]]] = {
    "charge": {"by": "merchant"},
    "3ds": {"by": "cardholder", "authentication": "3ds"},
    "bare": {"by": "cardholder"},
}
PLACES: Final[dict[str, dict[str, Any]]] = {
    "grocer": {"at": NETTO},
    "casino": {"at": CASINO},
    "hotel": {"at": HOTEL, "estimated": True},
    "machine": {"at": ATM, "kind": "cash"},
    "tram": {"at": TRAM, "terminal": {"id": "T1", "unattended": True}},
    "visa": {"at": NETTO, "scheme": "visa"},
    "abroad": {"at": NETTO, "currency": "EUR"},
    "unrated": {"at": NETTO, "currency": "XAF"},
    "film": {"at": FILMFLODEN},
    "check": {"at": NETTO, "kind": "verification"},
}
# What is spoiled in a request that would be right: field, and what stands there instead.
SPOILED: Final[dict[str, tuple[str, str, Any]]] = {
    "mac": ("cryptogram", "mac", "00" * 8),
    "pin": ("cryptogram", "cvm_mac", "00" * 8),
    "atc": ("cryptogram", "atc", 60_000),
    "date": ("cryptogram", "date", "200101"),
    "expiry": ("card", "expiry", "2099-01"),
    "number": ("card", "number", UNKNOWN),
}


@dataclass(frozen=True)
class Wish:
    """Somebody would pay. `named` is the acquirer's reference, a new one where it is empty."""

    who: str
    how: str
    amount: int = 10_000
    where: str = "grocer"
    spoiled: str = ""
    named: str = ""


@dataclass(frozen=True)
class Again:
    """Something once more: the same, with another amount, under another reference, or by another acquirer."""

    of: int
    how: str = "same"


AGAIN: Final = ("same", "changed", "renamed", "theirs")


@dataclass
class Quarter:
    """Anna with two cards on one account, Emil and Freja with a right on each, Bo, and cards on file."""

    scene: Scene
    plastics: dict[str, dict[str, str | None]] = field(init=False)
    tokens: dict[str, PhoneToken] = field(init=False)
    phones: list[Phone] = field(init=False)
    filed: dict[str, str] = field(init=False)
    earlier: list[Answer] = field(init=False)

    def __post_init__(self) -> None:
        scene, world = self.scene, self.scene.world
        scene.money(MONEY)
        scene.bank("PUT", "/policies/card_limits", {"figures": TIGHT})
        second, blocked = self._card("anna"), self._card("bo")
        scene.bank("POST", f"/cards/{blocked['id']}/block", {"reason": "stolen"})
        people = {name: world.person(name)["card"] for name in ("anna", "bo")}
        cards = dict(zip(PLASTICS, (people["anna"], second, people["bo"], blocked), strict=True))
        self.plastics = {
            name: {each: card[each] for each in ("number", "expiry", "cvc")} for name, card in cards.items()
        }
        right_id = self._right(second["id"])
        self.phones = [scene.town.anna, scene.town.emil, world.child(right_id)]
        frejas = self.phones[-1].token(right_id=right_id, biometric=True)
        self.tokens = {"anna": scene.anna, "emil": scene.emil, "freja": frejas}
        for token in self.tokens.values():
            token.fetch_keys()
        self.filed = {"confirmed": scene.confirmed(), "withdrawn": scene.confirmed(), "pending": scene.register()}
        self.filed["nobody's"] = "cred_01kat7s1e8e5fv1kd4rbxe7d6j"
        scene.town.anna.request("DELETE", f"/v1/credentials/{self.filed['withdrawn']}")
        self._use_up()

    def _card(self, name: str) -> Answer:
        who = self.scene.world.person(name)
        owner = {"cardholder_id": who["cardholder_id"], "account_id": who["account_id"]}
        return self.scene.bank("POST", "/cards", owner | {"scheme": "visa_dankort"})

    def _right(self, card_id: str) -> str:
        terms = {"delegate": {"name": "Freja"}, "limits": {"payments_per_day": 3, "per_day": 60_000}}
        phone, path = self.scene.town.anna.step_up("right"), f"/v1/cards/{card_id}/drawing-rights"
        answer = phone.request("POST", path, terms)
        assert answer.status_code == 201, answer.text
        return cast(str, answer.json()["id"])

    def _use_up(self) -> None:
        """Two guesses of Emil's PIN, three taps of each, a yes that waits, two references that were reversed first."""
        scene = self.scene
        self.earlier = [scene.tap(100, token=each) for each in (scene.anna, scene.emil) for _ in range(3)]
        self.earlier += [_spoiled(scene.tap(100, "pin", token=scene.emil), "pin")]
        self.earlier += [self.plastic("anna's plastic", 100, **PLASTIC_WAYS["contactless"]) for _ in range(3)]
        for request in self.earlier:
            scene.decide(request)
        scene.one_off(30_000)
        for reference in BURIED:
            scene.reverse_lost(reference)

    def plastic(self, name: str, amount: int, cvc: str | None = None, **more: Any) -> Answer:
        """A request by one of the plastics, with its right CVC, a wrong one or none."""
        card = self.plastics[name]
        wrong = "000" if card["cvc"] != "000" else "001"
        shown = {"right": card["cvc"], "wrong": wrong, None: None}[cvc]
        return self.scene.plastic(amount, **more) | {"card": {**card, "cvc": shown}}

    def requests(self, wanted: Sequence[Wish | Again]) -> list[Authorization]:
        """The requests, as they are asked in order. The phones are as they were, whoever asked for a list before."""
        shared = [part for phone in self.phones for part in (phone, phone.encryption_key)]
        tokens, asked = deepcopy(self.tokens, {id(part): part for part in shared}), list(self.earlier)
        ours, theirs = self.scene.network.client_id, self.scene.town.other_acquirer.client_id
        found = []
        for each in wanted:
            if isinstance(each, Wish):
                request, client_id = self._request(each, tokens), ours
            else:
                earlier = asked[-1 - each.of % len(asked)]
                request, client_id = _again(earlier, each.how), theirs if each.how == "theirs" else ours
            asked.append(request)
            found.append(value(request, client_id))
        return found

    def _request(self, wish: Wish, tokens: dict[str, PhoneToken]) -> Answer:
        where = PLACES[wish.where]
        amount = 0 if where.get("kind") == "verification" else wish.amount
        more = where | ({"network_reference": wish.named} if wish.named else {})
        if wish.who in TOKENS:
            request = self.scene.tap(amount, token=tokens[wish.who], **TOKEN_WAYS[wish.how], **more)
        elif wish.who in PLASTICS:
            request = self.plastic(wish.who, amount, **PLASTIC_WAYS[wish.how], **more)
        else:
            request = self.scene.on_file(self.filed[wish.who], amount, **FILED_WAYS[wish.how], **more)
        return _spoiled(request, "pin" if wish.how == "wrong pin" else wish.spoiled)


def _spoiled(request: Answer, what: str) -> Answer:
    part, name, instead = SPOILED.get(what, ("", "", None))
    return request | {part: request[part] | {name: instead}} if part in request else request


def _again(request: Answer, how: str) -> Answer:
    if how == "changed":
        return request | {"terminal": {"id": "T2", "unattended": False}}
    return request | {"network_reference": secrets.token_hex(8)} if how == "renamed" else request
