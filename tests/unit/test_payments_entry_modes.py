"""Where, for what, and with which proof of the person each instrument may be used."""

import itertools
from typing import Any

import pytest

from tests.payments import NOW, POLICIES, asked, at, credential, plastic, snapshot, token, unattended
from wallet.payments import rules
from wallet.payments.decision import decide
from wallet.payments.requests import Instrument
from wallet.payments.situation import Declined, Proof
from wallet.schemas.network import ENTRY_MODES

Changes = dict[str, Any]
PERSON: Changes = {"proof": Proof(device=True, person=True)}

# For each instrument and entry mode: p a purchase, c cash, v a verification. What is not there is not permitted.
#             wallet contactless chip magstripe keyed ecommerce moto credential_on_file
PERMITTED = """
token         pcv    pcv         -    -         -     -         -    -
plastic       -      pcv         pcv  pcv       pv    pv        pv   -
credential    -      -           -    -         -     -         -    pv
"""
KINDS = {"purchase": "p", "cash": "c", "verification": "v"}
INSTRUMENTS: dict[str, Instrument] = {"token": token(), "plastic": plastic("online_pin"), "credential": credential()}
ROWS = [line.split() for line in PERMITTED.split("\n")[1:-1]]
CELLS = {name: dict(zip(ENTRY_MODES, cells, strict=True)) for name, *cells in ROWS}


def reason(request: Changes, state: Changes | None = None) -> str:
    verdict = decide(asked(**request), snapshot(**(state or {})), POLICIES, NOW)
    return verdict.reason if isinstance(verdict, Declined) else "approved"


def use(instrument: str, mode: str, kind: str, **more: Any) -> Changes:
    """Everything right: the PIN shown, the person authenticated."""
    amount = 0 if kind == "verification" else 10_000
    usual = {"instrument": INSTRUMENTS[instrument], "entry_mode": mode, "kind": kind, "amount_minor": amount}
    return usual | {"authentication": "3ds"} | more


def test_the_table_has_every_instrument() -> None:
    assert [name for name, *_ in ROWS] == list(INSTRUMENTS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ENTRY_MODES)
@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_each_instrument_is_used_where_and_for_what_it_may_be(instrument: str, mode: str, kind: str) -> None:
    permitted = KINDS[kind] in CELLS[instrument][mode]
    assert reason(use(instrument, mode, kind), PERSON) == ("approved" if permitted else "not_permitted")


@pytest.mark.parametrize("mcc", ["6010", "6011"])
@pytest.mark.parametrize("mode", ENTRY_MODES)
@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_cash_is_cash_by_whatever_name_it_is_asked_for(instrument: str, mode: str, mcc: str) -> None:
    permitted = "c" in CELLS[instrument][mode]
    found = reason(use(instrument, mode, "purchase", merchant=at(mcc)), PERSON)
    assert found == ("approved" if permitted else "not_permitted")


def test_a_verification_hands_out_no_cash_whoever_asks_for_it() -> None:
    assert reason(use("plastic", "ecommerce", "verification", merchant=at("6011"))) == "approved"


@pytest.mark.parametrize("mode", ENTRY_MODES)
@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_no_number_is_typed_in_where_nobody_stands_but_who_pays(instrument: str, mode: str) -> None:
    permitted = CELLS[instrument][mode] != "-" and mode != "keyed"
    found = reason(use(instrument, mode, "purchase", terminal=unattended()), PERSON)
    assert found == ("approved" if permitted else "not_permitted")


@pytest.mark.parametrize(("schemes", "expected"), [({"dankort"}, "approved"), ({"visa"}, "not_permitted")])
@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_a_payment_is_in_a_scheme_that_the_instrument_has(instrument: str, schemes: set[str], expected: str) -> None:
    mode = next(mode for mode, cell in CELLS[instrument].items() if cell != "-")
    assert reason(use(instrument, mode, "purchase"), PERSON | {"schemes": frozenset(schemes)}) == expected


# Who pays: of 100.00 kroner the PIN is not asked for contactless, of 500.00 it is.
#                          small large small, counter full  cash
SHOWN = """
wallet      none           yes   PIN   PIN                  PIN
wallet      pin            yes   yes   yes                  yes
wallet      biometric      yes   yes   yes                  yes
contactless none           yes   PIN   PIN                  PIN
contactless online_pin     yes   yes   yes                  yes
contactless offline_pin    yes   PIN   PIN                  PIN
contactless signature      yes   PIN   PIN                  PIN
chip        none           PIN   PIN   PIN                  PIN
chip        online_pin     yes   yes   yes                  yes
chip        offline_pin    yes   yes   yes                  yes
chip        signature      yes   yes   yes                  PIN
magstripe   none           PIN   PIN   PIN                  PIN
magstripe   online_pin     yes   yes   yes                  yes
magstripe   offline_pin    PIN   PIN   PIN                  PIN
magstripe   signature      yes   yes   yes                  PIN
keyed       none           yes   yes   yes                  -
keyed       online_pin     yes   yes   yes                  -
keyed       signature      yes   yes   yes                  -
moto        none           yes   yes   yes                  -
ecommerce   none           yes   yes   yes                  -
"""
WORDS = {"approved": "yes", "pin_required": "PIN", "not_permitted": "-"}
SMALL: Changes = {}
LARGE = {"amount_minor": 50_000}
FULL = {"payments_without_pin": 5}
SHOWING = [line.split() for line in SHOWN.split("\n")[1:-1]]


def showing(mode: str, cvm: str, **more: Any) -> tuple[Changes, Changes]:
    instrument = token(cvm) if mode == "wallet" else plastic(cvm)
    person = None if mode != "wallet" or cvm == "none" else True
    request = {"instrument": instrument, "entry_mode": mode, "authentication": "3ds", **more}
    return request, {"proof": Proof(device=True, person=person)}


@pytest.mark.parametrize(("mode", "cvm", *("small", "large", "full", "cash")), SHOWING)
def test_when_a_pin_is_asked_for_and_what_is_one(
    mode: str, cvm: str, small: str, large: str, full: str, cash: str
) -> None:
    found = []
    for change, state in ((SMALL, {}), (LARGE, {}), (SMALL, FULL), ({"kind": "cash"}, {})):
        request, shown = showing(mode, cvm, **change)
        found.append(WORDS[reason(request, shown | state)])
    assert found == [small, large, full, cash]


@pytest.mark.parametrize("kind", ["purchase", "cash"])
@pytest.mark.parametrize("mode", ["chip", "magstripe"])
def test_where_nobody_looks_at_a_signature_it_is_none(mode: str, kind: str) -> None:
    request, state = showing(mode, "signature", terminal=unattended(), kind=kind)
    assert reason(request, state) == "pin_required"


@pytest.mark.parametrize(
    ("request_", "state", "expected"),
    [
        # R-2.5a: up to the limit, and up to five times.
        ({"amount_minor": 35_000}, {}, "approved"),
        ({"amount_minor": 35_001}, {}, "pin_required"),
        ({"amount_minor": 35_001}, PERSON, "approved"),
        ({}, {"payments_without_pin": 4}, "approved"),
        ({}, {"payments_without_pin": 5}, "pin_required"),
        ({}, PERSON | {"payments_without_pin": 5}, "approved"),
        ({"instrument": plastic(), "entry_mode": "contactless", "amount_minor": 35_000}, {}, "approved"),
        ({"instrument": plastic(), "entry_mode": "contactless", "amount_minor": 35_001}, {}, "pin_required"),
        # Cash wants a PIN, however little it is, and by whatever name it is asked for.
        ({"kind": "cash", "amount_minor": 1}, {}, "pin_required"),
        ({"kind": "cash", "amount_minor": 1}, PERSON, "approved"),
        ({"merchant": at("6011"), "amount_minor": 1}, {}, "pin_required"),
        ({"merchant": at("6010"), "amount_minor": 1}, {}, "pin_required"),
        # A verification pays nothing.
        ({"kind": "verification", "amount_minor": 0}, {"payments_without_pin": 5}, "approved"),
        ({"kind": "verification", "amount_minor": 0, "instrument": plastic(), "entry_mode": "chip"}, {}, "approved"),
    ],
)
def test_the_limit_and_the_counter_of_payments_without_pin(request_: Changes, state: Changes, expected: str) -> None:
    assert reason(request_, state) == expected


TRAM: Changes = {"merchant": at("4111"), "terminal": unattended()}


@pytest.mark.parametrize("mcc", ["4111", "4112", "4131", "4784", "7523"])
@pytest.mark.parametrize("mode", ["wallet", "contactless", "chip", "magstripe"])
def test_fares_and_parking_without_a_pin_whatever_they_cost(mode: str, mcc: str) -> None:
    """R-3.4, RTS art. 12."""
    request, state = showing(mode, "none", terminal=unattended(), amount_minor=100_000, merchant=at(mcc))
    assert reason(request, state | FULL) == "approved"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (TRAM | {"kind": "cash"}, "pin_required"),
        (TRAM | {"terminal": None, "amount_minor": 100_000}, "pin_required"),
        (TRAM | {"terminal": {"id": "T1", "unattended": False}, "amount_minor": 100_000}, "pin_required"),
        # A taxi has a driver; fuel, vending and charging are no fares.
        *((TRAM | {"merchant": at(mcc), "amount_minor": 100_000}, "pin_required") for mcc in ("4121", "5542", "5552")),
        (TRAM | {"merchant": at("5814"), "amount_minor": 35_000}, "approved"),
        (TRAM | {"merchant": at("5814"), "instrument": plastic(), "entry_mode": "chip"}, "pin_required"),
    ],
)
def test_nothing_else_at_an_unattended_terminal_goes_without_a_pin(request_: Changes, expected: str) -> None:
    assert reason(request_) == expected


@pytest.mark.parametrize(
    ("mode", "cvm", "more", "counts", "starts_again"),
    [
        ("wallet", "none", {}, True, False),
        ("wallet", "pin", {}, False, True),
        ("wallet", "biometric", {}, False, True),
        ("wallet", "none", TRAM, False, False),
        ("wallet", "pin", TRAM, False, True),
        ("wallet", "none", {"kind": "verification", "amount_minor": 0}, False, False),
        ("wallet", "pin", {"kind": "verification", "amount_minor": 0}, False, False),
        ("contactless", "none", {}, True, False),
        ("contactless", "signature", {}, True, False),
        ("contactless", "offline_pin", {}, True, False),
        ("contactless", "online_pin", {}, False, True),
        ("chip", "signature", {}, False, False),
        ("chip", "online_pin", {}, False, True),
        ("chip", "offline_pin", {}, False, True),
        ("magstripe", "online_pin", {}, False, True),
        ("magstripe", "offline_pin", {}, False, False),
        ("keyed", "online_pin", {}, False, False),
        ("ecommerce", "online_pin", {}, False, False),
    ],
)
def test_what_the_counter_counts_and_what_sets_it_back(
    mode: str, cvm: str, more: Changes, counts: bool, starts_again: bool
) -> None:
    changes, state = showing(mode, cvm, **more)
    request, card = asked(**changes), snapshot(**state)
    assert (rules.counts_without_pin(request, card), rules.starts_count_again(request, card)) == (counts, starts_again)


# SCA at a distance, by who starts the payment and how they were authenticated; and of a card on file that still waits
# for its cardholder's yes (R-3.6a): a payment in which they say it, and no other.
#            by         authentication   plastic  on file  waiting
AT_A_DISTANCE = """
             cardholder none             SCA      SCA      waits
             cardholder exempt           yes      yes      waits
             cardholder 3ds              yes      yes      yes
             merchant   none             SCA      yes      waits
             merchant   exempt           yes      yes      waits
             merchant   3ds              yes      yes      waits
"""
ANSWERS = {"approved": "yes", "customer_authentication_required": "SCA", "credential_pending": "waits"}
STARTED = [line.split() for line in AT_A_DISTANCE.split("\n")[1:-1]]
KIND_AND_AMOUNT = [("purchase", 10_000), ("verification", 0)]


def test_the_table_of_payments_at_a_distance_is_complete() -> None:
    assert [row[:2] for row in STARTED] == [
        list(pair) for pair in itertools.product(("cardholder", "merchant"), ("none", "exempt", "3ds"))
    ]


@pytest.mark.parametrize(("kind", "amount_minor"), KIND_AND_AMOUNT)
@pytest.mark.parametrize(("by", "authentication", "by_plastic", "on_file", "waiting"), STARTED)
def test_who_starts_a_payment_at_a_distance_is_authenticated(
    by: str, authentication: str, by_plastic: str, on_file: str, waiting: str, kind: str, amount_minor: int
) -> None:
    how = {"initiated_by": by, "authentication": authentication, "kind": kind, "amount_minor": amount_minor}
    web = {"instrument": plastic(), "entry_mode": "ecommerce", **how}
    filed = {"instrument": credential(), "entry_mode": "credential_on_file", **how}
    found = [reason(web), reason(filed), reason(filed, {"waits_for_consent": True})]
    assert [ANSWERS[each] for each in found] == [by_plastic, on_file, waiting]


@pytest.mark.parametrize("mode", ["keyed", "moto"])
def test_what_is_typed_in_for_somebody_wants_no_authentication(mode: str) -> None:
    assert reason({"instrument": plastic(), "entry_mode": mode}) == "approved"
