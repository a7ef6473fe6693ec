"""From what went wrong to what is said: every error has its status, and names are shown only where they can be ours."""

from collections.abc import Iterator

import pytest
from flask import Flask
from marshmallow import RAISE, Schema, ValidationError, fields

from tokenization.errors import DomainError
from wallet import app, errors

IMPORTS_EVERY_ERROR = app


def below(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    for child in kind.__subclasses__():
        yield child
        yield from below(child)


@pytest.mark.parametrize("kind", sorted(set(below(DomainError)), key=str))
def test_every_error_of_the_domain_has_a_status_a_code_and_words(kind: type[DomainError]) -> None:
    assert [status for parent, status in errors.STATUS_BY_ERROR.items() if issubclass(kind, parent)]
    assert kind.code != DomainError.code
    assert kind.__doc__


def test_nested_messages_are_paths() -> None:
    messages = {"json": {"device": {"name": ["a", "b"], "_schema": ["c"]}, "numbers": {0: ["d"]}, "_schema": ["e"]}}
    assert list(errors.flatten(messages)) == [
        ("device.name", "a"),
        ("device.name", "b"),
        ("device", "c"),
        ("numbers[0]", "d"),
        ("", "e"),
    ]


def test_what_the_library_says_by_itself_is_said_in_our_words() -> None:
    said = {fields.Field.default_error_messages[name] for name in ("required", "null")}
    said |= {kind.default_error_messages["invalid"] for kind in (fields.List, fields.Dict)}
    said |= {fields.Nested.default_error_messages["type"]}
    with pytest.raises(ValidationError) as unknown:
        Schema(unknown=RAISE).load({"a": 1})
    with pytest.raises(ValidationError) as no_object:
        Schema().load([])
    said |= {*unknown.value.messages_dict["a"], *no_object.value.messages_dict["_schema"]}
    assert said == set(errors.IN_OUR_WORDS)
    assert list(errors.flatten({"a": ["Unknown field."]})) == [("a", "is not known here")]


@pytest.mark.parametrize(
    ("field", "shown"),
    [
        ("device.name", "device.name"),
        ("last4", "last4"),
        ("numbers[0]", "numbers[0]"),
        ("jwks.keys[0]", "jwks.keys[0]"),
        ("Idempotency-Key", "Idempotency-Key"),
        ("", "body"),
        ("9208901234567890", "?"),
        ("delegate.9208 9012 3456 7890", "delegate.?"),
        ("123", "?"),
        ("1234", "?"),
        ("figures.a1b2c3", "figures.?"),
        ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "?"),
        ("a" * 33, "?"),
        ("<script>", "?"),
        ("naïve", "?"),
        ("a\x00b", "?"),
    ],
)
def test_a_name_is_shown_where_it_can_be_one_of_ours(field: str, shown: str) -> None:
    with Flask(__name__).test_request_context():
        problem = errors.problem(422, "invalid", "some values cannot be accepted", field_errors=[(field, "is wrong")])
    assert problem.json["errors"] == [{"field": shown, "message": "is wrong"}]  # type: ignore[index]  # it is JSON
