"""The HTTP edge, once for all resources: strict JSON, transactions, idempotency, OpenAPI."""

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any, Final, NoReturn, ParamSpec, cast

import flask_smorest
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask, Request, Response, g, request
from marshmallow import RAISE, Schema, ValidationError
from sqlalchemy.orm import Session
from webargs.flaskparser import FlaskParser
from webargs.multidictproxy import MultiDictProxy
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnprocessableEntity, UnsupportedMediaType

from tokenization import numbers
from wallet import idempotency, openapi, strict_json
from wallet.access.guard import caller
from wallet.services import services

P = ParamSpec("P")
BODY_BYTES_MAX: Final = 64 * 1024
# The only fields in which a card number or a token number may stand.
NUMBER_FIELDS: Final = frozenset({("number",), ("numbers",), ("token",)})


class StrictParser(FlaskParser):
    """JSON objects only, no field twice, no unknown field, no NaN; in the query, no unknown parameter either."""

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {"json": RAISE, "query": RAISE}  # noqa: RUF012 - the base class has it so

    def load_json(self, req: Request, schema: Schema) -> Any:
        """The body, parsed.

        415 for another media type or encoding, 400 for what isn't JSON, 422 where a card number strays. None at all is
        as an empty one where the schema `may_be_left_out`.
        """
        if getattr(schema, "may_be_left_out", False) and not req.get_data(cache=True):
            return {}
        if req.mimetype != "application/json" or req.content_encoding not in (None, "identity"):
            raise UnsupportedMediaType("the body must be application/json, and not compressed")
        body = _parsed(req.get_data(cache=True))
        if stray := list(_stray_numbers(body, services().settings.bins)):
            raise ValidationError({field: ["must not hold a card number"] for field in stray})
        g.sent = body
        return body

    def load_querystring(self, req: Request, schema: Schema) -> MultiDictProxy:
        """The query, each parameter once."""
        if twice := [name for name, values in req.args.lists() if len(values) > 1]:
            raise ValidationError({name: ["must stand there once"] for name in twice})
        return MultiDictProxy(req.args, schema)

    def handle_error(self, error: ValidationError, req: Request, schema: Schema, **_: object) -> NoReturn:
        """422 with the fields that are wrong."""
        refusal = UnprocessableEntity()
        refusal.data = {"messages": error.messages}  # type: ignore[attr-defined]  # read by wallet/errors.py
        raise refusal


def _parsed(raw: bytes) -> Any:
    try:
        return strict_json.parsed(raw)
    except ValueError as error:
        raise BadRequest("the body is not JSON") from error


def _stray_numbers(body: Any, bins: tuple[str, ...]) -> Iterator[str]:
    """The fields where one of our numbers stands and must not: it would be kept, shown or sent in clear (R-S1)."""
    waiting: list[tuple[tuple[str, ...], Any]] = [((), body)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str):
            if path[-1:] not in NUMBER_FIELDS and numbers.stands_in(value, bins):
                yield ".".join(path)
        elif isinstance(value, dict):
            waiting += [((*path, name), inner) for name, inner in value.items() if _may_hold_one(inner)]
            if any(numbers.stands_in(name, bins) for name in filter(_may_hold_one, value)):
                yield ".".join(path)
        elif isinstance(value, list):
            waiting += [(path, inner) for inner in value]


def _may_hold_one(value: Any) -> bool:
    """Whether it is worth a look: nearly nothing that is sent is."""
    if isinstance(value, str):
        return len(value) >= numbers.LENGTH or not value.isascii()
    return isinstance(value, (dict, list))


class Blueprint(flask_smorest.Blueprint):
    """A blueprint that parses strictly."""

    ARGUMENTS_PARSER = StrictParser()


class Nothing(Schema):
    """What a view takes that takes nothing."""


_PARSER: Final = Blueprint.ARGUMENTS_PARSER
_NOTHING: Final = Nothing()


def nothing_else(view: Callable[P, Response]) -> Callable[P, Response]:
    """Refuse query parameters and a body where the view takes none: what is not read must not seem to count."""
    arguments = getattr(view, "_apidoc", {}).get("arguments", {})
    taken = {parameter["in"] for parameter in arguments.get("parameters", ())}

    @wraps(view)
    def strict(*args: P.args, **kwargs: P.kwargs) -> Response:
        if request.args and "query" not in taken:
            _PARSER.parse(_NOTHING, request, location="query")
        if "json" not in taken and request.get_data(cache=True):
            _PARSER.parse(_NOTHING, request, location="json")
        return view(*args, **kwargs)

    return strict


def session() -> Session:
    """The session of the request that is running, opened by `reads`, `notes` or `writes`."""
    return cast(Session, g.session)


def sent() -> Any:
    """The JSON of the body, as it was parsed and not yet read by a schema."""
    return g.sent


def reads(view: Callable[P, Response]) -> Callable[P, Response]:
    """Open a session for a view that only looks."""
    strict = nothing_else(view)

    @wraps(view)
    def with_session(*args: P.args, **kwargs: P.kwargs) -> Response:
        with services().database.reading() as g.session:
            return strict(*args, **kwargs)

    with_session.opens = "session"  # type: ignore[attr-defined]  # a mark for the tests that read the route table
    return with_session


def notes(view: Callable[P, Response]) -> Callable[P, Response]:
    """Open a transaction for a view that looks, and writes down nothing but that it showed something: that is kept
    before the answer leaves. Where there is nothing new to write, none of it reaches the disk.
    """
    strict = nothing_else(view)

    @wraps(view)
    def with_note(*args: P.args, **kwargs: P.kwargs) -> Response:
        with services().database.transaction(caller().actor) as g.session:
            return strict(*args, **kwargs)

    with_note.opens = "note"  # type: ignore[attr-defined]  # a mark, as above
    return with_note


Rebuild = Callable[[Session, Mapping[str, Any]], dict[str, Any]]


def writes(
    *, secrets: tuple[str, ...] = (), rebuild: Rebuild | None = None
) -> Callable[[Callable[P, Response]], Callable[P, Response]]:
    """Run a view in one transaction, together with its idempotency key: both are kept, or neither.

    A view refuses by returning a problem where what it noted must be kept, and by raising where nothing must.
    `secrets` are fields of the answer that are not kept; `rebuild` makes them again for a replay. A call whose standing
    is asked in a group is done there, in the group's transaction (docs/adr/032).
    """

    def decorate(view: Callable[P, Response]) -> Callable[P, Response]:
        strict = nothing_else(view)

        @wraps(view)
        def in_transaction(*args: P.args, **kwargs: P.kwargs) -> Response:
            who = caller()
            if not who.stands:
                return strict(*args, **kwargs)
            key = idempotency.wanted(request, who)
            with services().database.transaction(who.actor) as g.session:
                if key is None:
                    return strict(*args, **kwargs)
                now, ring = services().clock.now(), services().vault.ring
                earlier = idempotency.claim(g.session, ring, key, now)
                if earlier is not None:
                    return idempotency.replay(g.session, earlier, rebuild)
                response = strict(*args, **kwargs)
                idempotency.keep(g.session, ring, key, response, secrets, now)
                return response

        in_transaction.opens = "transaction"  # type: ignore[attr-defined]  # a mark, as above
        return in_transaction

    return decorate


class Api(flask_smorest.Api):
    """OpenAPI 3.1 from the routes. Errors are ours (wallet/errors.py)."""

    def _register_error_handlers(self) -> None:
        """None: wallet/errors.py answers every exception."""

    def _register_responses(self) -> None:
        for name, description in openapi.RESPONSES.items():
            self.spec.components.response(name, openapi.problem_response(description))


def check_length() -> None:
    """413 for a body over the limit, however it is sent.

    The framework checks the declared length, and cuts a chunked body off at its limit without a word: so its limit is
    one byte above ours.
    """
    if len(request.get_data(cache=True)) > BODY_BYTES_MAX:
        raise RequestEntityTooLarge


def init(app: Flask) -> Api:
    """The API of an app: specification at `/openapi.json`, OpenAPI 3.1."""
    app.config.update(
        API_TITLE="Tegnebog",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/",
        OPENAPI_JSON_PATH="openapi.json",
        MAX_CONTENT_LENGTH=BODY_BYTES_MAX + 1,
        PROVIDE_AUTOMATIC_OPTIONS=False,
    )
    app.url_map.merge_slashes = False
    app.before_request(check_length)
    shapes = MarshmallowPlugin(schema_name_resolver=openapi.schema_name)
    return Api(app, spec_kwargs={"marshmallow_plugin": shapes, "extra_plugins": [openapi.Described(app)]})
