"""A body for each route that takes one: the least that its part of the OpenAPI document allows."""

import re
from collections.abc import Iterator
from typing import Any, Final

from joserfc.jwk import ECKey

from tests.policy.table import KINDS, Route

_KEY: Final = ECKey.generate_key("P-256").as_dict(private=False)
_CARD: Final = {"number": "9208900000000000", "expiry": "2029-09", "cvc": "123"}
_DEVICE: Final = {"name": "A phone", "platform": "ios", "encryption_key": _KEY}
# What a schema cannot say of a field, by its name.
FIELDS: Final[dict[str, Any]] = {
    "at": "2026-11-22T10:15:00Z",
    "card": {"number": "9208900000000000", "expiry": "2029-09", "cvc": None},
    "country": "DK",
    "cpr": "0101900000",
    "currency": "DKK",
    "encryption_key": _KEY,
    "expiry": "2029-09",
    "figures": {"pin_above": 40_000},
    "jwks": {"keys": [_KEY]},
    "limits": {"per_day": 1},
    "mcc": "5411",
    "mobile": "+4512345678",
    "number": "9208900000000000",
    "numbers": ["9208900000000000"],
    "pin_key": "A" * 43,
    "user_code": "WDJB-MJHT",
}
# What is needed beside the required fields, by route: one of several, for instance.
ROUTES: Final[dict[str, dict[str, Any]]] = {
    "POST /v1/tokens": {"card": _CARD},
    "POST /v1/network/authorizations": {"card": _CARD},
    "POST /v1/merchant/credentials": {"card": FIELDS["card"]},
    "POST /v1/drawing-rights/<right_id>/requests": {"amount": 30_000, "limit": "per_payment"},
}
PREFIX: Final = {prefix: kind for kind, prefix in KINDS.items()}
_ID: Final = re.compile(r"\^([a-z]+)_\[")


class Bodies:
    """What may be sent, read off the OpenAPI document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def of(self, route: Route) -> Any:
        """A body that the route takes; None where it takes none."""
        return None if self._schema(route) is None else self.least(route) | ROUTES.get(str(route), {})

    def least(self, route: Route) -> dict[str, Any]:
        """The required fields of a body."""
        least: dict[str, Any] = self._least(self._schema(route) or {}, f"{route}: its body")
        return least

    def ids(self, route: Route) -> Iterator[tuple[str, str, str]]:
        """Where body or query may hold an id: (`body` or `query`, the field, the path variable of that kind)."""
        schema = self._schema(route)
        for name, field in (schema or {}).get("properties", {}).items():
            yield from self._ids("body", name, field)
        for parameter in self._operation(route)["parameters"]:
            if parameter.get("in") == "query":
                yield from self._ids("query", parameter["name"], parameter["schema"])

    def is_list(self, route: Route, name: str) -> bool:
        """Whether a field of the body holds many."""
        return bool((self._schema(route) or {})["properties"][name].get("type") == "array")

    def _ids(self, place: str, name: str, field: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
        field = self._found(field)
        for schema in (field, field.get("items", {})):
            if found := _ID.match(schema.get("pattern", "")):
                yield place, name, PREFIX[found[1]]
        inner = [str(self._found(each)) for each in field.get("properties", {}).values()]
        assert not any(_ID.search(each) for each in inner), f"{name} holds an id deeper down: let Bodies.ids go there"

    def _operation(self, route: Route) -> dict[str, Any]:
        path = route.path.replace("<", "{").replace(">", "}")
        operation: dict[str, Any] = self._document["paths"][path][route.method.lower()]
        return operation

    def _schema(self, route: Route) -> dict[str, Any] | None:
        body = self._operation(route).get("requestBody")
        return self._found(body["content"]["application/json"]["schema"]) if body else None

    def _found(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Where a reference leads."""
        if "$ref" not in schema:
            return schema
        found: dict[str, Any] = self._document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return found

    def _least(self, schema: dict[str, Any], where: str) -> Any:
        schema, name = self._found(schema), where.rpartition(".")[2]
        if name in FIELDS:
            return FIELDS[name]
        if "enum" in schema:
            return schema["enum"][0]
        assert "pattern" not in schema or _ID.match(schema["pattern"]), f"{where}: say an example of it in {__name__}"
        kind = schema.get("type")
        if kind == "object":
            needed = schema.get("required", ())
            return {each: self._least(schema["properties"][each], f"{where}.{each}") for each in needed}
        if kind == "string":
            return _text(schema)
        plain: dict[str | None, Any] = {"integer": schema.get("minimum"), "boolean": False, "array": []}
        assert kind in plain, f"{where}: say an example of it in {__name__}"
        return plain[kind]


def _text(schema: dict[str, Any]) -> str:
    if found := _ID.match(schema.get("pattern", "")):
        return f"{found[1]}_{'0' * 26}"
    formats: dict[str, str] = {"date-time": "2026-11-22T10:15:00Z", "date": "2027-01-01"}
    return formats.get(schema.get("format", ""), "1" * int(schema.get("minLength", 1)))
