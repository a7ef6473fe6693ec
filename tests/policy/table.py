"""The route table as the policy tests read it: each route with its method, its path, and how its view is marked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from tokenization import ids
from wallet.access.guard import Access

# What each path variable is an id of, by the prefix of such an id: something that belongs to somebody.
KINDS = {
    "card_id": "card",
    "credential_id": "cred",
    "token_id": "tok",
    "right_id": "right",
    "pairing_id": "pair",
    "request_id": "rqst",
    "message_id": "msg",
    "payment_id": "pay",
    "delivery_id": "dlv",
    "holder_id": "holder",
    "account_id": "acct",
    "requestor_id": "reqr",
    "session_id": "sess",
}
# And those that are nobody's, with a value that is nothing.
NOBODYS = {"user_code": "BBBB-BBBB", "name": "nothing", "client_id": "nothing", "kind": "nothing"}


@dataclass(frozen=True)
class Route:
    """One method of one path. `opens` is what its view opens: a `session`, a `transaction`, or nothing.

    `limit` is what its calls are counted by, if they are.
    """

    method: str
    path: str
    endpoint: str
    access: Access | None
    opens: str | None
    limit: str | None

    @property
    def scopes(self) -> frozenset[str]:
        """Whom it is for."""
        return self.access.scopes if self.access else frozenset()

    @property
    def variables(self) -> list[str]:
        """Those in its path."""
        return re.findall(r"<(\w+)>", self.path)

    @property
    def kind(self) -> str | None:
        """Of what its path holds the id, if it belongs to somebody."""
        return next((variable for variable in self.variables if variable in KINDS), None)

    def url(self, text: str | None = None) -> str:
        """Its path, filled with that id, or with ids of nothing."""
        return re.sub(r"<(\w+)>", lambda found: text or of_nothing(found[1]), self.path)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def of_nothing(variable: str) -> str:
    """What a path variable may hold, and there is nothing there for any caller."""
    assert variable in KINDS or variable in NOBODYS, f"say in {__name__} whose <{variable}> is: KINDS or NOBODYS"
    return ids.to_text(KINDS[variable], ids.new_id()) if variable in KINDS else NOBODYS[variable]


def routes(app: Flask) -> list[Route]:
    """All of an app's routes."""
    return [route for rule in app.url_map.iter_rules() for route in _of(app, rule)]


def v1(app: Flask) -> list[Route]:
    """Those of the API."""
    return [route for route in routes(app) if route.path.startswith("/v1/")]


def _of(app: Flask, rule: Rule) -> Iterator[Route]:
    view = app.view_functions[rule.endpoint]
    for method in sorted((rule.methods or set()) - {"HEAD"}):
        function: Any = getattr(vars(view).get("view_class"), method.lower(), view)
        marks = (getattr(function, mark, None) for mark in ("access", "opens", "limit"))
        yield Route(method, rule.rule, rule.endpoint, *marks)
