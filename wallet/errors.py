"""From what went wrong to problem+json (RFC 9457): one table, so that the domain knows nothing of HTTP."""

import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

import structlog
from flask import Flask, Response, g, jsonify, request
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from tokenization import errors
from tokenization.keys.ring import CryptoperiodOver, KeyRingError
from tokenization.number_space import NumbersExhausted
from tokenization.vault import Erased, VaultError
from wallet.access.errors import AccessRefused
from wallet.openapi import PROBLEM_TYPE

STATUS_BY_ERROR: Final[dict[type[errors.DomainError], HTTPStatus]] = {
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
}
# A lock that was not to be had in time, by lock_timeout or by a bank's own statement_timeout; and a deadlock.
_BUSY: Final = frozenset({"55P03", "57014", "40P01"})
_UNIQUE_VIOLATION: Final = "23505"
# What a field of ours can be called; any other name that was sent might itself be a secret.
_FIELD_NAME: Final = re.compile(r"[A-Za-z][A-Za-z_-]{0,31}[0-9]?(\[[0-9]{1,3}\])?", re.ASCII)
_CODES: Final = {HTTPStatus.UNPROCESSABLE_ENTITY: "invalid", HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too-large"}

log = structlog.get_logger()


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    field_errors: Iterable[tuple[str, str]] = (),
    headers: Iterable[tuple[str, str]] = (),
    facts: Mapping[str, object] = MappingProxyType({}),
) -> Response:
    """An answer that says no: `code` is stable, `detail` is for people, `errors` names the fields."""
    body = {
        "type": f"urn:tegnebog:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **facts,
        "request_id": g.get("request_id"),
    }
    named = [{"field": _shown(field), "message": message} for field, message in field_errors]
    if named:
        body["errors"] = named
    response = jsonify(body)
    response.status_code, response.content_type = status, PROBLEM_TYPE
    for name, value in headers:
        response.headers.add(name, value)
    return response


def _shown(field: str) -> str:
    """`device.name`; `body` for all of it; with `?` for a name that is none of ours."""
    return ".".join(name if _FIELD_NAME.fullmatch(name) else "?" for name in field.split(".")) if field else "body"


def register(app: Flask) -> None:
    """Let the app answer every exception with a problem."""
    app.register_error_handler(errors.DomainError, _domain)
    app.register_error_handler(AccessRefused, _access)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(RedisError, _part_away)
    app.register_error_handler(PoolTimeout, _part_away)
    app.register_error_handler(DBAPIError, _database)
    app.register_error_handler(VaultError, _vault)
    app.register_error_handler(KeyRingError, _key_ring)
    app.register_error_handler(CryptoperiodOver, _cryptoperiod_over)
    app.register_error_handler(NumbersExhausted, _no_numbers)
    app.register_error_handler(Exception, _surprise)


def _domain(error: errors.DomainError) -> Response:
    status = next(code for kind, code in STATUS_BY_ERROR.items() if isinstance(error, kind))
    named = [(error.field, str(error))] if isinstance(error, errors.Invalid) else []
    detail = "some values cannot be accepted" if named else str(error)
    return problem(status, error.code, detail, field_errors=named, facts=error.facts)


def _access(error: AccessRefused) -> Response:
    headers = [("WWW-Authenticate", challenge) for challenge in error.challenges]
    if error.retry_after is not None:
        headers.append(("Retry-After", str(error.retry_after)))
    named = [(error.field, error.detail)] if error.field else []
    return problem(error.status, error.code, error.detail, field_errors=named, headers=headers)


def _http(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or 500)
    data: Mapping[str, Any] = getattr(error, "data", None) or {}
    named = list(flatten(data.get("messages", {})))
    code = _CODES.get(status, status.phrase.lower().replace(" ", "-"))
    detail = "some values cannot be accepted" if named else _DETAILS.get(status, error.description or status.phrase)
    headers = [(name, value) for name, value in error.get_headers() if name in {"Allow", "Retry-After"}]
    return problem(status, code, detail, field_errors=named, headers=headers)


# Flask's own texts may repeat what was sent.
_DETAILS: Final = {
    HTTPStatus.NOT_FOUND: str(errors.NotFound()),
    HTTPStatus.BAD_REQUEST: "the body is not JSON in UTF-8 with each field once, or the request cannot be read",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the body is too large: 64 KiB at most",
    HTTPStatus.METHOD_NOT_ALLOWED: "this method is not for this path: see Allow",
}


# What marshmallow says by itself, in the words of our own fields.
IN_OUR_WORDS: Final = {
    "Field may not be null.": "must not be null",
    "Missing data for required field.": "is missing",
    "Unknown field.": "is not known here",
    "Not a valid list.": "must be a list",
    **dict.fromkeys(("Not a valid mapping type.", "Invalid input type.", "Invalid type."), "must be an object"),
}


def flatten(messages: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Marshmallow's nested messages as (`device.name`, text), the location (`json`, `query`) left out."""
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            skip = (not path and name in {"json", "query", "headers"}) or name == "_schema"
            below = f"[{name}]" if isinstance(name, int) else f".{name}"
            yield from flatten(inner, path if skip else (path + below).lstrip("."))
    else:
        for message in messages if isinstance(messages, list) else [messages]:
            yield path, IN_OUR_WORDS.get(message, str(message))


def _part_away(error: Exception) -> Response:
    part, state = type(error).__module__.split(".")[0], getattr(getattr(error, "orig", None), "sqlstate", None)
    log.error("part_away", part=part, error=type(error).__name__, sqlstate=state)
    return problem(503, "unavailable", "a part that this call needs is away", headers=[("Retry-After", "1")])


def _database(error: DBAPIError) -> Response:
    state = getattr(error.orig, "sqlstate", None)
    if state in _BUSY:
        log.warning("busy", sqlstate=state, route=str(request.url_rule))
        return problem(503, "busy", "the card is busy: try again", headers=[("Retry-After", "1")])
    if state == _UNIQUE_VIOLATION:
        return problem(HTTPStatus.CONFLICT, "conflict", "there is such a thing already")
    if isinstance(error, OperationalError) or error.connection_invalidated:
        return _part_away(error)
    return _surprise(error)


def _vault(error: VaultError) -> Response:
    if isinstance(error, Erased):
        return problem(409, "erased", "what this is about was erased, for good")
    log.error("vault", error=str(error))
    return problem(409, "unreadable", "what this needs is sealed, and cannot be opened")


def _no_numbers(error: NumbersExhausted) -> Response:
    log.error("numbers_exhausted", error=str(error))
    return problem(503, "numbers-exhausted", "no number is free in the BINs that there are")


def _key_ring(error: KeyRingError) -> Response:
    log.error("key_ring", error=str(error))
    return problem(503, "unavailable", "a key that this call needs is away")


def _cryptoperiod_over(error: CryptoperiodOver) -> Response:
    log.error("key_ring", error=str(error))
    return problem(503, "key-too-old", "nothing new can be made until the bank has rotated a key of its own")


def _surprise(error: Exception) -> Response:
    # The traceback goes to the log, where the redacting processor has the last word; nothing of it to the caller.
    log.error("surprise", error=type(error).__name__, route=str(request.url_rule), exc_info=error)
    return problem(500, "internal", "something went wrong on our side")
