"""What is somebody else's is not there: the same answer as for nothing, and nothing changed.

Read off the route table and the OpenAPI document: a new route is in here by itself.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from redis import Redis
from sqlalchemy import Connection, Engine, func, select

from tests.integration.test_http_bad_input import Unchanged, is_refused
from tests.policy.bodies import Bodies
from tests.policy.neighbours import BANK, CALLERS, TABLET, Neighbours
from tests.policy.table import KINDS, Route, of_nothing, v1
from tests.policy.worlds import rolled_back, undone
from tokenization import ids
from tokenization.keys.folder import FileKeyRing
from tokenization.models import Base
from tokenization.vault import Vault
from wallet import embedded

STREAM = "/v1/inbox/stream"
EVERYBODY = (*CALLERS, BANK)
# An acquirer may ask for a payment with whatever a merchant has on file: that the merchant is the right one is decided
# there, like all that a payment may be declined for.
DECIDED = {("POST /v1/network/authorizations", "credential_id")}
# What a body needs beside an id, so that one's own counts, by route and field.
BESIDE: dict[tuple[str, str], Callable[[Neighbours, str], dict[str, Any]]] = {
    ("POST /v1/tokens", "card_id"): lambda neighbours, text: {"cvc": neighbours.cvc_of(text)},
}


class Place(NamedTuple):
    """Where an id of what belongs to somebody may be said, other than in the path: `body` or `query`, and the field."""

    route: Route
    place: str
    name: str
    kind: str


@pytest.fixture(scope="module")
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection


@pytest.fixture(scope="module")
def everybody(
    connection: Connection, servers: embedded.Servers, key_ring: FileKeyRing, vault: Vault
) -> Iterator[Neighbours]:
    with Redis.from_url(servers.redis_url) as redis, rolled_back(connection, redis, key_ring, vault) as world:
        yield Neighbours(world)


@pytest.fixture
def neighbours(connection: Connection, everybody: Neighbours) -> Iterator[Neighbours]:
    """Everybody, made once; what a test does is undone."""
    with undone(connection):
        yield everybody


@pytest.fixture(scope="module")
def bodies(everybody: Neighbours) -> Bodies:
    return Bodies(everybody.world.http.get("/openapi.json").json())


def about(answer: httpx.Response) -> dict[str, Any]:
    """The answer, without what differs from request to request."""
    return {name: value for name, value in answer.json().items() if name != "request_id"}


def rows(connection: Connection) -> list[int]:
    """How many there are in each table."""
    counts = [select(func.count()).select_from(table) for table in Base.metadata.tables.values()]
    return list(connection.execute(select(*(count.scalar_subquery() for count in counts))).one())


def with_an_id(neighbours: Neighbours, who: str) -> Iterator[tuple[Route, str]]:
    """The routes that somebody may call, with somebody's id in their path, and of what kind."""
    for route in v1(neighbours.world.app):
        if route.kind and who in neighbours.who_may(route):
            yield route, route.kind


def test_there_is_something_of_every_kind(neighbours: Neighbours) -> None:
    kinds = {kind for route in v1(neighbours.world.app) for kind in route.variables if kind in KINDS}
    assert kinds - {thing.kind for thing in neighbours.things} == set(), "give somebody one, in tests/policy/neighbours"
    whose = {(thing.kind, thing.seen_by) for thing in neighbours.things}
    assert len(whose) > 2 * len(kinds)


@pytest.mark.parametrize("who", CALLERS)
def test_what_is_somebody_elses_is_answered_as_what_is_not_there(
    neighbours: Neighbours, bodies: Bodies, who: str
) -> None:
    unchanged, tried = Unchanged(neighbours.world), 0
    for route, kind in with_an_id(neighbours, who):
        body = bodies.of(route)
        nothing = neighbours.ask(who, route, route.url(), body)
        assert is_refused(nothing, 404, "not-found"), route
        for thing in neighbours.others(who, kind):
            answer = neighbours.ask(who, route, route.url(thing.id), body)
            assert is_refused(answer, 404, "not-found"), (route, str(thing))
            assert about(answer) == about(nothing), (route, str(thing))
            tried += 1
    assert unchanged.holds()
    assert tried


@pytest.mark.parametrize("who", EVERYBODY)
def test_what_is_ones_own_is_there(neighbours: Neighbours, bodies: Bodies, connection: Connection, who: str) -> None:
    theirs = neighbours.theirs(who)
    for route, kind in with_an_id(neighbours, who):
        if kind in theirs:
            with undone(connection):
                answer = neighbours.ask(who, route, route.url(theirs[kind]), bodies.of(route))
            assert answer.status_code not in (400, 404, 415, 500), (route, answer.text)
            assert (answer.status_code, answer.json().get("code")) != (422, "invalid"), (route, answer.text)


@pytest.mark.parametrize("who", [who for who in EVERYBODY if who != TABLET])
def test_an_id_of_another_kind_is_nothing(neighbours: Neighbours, bodies: Bodies, who: str) -> None:
    """One's own, too: under the right prefix, as it is, in capitals."""
    unchanged, theirs = Unchanged(neighbours.world), neighbours.theirs(BANK) | neighbours.theirs(who)
    for route, kind in with_an_id(neighbours, who):
        others = {name: text for name, text in theirs.items() if name != kind}
        disguised = [ids.to_text(KINDS[kind], ids.parse(KINDS[name], text)) for name, text in others.items()]
        for wrong in (*disguised, next(iter(others.values())), theirs[kind].upper()):
            answer = neighbours.ask(who, route, route.url(wrong), bodies.of(route))
            assert is_refused(answer, 404, "not-found"), (route, wrong)
    assert unchanged.holds()


def with_id(neighbours: Neighbours, bodies: Bodies, who: str, where: Place, text: str) -> httpx.Response:
    """Call a route with an id in its body or its query, and otherwise as it wants it; what comes of it is undone."""
    route, place, name, _ = where
    path = route.url(neighbours.theirs(who).get(route.kind or ""))
    if place == "query":
        return neighbours.ask(who, route, f"{path}?{name}={text}")
    also = BESIDE.get((str(route), name))
    beside = also(neighbours, text) if also else {}
    value = [text] if bodies.is_list(route, name) else text
    return neighbours.ask(who, route, path, {**bodies.least(route), **beside, name: value})


def with_ids(neighbours: Neighbours, bodies: Bodies, who: str) -> Iterator[Place]:
    """Where else than in the path somebody may say an id of what belongs to somebody."""
    for route in v1(neighbours.world.app):
        if who in neighbours.who_may(route):
            for place, name, kind in bodies.ids(route):
                if (str(route), name) not in DECIDED:
                    yield Place(route, place, name, kind)


@pytest.mark.parametrize("who", CALLERS)
def test_somebody_elses_id_in_a_body_or_a_query_is_as_one_of_nothing(
    neighbours: Neighbours, bodies: Bodies, connection: Connection, who: str
) -> None:
    def tried(where: Place, text: str) -> tuple[int, Any, list[int]]:
        with undone(connection):
            answer = with_id(neighbours, bodies, who, where, text)
            return answer.status_code, about(answer), rows(connection)

    for where in with_ids(neighbours, bodies, who):
        nothing = tried(where, of_nothing(where.kind))
        assert nothing[0] >= 400 or nothing[1].get("data") == [], (where, nothing)
        for thing in neighbours.others(who, where.kind):
            assert tried(where, thing.id) == nothing, (where, str(thing))


def test_ones_own_id_in_a_body_or_a_query_counts(
    neighbours: Neighbours, bodies: Bodies, connection: Connection
) -> None:
    counts: dict[str, bool] = {}
    for who in CALLERS:
        for where in with_ids(neighbours, bodies, who):
            answers = []
            for text in (of_nothing(where.kind), neighbours.theirs(who).get(where.kind, of_nothing(where.kind))):
                with undone(connection):
                    answers.append(about(with_id(neighbours, bodies, who, where, text)))
            name = f"{where.route}, {where.name}"
            counts[name] = counts.get(name, False) or answers[0] != answers[1]
    assert [name for name, does in counts.items() if not does] == [], "say in BESIDE what else these bodies need"
    assert counts


@pytest.mark.parametrize("who", CALLERS)
def test_no_answer_names_what_is_somebody_elses(neighbours: Neighbours, who: str) -> None:
    theirs = neighbours.theirs(who)
    strange = [thing for thing in neighbours.things if who not in thing.named_to]
    for route in v1(neighbours.world.app):
        if route.method == "GET" and who in neighbours.who_may(route) and route.path != STREAM:
            answer = neighbours.ask(who, route, route.url(theirs.get(route.kind or "")))
            assert answer.status_code == (200 if theirs.keys() >= set(route.variables) else 404), route
            assert [str(thing) for thing in strange if thing.id in answer.text] == [], route


def test_an_acquirers_reference_is_its_own(neighbours: Neighbours) -> None:
    """Another's lost answer is reversed by nobody else, and nobody learns that it was there."""
    reference = {"network_reference": "acq-r-1", "original_network_reference": "acq-anna", "amount": None}
    unknown = reference | {"network_reference": "acq-r-2", "original_network_reference": "acq-unknown"}
    one, other = neighbours.callers["one network"], neighbours.callers["other network"]
    answers = [other.request("POST", "/v1/network/reversals", body) for body in (reference, unknown)]
    statuses = {(answer.status_code, frozenset(answer.json())) for answer in answers}
    assert len(statuses) == 1
    payment = neighbours.theirs("one network")["payment_id"]
    assert one.request("GET", f"/v1/network/authorizations/{payment}").json()["status"] == "held"
