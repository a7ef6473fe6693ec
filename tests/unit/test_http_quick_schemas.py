"""Schemas that read quickly what is right: the same as marshmallow reads, and the same words for what is wrong."""

import copy
import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from tokenization.journal.links import plainly
from wallet.schemas.network import AuthorizationInput
from wallet.schemas.quick import Quick

ASKED: dict[str, Any] = {
    "network_reference": "acq-1",
    "token": "9208910000000001",
    "entry_mode": "wallet",
    "kind": "purchase",
    "amount": 12_500,
    "currency": "DKK",
    "scheme": "dankort",
    "at": "2026-11-22T10:15:00Z",
    "terminal": {"id": "T1"},
    "merchant": {"id": "DK-123", "name": "Smørrebrød 🥪", "mcc": "5411", "country": "DK"},
    "cryptogram": {"atc": 7, "date": "261122", "unpredictable_number": "9f3a01bc", "cvm": "none", "mac": "00" * 8},
}
PLASTIC = {name: value for name, value in ASKED.items() if name not in ("token", "cryptogram")} | {
    "card": {"number": "9208900000000002", "expiry": "2029-09"},
    "cvm": "online_pin",
}
ODD: list[Any] = [
    None,
    "",
    "x",
    "1",
    0,
    1,
    -1,
    2**63,
    1.5,
    True,
    [],
    {},
    {"id": "T1"},
    "9208910000000001",
    "none",
    "pin",
]
QUICK = AuthorizationInput()


def paths(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """To every member."""
    inner = value.items() if isinstance(value, dict) else ()
    return [each for name, item in inner for each in [(*path, name), *paths(item, (*path, name))]]


MEMBERS = sorted(
    {*paths(ASKED), *paths(PLASTIC), ("credential_id",), ("authentication",), ("nothing",), ("card", "cvc")}
)


def changed(body: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """With another value there; without one where that is `...`."""
    body = copy.deepcopy(body)
    holder: Any = body
    for name in path[:-1]:
        holder = holder.get(name) if isinstance(holder, dict) else None
    if isinstance(holder, dict):
        holder.pop(path[-1], None) if value is ... else holder.__setitem__(path[-1], value)
    return body


def outcome(load: Any) -> Any:
    try:
        return load()
    except ValidationError as error:
        return error.messages


class Slow(AuthorizationInput):
    """The same, read by marshmallow alone."""

    load = Schema.load


changes = st.lists(st.tuples(st.sampled_from(MEMBERS), st.sampled_from([*ODD, ...])), max_size=3)


@settings(max_examples=150)
@given(st.sampled_from([ASKED, PLASTIC]), changes)
def test_whatever_is_sent_is_read_as_marshmallow_reads_it(
    body: dict[str, Any], wrongs: list[tuple[tuple[str, ...], Any]]
) -> None:
    for path, value in wrongs:
        body = changed(body, path, value)
    assert outcome(lambda: QUICK.load(body, unknown=RAISE)) == outcome(lambda: Slow().load(body, unknown=RAISE))


@pytest.mark.parametrize("body", [ASKED, PLASTIC], ids=["token", "card"])
def test_what_is_right_is_read_quickly(body: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Schema, "_do_load", None)
    assert QUICK.load(body, unknown=RAISE)["amount"] == 12_500


@pytest.mark.parametrize("body", [None, [], "text", 1, [ASKED]])
def test_what_is_no_object_is_none(body: Any) -> None:
    assert outcome(lambda: QUICK.load(body)) == outcome(lambda: Slow().load(body))


class Pair(Quick):
    """Two numbers, the first the less."""

    first = fields.Integer(required=True, validate=validate.Range(min=1))
    second = fields.Integer(load_default=9)

    @validates_schema
    def in_order(self, data: dict[str, Any], **_: object) -> None:
        if data["first"] > data["second"]:
            raise ValidationError("is the less", "first")


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ({"first": "1"}, {"first": 1, "second": 9}),
        ({"first": 0}, {"first": ["Must be greater than or equal to 1."]}),
        ({"first": 10}, {"first": ["is the less"]}),
        ({"second": 1}, {"first": ["Missing data for required field."]}),
    ],
)
def test_validators_and_what_is_left_out_count(sent: dict[str, Any], read: dict[str, Any]) -> None:
    assert outcome(lambda: Pair().load(sent)) == read


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


@settings(max_examples=100)
@given(texts, texts, st.integers(0, 999_999_999_999), st.booleans())
def test_what_was_sent_is_hashed_as_rfc_8785_has_it(name: str, reference: str, amount: int, unattended: bool) -> None:
    body = changed(ASKED, ("merchant", "name"), name) | {"network_reference": reference, "amount": amount}
    body["terminal"] = {"id": reference, "unattended": unattended, "more": None}
    sent = ["authorization", json.loads(json.dumps(body))]
    assert plainly(sent).encode() == rfc8785.dumps(sent)
