"""What `/openapi.json` says beyond paths and shapes: problems, who may call, headers that many calls take, webhooks."""

from typing import Any, Final

from apispec import APISpec, BasePlugin
from flask import Flask
from marshmallow import Schema

from wallet.access.guard import Access
from wallet.problems import PROBLEMS, as_markdown
from wallet.schemas.updates import WEBHOOKS

PROBLEM_TYPE: Final = "application/problem+json"
_TEXT: Final = {"type": "string"}
PROBLEM: Final = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:tegnebog:problem:not-found"]},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "code": {
            "type": "string",
            "description": f"Stable: branch on this. Others may be added.\n\n{as_markdown()}",
            "examples": list(PROBLEMS),
        },
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": _TEXT, "message": _TEXT},
            },
        },
        "request_id": _TEXT,
    },
}
# By the names that flask-smorest refers to.
RESPONSES: Final = {
    "DEFAULT_ERROR": "A problem (RFC 9457).",
    "UNPROCESSABLE_ENTITY": "A value cannot be accepted, or a rule refuses: `errors` names the fields.",
    "UNAUTHORIZED": "No valid access token or proof; or a step-up is needed (RFC 9470): see `WWW-Authenticate`.",
    "FORBIDDEN": "The access token's scope is not for this call.",
    "TOO_MANY_REQUESTS": "Too many calls: come again in as many seconds as `Retry-After` says.",
}
SECURITY: Final = {
    "phone": {"type": "http", "scheme": "DPoP", "description": "RFC 9449; scopes `wallet` and `child`."},
    "machine": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "`wallet token issuer`"},
}
PHONES: Final = frozenset({"wallet", "child"})
HEADERS: Final[dict[str, dict[str, Any]]] = {
    "Idempotency-Key": {
        "description": "The same key with the same body gets the same answer, for 24 hours.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    },
    "X-Actor": {
        "description": "The member of staff, percent-encoded where not ASCII; it stands in the journal.",
        "required": True,
        "schema": {"type": "string", "minLength": 1, "maxLength": 100},
    },
}
# Of Standard Webhooks.
WEBHOOK_HEADERS: Final[dict[str, str]] = {
    "webhook-id": "The same at each attempt: drop what came before.",
    "webhook-timestamp": "When this attempt was made, in seconds since 1970.",
    "webhook-signature": "`v1,` and the HMAC-SHA-256 of id, timestamp and body, in base64; one for each secret, while "
    "a new one and the one before both sign.",
}
WEBHOOK_RESPONSES: Final = {
    "2XX": {"description": "It has arrived."},
    "410": {"description": "Nothing is wanted any more: the endpoint is disabled."},
    "default": {"description": "A failure, as is a redirect: it is tried again (docs/webhooks.md)."},
}


class Described(BasePlugin):
    """Adds to each operation what its view is marked with: scopes, step-up, and whether it writes."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def init_spec(self, spec: APISpec) -> None:
        """Add what the operations refer to."""
        spec.components.schema("Problem", PROBLEM)
        for scheme, about in SECURITY.items():
            spec.components.security_scheme(scheme, about)
        for header, of_header in HEADERS.items():
            spec.components.parameter(header, "header", of_header)
        for header, says in WEBHOOK_HEADERS.items():
            spec.components.parameter(header, "header", {"description": says, "required": True, "schema": _TEXT})
        for schema in WEBHOOKS.values():
            spec.components.schema(schema_name(schema), schema=schema)
        spec.options["webhooks"] = {kind: {"post": _webhook(schema)} for kind, schema in WEBHOOKS.items()}

    def operation_helper(
        self, path: str | None = None, operations: dict[str, Any] | None = None, **context: Any
    ) -> None:
        """Called by apispec for each path, with flask-smorest's `rule`."""
        view_class = vars(self._app.view_functions[context["rule"].endpoint])["view_class"]
        for method, operation in (operations or {}).items():
            view = getattr(view_class, method)
            _describe(operation, view.access, writes=getattr(view, "opens", None) == "transaction")
            if hasattr(view, "limit"):
                operation["responses"] |= {"429": "TOO_MANY_REQUESTS"}


def _describe(operation: dict[str, Any], access: Access, *, writes: bool) -> None:
    operation["security"] = [{"phone" if scope in PHONES else "machine": [scope]} for scope in sorted(access.scopes)]
    headers = ["Idempotency-Key"] if writes else []
    headers += ["X-Actor"] if "issuer" in access.scopes else []
    operation["parameters"] = [*operation.get("parameters", ()), *headers]
    operation["responses"] |= {"401": "UNAUTHORIZED", "403": "FORBIDDEN"}
    if access.step_up:
        operation["description"] = f"Scope `wallet` needs a step-up with the purpose `{access.step_up}`."


def _webhook(schema: type[Schema]) -> dict[str, Any]:
    """An operation of the receiver's."""
    body = {"schema": {"$ref": f"#/components/schemas/{schema_name(schema)}"}}
    return {
        "summary": schema.__doc__,
        "security": [],
        "parameters": [{"$ref": f"#/components/parameters/{header}"} for header in WEBHOOK_HEADERS],
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": WEBHOOK_RESPONSES,
    }


def schema_name(schema: type[Schema] | Schema) -> str:
    """Under which name a schema stands in the document: one of which any part may be left out is another."""
    name = (schema if isinstance(schema, type) else type(schema)).__name__
    return f"Partial{name}" if isinstance(schema, Schema) and schema.partial else name


def problem_response(description: str) -> dict[str, Any]:
    """A response that says no."""
    return {"description": description, "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
