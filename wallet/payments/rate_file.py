"""The file of rates that a bank's job replaces: followed while the service runs, and never believed in part."""

import stat
import threading
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from tokenization.clock import Clock, local_date
from wallet.payments.rates import BadRates, Rate, RateTable, parse

_LOOK_EVERY: Final = timedelta(seconds=1)
_MOST_BYTES: Final = 64 * 1024  # ISO 4217 has 180 currencies: six thousand bytes
_Seen = tuple[int, ...]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read, and what the file looked like just before: replaced as one, as many threads look at it."""

    table: RateTable = field(default_factory=RateTable)
    seen: _Seen | None = None


class RateFile:
    """Rates in a file, or none at all: then only the account's own currency is paid in.

    It is read at the first look, and what is put in its place is noticed within a second. A file that is broken, gone,
    or lacks a currency that is known does not take the place of a good one: the old rates go on, each until it is too
    old, and the log says so. So it is at the start, too: a service that knows no rate still pays at home.
    """

    def __init__(self, path: Path | None, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._known = _Known()
        self._looked_at: datetime | None = None
        self._wrong: str | None = None
        self._looking = threading.Lock()

    @property
    def table(self) -> RateTable:
        """What is known now."""
        return self._known.table

    def find(self, currency: str, account_currency: str, *, on: date, most_days: int) -> Rate | None:
        """As Rates has it: out of memory."""
        return self.table.find(currency, account_currency, on=on, most_days=most_days)

    def look(self) -> None:
        """Notice what was put in place, at most once a second. At the beginning of a request: it may read the file, and
        nothing is read while a transaction is open.
        """
        # A clock that was put back must not keep it from looking.
        if self._looked_at is None or abs(self._clock.now() - self._looked_at) >= _LOOK_EVERY:
            self.refresh()

    def ages(self) -> list[int]:
        """How many days old each rate is, youngest first."""
        return self.table.ages(local_date(self._clock.now()))

    def is_right(self) -> bool:
        """Whether all of it was right when it was last looked at."""
        return self._wrong is None

    def refresh(self) -> None:
        """The same at once. Who finds somebody looking goes on with what is known."""
        now = self._looked_at = self._clock.now()
        if self._path is None or not self._looking.acquire(blocking=False):
            return
        try:
            self._look(self._path, local_date(now))
        except BadRates as wrong:
            self._complain(str(wrong))
        except OSError as error:
            self._complain(f"it cannot be read: {error.strerror}")
        finally:
            self._looking.release()

    def _look(self, path: Path, today: date) -> None:
        """Raises BadRates and OSError, after which all of it is read again at the next look: it may be on its way."""
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise BadRates("it is no file")
        seen = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        if seen != self._known.seen:
            table = parse(_text(path), today)
            if gone := sorted(self.table.by_currency.keys() - table.by_currency.keys()):
                raise BadRates(f"it lacks {', '.join(gone)}")
            self._known = _Known(table, seen)
            log.info("rates_read", currencies=len(table.by_currency))
        self._wrong = None

    def _complain(self, wrong: str) -> None:
        """Once of each trouble, not once a second."""
        if wrong != self._wrong:
            log.error("rates_not_read", wrong=wrong)
        self._wrong = wrong


def _text(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise BadRates(f"it is longer than {_MOST_BYTES} bytes")
    try:
        return content.decode("ascii")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadRates(f"line {line}: a byte that is no ASCII") from None
