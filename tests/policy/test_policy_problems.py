"""Every code that a problem may have stands in one table, which the docs show."""

import ast
import re
from collections.abc import Iterator
from typing import Any

from tests.policy.source import FLOORS, ROOT, modules
from tests.world import World
from wallet.errors import STATUS_BY_ERROR
from wallet.problems import PROBLEMS, as_markdown

CODE = re.compile(r"[a-z]+(-[a-z]+)*")
# What answers with a code, and where it stands among the arguments. `Refused` is a refusal as a value.
CALLS = {"problem": 1, "AccessRefused": 1, "_unacceptable": 0, "Refused": 0}
TABLES = {"_REFUSALS", "_CONFLICTS"}
# What `wallet/errors.py` makes of what werkzeug, and of what `dpop.py`, calls by another name.
NAMED_ELSEWHERE = {"bad-request", "method-not-allowed", "unsupported-media-type", "too-large"} | {
    *("invalid-dpop-proof", "use-dpop-nonce")
}
KINDS = {kind.__name__: int(status) for kind, status in STATUS_BY_ERROR.items()}


def words(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """The constants of a module by their names: `TOO_HIGH`."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and isinstance(node.value, ast.Constant)
        ):
            yield node.target.id, str(node.value.value)


def codes(tree: ast.Module) -> Iterator[str]:
    """What a module may answer: the codes of its errors, those that it calls with, and the keys of its tables."""
    named = dict(words(tree))
    for node in ast.walk(tree):
        found: list[ast.expr] = []
        if isinstance(node, ast.ClassDef) and node.name != "DomainError":
            found = [
                each.value for each in node.body if isinstance(each, ast.Assign) and is_named(each.targets[0], "code")
            ]
        elif isinstance(node, ast.Call) and (place := CALLS.get(ast.unparse(node.func).rpartition(".")[2])) is not None:
            found = node.args[place : place + 1]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict) and is_named(node.target, *TABLES):
            found = [key for key in node.value.keys if key]
        texts = [named.get(each.id, "") if isinstance(each, ast.Name) else getattr(each, "value", "") for each in found]
        yield from (text for text in texts if isinstance(text, str) and CODE.fullmatch(text))


def is_named(node: ast.expr, *names: str) -> bool:
    return isinstance(node, ast.Name) and node.id in names


def errors(trees: list[ast.Module]) -> dict[str, tuple[int, str]]:
    """The domain's errors with a code of their own: the status of their base, and the code."""
    classes = {node.name: node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    found = {}
    for name, node in classes.items():
        base = node
        while base.name not in KINDS and base.bases and (above := classes.get(ast.unparse(base.bases[0]))):
            base = above
        own = [each.value for each in node.body if isinstance(each, ast.Assign) and is_named(each.targets[0], "code")]
        if base.name in KINDS and own and isinstance(own[0], ast.Constant):
            found[name] = KINDS[base.name], str(own[0].value)
    return found


TREES = list(modules(*FLOORS).values())


def test_every_code_that_is_answered_stands_in_the_table_and_no_other() -> None:
    assert {code for tree in TREES for code in codes(tree)} | NAMED_ELSEWHERE == set(PROBLEMS)


def test_a_code_that_is_new_would_be_found() -> None:
    new = 'class Odd(Conflict):\n    code = "odd-thing"\n\nproblem(409, "too-odd")\nraise AccessRefused(403, "odd")'
    assert set(codes(ast.parse(new))) == {"odd-thing", "too-odd", "odd"}


def test_an_error_of_the_domain_has_the_status_of_the_table() -> None:
    found = errors(TREES)
    assert found["TooManyPhones"] == (409, "too-many-phones")
    assert {code: status for status, code in found.values()}.items() <= {
        code: each.status for code, each in PROBLEMS.items()
    }.items()


def test_a_status_that_is_answered_is_the_table_s() -> None:
    for tree in TREES:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("problem", "AccessRefused"):
                status, code = node.args[:2]
                if isinstance(status, ast.Constant) and isinstance(code, ast.Constant):
                    assert PROBLEMS[str(code.value)].status == status.value, code.value


def test_what_an_error_adds_to_its_problem_is_named_in_the_table() -> None:
    found = errors(TREES)
    raised = [node for tree in TREES for node in ast.walk(tree) if isinstance(node, ast.Call)]
    added = [(found[name][1], node) for node in raised if (name := ast.unparse(node.func)) in found and node.keywords]
    assert len(added) >= 3
    for code, node in added:
        assert {each.arg for each in node.keywords} == set(PROBLEMS[code].members), code


def test_the_documents_show_the_table(world: World) -> None:
    assert as_markdown() in (ROOT / "docs" / "errors.md").read_text()
    shown: Any = world.http.get("/openapi.json").json()["components"]["schemas"]["Problem"]["properties"]["code"]
    assert shown["examples"] == list(PROBLEMS)
    assert as_markdown() in shown["description"]
