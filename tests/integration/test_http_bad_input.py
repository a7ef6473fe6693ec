"""Bad input, at every route: the contract's status, a problem that names the field, nothing repeated, no change."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.policy.callers import headers_of, of_scope
from tests.policy.table import Route, v1
from tests.world import Machine, Phone, World
from tokenization.models import Base
from wallet.api import BODY_BYTES_MAX

Knock = Callable[..., httpx.Response]
CANARY = "zq7xj9kvb"
JSON = "application/json"
MEMBERS = {"type", "title", "status", "detail", "code", "request_id"}

NOT_JSON = {
    "cut off": b'{"amount": 1',
    "no quotes": b"{zq7xj9kvb: 1}",
    "a form": b"zq7xj9kvb=1",
    "nothing but blanks": b"  ",
    "two documents": b"{} {}",
    "a field twice": b'{"zq7xj9kvb": 1, "zq7xj9kvb": 2}',
    "a field twice, deep down": b'{"card": {"zq7xj9kvb": 1, "zq7xj9kvb": 1}}',
    "not a number": b'{"zq7xj9kvb": NaN}',
    "infinity": b'{"zq7xj9kvb": -Infinity}',
    "beyond infinity": b'{"zq7xj9kvb": 1e999}',
    "endless digits": b'{"zq7xj9kvb": ' + b"9" * 5_000 + b"}",
    "another encoding": '{"zq7xj9kvb": 1}'.encode("utf-16"),
    "half a character": b'{"zq7xj9kvb": "\xed\xa0\x80"}',
    "no end of depth": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "no end of lists": b"[" * 30_000 + b"]" * 30_000,
}
NOT_OURS = {
    "a field that nobody knows": b'{"zq7xj9kvb": 1}',
    "a list": b'["zq7xj9kvb"]',
    "a text": b'"zq7xj9kvb"',
    "a number": b"12",
    "null": b"null",
    "a zero byte for a name": b'{"\\u0000zq7xj9kvb": 1}',
    "half a surrogate pair for a name": b'{"\\ud800zq7xj9kvb": 1}',
    "a name that names another": b'{"__proto__": {"zq7xj9kvb": 1}, "constructor": 1}',
    "a hundred levels of what nobody knows": b'{"zq7xj9kvb":' * 100 + b"1" + b"}" * 100,
}
OTHER_MEDIA = ["text/plain", "application/x-www-form-urlencoded", "application/problem+json", "application/jsonp", None]


PAGES = (
    "?limit=0",
    "?limit=201",
    "?limit=-1",
    "?limit=1.0",
    "?limit=%EF%BC%91",
    "?limit=99999999999999999999",
    "?limit=1&limit=1",
    "?limit=",
    "?cursor=zq7xj9kvb",
    "?cursor=",
    "?cursor=%00",
    "?cursor=card_01h455vb4pex5vsknk084sn02q&cursor=1",
)


class Unchanged:
    """Compares the whole database, but for some tables, row by row, with how it was."""

    def __init__(self, world: World, *, but: tuple[str, ...] = ()) -> None:
        self._world = world
        self._tables = Base.metadata.tables.keys() - set(but)
        self._before = self._rows()

    def holds(self) -> bool:
        return self._rows() == self._before

    def _rows(self) -> dict[str, Any]:
        rows = "SELECT count(*), coalesce(sum(hashtextextended(row::text, 0)), 0) FROM {} AS row"
        with self._world.parts.database.reading() as session:
            return {name: tuple(session.execute(text(rows.format(name))).one()) for name in self._tables}


@pytest.fixture
def http(world: World) -> Iterator[httpx.Client]:
    """Calls the app as granian does, where a body without a length has an end too."""

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        return world.app(environ | {"wsgi.input_terminated": True}, start_response)

    with httpx.Client(transport=httpx.WSGITransport(app=app), base_url=world.parts.settings.public_url) as client:
        yield client


@pytest.fixture
def knock(world: World, http: httpx.Client) -> Knock:
    """Send a route a body of any kind, as somebody whom it lets in."""
    callers = {scope: of_scope(world, scope) for scope in ("wallet", "child", *world.access["machines"])}

    def call(route: Route, content: Any = None, media: str | None = JSON, query: str = "") -> httpx.Response:
        caller = callers["wallet" if "wallet" in route.scopes else min(route.scopes)]
        _step_up(caller, route)
        path = route.url()
        headers = headers_of(caller, route.method, path) | ({"Content-Type": media} if media else {})
        return http.request(route.method, path + query, content=content, headers=headers)

    return call


def _step_up(caller: Phone | Machine, route: Route) -> None:
    if isinstance(caller, Phone) and route.access:
        caller.step_up(route.access.step_up or "")


def fields(answer: httpx.Response) -> set[str]:
    """The fields that a problem names."""
    return {error["field"] for error in answer.json()["errors"]}


def writing(world: World) -> list[Route]:
    return [route for route in v1(world.app) if route.method != "GET"]


def two(world: World) -> list[Route]:
    """One that takes a body and one that takes none: where every kind is tried that is read before any view."""
    wanted = {"POST /v1/issuer/accounts", "POST /v1/drawing-rights/<right_id>/pause"}
    return [route for route in v1(world.app) if str(route) in wanted]


def with_bodies(world: World) -> set[str]:
    """The routes that want a body, as the document has it."""
    paths: dict[str, Any] = world.http.get("/openapi.json").json()["paths"]
    found = {
        f"{method.upper()} {path}"
        for path, item in paths.items()
        for method in item
        if "requestBody" in item[method] and item[method]["requestBody"]["required"]
    }
    return {name.replace("{", "<").replace("}", ">") for name in found}


def is_refused(answer: httpx.Response, status: int, code: str) -> bool:
    """A problem of the contract's shape, that repeats nothing of what was sent."""
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert body.keys() - {"errors"} == MEMBERS
    assert body["type"] == f"urn:tegnebog:problem:{code}"
    assert body["status"] == status
    assert body["request_id"] == answer.headers["X-Request-Id"]
    assert CANARY not in answer.text
    assert ("errors" in body) == (status == 422)
    return True


def test_every_route_reads_strictly(world: World, knock: Knock) -> None:
    unchanged, too_large, take_a_body = Unchanged(world), b" " * (BODY_BYTES_MAX + 1), with_bodies(world)
    for route in writing(world):
        assert is_refused(knock(route, b"{zq7xj9kvb: 1}"), 400, "bad-request"), route
        assert is_refused(knock(route, b'{"zq7xj9kvb": 1}'), 422, "invalid"), route
        assert is_refused(knock(route, b"{}", "text/plain"), 415, "unsupported-media-type"), route
        assert is_refused(knock(route, too_large), 413, "too-large"), route
        assert is_refused(knock(route, iter([too_large])), 413, "too-large"), route
        if str(route) in take_a_body:
            assert is_refused(knock(route, b""), 400, "bad-request"), route
    for route in v1(world.app):
        body = b"" if route.method == "GET" else b"{}"
        answer = knock(route, body, query="?unknown=zq7xj9kvb")
        assert is_refused(answer, 422, "invalid"), route
        assert "unknown" in fields(answer), route
    assert unchanged.holds()


def test_what_is_not_json_is_400(world: World, knock: Knock) -> None:
    unchanged = Unchanged(world)
    for route in two(world):
        for kind, body in NOT_JSON.items():
            assert is_refused(knock(route, body), 400, "bad-request"), kind
    assert unchanged.holds()


def test_json_that_is_not_the_contracts_is_422(world: World, knock: Knock) -> None:
    unchanged = Unchanged(world)
    for route in two(world):
        for kind, body in NOT_OURS.items():
            assert is_refused(knock(route, body), 422, "invalid"), kind
    assert unchanged.holds()


def test_an_unknown_field_is_named_where_its_name_can_be_no_secret(world: World, knock: Knock) -> None:
    for route in two(world):
        assert {"naem", "?"} <= fields(knock(route, b'{"naem": 1, "9f3a01bc9f3a01bc": 2}')), route


def test_another_kind_of_body_is_415(world: World, knock: Knock) -> None:
    for route in two(world):
        for media in OTHER_MEDIA:
            assert is_refused(knock(route, b"{}", media), 415, "unsupported-media-type"), media


def test_a_body_may_have_its_limit_and_not_a_byte_more_however_it_is_sent(world: World, knock: Knock) -> None:
    for route in two(world):
        for excess, status, code in ((0, 422, "invalid"), (1, 413, "too-large"), (BODY_BYTES_MAX, 413, "too-large")):
            body = b'{"zq7xj9kvb": "' + b"a" * (BODY_BYTES_MAX - 17 + excess) + b'"}'
            assert is_refused(knock(route, body), status, code), excess
            assert is_refused(knock(route, iter([body[:100], body[100:]])), status, code), excess


def test_where_nothing_is_asked_nothing_may_be_sent_as_an_empty_object(world: World, knock: Knock) -> None:
    pause = next(route for route in two(world) if str(route) not in with_bodies(world))
    for body, media in ((b"{}", JSON), (b"", JSON), (b"", None)):
        assert knock(pause, body, media).status_code == 404


def test_a_page_is_checked(world: World, knock: Knock) -> None:
    for path in ("/v1/cards", "/v1/tokens", "/v1/inbox", "/v1/merchant/card-updates", "/v1/provider/tokens"):
        route = next(route for route in v1(world.app) if str(route) == f"GET {path}")
        for query in PAGES:
            answer = knock(route, query=query)
            assert is_refused(answer, 422, "invalid"), query
            assert fields(answer) == {query[1:].partition("=")[0]}, query


def test_a_path_that_is_nothing_is_404(world: World, http: httpx.Client) -> None:
    for path in ("/v1", "/v1/", "/v1/zq7xj9kvb", "/v1/cards/", "/v2/cards", "/V1/cards", "/v1/cards/a/b/c"):
        assert is_refused(http.get(path), 404, "not-found")


def test_the_bank_says_who_of_its_staff_calls(world: World, http: httpx.Client) -> None:
    headers = headers_of(world.machine("issuer"), "GET", "/v1/issuer/policies")
    for staff in ("", " ", "a" * 101, "a\x01b"):
        answer = http.get("/v1/issuer/policies", headers=headers | {"X-Actor": staff})
        assert is_refused(answer, 422, "invalid")
        assert fields(answer) == {"X-Actor"}
