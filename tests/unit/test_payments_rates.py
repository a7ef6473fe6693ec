"""Rates as a bank's job writes them, read wholly or not at all, and what amounts come to by them (R-18)."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet.payments.rates import BadRates, Rate, RateTable, parse

TODAY = date(2026, 11, 22)
FRIDAY = date(2026, 11, 20)
GOOD = "currency,rate,date\nEUR,7.4605,2026-11-20\nJPY,0.0448,2026-11-20\nKWD,21.03,2026-11-19\n"


def rate(currency: str, value: str) -> Rate:
    return Rate(currency, "DKK", Decimal(value), FRIDAY)


def test_a_table_of_rates_is_read() -> None:
    table = parse(GOOD, TODAY)
    assert dict(table.by_currency) == {
        "EUR": rate("EUR", "7.4605"),
        "JPY": rate("JPY", "0.0448"),
        "KWD": Rate("KWD", "DKK", Decimal("21.03"), date(2026, 11, 19)),
    }
    assert parse(GOOD.replace("\n", "\r\n"), TODAY) == table, "as it comes from Windows"
    assert table.ages(TODAY) == [2, 2, 3]


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("EUR,0,2026-11-20", "line 3: rate: must be from 0.000001 to 100000"),
        ("EUR,0.0000001,2026-11-20", "line 3: rate: must be from"),
        ("EUR,100000.1,2026-11-20", "line 3: rate: must be from"),
        ("EUR,-7.4605,2026-11-20", "line 3: rate: must be a plain decimal"),
        ("EUR,+7.4605,2026-11-20", "line 3: rate: must be a plain decimal"),
        ("EUR,NaN,2026-11-20", "line 3: rate: must be a plain decimal"),
        ("EUR,Infinity,2026-11-20", "line 3: rate: must be a plain decimal"),
        ("EUR,1e400,2026-11-20", "line 3: rate: must be a plain decimal"),
        ("EUR,7.,2026-11-20", "line 3: rate: must be a plain decimal"),
        ("EUR,.5,2026-11-20", "line 3: rate: must be a plain decimal"),
        ("EUR,7.1234567891,2026-11-20", "line 3: rate: must be a plain decimal"),
        ("EUR,1234567,2026-11-20", "line 3: rate: must be a plain decimal"),
        ("EUR,７.46,2026-11-20", "line 3: rate: must be a plain decimal"),
        ("EUR, 7.46,2026-11-20", "line 3: rate: must be a plain decimal"),
        ("EUR,7_4,2026-11-20", "line 3: rate: must be a plain decimal"),
        ("EUR,,2026-11-20", "line 3: rate: must be a plain decimal"),
        ('EUR,"7.46",2026-11-20', "line 3: rate: must be a plain decimal"),
        ("EUR,7,46,2026-11-20", "line 3: must be currency,rate,date, and nothing else"),
        ("EUR;7.46;2026-11-20", "line 3: must be currency,rate,date, and nothing else"),
        ("", "line 3: must be currency,rate,date, and nothing else"),
        ("eur,7.46,2026-11-20", "line 3: currency: must be an ISO 4217 code"),
        ("EU,7.46,2026-11-20", "line 3: currency: must be an ISO 4217 code"),
        ("XYZ,7.46,2026-11-20", "line 3: currency: must be an ISO 4217 code"),
        ("ZWL,7.46,2026-11-20", "line 3: currency: must be an ISO 4217 code"),
        ("XAU,7.46,2026-11-20", "line 3: currency: XAU has no minor unit"),
        ("XXX,7.46,2026-11-20", "line 3: currency: XXX has no minor unit"),
        ("DKK,1,2026-11-20", "line 3: currency: DKK is what rates are in"),
        ("NOK,0.63,2026-11-20", "line 3: currency: NOK stands there twice"),
        ("EUR,7.46,2026-11-31", "line 3: date: must be a day"),
        ("EUR,7.46,20261120", "line 3: date: must be a day"),
        ("EUR,7.46,2026-11-20T10:00", "line 3: date: must be a day"),
        ("EUR,7.46,20-11-2026", "line 3: date: must be a day"),
        ("EUR,7.46,2026-W47-5", "line 3: date: must be a day"),
        ("EUR,7.46,", "line 3: date: must be a day"),
        ("EUR,7.46,2026-11-24", "line 3: date: is yet to come"),
        ("EUR,7.46,2062-11-20", "line 3: date: is yet to come"),
    ],
)
def test_what_is_wrong_is_said_by_line_and_field_and_nothing_is_taken(line: str, wrong: str) -> None:
    with pytest.raises(BadRates) as refused:
        parse(f"currency,rate,date\nNOK,0.63,2026-11-20\n{line}\n", TODAY)
    assert str(refused.value).startswith(wrong)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "line 1: must be currency,rate,date"),
        ("\n", "line 1: must be currency,rate,date"),
        ("EUR,7.4605,2026-11-20\n", "line 1: must be currency,rate,date"),
        ("\ufeffcurrency,rate,date\nEUR,7.4605,2026-11-20\n", "line 1: must be currency,rate,date"),
        ("currency,rate,date\n", "line 2: there is no rate"),
        ("currency,rate,date\nEUR,7.4605,2026-11-2", "line 2 does not end: the file was cut off"),
        ("currency,rate", "line 1 does not end: the file was cut off"),
    ],
)
def test_a_file_that_is_no_table_is_refused(text: str, wrong: str) -> None:
    with pytest.raises(BadRates, match=wrong):
        parse(text, TODAY)


def test_tomorrows_rates_may_be_put_in_place_in_the_evening() -> None:
    assert parse("currency,rate,date\nEUR,7.46,2026-11-23\n", TODAY).ages(TODAY) == [-1]


@pytest.mark.parametrize(("days", "is_found"), [(0, True), (7, True), (8, False), (400, False)])
def test_a_rate_that_is_too_old_is_none(days: int, is_found: bool) -> None:
    found = parse(GOOD, TODAY).find("EUR", "DKK", on=FRIDAY + timedelta(days=days), most_days=7)
    assert found == (rate("EUR", "7.4605") if is_found else None)


@pytest.mark.parametrize(
    ("paid", "account"), [("USD", "DKK"), ("DKK", "DKK"), ("EUR", "EUR"), ("DKK", "EUR"), ("EUR", "SEK")]
)
def test_there_is_no_rate_that_nobody_gave(paid: str, account: str) -> None:
    assert parse(GOOD, TODAY).find(paid, account, on=TODAY, most_days=7) is None
    assert RateTable().find(paid, account, on=TODAY, most_days=7) is None


@pytest.mark.parametrize(
    ("currency", "value", "minor", "billed"),
    [
        ("EUR", "7.4605", 2_000, 14_921),  # EUR 20.00, DKK 149.21
        ("JPY", "0.0448", 10_000, 44_800),  # a yen has no smaller part: JPY 10,000, DKK 448.00
        ("KWD", "21.03", 12_345, 25_962),  # a dinar has 1,000 fils: KWD 12.345, DKK 259.62
        ("CLF", "271.5", 10_000, 27_150),  # 10,000 parts: CLF 1.0000
        ("UYW", "0.9", 10_000, 90),
        ("ISK", "0.0505", 1, 5),
        ("EUR", "7.5", 1, 8),  # half up
        ("EUR", "7.4999", 1, 7),
        ("IDR", "0.00042", 100, 1),  # a rupiah is less than half an øre, and still something
        ("IDR", "0.00042", 0, 0),
        ("EUR", "99999.999999999", 999_999_999_999, 99_999_999_999_899_000),
    ],
)
def test_an_amount_is_converted_by_the_parts_of_both_currencies(
    currency: str, value: str, minor: int, billed: int
) -> None:
    assert rate(currency, value).billed(minor) == billed


VALUES = st.decimals("0.000001", "100000", places=9)
CURRENCIES = st.sampled_from(["EUR", "JPY", "KWD", "CLF"])


@given(CURRENCIES, VALUES, st.integers(0, 1_149_999_999_999), st.integers(0, 10_000))
def test_more_never_costs_less(currency: str, value: Decimal, minor: int, more: int) -> None:
    by = Rate(currency, "DKK", value, FRIDAY)
    assert 0 <= by.billed(minor) <= by.billed(minor + more)
    assert (by.billed(minor) == 0) == (minor == 0)
