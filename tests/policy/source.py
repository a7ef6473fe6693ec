"""Our own source as syntax trees: what it imports, what it calls, what it catches."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FLOORS = ("tokenization", "delegation", "notifications", "wallet")
LOWER = FLOORS[:3]


@cache
def modules(*packages: str) -> dict[str, ast.Module]:
    """The modules of some packages by their path from the root."""
    paths = sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text("utf-8")) for path in paths}


def imports(tree: ast.Module) -> set[str]:
    """The names of the top packages that a module imports."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def methods_called(tree: ast.Module) -> set[str]:
    """`commit` of `session.commit()`."""
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {function.attr for function in calls if isinstance(function, ast.Attribute)}


def begins(tree: ast.Module) -> bool:
    """Whether something without arguments is begun: a session's or an engine's transaction."""
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "begin"
        and not (node.args or node.keywords)
        for node in ast.walk(tree)
    )


CLOCK = re.compile(r"(datetime|date|time)(\.\w+)*\.(now|today|utcnow|time|time_ns|gmtime|localtime)")


def clock_calls(tree: ast.Module) -> set[str]:
    """Calls that read the wall clock: `datetime.now(UTC)` is `datetime.now`."""
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return {call for call in called if CLOCK.fullmatch(call)}


def swallowed(tree: ast.Module) -> Iterator[int]:
    """Lines where any exception whatever is caught and forgotten."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and _catches_all(node) and not _acts(node):
            yield node.lineno
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress") and _of_all(node.args):
            yield node.lineno


def _catches_all(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or _of_all([handler.type])


def _of_all(kinds: list[ast.expr]) -> bool:
    names = {node.id for kind in kinds for node in ast.walk(kind) if isinstance(node, ast.Name)}
    return bool(names & {"Exception", "BaseException"})


def _acts(handler: ast.ExceptHandler) -> bool:
    """Whether it raises, or tells somebody."""
    return any(isinstance(node, (ast.Raise, ast.Call)) for statement in handler.body for node in ast.walk(statement))
