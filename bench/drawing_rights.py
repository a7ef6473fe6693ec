"""Drawing rights: what it costs to decide a payment under one with every limit set. Nothing is read or written."""

import dataclasses
from datetime import UTC, date, datetime, time
from time import process_time

from bench.stage import Figure, Stage, per_second
from delegation.judging import OneOff
from delegation.limits import Usage
from delegation.terms import WEEKDAYS, Hours, Limits, RightTerms
from tokenization import ids, policies
from tokenization.policies import Policies
from tokenization.secret import Number
from wallet.payments.decision import decide
from wallet.payments.requests import Authorization, Cryptogram, Merchant, Reference, TokenInstrument
from wallet.payments.situation import Approved, Drawn, Proof, Snapshot

TIMES = 5_000
NOON = datetime(2026, 11, 23, 11, tzinfo=UTC)
USED = Usage(1_000, 2_000, 3_000, 4_000, 5_000, payments_today=2)
EVERY_LIMIT = RightTerms(
    limits=Limits(20_000, 50_000, 100_000, 150_000, 500_000, payments_per_day=5),
    allowed_categories=("transport", "restaurants", "clothing", "games", "digital_goods", "groceries"),
    blocked_categories=("gambling", "alcohol_and_tobacco", "adult"),
    allowed_countries=("SE", "DE", "DK"),
    allowed_merchants=tuple(f"DK-{number}" for number in range(20)),
    blocked_merchants=tuple(f"SE-{number}" for number in range(20)),
    hours=Hours(WEEKDAYS[:5], time(6), time(21)),
    valid_from=date(2026, 1, 1),
    valid_until=date(2027, 6, 30),
)
ASKED = Authorization(
    reference=Reference("bench", "bench", b""),
    instrument=TokenInstrument(Number("9208910000000008"), Cryptogram(7, NOON.date(), bytes(4), "pin", bytes(8), None)),
    entry_mode="wallet",
    kind="purchase",
    amount_minor=10_000,
    currency="DKK",
    estimated=False,
    scheme="dankort",
    merchant=Merchant("DK-19", "Netto Vesterbro", "5411", "DK"),
    terminal=None,
    authentication="none",
    initiated_by="cardholder",
)


USED_UP = dataclasses.replace(USED, payments_today=5)


def measure(stage: Stage) -> list[Figure]:
    """All the rules of a payment, and so all the limits: permitted, stopped by the last, let through by a one-off.

    In time of the processor, since nothing is waited for: others that run here then change it least.
    """
    with stage.parts.database.reading() as session:
        present = policies.load(session, stage.parts.clock.now())
    one_offs = tuple(OneOff(ids.new_id(), amount) for amount in (100, 200, 300, 400, 10_000))
    return [
        _figure("payment decided, under a right with every limit", present, Drawn(EVERY_LIMIT, USED), approved=True),
        _figure("… stopped by the last of them", present, Drawn(EVERY_LIMIT, USED_UP), approved=False),
        _figure("… let through by the fifth one-off", present, Drawn(EVERY_LIMIT, USED_UP, one_offs), approved=True),
    ]


def _figure(name: str, present: Policies, drawn: Drawn, *, approved: bool) -> Figure:
    snapshot = Snapshot(
        unusable=None,
        schemes=frozenset({"dankort"}),
        account_currency="DKK",
        available_minor=100_000,
        card_usage=USED,
        proof=Proof(device=True, person=True),
        right=drawn,
    )
    if isinstance(decide(ASKED, snapshot, present, NOON), Approved) != approved:
        raise ValueError(f"{name}: decided otherwise")
    times_a_second = per_second(lambda: decide(ASKED, snapshot, present, NOON), TIMES, clock=process_time)
    return Figure(name, 1_000_000 / times_a_second, "µs", reach="" if drawn.one_offs else "below 50")
