"""What an acquirer may get wrong: refused by the name of its field, with what is wrong, and nothing is kept or told."""

from typing import Any

import pytest
from sqlalchemy import select

from mobile_mock.shop import Merchant
from tests.integration.payments.scene import Scene
from tests.integration.payments.spoiling import GONE, Acquirer, Row, named
from wallet.payments.models import Payment


def test_a_city_is_kept_with_the_merchant_where_one_is_named(scene: Scene) -> None:
    kept: list[dict[str, Any]] = []
    for city in ({}, {"city": None}, {"city": "København V"}):
        asked = scene.plastic(100)
        asked["merchant"] |= city
        scene.decide(asked)
    with scene.world.parts.database.reading() as session:
        kept += session.scalars(select(Payment.merchant).order_by(Payment.payment_id))
    netto = {"id": "DK-123", "name": "Netto Vesterbro", "mcc": "5411", "country": "DK"}
    assert kept == [netto, netto, {**netto, "city": "København V"}]


def not_there(name: str) -> list[Row]:
    """A field that is needed, and is not there."""
    return [(name, "null", "must not be null"), (name, GONE, "is missing")]


CALLS = ("authorization", "capture", "reversal", "refund", "lost answer")
OF_A_KIND = "is 0 for a verification, and more for everything else"
IN_BOUNDS, WHOLE = "must be from {least} to 999999999999", "must be a whole number"
AMOUNTS = {
    "-1": IN_BOUNDS,
    "999999999999999": IN_BOUNDS,
    "1000000000000": IN_BOUNDS,
    "9223372036854775808": IN_BOUNDS,
    f"1{'0' * 400}": IN_BOUNDS,
    "1.10": WHOLE,
    "1.0": WHOLE,
    "12500.0": WHOLE,
    "1e3": WHOLE,
    "1e-400": WHOLE,
    '"１２３"': WHOLE,
    '"12"': WHOLE,
    '""': WHOLE,
    "true": WHOLE,
    "false": WHOLE,
    "[]": WHOLE,
    "[1]": WHOLE,
    "{}": WHOLE,
}


@pytest.mark.parametrize("name", CALLS)
def test_an_amount_is_a_whole_number_of_minor_units(acquirer: Acquirer, name: str) -> None:
    least = 0 if name == "authorization" else 1
    acquirer.is_refused(
        acquirer.calls()[name], [("amount", raw, said.format(least=least)) for raw, said in AMOUNTS.items()]
    )


def test_a_purchase_is_of_more_than_nothing_and_a_verification_of_nothing(acquirer: Acquirer) -> None:
    rows = [("amount", "0", OF_A_KIND), ("kind", '"verification"', OF_A_KIND)]
    call = acquirer.by_plastic()
    with acquirer.nothing_happens(call):
        for name, raw, message in rows:
            assert named(acquirer.send(call.path, call.spoiled(name, raw))) == [("amount", message)]
    for name in ("capture", "reversal", "refund", "lost answer"):
        acquirer.is_refused(acquirer.calls()[name], [("amount", "0", IN_BOUNDS.format(least=1))])


@pytest.mark.parametrize("name", ["authorization", "capture", "refund"])
def test_an_amount_is_there(acquirer: Acquirer, name: str) -> None:
    acquirer.is_refused(acquirer.calls()[name], not_there("amount"))


@pytest.mark.parametrize(
    ("currency", "amount", "reason"),
    [
        ("JPY", 1, "approved"),
        ("KWD", 1, "approved"),
        ("KWD", 999_999_999_999, "invalid_amount"),
        ("CLF", 12_345, "currency_not_supported"),
    ],
)
def test_an_amount_is_in_minor_units_of_its_own_currency(scene: Scene, currency: str, amount: int, reason: str) -> None:
    answer = scene.decide(scene.plastic(amount, currency=currency))
    assert (answer["amount"], answer["currency"], answer["reason"]) == (amount, currency, reason)


def test_a_category_that_nobody_knows_is_paid_and_gets_around_no_limit_of_gambling(scene: Scene) -> None:
    nobody_knows = Merchant("DK-000", "Hvad som helst", "0000")
    assert scene.decide(scene.plastic(500_000, at=nobody_knows))["approved"]
    limit = scene.decide(scene.plastic(1, at=nobody_knows))["limit"]
    assert (limit["name"], limit["spent"]) == ("gambling_per_day", 500_000)
    scene.change({"blocked_categories": ["gambling"]})
    assert scene.pay(100, token=scene.emil, at=nobody_knows)["reason"] == "not_permitted"
    path = f"/v1/cards/{scene.world.person('anna')['card_id']}/payments"
    for category in ("gambling", "other"):
        listed = scene.town.anna.request("GET", f"{path}?category={category}").json()["data"]
        assert [each["categories"] for each in listed] == [["gambling", "other"]] * 3


BLANK, SHOWN = "must not be blank", "must not hold control characters, or any of private use"
UNSEEN = {
    '"a\\u0000b"': SHOWN,
    '"a\\nb"': SHOWN,
    '"a\\r\\nb"': SHOWN,
    '"a\\tb"': SHOWN,
    '"a\\u0085b"': SHOWN,
    '"a\\u2028b"': SHOWN,
    '"a\\u202eb"': SHOWN,
    '"\\u2067ab"': SHOWN,
    '"a\\u200eb"': SHOWN,
    '"a\\ud800"': SHOWN,
    '"\\udc00a"': SHOWN,
    '"\\uf8ffa"': SHOWN,
    '"a\U0010fffdb"': SHOWN,
    '" "': BLANK,
    '"\\u3000\\u200b"': BLANK,
    "12": "must be a text",
    "true": "must be a text",
    '["a"]': "must be a text",
    '{"a": "b"}': "must be a text",
}
NO_NUMBER = "must not hold a card number"
SOME_UNSEEN = ('"a\\u0000b"', '"a\\nb"', '"a\\u202eb"', '"a\\ud800"', '"\\uf8ffa"', '" "', "12")
LONGEST = {
    "network_reference": 80,
    "merchant.id": 60,
    "merchant.name": 100,
    "merchant.city": 40,
    "terminal.id": 40,
}


@pytest.mark.parametrize("name", LONGEST)
def test_a_text_can_be_shown(acquirer: Acquirer, name: str) -> None:
    longest = LONGEST[name]
    too_long = f'"{"a" * (longest + 1)}"'
    lengths = [(name, raw, f"must have 1 to {longest} characters") for raw in ('""', too_long)]
    unseen = [(name, raw, said) for raw, said in UNSEEN.items() if name == "merchant.name" or raw in SOME_UNSEEN]
    needed = [] if name == "merchant.city" else not_there(name)
    numbers = [(name, f'"{written}"', NO_NUMBER) for written in card_numbers(acquirer)]
    acquirer.is_refused(acquirer.by_plastic(), lengths + unseen + needed + numbers)


@pytest.mark.parametrize("name", ["capture", "reversal", "refund", "lost answer"])
def test_a_reference_can_be_shown(acquirer: Acquirer, name: str) -> None:
    fields = ["network_reference", "original_network_reference"][: 1 + (name == "lost answer")]
    rows = [(field, raw, UNSEEN[raw]) for field in fields for raw in ('"a\\u0000b"', '"a\\ud800"', '" "', "12")]
    rows += [row for field in fields for row in not_there(field)]
    rows += [(field, f'"{"a" * 81}"', "must have 1 to 80 characters") for field in fields]
    rows += [(field, f'"{number}"', NO_NUMBER) for field in fields for number in card_numbers(acquirer)]
    acquirer.is_refused(acquirer.calls()[name], rows)


def card_numbers(acquirer: Acquirer) -> list[str]:
    """Anna's, as somebody may write it."""
    number = acquirer.scene.card["number"]
    grouped = "-".join(number[start : start + 4] for start in range(0, 16, 4))
    full_width = "".join(chr(ord(digit) + 0xFEE0) for digit in number)
    return [number, f"ref{number}x", grouped, full_width]


@pytest.mark.parametrize("reference", ["x", "a" * 80, "acq 1 of 2", "ordre nr. 7 – æøå", "参照１２３", "👩‍👧"])
def test_a_reference_is_taken_as_it_is_and_known_again(scene: Scene, reference: str) -> None:
    request = scene.plastic(100, network_reference=reference)
    first, again, other = scene.ask(request), scene.ask(request), scene.ask(request | {"amount": 101})
    assert (first.json()["approved"], again.content) == (True, first.content)
    assert other.json()["code"] == "network-reference-reused"


CURRENCY = "must be the ISO 4217 code of a currency with minor units, as DKK"
COUNTRY = "must be a country's two capital letters of ISO 3166, as DK"
CATEGORY = "must be four digits, as 5411"
MOMENT = "must be an RFC 3339 time with an offset, as 2026-11-22T10:15:00Z"
FAR = "is more than 24 hours away from our clock"
NUMBER = "must be 12 to 19 digits of which the last checks"
MODES = "must be one of wallet, contactless, chip, magstripe, keyed, ecommerce, moto, credential_on_file"
FLAG, OBJECT, UNKNOWN = "must be true or false", "must be an object", "is not known here"
VALUES: dict[str, tuple[str, tuple[str, ...]]] = {
    "currency": (CURRENCY, ('"dkk"', '"XYZ"', '"XAU"', '"XXX"', '"XTS"', '"DKKK"', '"208"', "208", '"ＤＫＫ"', '""')),
    "merchant.country": (COUNTRY, ('"XX"', '"QQ"', '"EU"', '"dk"', '"DNK"', '"208"', "208", '"ＤＫ"', '""')),
    "merchant.mcc": (CATEGORY, ('"541"', '"54111"', '"abcd"', '"５４１１"', '"54 1"', '"-541"', "5411", '""')),
    "kind": ("must be one of purchase, cash, verification", ('"PURCHASE"', '"gift"', '""', "0")),
    "entry_mode": (MODES, ('"telepathy"', '"Chip"', '""', "5")),
    "scheme": ("must be one of dankort, visa", ('"mastercard"', '"Visa"', '""')),
    "cvm": ("must be one of none, online_pin, offline_pin, signature", ('"pin"', '"biometric"', "true")),
    "authentication": ("must be one of none, 3ds, exempt", ('"3DS"', '"yes"', "true")),
    "initiated_by": ("must be one of cardholder, merchant", ('"acquirer"', '""', "1")),
    "estimated": (FLAG, ("0", "1", '"true"', "[]")),
    "terminal.unattended": (FLAG, ("0", '"false"', "[]")),
    "terminal": (OBJECT, ('"T1"', "[]", "1")),
    "merchant": (OBJECT, ('"DK-123"', "[]", "1")),
    "card": (OBJECT, ('"920890"', "[]", "1")),
    "card.number": (NUMBER, ('"9208900000000000"', '"92089000001"', '"4111111111111111 "', '"4111 1111 1111 1111"')),
    "card.expiry": ("must be a month, as 2029-09", ('"2029-13"', '"2029-00"', '"29-09"', '"09/29"', "2029", '""')),
    "card.cvc": ("must be three digits", ('"12"', '"12345"', '"abc"', '"１２３"', "123", '""')),
    "at": (
        MOMENT,
        (
            *('"2026-11-22"', '"2026-11-22T10:15:00"', '"2026-11-22 10:15:00Z"', '"2026-11-22T10:15Z"', '"now"'),
            *(
                '"2026-02-29T10:15:00Z"',
                '"2026-11-22T24:00:01Z"',
                '"2026-11-22T23:59:60Z"',
                '"2026-11-22T10:15:00+25:00"',
            ),
            *(
                '"0001-01-01T00:00:00+01:00"',
                '"9999-12-31T23:59:59-01:00"',
                '"0000-01-01T00:00:00Z"',
                "1795342500",
                '""',
            ),
        ),
    ),
}
FAR_AWAY = (
    *("2026-11-21T10:14:59Z", "2026-11-23T10:15:01Z", "2026-11-23T10:15:00.000001Z", "2026-11-23T11:15:01+01:00"),
    *("0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2025-11-22T10:15:00Z", "9999-12-31T23:59:59Z"),
)


@pytest.mark.parametrize("name", VALUES)
def test_a_value_is_one_that_there_is(acquirer: Acquirer, name: str) -> None:
    message, values = VALUES[name]
    acquirer.is_refused(acquirer.by_plastic(), [(name, raw, message) for raw in values])


def test_a_card_number_is_of_12_to_19_digits(acquirer: Acquirer) -> None:
    longer = [f'"{number}"' for number in ("41111111111111111115", "92089000", "9208" * 10)]
    acquirer.is_refused(acquirer.by_plastic(), [("card.number", raw, NUMBER) for raw in longer])


def test_a_terminal_may_be_a_day_off_and_no_second_more(acquirer: Acquirer) -> None:
    acquirer.is_refused(acquirer.by_plastic(), [("at", f'"{at}"', FAR) for at in FAR_AWAY])


def test_what_must_be_there_is_there(acquirer: Acquirer) -> None:
    needed = (
        "kind",
        "entry_mode",
        "scheme",
        "currency",
        "at",
        "merchant",
        "merchant.mcc",
        "card.number",
        "card.expiry",
    )
    acquirer.is_refused(acquirer.by_plastic(), [row for name in needed for row in not_there(name)])


def test_what_nobody_knows_is_refused_at_every_level(acquirer: Acquirer) -> None:
    plastic = ("naem", "merchant.naem", "terminal.naem", "card.naem", "response_code", "merchant.number")
    acquirer.is_refused(acquirer.by_plastic(), [(name, "1", UNKNOWN) for name in plastic])
    acquirer.is_refused(acquirer.by_phone(), [("cryptogram.naem", '"a"', UNKNOWN)])
    for name in ("capture", "reversal", "refund", "lost answer"):
        acquirer.is_refused(acquirer.calls()[name], [(field, '"DKK"', UNKNOWN) for field in ("currency", "card")])
