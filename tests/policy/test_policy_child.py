"""What a child's phone is told, by any route, well or badly asked: its own right and nothing of the parent's."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

import httpx
import jwt
import pytest

from mobile_mock.phone_token import PhoneToken
from mobile_mock.shop import Merchant
from tests.policy.bodies import Bodies
from tests.policy.table import KINDS, Route, of_nothing, v1
from tests.world import Phone, World
from tokenization import ids
from tokenization.models import Card

STREAM = "/v1/inbox/stream"  # shows what the inbox shows
SECRET_SHOP = Merchant("DK-HIDDEN", "Urmageren i Ribe", "5944")
BALANCE, SPENT, ADDRESS = 2_843_719, 74_317, "Lindevej 7, Aarhus"
TOLD_ABOVE, SUSPICION = 61_753, "seen with a skimmer"
CARD = "the card's id"
TOLD_TO_PARENTS = {
    *(CARD, "the card's last four digits", "the PAR", "its amount", "its merchant", "the sibling's right"),
    "above what the parent is told of",
}
# Fields in which four digits say something else.
NOT_A_NUMBER = {"mcc", "keys", "request_id"}
_DAYS = re.compile(r"\b20\d\d\b")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every value of an answer as text, with where it stands; names of fields too."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{path}.{name}", name
            yield from leaves(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, f"{path}[]")
    else:
        yield path, str(value)


@dataclass
class Heard:
    """Every answer, by the subject that it was given to: what was asked, and each value in what came back."""

    of: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)

    def listen(self, http: httpx.Client) -> None:
        """Hear all of what a client gets."""
        http.event_hooks = {"request": [], "response": [self._hear]}

    def _hear(self, response: httpx.Response) -> None:
        response.read()
        token = response.request.headers.get("Authorization", "").partition(" ")[2]
        whom = jwt.decode(token, options={"verify_signature": False})["sub"] if token else "nobody"
        asked = f"{response.request.method} {response.request.url.path}"
        found = self.of.setdefault(whom, [])
        is_csv = response.headers["Content-Type"].startswith("text/csv")
        told = list(csv.DictReader(StringIO(response.text))) if is_csv else response.json()
        found += [(asked, path, text) for path, text in leaves(told)]

    def names(self, whom: str, secret: str) -> list[tuple[str, str, str]]:
        """Where a secret was told to somebody: as a word of its own."""
        word = re.compile(rf"(?<![0-9A-Za-z]){re.escape(secret)}(?![0-9A-Za-z])")
        short = len(secret) == 4
        return [
            (asked, path, text)
            for asked, path, text in self.of[whom]
            if not (short and path.rpartition(".")[2] in NOT_A_NUMBER)
            and word.search(_DAYS.sub("", text) if short else text)
        ]


@dataclass
class Family:
    """Anna, with a card, payments and two children; Emil's phone, on which much has happened."""

    world: World
    parent: Phone
    child: Phone
    right_id: str
    theirs: dict[str, str]
    secrets: dict[str, str]


@pytest.fixture
def heard(world: World) -> Heard:
    made = Heard()
    made.listen(world.http)
    return made


@pytest.fixture
def family(world: World, heard: Heard) -> Family:
    assert heard.of == {}
    bank, anna, parent = world.machine("issuer"), world.person("anna"), world.phone()
    bank.request("PATCH", f"/v1/issuer/accounts/{anna['account_id']}", {"balance": BALANCE})
    bank.request("PATCH", f"/v1/issuer/cardholders/{anna['cardholder_id']}", {"address": ADDRESS})
    mothers = parent.active(anna["card"])
    bought = world.shop(SECRET_SHOP).charge_card(anna["card"], SPENT)
    limits = {"per_payment": 20_000, "total": 90_000}
    right, other = (world.grant(parent, limits=limits, notify_above=TOLD_ABOVE) for _ in range(2))
    sibling, child = world.child(other["id"]), world.child(right["id"])
    siblings = sibling.active(right_id=other["id"])
    theirs = _what_a_child_does(world, parent, child, right["id"])
    world.tell()
    theirs["message_id"] = child.request("GET", "/v1/inbox").json()["data"][0]["id"]
    with world.parts.database.reading() as session:
        par = session.get_one(Card, ids.parse("card", anna["card_id"])).par
    secrets = {
        CARD: anna["card_id"],
        "the card's number": anna["card"]["number"],
        "the card's last four digits": anna["card"]["number"][-4:],
        "the PAR": par,
        "the holder's id": anna["cardholder_id"],
        "the holder's CPR number": anna["cpr"],
        "the holder's address": ADDRESS,
        "the holder's mobile": "00000001",
        "the account's id": anna["account_id"],
        "the balance": str(BALANCE),
        "what is available": str(BALANCE - SPENT),
        "a payment of the parent's": bought["id"],
        "its amount": str(SPENT),
        "its merchant": SECRET_SHOP.name,
        "its merchant's id": SECRET_SHOP.id,
        "the parent's token": mothers["id"],
        "the sibling's right": other["id"],
        "the sibling's token": siblings["id"],
        "above what the parent is told of": str(TOLD_ABOVE),
        "why the bank held the child's card back": SUSPICION,
    }
    return Family(world, parent, child, right["id"], theirs, secrets)


def _what_a_child_does(world: World, parent: Phone, child: Phone, right_id: str) -> dict[str, str]:
    """Pay, be declined for every kind of reason, ask, be answered, change the PIN: one of each kind that is its own."""
    token, shop, bank = child.token(right_id=right_id), world.shop(), world.machine("issuer")
    shop.tap(token, 12_000)
    declined = shop.tap(token, 20_100)
    _by_the_card(world, token)
    ask = f"/v1/drawing-rights/{right_id}/requests"
    made = child.request("POST", ask, {"kind": "one_off", "payment_id": declined["id"], "message": "Please"})
    assert made.status_code == 201, made.text
    parent.step_up("approve").request("POST", f"/v1/drawing-requests/{made.json()['id']}/approve")
    shop.tap(token, 20_100)
    raised = child.request("POST", ask, {"kind": "raise", "limit": "total", "amount": 95_000})
    parent.request("POST", f"/v1/drawing-requests/{raised.json()['id']}/decline")
    blocked = {"reason": "stolen"}
    card = f"/v1/issuer/cards/{world.person('anna')['card_id']}"
    for _ in range(2):
        assert bank.request("POST", f"{card}/block", blocked).status_code == 200
        shop.tap(token, 100)
        child.request("GET", f"/v1/drawing-rights/{right_id}")
        child.request("GET", f"/v1/tokens/{token.id}")
        assert bank.request("POST", f"{card}/unblock").status_code == 200
    held = f"/v1/issuer/tokens/{token.id}"
    assert bank.request("POST", f"{held}/suspend", {"reason": SUSPICION}).status_code == 200
    for phone in (parent, child):
        assert phone.request("GET", f"/v1/tokens/{token.id}").json()["because"] == "issuer"
    assert bank.request("POST", f"{held}/resume").status_code == 200
    return {"right_id": right_id, "token_id": token.id, "request_id": made.json()["id"], "payment_id": declined["id"]}


def _by_the_card(world: World, token: PhoneToken) -> None:
    """Declined by what the card has spent, and by what is on the account."""
    bank, anna = world.machine("issuer"), world.person("anna")
    limits = {"cash_per_day": 0, "gambling_per_day": 0, "visa_per_30_days": 1, "visa_cash_per_day": 0}
    assert bank.request("PUT", "/v1/issuer/policies/card_limits", {"figures": limits}).status_code == 200
    assert world.shop(Merchant("DK-7", "Lotto", "7995")).tap(token, 300)["limit"]["of"] == "policy"
    account = f"/v1/issuer/accounts/{anna['account_id']}"
    bank.request("PATCH", account, {"balance": 0})
    assert world.shop().tap(token, 300)["reason"] == "insufficient_funds"
    bank.request("PATCH", account, {"balance": BALANCE})


def for_children(world: World) -> list[Route]:
    return [route for route in v1(world.app) if "child" in route.scopes and route.path != STREAM]


def call_everything(family: Family) -> None:
    """Each route that a child may call: with what is its own, with what is the parent's or the sibling's, with nothing.

    What ends the phone's session, or its token, comes last.
    """
    bodies = Bodies(family.world.http.get("/openapi.json", headers={}).json())
    others = {text.partition("_")[0]: text for text in family.secrets.values()}
    family.child.request("GET", f"/v1/drawing-rights/{family.right_id}/payments", headers={"Accept": "text/csv"})
    for route in sorted(
        for_children(family.world), key=lambda route: (route.path.endswith("/suspend"), route.method == "DELETE")
    ):
        strange: list[str] = []
        if route.kind:
            strange = [others.get(KINDS[route.kind], of_nothing(route.kind)), of_nothing(route.kind)]
        for text in (family.theirs.get(route.kind or ""), *strange):
            family.world.parts.redis.flushall()
            family.child.request(route.method, route.url(text), bodies.of(route))


def test_no_answer_to_a_child_tells_anything_of_the_parents(family: Family, heard: Heard) -> None:
    call_everything(family)
    told = {what: found for what, secret in family.secrets.items() if (found := heard.names(family.right_id, secret))}
    assert told == {}


def test_all_that_a_child_may_ask_was_asked_and_what_is_told_would_be_found(family: Family, heard: Heard) -> None:
    call_everything(family)
    asked = {f"{method} {_shape(path)}" for method, path in (each[0].split(" ") for each in heard.of[family.right_id])}
    assert {f"{route.method} {_shape(route.url())}" for route in for_children(family.world)} - asked == set()
    paths = {path for _, path, _ in heard.of[family.right_id]}
    assert {
        ".data[].left.remaining",
        ".data[].can_be_asked_for",
        ".usage.total.spent",
        ".data[].merchant.name",
        "[].merchant",
    } <= paths
    heard.of[family.parent.subject] = []
    for path in ("/v1/cards", f"/v1/cards/{family.secrets[CARD]}/payments", "/v1/drawing-rights"):
        family.parent.request("GET", path)
    missed = {what for what, secret in family.secrets.items() if not heard.names(family.parent.subject, secret)}
    assert not missed & TOLD_TO_PARENTS


def _shape(path: str) -> str:
    return re.sub(r"[a-z]+_[0-9a-z]{26}", "*", path)
