"""What is somebody else's is not there: the same answer, and nothing changed."""

from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from tests.integration.test_http_bad_input import Unchanged, is_refused
from tests.policy.callers import childs_phone, tell
from tests.policy.table import Route, v1
from tests.world import NETTO, Machine, Phone, World

KEY = "A" * 43
REVERSAL = {"network_reference": "acq-2", "amount": 1}
# What would do, if the thing were the caller's.
BODIES: dict[str, Any] = {
    "POST /v1/cards/<card_id>/block": {"reason": "lost"},
    "POST /v1/cards/<card_id>/drawing-rights": {"delegate": {"name": "Emil"}, "limits": {"per_day": 1}},
    "POST /v1/credentials/<credential_id>/confirm": {"automatic_update": True},
    "PATCH /v1/credentials/<credential_id>": {"automatic_update": True},
    "POST /v1/tokens/<token_id>/verification": {"method": "sms_code"},
    "POST /v1/tokens/<token_id>/verification/confirm": {"code": "123456"},
    "POST /v1/tokens/<token_id>/activate": {"pin_key": KEY},
    "PUT /v1/tokens/<token_id>/pin": {"pin_key": KEY},
    "POST /v1/tokens/<token_id>/suspend": {"reason": "device_stolen"},
    "PATCH /v1/drawing-rights/<right_id>": {"limits": {"per_day": 2}},
    "POST /v1/drawing-rights/<right_id>/pair": {"user_code": "WDJB-MJHT"},
    "POST /v1/drawing-rights/<right_id>/requests": {"kind": "one_off", "amount": 1, "limit": "per_payment"},
    "POST /v1/provider/tokens/<token_id>/suspend": {"reason": "fraud"},
    "POST /v1/network/authorizations/<payment_id>/captures": REVERSAL,
    "POST /v1/network/authorizations/<payment_id>/reversals": REVERSAL,
    "POST /v1/network/authorizations/<payment_id>/refunds": REVERSAL,
}


@dataclass
class Neighbours:
    """What one side has, and who is on the other."""

    world: World
    theirs: dict[str, str] = field(init=False)
    strangers: dict[str, Phone | Machine] = field(init=False)

    def __post_init__(self) -> None:
        world, bo, phone = self.world, self.world.person("bo"), self.world.phone("bo")
        number = {"number": bo["card"]["number"], "expiry": bo["card"]["expiry"]}
        kept = {"card": number, "agreement": "subscription", "reference": "customer-42"}
        merchant = world.machine("merchant")
        listening = {"url": "http://127.0.0.1:9/hooks"}
        assert merchant.request("PUT", "/v1/merchant/webhook-endpoint", listening).status_code == 200
        self.theirs = {
            "card_id": bo["card_id"],
            "credential_id": _id(merchant.request("POST", "/v1/merchant/credentials", kept)),
            "token_id": _id(phone.provision(bo["card"])),
            "right_id": childs_phone(world, "bo").subject,
            "payment_id": world.shop(NETTO).charge_card(bo["card"], 100)["id"],
            "delivery_id": _id(merchant.request("POST", "/v1/merchant/webhook-endpoint/test")),
            "message_id": self._message(phone),
        }
        self.strangers = {
            "wallet": world.phone("anna"),
            "child": childs_phone(world),
            "merchant": self._approved("merchant", {"merchant_ids": ["DK-OTHER"]}),
            "provider": self._approved("wallet", {"redirect_uris": ["https://other.example/in"]}),
            "network": self._approved("acquirer", {}),
        }

    def _message(self, phone: Phone) -> str:
        tell(self.world)
        return str(phone.request("GET", "/v1/inbox").json()["data"][0]["id"])

    def _approved(self, kind: str, more: dict[str, Any]) -> Machine:
        jwks = {"keys": [ECKey.generate_key("P-256").as_dict(private=False)]}
        asked = {"kind": kind, "name": "Another", "jwks": jwks, **more}
        made = self.world.machine("issuer").request("POST", "/v1/issuer/requestors", asked)
        assert made.status_code == 201, made.text
        machine = next(client for client in made.json()["clients"] if client["scope"] not in ("wallet", "child"))
        return Machine(self.world, machine["scope"], machine["client_id"])

    def url(self, route: Route) -> str:
        """The route's path with the ids of what is theirs."""
        path = route.path
        for variable, value in self.theirs.items():
            path = path.replace(f"<{variable}>", value)
        return path


def _id(answer: httpx.Response) -> str:
    assert answer.is_success, answer.text
    return str(answer.json()["id"])


def _about(answer: httpx.Response) -> dict[str, Any]:
    return {name: value for name, value in answer.json().items() if name != "request_id"}


@pytest.fixture
def neighbours(world: World) -> Neighbours:
    return Neighbours(world)


def test_what_is_somebody_elses_is_answered_as_what_is_not_there(world: World, neighbours: Neighbours) -> None:
    tried, unchanged = set(), Unchanged(world)
    for route in v1(world.app):
        url, body = neighbours.url(route), BODIES.get(str(route))
        if url == route.path or "issuer" in route.scopes:
            continue
        for scope in route.scopes:
            caller = neighbours.strangers[scope]
            if isinstance(caller, Phone) and route.access:
                caller.step_up(route.access.step_up or "")
            theirs, nothings = caller.request(route.method, url, body), caller.request(route.method, route.url(), body)
            assert is_refused(theirs, 404, "not-found"), (route, scope)
            assert is_refused(nothings, 404, "not-found"), (route, scope)
            assert _about(theirs) == _about(nothings), (route, scope)
            tried.add(str(route))
    assert unchanged.holds()
    assert len(tried) > 30


def test_lists_hold_nothing_of_anybody_elses(world: World, neighbours: Neighbours) -> None:
    for route in v1(world.app):
        if route.method != "GET" or "<" in route.path or route.path.endswith("/stream") or "issuer" in route.scopes:
            continue
        for scope in route.scopes:
            answer = neighbours.strangers[scope].request("GET", route.path)
            assert not [value for value in neighbours.theirs.values() if value in answer.text], (route, scope)


def test_the_owner_finds_what_is_hers(world: World, neighbours: Neighbours) -> None:
    bo, merchant = world.phone("bo"), world.machine("merchant")
    for caller, path in (
        (bo, f"/v1/cards/{neighbours.theirs['card_id']}"),
        (bo, f"/v1/tokens/{neighbours.theirs['token_id']}"),
        (bo, f"/v1/drawing-rights/{neighbours.theirs['right_id']}"),
        (merchant, f"/v1/merchant/credentials/{neighbours.theirs['credential_id']}"),
        (world.machine("network"), f"/v1/network/authorizations/{neighbours.theirs['payment_id']}"),
    ):
        assert caller.request("GET", path).status_code == 200
