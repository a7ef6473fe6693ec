"""Every event is told somebody or is named as silent: a new one cannot be forgotten."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module

import delegation
import notifications
import tokenization
import wallet
from notifications.audiences import PEOPLE, REQUESTORS, SILENT
from tokenization.events import Event


def event_types() -> set[str]:
    for package in (tokenization, delegation, notifications, wallet):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.endswith("events"):
                import_module(module.name)
    # Tests make events of their own; those are told nobody.
    return {kind.type for kind in _below(Event) if "type" in vars(kind) and not kind.__module__.startswith("tests.")}


def _below(kind: type[Event]) -> Iterator[type[Event]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


def test_every_event_type_is_told_or_silent() -> None:
    assert event_types() - set(PEOPLE) - REQUESTORS - SILENT == set()


def test_the_tables_name_no_event_that_there_is_not() -> None:
    assert (set(PEOPLE) | REQUESTORS | SILENT) - event_types() == set()
