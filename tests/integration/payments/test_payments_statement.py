"""The statement over HTTP: what it shows of a payment, which payments are asked for, and the same as a file."""

import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from io import StringIO
from itertools import product
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import Connection, event

from delegation.categories import CATEGORIES
from tests.integration.payments.scene import ATM, HOTEL, Scene
from tests.world import FILMFLODEN, NETTO
from tokenization import ids
from wallet.payments import history, statement
from wallet.payments.models import Payment
from wallet.schemas.payments import CSV_MOST, STATUSES

CSV = {"Accept": "text/csv"}
MCCS = ("5411", "7995", "6011", "7011", "3501", "5722", "4812", "5816", "1520", "0742", "9399", "7993")
AT = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)


def path(scene: Scene, query: str = "") -> str:
    return f"/v1/cards/{scene.world.person('anna')['card_id']}/payments{query}"


def ask(scene: Scene, query: str = "", **headers: str) -> httpx.Response:
    return scene.town.anna.request("GET", path(scene, query), headers=headers)


def shown(scene: Scene, query: str = "") -> list[dict[str, Any]]:
    answer = ask(scene, query)
    assert answer.status_code == 200, answer.text
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


def parsed(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    return list(csv.DictReader(StringIO(answer.content.decode(), newline=""), strict=True))


def keep(scene: Scene, *changes: dict[str, Any]) -> list[Payment]:
    """Write such payments with Anna's card, newest last; nothing of them moves the books."""
    card_id, account_id = (
        ids.parse(kind, scene.world.person("anna")[f"{name}_id"])
        for kind, name in (("card", "card"), ("acct", "account"))
    )
    rows = [row(card_id, account_id, **each) for each in changes]
    with scene.world.parts.database.transaction("test") as session:
        session.add_all(rows)
    return rows


def row(card_id: UUID, account_id: UUID, **changes: Any) -> Payment:
    usual: dict[str, Any] = {
        **{f"{name}_minor": 0 for name in ("held", "margin", "captured", "reversed", "refunded", "expired")},
        "card_id": card_id,
        "account_id": account_id,
        "payment_id": ids.new_id(),
        "client_id": "test",
        "kind": "purchase",
        "entry_mode": "chip",
        "scheme": "dankort",
        "amount_minor": 10_000,
        "currency": "DKK",
        "estimated": False,
        "merchant": NETTO.as_json(),
        "approved": True,
        "reason": "approved",
        "usage_day": date(2026, 11, 22),
        "counted_as": [],
        "at": AT,
    }
    return Payment(**usual | changes)


def test_a_payment_says_what_it_was_paid_with_and_what_is_held(scene: Scene) -> None:
    """R-2.2: which scheme, too."""
    own = scene.approved(10_000)
    childs = scene.approved(10_000, "none", token=scene.emil)
    plastic = scene.decide(scene.plastic(10_000, scheme="visa"))["id"]
    on_file = scene.decide(scene.on_file(scene.confirmed(), 10_000))["id"]
    found = {each["id"]: each for each in shown(scene)}
    assert [each["id"] for each in shown(scene)] == [on_file, plastic, childs, own]
    assert {name: each["paid_with"] for name, each in found.items()} == {
        own: {"kind": "phone", "last4": scene.anna.number[-4:], "device": "anna's phone", "delegate": None},
        childs: {"kind": "child_card", "last4": scene.emil.number[-4:], "device": "Emil's phone", "delegate": "Emil"},
        plastic: {"kind": "plastic", "last4": scene.card["number"][-4:], "device": None, "delegate": None},
        on_file: {"kind": "card_on_file", "last4": None, "device": None, "delegate": None},
    }
    assert [found[each]["scheme"] for each in (own, plastic)] == ["dankort", "visa"]
    assert found[on_file]["credential_id"].startswith("cred_")
    assert found[childs]["drawing_right_id"] == scene.town.right_id
    assert found[own]["merchant"] == {**NETTO.as_json(), "city": None}
    assert (found[own]["categories"], found[own]["billed"]) == (["groceries"], None)
    assert (found[own]["held"], found[own]["final_amount"], found[own]["status"]) == (10_000, 0, "held")
    assert found[own]["held_until"] == "2026-11-29T10:15:00Z"


def test_what_was_captured_refunded_and_reversed_is_told_apart(scene: Scene) -> None:
    payment = scene.approved(10_000)
    scene.do("captures", payment, 6_000, final=False)
    scene.do("refunds", payment, 1_000)
    scene.do("reversals", payment, 1_500)
    [found] = shown(scene)
    told = ("status", "amount", "held", "captured", "refunded", "reversed", "expired", "final_amount")
    assert [found[name] for name in told] == ["partly_captured", 10_000, 2_500, 6_000, 1_000, 1_500, 0, 5_000]


def test_the_city_is_told_where_the_acquirer_said_it(unchecked: Scene) -> None:
    keep(unchecked, {"merchant": NETTO.as_json() | {"city": "Aarhus"}})
    assert shown(unchecked)[0]["merchant"]["city"] == "Aarhus"


def test_what_was_converted_is_billed_by_the_rate_that_is_kept(unchecked: Scene) -> None:
    """R-18."""
    euros = {"currency": "EUR", "rate": Decimal("7.4605"), "rate_of": date(2026, 11, 20)}
    keep(unchecked, euros | {"amount_minor": 100, "held_minor": 33, "captured_minor": 67, "refunded_minor": 33})
    [found] = shown(unchecked)
    assert found["billed"] == {
        "amount": 746,
        "currency": "DKK",
        "rate": "7.4605",
        "rate_of": "2026-11-20",
        "held": 246,
        "captured": 500,
        "refunded": 246,
        "final_amount": 254,
    }
    assert (found["amount"], found["currency"], found["final_amount"]) == (100, "EUR", 34)


def test_a_hold_that_is_over_ends_at_no_time(unchecked: Scene) -> None:
    keep(unchecked, {"expired_minor": 10_000, "expires_at": AT})
    [found] = shown(unchecked)
    assert (found["status"], found["expired"], found["held_until"]) == ("expired", 10_000, None)


def test_a_status_means_in_the_database_what_it_means_here(unchecked: Scene) -> None:
    """Over every combination of what a status is made of."""
    names = ("held_minor", "captured_minor", "refunded_minor", "reversed_minor", "expired_minor")
    standings = [dict(zip(names, each, strict=True)) for each in product((0, 9), (0, 9), (0, 4, 9), (0, 5), (0, 7))]
    made = [each for each in standings if each["refunded_minor"] <= each["captured_minor"]]
    rows = keep(unchecked, *({**each, "approved": approved} for each in made for approved in (True, False)))
    assert {history.status(each) for each in rows} == set(STATUSES)
    for status in STATUSES:
        assert found_by(unchecked, status=status) == {row.payment_id for row in rows if history.status(row) == status}


def test_a_category_means_in_the_database_what_it_means_here(unchecked: Scene) -> None:
    shops = [
        {"merchant": NETTO.as_json() | {"mcc": mcc}, "kind": kind} for mcc in MCCS for kind in ("purchase", "cash")
    ]
    rows = keep(unchecked, *shops)
    assert {"other", "cash", "gambling"} < {name for each in rows for name in history.categories(each)}
    for category in CATEGORIES:
        expected = {row.payment_id for row in rows if category in history.categories(row)}
        assert found_by(unchecked, category=category) == expected, category


def found_by(scene: Scene, **filters: Any) -> set[UUID]:
    card_id = ids.parse("card", scene.world.person("anna")["card_id"])
    with scene.world.parts.database.reading() as session:
        found = statement.lines(session, card_id, filters, before=None, most=200)
        return {line.payment.payment_id for line in found}


@pytest.fixture
def history_of(unchecked: Scene) -> Scene:
    """A few payments of each kind."""
    keep(
        unchecked,
        {"at": datetime(2026, 10, 24, 21, 59, tzinfo=UTC)},  # the last minute of a day of summer
        {"at": datetime(2026, 10, 24, 22, 0, tzinfo=UTC), "scheme": "visa"},
        {"at": datetime(2026, 10, 25, 22, 59, tzinfo=UTC), "approved": False, "reason": "insufficient_funds"},
        {"at": datetime(2026, 10, 25, 23, 0, tzinfo=UTC), "merchant": HOTEL.as_json(), "held_minor": 5},
        {"merchant": ATM.as_json(), "kind": "cash", "captured_minor": 5},
        {"merchant": NETTO.as_json() | {"name": "100 % Økologisk_Ø"}, "entry_mode": "contactless"},
        {"token_id": ids.parse("tok", unchecked.anna.id), "entry_mode": "wallet"},
        {"right_id": ids.parse("right", unchecked.town.right_id), "token_id": ids.parse("tok", unchecked.emil.id)},
        {"credential_id": UUID(int=5), "merchant": FILMFLODEN.as_json()},
    )
    return unchecked


@pytest.mark.parametrize(
    ("query", "which"),
    [
        ("", [8, 7, 6, 5, 4, 3, 2, 1, 0]),
        ("from=2026-10-25&to=2026-10-25", [2, 1]),  # of 25 hours
        ("from=2026-10-26", [8, 7, 6, 5, 4, 3]),
        ("to=2026-10-24", [0]),
        ("from=1900-01-01&to=2999-12-31&status=held", [8, 7, 6, 5, 3, 1, 0]),
        ("status=declined", [2]),
        ("status=captured", [4]),
        ("scheme=visa", [1]),
        ("entry_mode=contactless", [5]),
        ("category=hotels", [3]),
        ("category=cash", [4]),
        ("merchant=NETTO", [7, 6, 2, 1, 0]),
        ("merchant=økologisk", [5]),
        ("merchant=%25 Ø", [5]),
        ("merchant=%25%25", []),
        ("merchant=k_Ø", [5]),
        ("merchant=n_tto", []),
        ("merchant=Vesterbro&scheme=dankort&entry_mode=chip&from=2026-11-22", [7]),
        ("token_id={anna}", [6]),
        ("drawing_right_id={right}", [7]),
        ("credential_id={credential}", [8]),
        ("token_id={anna}&drawing_right_id={right}", []),
        ("token_id={nobody}", []),
    ],
)
def test_only_what_is_asked_for_is_told_newest_first_in_pages_and_as_csv(
    history_of: Scene, query: str, which: list[int]
) -> None:
    names = {
        "anna": history_of.anna.id,
        "right": history_of.town.right_id,
        "credential": ids.to_text("cred", UUID(int=5)),
        "nobody": ids.to_text("tok", UUID(int=6)),
    }
    query = "?" + query.format(**names)
    every = [each["id"] for each in reversed(shown(history_of))]
    whole = [each["id"] for each in shown(history_of, query)]
    assert whole == [every[index] for index in which]
    assert [each["id"] for page in pages(history_of, query) for each in page] == whole
    assert [each["id"] for each in parsed(ask(history_of, query, **CSV))] == whole


def pages(scene: Scene, query: str) -> Iterator[list[dict[str, Any]]]:
    """Four by four."""
    cursor: str | None = ""
    while cursor is not None:
        page = ask(scene, f"{query}&limit=4" + (f"&cursor={cursor}" if cursor else "")).json()
        cursor = page["next_cursor"]
        yield page["data"]


def test_pages_stay_as_they_are_while_payments_arrive(unchecked: Scene) -> None:
    keep(unchecked, *[{}] * 5)
    before = [each["id"] for each in shown(unchecked)]
    seen = []
    for page in pages(unchecked, "?"):
        seen += [each["id"] for each in page]
        keep(unchecked, {})
    assert seen == before


def test_a_cursor_from_a_list_of_others_goes_on_from_there(history_of: Scene) -> None:
    every = [each["id"] for each in shown(history_of)]
    cursor = ask(history_of, "?limit=3").json()["next_cursor"]
    assert [each["id"] for each in shown(history_of, f"?scheme=visa&cursor={cursor}")] == [every[7]]
    assert [each["id"] for each in parsed(ask(history_of, f"?limit=2&cursor={cursor}", **CSV))] == every[3:5]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("from", value) for value in ("2026-02-30", "22-11-2026", "2026-11-22T10:15:00Z", "", "1899-12-31", "now")),
        *(("to", value) for value in ("3000-01-01", "9999-12-31", "0001-01-01", "２０２６-11-22", "20261122")),
        *(("status", value) for value in ("HELD", "approved", "", "held,captured")),
        *(("scheme", "mastercard"), ("entry_mode", "swipe"), ("category", "5411"), ("category", "Groceries")),
        *(("merchant", value) for value in ("", " ", "a" * 101, "%00", "%0A", "a%E2%80%AEb")),
        *(("token_id", value) for value in ("tok_1", "", "7")),
        *(("credential_id", "tok_00000000000000000000000000"), ("drawing_right_id", "right")),
        *(("cursor", value) for value in ("", "card_00000000000000000000000000", "0")),
        *(("limit", value) for value in ("0", "201", "-1", "1e2", "all")),
        *(("format", "csv"), ("offset", "5"), ("min_amount", "5")),
    ],
)
def test_what_cannot_be_asked_for_is_refused_by_its_name(unchecked: Scene, field: str, value: str) -> None:
    answer = ask(unchecked, f"?{field}={value}")
    assert (answer.status_code, [each["field"] for each in answer.json()["errors"]]) == (422, [field])


def test_a_time_that_ends_before_it_begins_is_refused(unchecked: Scene) -> None:
    answer = ask(unchecked, "?from=2026-11-22&to=2026-11-21")
    assert answer.json()["errors"] == [{"field": "to", "message": "must not be before from"}]
    twice = ask(unchecked, "?status=held&status=captured", **CSV)
    assert twice.headers["Content-Type"] == "application/problem+json"
    assert (twice.status_code, twice.json()["errors"][0]["field"]) == (422, "status")


@pytest.mark.parametrize(
    ("accept", "is_csv"),
    [
        *(("text/csv", True), ("text/*", True), ("text/csv;charset=utf-8", True), ("Text/CSV", True)),
        *(("text/csv;q=0.5, application/json;q=0.4", True), ("text/csv, application/json;q=0.9", True)),
        *(("text/csv;q=0.4, application/json;q=0.5", False), ("text/csv;q=0", False), ("*/*", False)),
        *(("application/json, text/csv", False), ("text/csv;q=0, */*", False), ("application/xml", False)),
        *(("", False), ("nonsense;;q=x", False)),
    ],
)
def test_who_prefers_csv_gets_it(unchecked: Scene, accept: str, is_csv: bool) -> None:
    answer = ask(unchecked, Accept=accept)
    assert (answer.status_code, answer.headers["Content-Type"].startswith("text/csv")) == (200, is_csv)


def test_a_csv_is_a_file_with_a_name_of_ours_that_no_cache_keeps(history_of: Scene) -> None:
    answer = ask(history_of, "?merchant=økologisk", **CSV)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="payments.csv"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    [found] = parsed(answer)
    assert (found["merchant"], found["amount"], found["at"]) == (
        *("100 % Økologisk_Ø", "100.00"),
        "2026-11-22T11:15:00+01:00",
    )
    assert not answer.content.startswith(b"\xef\xbb\xbf")


def test_of_more_payments_than_a_file_may_hold_there_is_no_half_file(unchecked: Scene) -> None:
    [pattern] = keep(unchecked, {"at": AT - timedelta(days=40)})
    many(unchecked, pattern, CSV_MOST)
    with unchecked.world.parts.database.reading() as session:
        more = partial(statement.are_more_than, session, pattern.card_id, before=None, count=CSV_MOST)
        assert [more({}), more({"from": AT.date()})] == [True, False]
    answer = ask(unchecked, **CSV)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "from")
    assert str(CSV_MOST) in answer.json()["errors"][0]["message"]
    assert len(parsed(ask(unchecked, "?limit=3", **CSV))) == 3


def many(scene: Scene, pattern: Payment, count: int) -> None:
    """So many like one, of today, by the database itself."""
    columns = [column.name for column in Payment.__table__.columns]
    told = {"payment_id": "uuidv7()", "at": f"'{AT.isoformat()}'"}
    values = ", ".join(told.get(name, f'"{name}"') for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    with scene.world.parts.database.transaction("test") as session:
        session.connection().exec_driver_sql(
            f"INSERT INTO wallet.payments ({names}) SELECT {values} FROM wallet.payments, generate_series(1, %s)"  # noqa: S608 - our own names
            " WHERE payment_id = %s",
            (count, pattern.payment_id),
        )


def test_a_page_takes_as_many_statements_as_one_payment(history_of: Scene, connection: Connection) -> None:
    asked: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        asked.append(statement)

    event.listen(connection, "before_cursor_execute", note)
    try:
        counts = []
        for query in ("?limit=1", "?limit=200"):
            asked.clear()
            ask(history_of, query)
            counts.append(len(asked))
    finally:
        event.remove(connection, "before_cursor_execute", note)
    assert counts[0] == counts[1]
    assert sum("wallet.payments" in each for each in asked) == 1


def test_a_child_sees_its_own_as_a_file_too_without_the_cards_own_limits(unchecked: Scene) -> None:
    right = ids.parse("right", unchecked.town.right_id)
    limit = {"name": "visa_per_30_days", "limit": 5_000_000, "spent": 4_711_000, "of": "policy"}
    own = {"name": "per_day", "limit": 50_000, "spent": 50_000, "of": "drawing_right"}
    declined = {"approved": False, "reason": "amount_limit", "right_id": right}
    keep(unchecked, {}, declined | {"limit": limit}, declined | {"limit": own})
    place = f"/v1/drawing-rights/{unchecked.town.right_id}/payments?status=declined&from=2026-11-22"
    told = [parsed(phone.request("GET", place, headers=CSV)) for phone in (unchecked.town.emil, unchecked.town.anna)]
    assert [[each["limit"] for each in rows] for rows in told] == [["per_day", ""], ["per_day", "visa_per_30_days"]]
    answer = unchecked.town.emil.request("GET", f"{place}&token_id={unchecked.emil.id}")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "token_id")


def test_the_banks_desk_sees_the_payments_of_a_card_as_its_holder_does(history_of: Scene) -> None:
    place = f"/cards/{history_of.world.person('anna')['card_id']}/payments?merchant=netto"
    assert history_of.bank("GET", place)["data"] == shown(history_of, "?merchant=netto")
    answer = history_of.world.machine("issuer").request("GET", f"/v1/issuer{place}", headers=CSV)
    assert [each["id"] for each in parsed(answer)] == [each["id"] for each in shown(history_of, "?merchant=netto")]
    nothing = history_of.world.machine("issuer").request(
        "GET", f"/v1/issuer/cards/{ids.to_text('card', UUID(int=1))}/payments", headers=CSV
    )
    assert (nothing.status_code, nothing.headers["Content-Type"]) == (404, "application/problem+json")
