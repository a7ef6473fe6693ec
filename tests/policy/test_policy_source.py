"""What must hold of all source: who commits, who knows of HTTP, of the clock, of the network; nothing is swallowed."""

import ast

import pytest

from tests.policy.source import FLOORS, LOWER, begins, clock_calls, imports, methods_called, modules, swallowed

THE_ONE_THAT_COMMITS = "wallet/database.py"
# Where a transaction, or a session to look with, may be opened: at the edges, around a use case and never inside one.
EDGES = {
    # Of the relay: a transaction for each step, none while it sends.
    "notifications/telling.py",
    "notifications/texting.py",
    "notifications/delivering.py",
    "wallet/access/oauth/assertions.py",
    "wallet/access/oauth/endpoints.py",
    "wallet/access/oauth/grants.py",
    "wallet/access/guard.py",
    "wallet/access/refusals.py",  # what was refused was rolled back
    "wallet/access/oauth/server.py",
    "wallet/access/oauth/sign_in.py",
    "wallet/access/oauth/consents.py",
    "wallet/api.py",
    "wallet/cli/card.py",
    "wallet/cli/client.py",
    "wallet/cli/ceremony.py",
    "wallet/cli/environment.py",
    "wallet/cli/journal.py",
    "wallet/cli/cards.py",
    "wallet/embossing.py",
    "wallet/cli/rewrap.py",
    "wallet/cli/telling.py",
    "wallet/cli/keys.py",
    "wallet/operations.py",
    "wallet/people.py",
    "wallet/resources/groups.py",  # one for what waits together
    "wallet/resources/inbox.py",  # a stream holds no connection while it waits
    "wallet/replacing.py",  # one for each of many cards
    "wallet/serving.py",
}
# Administration, and the story's villain.
WITHOUT_TRANSACTIONS = {"wallet/embedded.py", "wallet/demo.py"}
WEB = {"flask", "flask_smorest", "werkzeug", "webargs", "marshmallow", "granian", "authlib"}
NETWORK = {"httpx", "httpcore", "requests", "urllib", "socket", "http"}


def test_one_module_commits() -> None:
    assert [path for path, tree in modules(*FLOORS).items() if "commit" in methods_called(tree)] == []
    assert [path for path, tree in modules(*FLOORS).items() if begins(tree)] == [THE_ONE_THAT_COMMITS]


def test_transactions_are_opened_at_the_edges_only() -> None:
    opening = {path for path, tree in modules(*FLOORS).items() if {"transaction", "reading"} & methods_called(tree)}
    assert opening == EDGES


def test_nothing_else_goes_without_a_transaction() -> None:
    found = {path for path, tree in modules(*FLOORS).items() if "autocommit" in ast.unparse(tree).lower()}
    assert found == WITHOUT_TRANSACTIONS


@pytest.mark.parametrize("package", LOWER)
def test_the_lower_floors_know_nothing_of_the_web(package: str) -> None:
    assert {path: imports(tree) & WEB for path, tree in modules(package).items() if imports(tree) & WEB} == {}


@pytest.mark.parametrize("package", ["tokenization", "delegation"])
def test_the_two_lowest_floors_know_no_network(package: str) -> None:
    assert {path: imports(tree) & NETWORK for path, tree in modules(package).items() if imports(tree) & NETWORK} == {}


def test_one_clock_is_read_and_it_is_passed_in() -> None:
    reading = {path: clock_calls(tree) for path, tree in modules(*FLOORS).items() if clock_calls(tree)}
    assert reading == {"tokenization/clock.py": {"datetime.now"}}


def test_nothing_is_swallowed() -> None:
    found = {path: list(swallowed(tree)) for path, tree in modules(*FLOORS, "mobile-mock").items()}
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_one_wrapper_opens_a_pipeline_on_the_database() -> None:
    # SQLAlchemy inside an open pipeline silently returns no rows. Redis has one too.
    opening = {path for path, tree in modules(*FLOORS).items() if "pipeline" in methods_called(tree)}
    assert opening <= {"wallet/access/shelf.py", "wallet/database.py", "tokenization/pipeline.py"}


@pytest.mark.parametrize(
    "broken",
    [
        "try:\n    pay()\nexcept Exception:\n    pass",
        "try:\n    pay()\nexcept:\n    result = None",
        "try:\n    pay()\nexcept (ValueError, BaseException):\n    pass",
        "with suppress(Exception):\n    pay()",
    ],
)
def test_swallowing_would_be_found(broken: str) -> None:
    assert list(swallowed(ast.parse(broken)))


@pytest.mark.parametrize("broken", ["datetime.now(UTC)", "date.today()", "time.time()", "datetime.datetime.utcnow()"])
def test_a_look_at_the_clock_would_be_found(broken: str) -> None:
    assert clock_calls(ast.parse(broken))


@pytest.mark.parametrize("broken", ["with session.begin():\n    pass", "engine.begin()"])
def test_a_transaction_would_be_found(broken: str) -> None:
    assert begins(ast.parse(broken))
