"""Whatever the document allows, and much that it forbids: never a fault of ours, and every answer as documented."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from joserfc.jwk import ECKey
from schemathesis import GenerationMode

from tests.policy.callers import send
from tests.policy.neighbours import BANK, Neighbours
from tests.policy.table import Route, v1
from tests.world import Machine, Phone, World

EXAMPLES = 3
WHO = {
    "wallet": "anna",
    "child": "emil",
    "network": "one network",
    "merchant": "one merchant",
    "provider": "one provider",
    "issuer": BANK,
}
# Last, as little can be done with a card after them.
ENDS = ("/block", "/suspend", "/close", "/replace")
PUBLIC = ECKey.generate_key("P-256").as_dict(private=False)
# What a generator does not hit upon: values that lead further in.
PLAUSIBLE: dict[str, Any] = {
    "currency": "DKK",
    "country": "DK",
    "mcc": "5411",
    "at": "2026-11-22T10:15:00Z",
    "allowed_countries": ["DK"],
    "encryption_key": PUBLIC,
    "jwks": {"keys": [PUBLIC]},
    "redirect_uris": [],
    "merchant_ids": ["DK-1"],
    "mobile": "+4512345678",
    "cpr": "010190-0000",
    "pin_key": "A" * 43,
    "url": "http://127.0.0.1:9/hooks",
    "cursor": None,
    "limit": 1,
}
settled = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


class Hammer:
    """Somebody of each scope, with all that is theirs."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.neighbours = Neighbours(world)
        self.document: dict[str, Any] = world.http.get("/openapi.json").json()
        self.schema = schemathesis.openapi.from_dict(self.document)

    def plausible(self, scope: str) -> dict[str, Any]:
        """What leads further in, by name: somebody's own things, or else anybody's."""
        found = self.neighbours.theirs(BANK) | self.neighbours.theirs(WHO[scope])
        also = {"cardholder_id": found["holder_id"], "card": self.world.person("anna")["card"]}
        return {**PLAUSIBLE, **found, **also, "drawing_right_id": found["right_id"]}

    def strike(self, route: Route, scope: str) -> None:
        """Send a route what its part of the document allows and what it forbids."""
        operation = self.schema[_templated(route.path)][route.method]
        plausible, answered = self.plausible(scope), self.validator(route)
        path = re.sub(r"<(\w+)>", lambda found: str(plausible.get(found[1], "contactless")), route.path)
        caller = self.neighbours.callers[WHO[scope]]
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @settled
            @given(case=operation.as_strategy(generation_mode=mode))
            def hammer(case: Any) -> None:
                body = case.body if isinstance(case.body, (dict, list, str, int, float, bool)) else None
                for sent in (body, made_plausible(body, plausible)):
                    self.check(route, caller, path + _query(case.query), sent, answered)

            hammer()

    def takes_anything(self, route: Route) -> bool:
        """Whether there is a body or a query to get wrong; ids are tried elsewhere."""
        operation = self.document["paths"][_templated(route.path)][route.method.lower()]
        return "requestBody" in operation or any(each.get("in") == "query" for each in operation["parameters"])

    def check(
        self, route: Route, caller: Phone | Machine, path: str, body: Any, answered: Callable[[Any], None]
    ) -> None:
        if isinstance(caller, Phone) and route.access:
            caller.step_up(route.access.step_up or "")
        self.world.parts.redis.flushall()  # no limit is what is tried here
        answer = send(caller, route.method, path, body)
        assert answer.status_code < 500, (route, path, body, answer.text)
        if answer.status_code < 400:
            answered(answer.json())
        else:
            assert answer.headers["Content-Type"] == "application/problem+json"

    def validator(self, route: Route) -> Callable[[Any], None]:
        operation = self.document["paths"][_templated(route.path)][route.method.lower()]
        good = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
        schema = {**good["content"]["application/json"]["schema"], "components": self.document["components"]}
        return jsonschema_rs.validator_for(schema).validate


def made_plausible(value: Any, plausible: dict[str, Any], name: str = "") -> Any:
    """The same, with what leads further in where its name is known."""
    if name in plausible:
        return plausible[name]
    if isinstance(value, dict):
        return {key: made_plausible(inner, plausible, key) for key, inner in value.items()}
    if isinstance(value, str):
        return "".join(character for character in value if character.isprintable()) or "a"
    return value


def _templated(path: str) -> str:
    return path.replace("<", "{").replace(">", "}")


def _query(query: dict[str, Any] | None) -> str:
    return f"?{httpx.QueryParams(query)}" if query else ""


@pytest.fixture
def hammer(world: World) -> Hammer:
    return Hammer(world)


@pytest.mark.parametrize("scope", ["wallet", "child", "network", "merchant", "provider", "issuer"])
def test_no_input_is_a_fault_of_ours(world: World, hammer: Hammer, scope: str) -> None:
    for route in sorted(v1(world.app), key=lambda route: route.path.endswith(ENDS)):
        if scope == max(route.scopes) and hammer.takes_anything(route):
            hammer.strike(route, scope)
