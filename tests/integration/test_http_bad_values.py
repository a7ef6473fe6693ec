"""Values that cannot be accepted: refused by the name of their field, never repeated, and nothing is changed."""

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.integration.test_http_bad_input import Unchanged, fields, is_refused
from tests.policy.callers import send
from tests.world import Machine, Phone, World

AMOUNTS: tuple[Any, ...] = (
    -1,
    2**63,
    2**64,
    10**30,
    1_000_000_000_000,
    1.5,
    1.0,
    1e3,
    True,
    False,
    "12",
    "１２",
    "zq7xj9kvb",
    [],
    [1],
    {},
)
TEXTS: tuple[Any, ...] = (
    "",
    " ",
    "a\x00b",
    "a\nb",
    "\ud800",
    "abc\u202edef",
    12,
    True,
    [],
    {"a": 1},
    "zq7xj9kvb" * 300,
)
CURRENCIES: tuple[Any, ...] = ("dkk", "XYZ", "DKKK", "208", 208, "ＤＫＫ", "", None)


OTHER_FORMS: tuple[tuple[str, str, tuple[Any, ...]], ...] = (
    ("payment", "card.number", ("9208900000000000", 9208900000000001, "９２０８９", "")),
    ("payment", "card.expiry", ("2029-13", "29-09", 2029)),
    ("payment", "card.cvc", ("12", "1234", 123, "１２３")),
    ("payment", "merchant.country", ("DNK", "XX", "dk")),
    ("payment", "merchant.mcc", ("541", "54111", "５４１１")),
    ("payment", "at", ("2026-11-22", "2026-11-22T10:15:00", "now", 1, "2026-11-24T10:15:00Z", "9999-12-31T23:59:59Z")),
    ("payment", "estimated", (0, "true", None)),
    ("payment", "kind", ("PURCHASE", "gift", None)),
    ("payment", "entry_mode", ("telepathy", 1)),
    ("right", "delegate", ("Emil", [], None)),
    ("right", "limits", ([], "20000", None)),
    ("right", "delegate.birthdate", ("2015-02-29", "02-04-2015", 2015)),
    ("right", "valid_until", ("2026-13-01", 2026, "tomorrow")),
    ("holder", "cpr", ("010190", "0101900000000", "３10190-0000", 101900000, "320190-0000", "01-0190-000")),
    (
        "holder",
        "mobile",
        ("12345678", "+45", "+45 12 34 56 78", "+0012345678", "+999123456", "+45201234567", "+4590123456", 4512345678),
    ),
    ("account", "cardholder_id", ("holder_1", "card_01h455vb4pex5vsknk084sn02q", 1, None)),
)


def changed(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The body with one value replaced; `limits.per_day` is a path."""
    body, (*above, last) = deepcopy(body), path.split(".")
    inner = body
    for name in above:
        inner = inner[name]
    inner[last] = value
    return body


@dataclass
class Desk:
    """Calls that work, to be spoiled one value at a time."""

    world: World
    anna: Phone = field(init=False)
    made: int = 0

    def __post_init__(self) -> None:
        self.anna = self.world.phone()

    def calls(self) -> dict[str, tuple[Phone | Machine, str, str, dict[str, Any], int]]:
        """Name -> who calls, how, where, with what, and what a good one is answered."""
        anna, bo = self.world.person("anna"), self.world.person("bo")
        issuer, network = self.world.machine("issuer"), self.world.machine("network")
        account = {"cardholder_id": bo["cardholder_id"], "currency": "DKK", "balance": 0, "overdraft_limit": 0}
        right = {"delegate": {"name": "Emil"}, "limits": {"per_payment": 20_000, "per_day": None}}
        self.made += 1
        holder = {"name": "Ida", "cpr": f"010190-{self.made:04}"}
        rights = f"/v1/cards/{anna['card_id']}/drawing-rights"
        return {
            "account": (issuer, "POST", "/v1/issuer/accounts", account, 201),
            "books": (issuer, "PATCH", f"/v1/issuer/accounts/{bo['account_id']}", {"overdraft_limit": 100}, 200),
            "payment": (network, "POST", "/v1/network/authorizations", self.payment(), 200),
            "right": (self.anna.step_up("right"), "POST", rights, right, 201),
            "holder": (issuer, "POST", "/v1/issuer/cardholders", holder, 201),
            "search": (issuer, "POST", "/v1/issuer/cards/search", {"name": "Bo", "last4": "1234"}, 200),
        }

    def payment(self) -> dict[str, Any]:
        """By plastic, as good as any."""
        return {
            "network_reference": f"acq-{self.made}",
            "card": self.world.person("bo")["card"],
            "cvm": "online_pin",
            "authentication": "none",
            "initiated_by": "cardholder",
            "entry_mode": "chip",
            "kind": "purchase",
            "amount": 12_500,
            "currency": "DKK",
            "estimated": False,
            "scheme": "dankort",
            "at": "2026-11-22T10:15:00Z",
            "terminal": {"id": "T1", "unattended": False},
            "merchant": {"id": "DK-123", "name": "Netto Vesterbro", "mcc": "5411", "country": "DK"},
        }

    def spoil(self, name: str, path: str, values: tuple[Any, ...]) -> None:
        """Each value is refused by the name of its field; then, so that it was that value, the good call is made."""
        who, method, url, body, good = self.calls()[name]
        unchanged = Unchanged(self.world)
        for value in values:
            answer = send(who, method, url, changed(body, path, value))
            assert is_refused(answer, 422, "invalid"), (path, value)
            assert any(named == path or named.startswith(f"{path}.") for named in fields(answer)), (path, value)
        assert unchanged.holds()
        answer = who.request(method, url, body)
        assert answer.status_code == good, answer.text


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world)


def test_an_amount_is_a_whole_number_of_minor_units(desk: Desk) -> None:
    desk.spoil("account", "overdraft_limit", AMOUNTS)
    desk.spoil("books", "overdraft_limit", AMOUNTS)
    desk.spoil("payment", "amount", AMOUNTS)
    desk.spoil("right", "limits.per_payment", AMOUNTS)
    desk.spoil("right", "limits.payments_per_day", AMOUNTS)


def test_a_payment_is_of_more_than_nothing(desk: Desk) -> None:
    desk.spoil("payment", "amount", (0,))


def test_a_balance_may_be_below_zero_and_not_beyond_its_bounds(desk: Desk) -> None:
    desk.spoil("account", "balance", tuple(value for value in AMOUNTS if value != -1))


def test_a_currency_is_one_that_there_is(desk: Desk) -> None:
    desk.spoil("account", "currency", CURRENCIES)
    desk.spoil("payment", "currency", CURRENCIES)


def test_a_text_is_one_that_can_be_shown(desk: Desk) -> None:
    desk.spoil("payment", "network_reference", TEXTS)
    desk.spoil("payment", "merchant.name", TEXTS)
    desk.spoil("payment", "terminal.id", TEXTS)
    desk.spoil("right", "delegate.name", TEXTS)
    desk.spoil("holder", "name", TEXTS)
    desk.spoil("holder", "address", TEXTS)
    desk.spoil("search", "name", TEXTS)


def test_a_value_of_another_form_is_refused(desk: Desk) -> None:
    for name, path, values in OTHER_FORMS:
        desk.spoil(name, path, values)


def test_a_card_number_stands_nowhere_but_where_it_must(desk: Desk) -> None:
    number = desk.world.person("anna")["card"]["number"]
    spaced = " ".join(number[i : i + 4] for i in range(0, 16, 4))
    unchanged = Unchanged(desk.world)
    for name, path in (
        ("payment", "network_reference"),
        ("payment", "merchant.name"),
        ("right", "delegate.name"),
        ("right", "allowed_merchants"),
        ("holder", "address"),
        ("holder", number),
    ):
        who, method, url, body, _ = desk.calls()[name]
        for value in (
            number,
            spaced,
            f"{number}x",
            f"my card {spaced}",
            [number],
            {"inner": [{"a": spaced}]},
            {number: 1},
        ):
            answer = send(who, method, url, changed(body, path, value))
            assert is_refused(answer, 422, "invalid"), (path, value)
            assert number not in answer.text
            assert spaced not in answer.text
    assert unchanged.holds()
