"""What PostgreSQL counted of rows, so that what is compared can be seen to be the same."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from time import monotonic
from typing import Final, Self

from sqlalchemy import text

from bench.stage import Failed, Stage

# A connection tells what it counted when it commits, but not more often than each second, and ten seconds on the rest.
FLUSHED_SECONDS: Final = 20
_COUNTED: Final = text("""
    SELECT schemaname || '.' || relname, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0), n_tup_ins, n_tup_upd
    FROM pg_stat_user_tables
""")
_PAYMENTS: Final = text("SELECT count(*) FROM wallet.payments")
_FLUSH: Final = text("SELECT pg_stat_force_next_flush()")
_SOON: Final = text("SELECT pg_sleep(0.5)")
PAYMENTS: Final = "wallet.payments"
_NAMES: Final = ("read", "inserted", "updated")
_SAME: Final = 0.05  # of a row a payment


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one table: read, inserted, updated."""

    read: float = 0
    inserted: float = 0
    updated: float = 0

    def less(self, other: Self, times: int) -> "Rows":
        """What came since the other, for each of so many payments."""
        return Rows(*((mine - its) / times for mine, its in zip(astuple(self), astuple(other), strict=True)))


Counted = Mapping[str, Rows]


def settled(stage: Stage) -> Counted:
    """Of each table, when every payment that there is has been counted."""
    with stage.parts.database.reading() as session:
        payments = session.scalars(_PAYMENTS).one()
        session.execute(_FLUSH)
    return _counted(stage, payments)


def counted(stage: Stage, before: Counted, payments: int) -> Counted:
    """Of each table, when so many payments more have been counted."""
    return _counted(stage, before[PAYMENTS].inserted + payments)


def _counted(stage: Stage, payments: float) -> Counted:
    deadline = monotonic() + FLUSHED_SECONDS
    while _now(stage)[PAYMENTS].inserted < payments:
        if monotonic() > deadline:
            raise Failed("PostgreSQL has not counted the payments that were made")
    return _now(stage)  # a connection tells of one table after the other


def _now(stage: Stage) -> Counted:
    with stage.parts.database.reading() as session:
        session.execute(_SOON)
        return {name: Rows(*rows) for name, *rows in session.execute(_COUNTED)}


def between(before: Counted, after: Counted, payments: int) -> Counted:
    """For each payment, of the tables that they touched."""
    all_ = {name: rows.less(before[name], payments) for name, rows in after.items()}
    return {name: rows for name, rows in all_.items() if max(astuple(rows)) >= _SAME}


def compared(ours: Counted, theirs: Counted) -> str:
    """Both sums, and each table in which they differ; ours stands first."""
    sums = ", ".join(f"{name} {_sum(ours, name):.1f} : {_sum(theirs, name):.1f}" for name in _NAMES)
    differing = [
        f"{table.partition('.')[2]} {name} {mine:.2g} : {its:.2g}"
        for table in sorted({*ours, *theirs})
        for name in _NAMES
        if abs((mine := _of(ours, table, name)) - (its := _of(theirs, table, name))) >= _SAME
    ]
    return f"rows a payment, ours : pgbench's: {sums}; they differ in {'; '.join(differing) or 'nothing'}"


def _of(counted: Counted, table: str, name: str) -> float:
    value: float = getattr(counted.get(table, Rows()), name)
    return value


def _sum(counted: Counted, name: str) -> float:
    return sum(_of(counted, table, name) for table in counted)
