"""Ids, money, time and secrets: the values that everything else is made of."""

import copy
import json
import pickle
import traceback
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenization import countries, ids, money
from tokenization.clock import SetClock, SystemClock, add_months, last_of_month, local_date, start_of_day
from tokenization.secret import Cvc, Key, Number, Secret


@given(st.uuids())
def test_an_id_comes_back_from_its_text(value: UUID) -> None:
    assert ids.parse("card", ids.to_text("card", value)) == value


def test_later_ids_sort_after_earlier_ones_in_both_forms() -> None:
    made = [ids.new_id() for _ in range(50)]
    assert sorted(made) == made
    assert sorted(ids.to_text("card", each) for each in made) == [ids.to_text("card", each) for each in made]


@given(st.text(max_size=60))
def test_what_is_no_id_is_refused_as_such(text: str) -> None:
    with pytest.raises(ids.InvalidId):
        ids.parse("card", text)


@pytest.mark.parametrize("change", [str.upper, lambda text: text + "0", lambda text: text.replace("card_", "tok_")])
def test_only_the_one_spelling_of_an_id_is_taken(change: object) -> None:
    text = ids.to_text("card", ids.new_id())
    with pytest.raises(ids.InvalidId):
        ids.parse("card", change(text))  # type: ignore[operator]  # parametrize says object


@pytest.mark.parametrize(("code", "digits", "number"), [("DKK", 2, 208), ("JPY", 0, 392), ("KWD", 3, 414)])
def test_a_currency_has_its_exponent_and_number(code: str, digits: int, number: int) -> None:
    assert (money.exponent(code), money.numeric(code)) == (digits, number)


@pytest.mark.parametrize(("code", "number"), [("DK", 208), ("AF", 4), ("XK", 983)])
def test_a_country_has_its_number(code: str, number: int) -> None:
    assert countries.numeric(code) == number
    assert code in countries.COUNTRIES


@pytest.mark.parametrize("code", ["", "dkk", "XXQ", "DK", "208"])
def test_what_is_no_currency_is_refused(code: str) -> None:
    with pytest.raises(money.UnknownCurrency):
        money.numeric(code)


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2027, 12, 31), 2, date(2028, 2, 29)),
        (date(2026, 11, 22), 36, date(2029, 11, 22)),
        (date(2026, 12, 1), 1, date(2027, 1, 1)),
        (date(2026, 5, 31), 0, date(2026, 5, 31)),
    ],
)
def test_months_are_added_to_the_last_day_where_there_is_no_such_day(day: date, months: int, expected: date) -> None:
    assert add_months(day, months) == expected


def test_a_month_ends_on_its_last_day() -> None:
    assert last_of_month(date(2028, 2, 3)) == date(2028, 2, 29)
    assert last_of_month(date(2026, 12, 31)) == date(2026, 12, 31)


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (datetime(2026, 1, 1, 22, 59, tzinfo=UTC), date(2026, 1, 1)),
        (datetime(2026, 1, 1, 23, 0, tzinfo=UTC), date(2026, 1, 2)),
        (datetime(2026, 7, 1, 22, 0, tzinfo=UTC), date(2026, 7, 2)),
    ],
)
def test_a_day_begins_at_midnight_in_copenhagen(at: datetime, day: date) -> None:
    assert local_date(at) == day


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 5), 24)])
def test_a_day_has_as_many_hours_as_the_clock_makes_it(day: date, hours: int) -> None:
    assert start_of_day(day + timedelta(days=1)) - start_of_day(day) == timedelta(hours=hours)


def test_a_clock_stands_where_it_is_put_and_moves_when_told() -> None:
    clock = SetClock(datetime(2026, 11, 22, tzinfo=UTC))
    clock.advance(timedelta(days=1))
    assert clock.now() == datetime(2026, 11, 23, tzinfo=UTC)
    clock.set(datetime(2026, 1, 1, tzinfo=UTC))
    assert clock.now() == datetime(2026, 1, 1, tzinfo=UTC)


def test_the_machines_clock_tells_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)


SECRETS = [Secret("9208904471293561"), Number("9208904471293561"), Cvc("471"), Key(b"9208904471293561")]


@pytest.mark.parametrize("secret", SECRETS, ids=lambda secret: type(secret).__name__)
@pytest.mark.parametrize("show", [repr, str, "{}".format, "{0!r}".format, "%s".__mod__, lambda each: repr([{1: each}])])
def test_a_secret_shows_nothing_however_it_is_printed(secret: Secret[str], show: object) -> None:
    shown = show(secret)  # type: ignore[operator]  # parametrize says object
    assert "447129" not in shown
    assert "471" not in shown.replace("920890******3561", "")


def test_a_number_shows_bin_and_last_four() -> None:
    number = Number("9208904471293561")
    assert (number.bin, number.last4, repr(number)) == ("920890", "3561", "Number(920890******3561)")
    assert number.reveal() == "9208904471293561"


@pytest.mark.parametrize("copier", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_secret_is_neither_pickled_nor_copied(copier: object) -> None:
    with pytest.raises(TypeError, match="secret"):
        copier(Cvc("471"))  # type: ignore[operator]  # parametrize says object


def test_a_secret_is_no_json() -> None:
    with pytest.raises(TypeError):
        json.dumps({"cvc": Cvc("471")})


def test_secrets_are_equal_by_kind_and_value() -> None:
    assert Cvc("471") == Cvc("471")
    assert Cvc("471") != Cvc("472")
    assert Cvc("471") != Number("471")
    assert Cvc("471") != "471"
    assert len({Cvc("471"), Cvc("471"), Secret("471")}) == 2


def test_a_secret_stays_out_of_a_traceback() -> None:
    def fails(number: Number) -> None:
        raise ValueError(f"cannot use {number}")

    number = Number("9208904471293561")
    with pytest.raises(ValueError, match="cannot use") as raised:
        fails(number)
    told = traceback.TracebackException.from_exception(raised.value, capture_locals=True).format()
    assert "447129" not in "".join(told).replace('Number("9208904471293561")', "")
