"""The HTTP edge, once for all resources: strict JSON, problem+json, transactions, idempotency, OpenAPI."""

import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final, NoReturn, ParamSpec, cast

import flask_smorest
from flask import Flask, Request, Response, g, request
from marshmallow import RAISE, Schema, ValidationError
from sqlalchemy.orm import Session
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest, UnprocessableEntity, UnsupportedMediaType

from wallet import idempotency
from wallet.access.guard import caller
from wallet.errors import MEDIA_TYPE
from wallet.services import services

P = ParamSpec("P")
BODY_BYTES_MAX: Final = 64 * 1024


class StrictParser(FlaskParser):
    """JSON objects only, no field twice, no unknown field, no NaN; in the query, no unknown parameter either."""

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {"json": RAISE, "query": RAISE}  # noqa: RUF012 - the base class has it so

    def load_json(self, req: Request, schema: Schema) -> Any:
        """The body, parsed. 415 for another media type, 400 for what isn't JSON, 413 for too much."""
        if req.mimetype != "application/json":
            raise UnsupportedMediaType("the body must be application/json")
        raw = req.get_data(cache=True)
        try:
            return json.loads(raw, parse_constant=_refuse, object_pairs_hook=_no_field_twice)
        except (ValueError, RecursionError) as error:
            raise BadRequest("the body is not JSON") from error

    def handle_error(self, error: ValidationError, req: Request, schema: Schema, **_: object) -> NoReturn:
        """422 with the fields that are wrong."""
        refusal = UnprocessableEntity()
        refusal.data = {"messages": error.messages}  # type: ignore[attr-defined]  # read by wallet/errors.py
        raise refusal


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _no_field_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field stands twice")
    return found


class Blueprint(flask_smorest.Blueprint):
    """A blueprint that parses strictly."""

    ARGUMENTS_PARSER = StrictParser()


class Api(flask_smorest.Api):
    """OpenAPI 3.1 from the routes. Errors are ours (wallet/errors.py)."""

    def _register_error_handlers(self) -> None:
        """None: wallet/errors.py answers every exception."""

    def _register_responses(self) -> None:
        problem = {"description": "A problem (RFC 9457).", "content": {MEDIA_TYPE: {"schema": _PROBLEM}}}
        self.spec.components.response("DEFAULT_ERROR", problem)


_PROBLEM: Final = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:tegnebog:problem:not-found"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
        "request_id": {"type": "string"},
    },
}


def session() -> Session:
    """The session of the request that is running, opened by `reads` or `writes`."""
    return cast(Session, g.session)


def reads(view: Callable[P, Response]) -> Callable[P, Response]:
    """Open a session for a view that only looks."""

    @wraps(view)
    def with_session(*args: P.args, **kwargs: P.kwargs) -> Response:
        with services().database.reading() as g.session:
            return view(*args, **kwargs)

    return with_session


Rebuild = Callable[[Session, Mapping[str, Any]], dict[str, Any]]


def writes(
    *, secrets: tuple[str, ...] = (), rebuild: Rebuild | None = None
) -> Callable[[Callable[P, Response]], Callable[P, Response]]:
    """Run a view in one transaction, together with its idempotency key: both are kept, or neither.

    A view refuses by returning a problem where what it noted must be kept, and by raising where nothing must.
    `secrets` are fields of the answer that are not kept; `rebuild` makes them again for a replay.
    """

    def decorate(view: Callable[P, Response]) -> Callable[P, Response]:
        @wraps(view)
        def in_transaction(*args: P.args, **kwargs: P.kwargs) -> Response:
            who = caller()
            key = idempotency.wanted(request, who)
            with services().database.transaction(who.actor) as g.session:
                if key is None:
                    return view(*args, **kwargs)
                now, ring = services().clock.now(), services().vault.ring
                earlier = idempotency.claim(g.session, ring, key, now)
                if earlier is not None:
                    return idempotency.replay(g.session, earlier, rebuild)
                response = view(*args, **kwargs)
                idempotency.keep(g.session, ring, key, response, secrets, now)
                return response

        return in_transaction

    return decorate


def init(app: Flask) -> Api:
    """The API of an app: specification at `/openapi.json`, OpenAPI 3.1."""
    app.config.update(
        API_TITLE="Tegnebog",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/",
        OPENAPI_JSON_PATH="openapi.json",
        MAX_CONTENT_LENGTH=BODY_BYTES_MAX,
    )
    return Api(app)
