"""What must hold of every event: a name of its own, and a payload that is JSON, without a secret."""

import dataclasses
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any, get_args, get_type_hints
from uuid import UUID

import pytest
import rfc8785

from tokenization import ids
from tokenization.events import CardEvent, Event, SubjectEvent
from wallet import app

IMPORTS_EVERY_EVENT = app
SECRET = re.compile(r"(^|_)(number|pan|cvc|pin_key|cpr|mobile|secret|key|code)(_|$)")
SAMPLES: dict[Any, Any] = {
    UUID: ids.new_id(),
    str: "a text",
    int: 1,
    bool: True,
    date: date(2026, 11, 22),
    datetime: datetime(2026, 11, 22, 10, 15, tzinfo=UTC),
    list[str]: ["a", "b"],
    list[UUID]: [ids.new_id()],
    dict[str, Any]: {"name": "per_day", "limit": 1},
}


def below(kind: type[Event]) -> Iterator[type[Event]]:
    """Every kind of event that really happens: those with a type."""
    for child in kind.__subclasses__():
        yield from below(child)
        if "type" in vars(child):
            yield child


EVENTS = sorted(set(below(Event)), key=lambda kind: kind.type)


def sample(kind: type[Event]) -> Event:
    """One of them, with every field set."""
    hints = get_type_hints(kind)
    return kind(**{field.name: _value(hints[field.name]) for field in dataclasses.fields(kind)})


def _value(hint: Any) -> Any:
    return SAMPLES[hint] if hint in SAMPLES else next(SAMPLES[each] for each in get_args(hint) if each in SAMPLES)


def test_every_kind_has_a_name_of_its_own() -> None:
    assert len(EVENTS) > 30
    assert [name for name, times in Counter(kind.type for kind in EVENTS).items() if times > 1] == []


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.type)
def test_it_is_named_as_what_happened_to_what(kind: type[Event]) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*", kind.type)
    assert issubclass(kind, (CardEvent, SubjectEvent))


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.type)
def test_its_payload_is_json_with_readable_ids(kind: type[Event]) -> None:
    payload = sample(kind).payload()
    assert rfc8785.dumps(payload)
    for name, value in payload.items():
        if name in ids.PREFIX_BY_FIELD and isinstance(value, str):
            assert value.startswith(ids.PREFIX_BY_FIELD[name] + "_")
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", str(payload))


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.type)
def test_no_field_of_it_could_hold_a_secret(kind: type[Event]) -> None:
    named = {field.name for field in dataclasses.fields(kind) if SECRET.search(field.name)}
    assert named <= {"key_version", "key_ids"}
