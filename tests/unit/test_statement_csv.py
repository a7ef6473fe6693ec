"""The statement as CSV: the same as JSON tells, for programs; harmless in a spreadsheet, however it cuts the lines."""

import csv
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.source import ROOT
from tokenization import money
from tokenization.clock import COPENHAGEN
from wallet.payments.models import Payment
from wallet.payments.statement import Line
from wallet.resources import shown_payments, statement_csv
from wallet.schemas.payments import CSV_MOST, PaymentAnswer

AT = datetime(2026, 11, 22, 10, 15, 3, 250_000, UTC)
SCHEMA = PaymentAnswer()
SHOP = {"id": "DK-123", "name": "Netto Vesterbro", "mcc": "5411", "country": "DK"}
FORMULA_SIGNS = tuple("=+-@＝＋－＠")


def payment(**changes: Any) -> Payment:
    """DKK 125.00 at a grocer's by plastic, held, unless said otherwise."""
    usual = {
        **{f"{name}_minor": 0 for name in ("margin", "captured", "reversed", "refunded", "expired")},
        **dict.fromkeys(("token_id", "credential_id", "right_id", "limit", "right_left", "rate", "rate_of")),
        "payment_id": UUID(int=7),
        "kind": "purchase",
        "entry_mode": "chip",
        "scheme": "dankort",
        "amount_minor": 12_500,
        "held_minor": 12_500,
        "currency": "DKK",
        "merchant": SHOP,
        "approved": True,
        "reason": "approved",
        "expires_at": AT + timedelta(days=7),
        "at": AT,
    }
    return Payment(**usual | changes)


def line(**changes: Any) -> Line:
    return Line(payment(**changes), last4="0042")


def rows(*lines: Line) -> list[dict[str, str]]:
    """The CSV, parsed back."""
    text = statement_csv.written(map(shown_payments.payment, lines))
    return list(csv.DictReader(StringIO(text, newline=""), strict=True))


def one(what: Line) -> dict[str, str]:
    [found] = rows(what)
    return found


def test_the_header_is_there_without_any_payment() -> None:
    assert statement_csv.written([]) == statement_csv.HEADER + "\r\n"
    assert all(name == name.lower() and name.isidentifier() for name in statement_csv.COLUMNS)


def test_the_page_about_it_names_its_columns_in_their_order_and_how_many_lines_there_may_be() -> None:
    page = (ROOT / "docs" / "statement.md").read_text()
    cells = re.findall(r"^\| (`.+?`) \|", page.partition("## As a file")[2], re.MULTILINE)
    assert re.findall("`([a-z0-9_]+)`", " ".join(cells)) == list(statement_csv.COLUMNS)
    assert f"{CSV_MOST:,} payments" in page


def test_a_payment_is_one_line_of_text() -> None:
    found = one(line())
    assert (found["id"], found["status"], found["at"]) == (
        "pay_00000000000000000000000007",
        "held",
        "2026-11-22T11:15:03+01:00",
    )
    assert (found["amount"], found["currency"], found["held"], found["final_amount"]) == (
        *("125.00", "DKK", "125.00"),
        "0.00",
    )
    assert (found["last4"], found["paid_with"], found["device"], found["token_id"]) == ("0042", "plastic", "", "")
    assert (found["billed_amount"], found["billed_currency"], found["rate"]) == ("125.00", "DKK", "")


def test_in_summer_copenhagen_is_two_hours_ahead() -> None:
    assert one(line(at=datetime(2026, 7, 1, 22, 30, tzinfo=UTC)))["at"] == "2026-07-02T00:30:00+02:00"


@pytest.mark.parametrize(
    ("currency", "rate", "amount", "billed"),
    [("JPY", "0.046", "12500", "575.00"), ("KWD", "22.5", "12.500", "281.25"), ("EUR", "7.4605", "125.00", "932.56")],
)
def test_each_amount_has_its_own_currencys_decimals(currency: str, rate: str, amount: str, billed: str) -> None:
    found = one(line(currency=currency, rate=Decimal(rate), rate_of=date(2026, 11, 20)))
    assert (found["amount"], found["currency"], found["rate"], found["rate_of"]) == (
        *(amount, currency, rate),
        "2026-11-20",
    )
    assert (found["billed_amount"], found["billed_held"], found["billed_currency"]) == (billed, billed, "DKK")


def test_what_could_not_be_converted_was_billed_nothing() -> None:
    declined = {"approved": False, "reason": "currency_not_supported", "held_minor": 0}
    found = one(line(currency="XAF", **declined))
    assert (found["amount"], found["currency"], found["billed_amount"], found["billed_currency"]) == (
        *("12500", "XAF"),
        *("", ""),
    )


def test_the_parts_of_what_is_billed_make_up_the_whole() -> None:
    """R-18: each third of EUR 1.00 at 7.4605 would be 2.49 by itself, and the three 7.47."""
    parts = {"amount_minor": 100, "held_minor": 33, "captured_minor": 67, "refunded_minor": 33}
    found = one(line(currency="EUR", rate=Decimal("7.4605"), rate_of=date(2026, 11, 20), **parts))
    billed = {name: Decimal(found[f"billed_{name}"]) for name in ("amount", "held", "captured", "refunded")}
    assert billed["held"] + billed["captured"] == billed["amount"] == Decimal("7.46")
    assert Decimal(found["billed_final_amount"]) == billed["captured"] - billed["refunded"]


@pytest.mark.parametrize(
    "name",
    [
        '=HYPERLINK("https://pay.example/?"&A1,"Refund")',
        *("=1+1", "+45 20 00 00 00", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1+1", "＠x", "\u2028=1"),
        *('Netto;=1+1;"', 'Netto";"=1+1', 'a,"=cmd|calc', "Evil; =1", "a\r\n=1", 'x;""=1', "\ufeff=1", "\x00=1"),
    ],
)
def test_a_shop_whose_name_is_a_formula_is_a_text(name: str) -> None:
    what = replace(line(merchant=SHOP | {"name": name, "id": name, "city": name}), device=name, delegate=name)
    assert_harmless(statement_csv.written([shown_payments.payment(what)]))


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.text("=+-@＝,;\"' \t\r\n|a1\u2029", max_size=12))
def test_no_text_becomes_a_formula_however_a_spreadsheet_cuts_it(name: str) -> None:
    assert_harmless(statement_csv.written([shown_payments.payment(line(merchant=SHOP | {"name": name, "id": name}))]))


def assert_harmless(text: str) -> None:
    assert len(text.splitlines()) == 2
    for separator in ",;\t":
        for cells in csv.reader(StringIO(text, newline=""), delimiter=separator):
            assert [cell for cell in cells if cell.strip().startswith(FORMULA_SIGNS)] == []


def test_a_cell_that_is_a_formula_would_be_found() -> None:
    with pytest.raises(AssertionError):
        assert_harmless("name\r\nNetto;=1\r\n")


def test_an_ordinary_name_stays_as_it_is() -> None:
    for name in ('Bent\'s "Bar" & Grill, Ærø', "H&M", "7-Eleven", "Café - Århus", "דג", "a=b+c"):
        assert one(line(merchant=SHOP | {"name": name}))["merchant"] == name


MOMENTS = st.integers(0, 365 * 86_400).map(lambda seconds: AT - timedelta(seconds=seconds))
AMOUNTS = st.integers(0, 999_999_999_999)
NAMES = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=20)
IDS = st.none() | st.uuids()


@st.composite
def lines(draw: st.DrawFn) -> Line:
    """Any payment that there may be, and some that there may not."""
    currency = draw(st.sampled_from(["DKK", "EUR", "JPY", "KWD"]))
    captured = draw(AMOUNTS)
    rate = None if currency == "DKK" else draw(st.decimals("0.000001", 1_000, places=6))
    row = payment(
        payment_id=draw(st.uuids()),
        currency=currency,
        rate=rate,
        rate_of=rate and draw(st.dates(date(2026, 1, 1), date(2027, 1, 1))),
        at=draw(MOMENTS),
        amount_minor=draw(AMOUNTS),
        held_minor=draw(AMOUNTS),
        captured_minor=captured,
        refunded_minor=draw(st.integers(0, captured)),
        reversed_minor=draw(AMOUNTS),
        expired_minor=draw(AMOUNTS),
        approved=draw(st.booleans()),
        limit=draw(st.none() | st.just({"name": "per_day", "limit": 1, "spent": 2, "of": "ceiling"})),
        merchant={"id": draw(NAMES), "name": draw(NAMES), "mcc": draw(st.from_regex(r"\A[0-9]{4}\Z")), "country": "DK"}
        | draw(st.just({}) | st.fixed_dictionaries({"city": NAMES})),
        **{name: draw(IDS) for name in ("token_id", "credential_id", "right_id")},
    )
    return Line(row, *(draw(st.none() | NAMES) for _ in range(3)))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(lines())
def test_json_and_csv_tell_the_same(what: Line) -> None:
    told: Any = SCHEMA.dump(shown_payments.payment(what))
    assert {name: said(text) for name, text in one(what).items()} == {
        name: said(text) for name, text in expected(told).items()
    }


def said(text: str) -> str:
    """Without the apostrophes that make formulas texts."""
    return text.replace("'", "")


def expected(told: dict[str, Any]) -> dict[str, str]:
    """What a reader of the JSON would write."""
    own, at_rate = told["currency"], told["billed"] or {}
    billed = at_rate or (told if own == "DKK" else {})
    amounts = ("amount", "held", "captured", "refunded", "reversed", "expired", "final_amount")
    converted = ("amount", "held", "captured", "refunded", "final_amount")
    same = ("id", "status", "reason", "kind", "scheme", "entry_mode", "currency")
    limit = told["limit"] or {}
    found = {
        **{name: told[name] for name in (*same, "token_id", "credential_id", "drawing_right_id")},
        **{name: told["paid_with"][name] for name in ("last4", "device", "delegate")},
        **{name: told["merchant"][name] for name in ("city", "country", "mcc")},
        **{name: decimals(told[name], own) for name in amounts},
        **{f"billed_{name}": billed and decimals(billed[name], "DKK") for name in converted},
        **{name: at_rate.get(name) for name in ("rate", "rate_of")},
        **{name: local(told[name]) for name in ("at", "held_until")},
        "billed_currency": billed.get("currency"),
        "paid_with": told["paid_with"]["kind"],
        "merchant_id": told["merchant"]["id"],
        "merchant": told["merchant"]["name"],
        "limit": limit.get("name"),
        "limit_of": limit.get("of"),
        "categories": " ".join(told["categories"]),
    }
    return {name: value or "" for name, value in found.items()}


def decimals(minor: int, currency: str) -> str:
    places = money.exponent(currency)
    digits = str(minor).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits


def local(moment: str | None) -> str | None:
    return moment and datetime.fromisoformat(moment).astimezone(COPENHAGEN).replace(microsecond=0).isoformat()
