"""Strict fields: exactly what the contract says, refused by name, and never repeated."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey
from marshmallow import Schema, ValidationError, fields

from tokenization import ids
from tokenization.secret import Cvc, Key, Number
from wallet.schemas import fields as strict

CARD_ID = ids.new_id()
PUBLIC = ECKey.generate_key("P-256").as_dict(private=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
)
EVERY_FIELD: dict[str, fields.Field[Any]] = {
    "text": strict.Text(),
    "pattern": strict.Text(4, 4, pattern=r"[0-9]{4}"),
    "choice": strict.Choice("yes", "no"),
    "whole": strict.Whole(),
    "amount": strict.Amount(),
    "flag": strict.Flag(),
    "query flag": strict.QueryFlag(),
    "query whole": strict.QueryWhole(),
    "currency": strict.Currency(),
    "country": strict.Country(),
    "category code": strict.CategoryCode(),
    "id": strict.Id("card"),
    "moment": strict.Moment(),
    "day": strict.Day(),
    "short day": strict.ShortDay(),
    "card number": strict.CardNumber(),
    "cvc": strict.CvcDigits(),
    "expiry": strict.ExpiryMonth(),
    "hex": strict.Hex(8),
    "key": strict.KeyBytes(),
    "public key": strict.PublicKey(),
}


def refused(field: fields.Field[Any], value: Any) -> str:
    """The message, where it is refused."""
    with pytest.raises(ValidationError) as caught:
        field.deserialize(value)
    return str(caught.value)


@pytest.mark.parametrize("name", EVERY_FIELD)
@given(value=JSON)
@settings(deadline=None, derandomize=True)
def test_whatever_comes_is_taken_or_refused_and_never_repeated(name: str, value: Any) -> None:
    try:
        EVERY_FIELD[name].deserialize(value)
    except ValidationError as error:
        repeated = isinstance(value, str) and len(value) > 5 and value in str(error)
        assert not repeated


@pytest.mark.parametrize("name", EVERY_FIELD)
@pytest.mark.parametrize("value", [None, [], {}, [1], {"a": 1}, 1.5, "", "\x00", "\ud800"])
def test_what_is_of_another_kind_is_refused(name: str, value: Any) -> None:
    refused(EVERY_FIELD[name], value)


@pytest.mark.parametrize(
    "value",
    [True, False, "12", "１２３", "²", 1.0, 12.5, -1, 2**63, 2**64, 10**400, 1_000_000_000_000, "1e3", float("inf")],
)
def test_an_amount_is_a_whole_number_within_bounds(value: Any) -> None:
    refused(strict.Amount(), value)


@pytest.mark.parametrize("value", [0, 1, 999_999_999_999])
def test_an_amount_reaches_to_its_bounds(value: int) -> None:
    assert strict.Amount().deserialize(value) == value


def test_an_amount_that_must_be_something_is_not_nothing() -> None:
    assert "from 1 to" in refused(strict.Amount(1), 0)


@pytest.mark.parametrize(
    "value",
    [
        *("a\x00b", "a\nb", "\x7f", "\x85", "a\ud800", "\udfffb", "abc\u202edef", "\u2066a", "a\u2028b"),
        *("a\u200e", "\u200fa", "a\u061cb", "a\ue000", "\uf8ff", "a\U000f0000", "\U0010fffd"),
        *(" ", "\u00a0", "\u3000", "\u200b", "\u2060\u200d", "\ufeff ", "\u0301"),
    ],
)
def test_text_holds_nothing_that_cannot_be_seen(value: str) -> None:
    refused(strict.Text(), value)


@pytest.mark.parametrize("value", ["Nærkøb Vesterbro", "Zoë-Marie d'Été", "エミル", "👩‍👧 mobil", "a"])
def test_text_in_any_script_is_taken_as_it_is(value: str) -> None:
    assert strict.Text().deserialize(value) == value


def test_a_list_that_is_too_long_is_refused_as_a_whole() -> None:
    field = strict.Several(strict.Country(), 2)
    assert refused(field, ["zz"] * 10_000) == "must have at most 2 entries"
    assert field.deserialize(["DK", "DK"]) == ["DK", "DK"]
    assert "ISO 3166" in refused(field, ["DK", "XX"])


def test_text_has_its_lengths() -> None:
    field = strict.Text(5, 2)
    assert [refused(field, "a"), refused(field, "abcdef")] == [refused(field, "a")] * 2
    assert field.deserialize("abcde") == "abcde"


@pytest.mark.parametrize("value", ["１２３４", "12345", "123", "²²²²", "12 4", "1234\n"])
def test_a_pattern_is_of_ascii_and_of_the_whole_text(value: str) -> None:
    refused(strict.Text(5, 3, pattern=r"[0-9]{4}"), value)


def test_alternatives_of_a_pattern_are_documented_as_a_whole() -> None:
    assert strict.Text(5, pattern="a|b").metadata["pattern"] == "^(?:a|b)$"


@pytest.mark.parametrize("value", ["dkk", "DKR", "XYZ", "208", "DK", "ＤＫＫ"])
def test_a_currency_is_of_iso_4217(value: str) -> None:
    refused(strict.Currency(), value)
    assert strict.Currency().deserialize("DKK") == "DKK"


@pytest.mark.parametrize("value", ["XAU", "XAG", "XDR", "XTS", "XXX"])
def test_a_currency_has_minor_units(value: str) -> None:
    assert "minor units" in refused(strict.Currency(), value)
    assert strict.Currency().deserialize("JPY") == "JPY", "a whole yen is one"


@pytest.mark.parametrize("value", ["dk", "DNK", "XX", "QQ", "EU", "208", "ＤＫ"])
def test_a_country_is_of_iso_3166(value: str) -> None:
    refused(strict.Country(), value)
    assert strict.Country().deserialize("DK") == "DK"


def test_kosovo_is_a_country_that_the_standard_does_not_know_and_networks_do() -> None:
    assert strict.Country().deserialize("XK") == "XK"


@pytest.mark.parametrize("value", ["541", "54111", "５４１１", "54 1", "abcd", 5411])
def test_a_merchant_category_is_four_digits_in_a_list_or_not(value: Any) -> None:
    assert "four digits" in refused(strict.CategoryCode(), value)
    assert [strict.CategoryCode().deserialize(code) for code in ("5411", "0000")] == ["5411", "0000"]


def test_an_id_is_of_its_kind() -> None:
    assert strict.Id("card").deserialize(ids.to_text("card", CARD_ID)) == CARD_ID
    for other in (ids.to_text("tok", CARD_ID), str(CARD_ID), ids.to_text("card", CARD_ID).upper(), "card_", "card_zz"):
        assert "begins with card_" in refused(strict.Id("card"), other)


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-22",
        "2026-11-22T10:15:00",
        "2026-11-22 10:15:00Z",
        "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-11-22T24:00:01Z",
        "2026-11-22T10:15:60Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "20261122T101500Z",
        "2026-11-22T10:15:00.Z",
        "2026-11-22T10:15:00,5Z",
        "2026-11-22T10:15:00.1234567891Z",
        "2026-11-22T10:15:00+0100",
        "2026-11-22t10:15:00z",
        "２026-11-22T10:15:00Z",
        1_763_806_500,
    ],
)
def test_a_time_is_of_rfc_3339_with_an_offset(value: Any) -> None:
    refused(strict.Moment(), value)


def test_a_time_is_utc_inside_and_out() -> None:
    at = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
    for written in ("10:15:00Z", "10:15:00-00:00", "11:15:00+01:00", "10:15:00.0Z", "10:15:00.000000000Z"):
        assert strict.Moment().deserialize(f"2026-11-22T{written}") == at
    assert strict.Moment().serialize("at", {"at": at}) == "2026-11-22T10:15:00Z"


def test_the_hour_that_comes_twice_in_october_is_told_apart_by_its_offset() -> None:
    first, again = (strict.Moment().deserialize(f"2026-10-25T02:30:00+0{hours}:00") for hours in (2, 1))
    assert again - first == timedelta(hours=1)


@pytest.mark.parametrize(
    "value", ["2026-02-29", "26-11-22", "2026-1-1", "2026-11-22T00:00:00Z", "0000-01-01", "２０２６-11-22"]
)
def test_a_day_is_a_day_of_the_calendar(value: str) -> None:
    refused(strict.Day(), value)
    assert strict.Day().deserialize("2027-06-30") == date(2027, 6, 30)


@pytest.mark.parametrize("value", ["261322", "260230", "26112", "2611222", "26 1 1", "²61122"])
def test_a_short_day_is_six_digits_that_are_a_day(value: str) -> None:
    refused(strict.ShortDay(), value)
    assert strict.ShortDay().deserialize("261122") == date(2026, 11, 22)


@pytest.mark.parametrize(
    "value", ["9208900000000000", "9208 9000 0000 0000", "920890", 9208900000000001, "９２０８９０００００００００００"]
)
def test_a_card_number_checks(value: Any) -> None:
    assert "9208" not in refused(strict.CardNumber(), value)


def test_secrets_are_secrets_from_the_field_on() -> None:
    assert isinstance(strict.CardNumber().deserialize("4111111111111111"), Number)
    assert isinstance(strict.CvcDigits().deserialize("123"), Cvc)
    assert isinstance(strict.KeyBytes().deserialize("A" * 43), Key)


@pytest.mark.parametrize("value", ["12", "1234", "１２３", "1 3", 123])
def test_a_cvc_is_three_digits(value: Any) -> None:
    refused(strict.CvcDigits(), value)


@pytest.mark.parametrize("value", ["2029-13", "2029-00", "1999-12", "29-09", "2029-9", "2029/09"])
def test_an_expiry_is_a_year_and_a_month(value: str) -> None:
    assert "2029-09" in refused(strict.ExpiryMonth(), value)
    assert strict.ExpiryMonth().deserialize("2029-09") == "2029-09"


@pytest.mark.parametrize(
    "value", ["0123456789ABCDEF", "0123456789abcde", "0123456789abcdef0", "0x23456789abcdef", "zz" * 8]
)
def test_hex_is_lower_case_and_of_its_length(value: str) -> None:
    refused(strict.Hex(8), value)
    raw: Any = strict.Hex(8).deserialize("0123456789abcdef")
    assert raw == bytes.fromhex("0123456789abcdef")


@pytest.mark.parametrize("value", ["A" * 42, "A" * 44, "A" * 43 + "=", "A" * 42 + "B", "+" * 43, "A" * 42 + "\n"])
def test_a_key_is_32_bytes_in_the_one_base64url_that_they_have(value: str) -> None:
    refused(strict.KeyBytes(), value)


@pytest.mark.parametrize(
    "changes",
    [
        {"kty": "RSA"},
        {"crv": "P-384"},
        {"x": "A" * 43},
        {"x": "not base64"},
        {"y": 1},
        {"d": "A" * 43},
        {"kid": "\x00"},
        {"kid": 1},
        {"note": "keep me"},
    ],
)
def test_a_public_key_is_a_point_on_p_256_and_public(changes: dict[str, Any]) -> None:
    refused(strict.PublicKey(), PUBLIC | changes)


def test_a_public_key_is_kept_without_what_it_does_not_need() -> None:
    kept = strict.PublicKey().deserialize(PUBLIC | {"kid": "one", "use": "enc"})
    assert kept == {name: PUBLIC[name] for name in ("kty", "crv", "x", "y")} | {"kid": "one"}


def test_a_query_has_only_text() -> None:
    assert strict.QueryWhole(1, 200).deserialize("200") == 200
    assert strict.QueryFlag().deserialize("true") is True
    for value in ("+1", "1.0", "０", "-1", "1_0", "0x1", " 1", "201", "0"):
        refused(strict.QueryWhole(1, 200), value)
    for value in ("True", "1", "yes", ""):
        refused(strict.QueryFlag(), value)


def test_a_field_is_named_where_it_stands() -> None:
    class Inner(Schema):
        amount = strict.Amount(required=True)

    class Outer(Schema):
        inner = fields.Nested(Inner)

    with pytest.raises(ValidationError) as caught:
        Outer().load({"inner": {"amount": "12"}})
    assert caught.value.messages == {"inner": {"amount": ["must be a whole number"]}}
