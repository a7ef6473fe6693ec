"""Statements that go to PostgreSQL together: one round trip for many, by psycopg's pipeline on a session's connection.

Nothing else opens a pipeline (a test holds that): a statement of SQLAlchemy's inside one silently returns no rows.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from operator import attrgetter
from types import SimpleNamespace
from typing import Any, Final, cast
from uuid import UUID

import psycopg
from psycopg.rows import kwargs_row
from sqlalchemy import ClauseElement, Connection, Table
from sqlalchemy.dialects.postgresql.psycopg import dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tokenization.models import Base

_DIALECT: Final = dialect()  # type: ignore[no-untyped-call]  # its constructor has no types
_RECORDS: Final = kwargs_row(SimpleNamespace)


class Answer:
    """What a statement answers, once its pipeline has been left; of none, nothing."""

    def __init__(self, cursor: "psycopg.Cursor[Any] | None" = None) -> None:
        self._cursor = cursor

    def rows(self) -> list[Any]:
        """Every row, its columns as attributes that may be set. No entities: nobody tracks what becomes of them."""
        if self._cursor is None:
            return []
        rows = self._cursor.fetchall()
        while self._cursor.nextset():
            rows += self._cursor.fetchall()
        return rows


@dataclass(frozen=True, slots=True)
class Lookup:
    """A statement that finds rows of a table by some of its keys, UUIDs or digests."""

    statement: str
    keys: tuple[str, ...]


class Pipeline:
    """An open one."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection

    def send(self, statement: str, **parameters: object) -> Answer:
        """Put a statement on its way. What it locks and reads comes after all that was sent before it."""
        cursor = self._connection.cursor(row_factory=_RECORDS)
        cursor.execute(cast(Any, statement), parameters)
        return Answer(cursor)

    def send_each(self, statement: str, many: Sequence[Mapping[str, object]]) -> Answer:
        """The same for each of many parameters, in their order; what all of them answer is one answer."""
        if not many:
            return Answer()
        cursor = self._connection.cursor(row_factory=_RECORDS)
        cursor.executemany(cast(Any, statement), many, returning=True)
        return Answer(cursor)

    def write(self, statement: str, *rows: Iterable[Mapping[str, Any]]) -> None:
        """Send what `together` made, with the rows for each of its statements; nothing where there is none at all."""
        lists = [list(each) for each in rows]
        if any(lists):
            self.send(statement, **{f"rows_{index}": as_json(each) for index, each in enumerate(lists)})

    def find(self, lookup: Lookup, wanted: Iterable[tuple[UUID | bytes, ...]], **parameters: object) -> Answer:
        """The rows with those keys, each once; nothing is sent where none is wanted."""
        each = dict.fromkeys(wanted)
        if not each:
            return Answer()
        columns = map(array, zip(*each, strict=True))
        return self.send(lookup.statement, **dict(zip(lookup.keys, columns, strict=True)), **parameters)


@contextmanager
def pipeline(session: Session) -> Iterator[Pipeline]:
    """Send statements together, within the session's transaction; at the end all of them are answered.

    Raises DBAPIError as SQLAlchemy does for the first that failed: the transaction is then good for nothing more.
    """
    session.flush()
    connection = session.connection()
    raw = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    try:
        with raw.pipeline():
            yield Pipeline(raw)
    except psycopg.Error as error:
        raise _as_sqlalchemys(connection, raw, error) from error


def _as_sqlalchemys(connection: Connection, raw: "psycopg.Connection[Any]", error: psycopg.Error) -> Exception:
    lost = raw.closed
    if lost:
        connection.invalidate(error)
    base = connection.dialect.dbapi.Error if connection.dialect.dbapi else psycopg.Error
    shown = DBAPIError.instance(
        None, None, error, base, hide_parameters=True, connection_invalidated=lost, dialect=connection.dialect
    )
    return cast(Exception, shown)


# The statements of a table, whose columns its model knows. One parameter each, however many rows: so the statement is
# one of few, and stays in the caches of driver and server.


def compiled(statement: ClauseElement) -> str:
    """A statement of SQLAlchemy's as it can be sent: all that it is given must be named."""
    return str(statement.compile(dialect=_DIALECT))


def table_of(model: type[Base]) -> str:
    """`tokenization.tokens`."""
    return cast(Table, model.__table__).fullname


def looking_up(model: type[Base], keys: Sequence[str], columns: Sequence[str] = (), and_then: str = "") -> Lookup:
    """Rows by `keys`; only those columns of them, beside the keys, where any is named."""
    known = cast(Table, model.__table__).columns
    wanted = ", ".join(f"t.{known[name].name}" for name in (*keys, *columns)) if columns else "t.*"
    kinds = {key: "bytea" if known[key].type.python_type is bytes else "uuid" for key in keys}
    arrays, names = ", ".join(f"%({key})s::{kind}[]" for key, kind in kinds.items()), ", ".join(keys)
    found = f"SELECT {wanted} FROM unnest({arrays}) AS asked ({names}) JOIN {table_of(model)} t USING ({names})"
    return Lookup(f"{found} {and_then}", tuple(keys))


def locking(model: type[Base], key: str) -> str:
    """Select one row by its key, and lock it."""
    column = cast(Table, model.__table__).columns[key].name
    return f"SELECT * FROM {table_of(model)} WHERE {column} = %({key})s FOR UPDATE"


def inserting(model: type[Base]) -> str:
    """Insert rows, the parameter `rows` as `as_json` makes it; a column that is not there is null."""
    table = table_of(model)
    return f"INSERT INTO {table} SELECT * FROM jsonb_populate_recordset(NULL::{table}, %(rows)s)"


def changing(model: type[Base], keys: Sequence[str], columns: Sequence[str]) -> str:
    """Set columns of the rows by `keys`; both stand in the parameter `rows`."""
    table, known = table_of(model), cast(Table, model.__table__).columns
    changes = ", ".join(f"{known[name].name} = row.{name}" for name in columns)
    same = " AND ".join(f"t.{known[key].name} = row.{key}" for key in keys)
    return f"UPDATE {table} t SET {changes} FROM jsonb_populate_recordset(NULL::{table}, %(rows)s) AS row WHERE {same}"


def together(*statements: str) -> str:
    """Several statements that write rows, as one: the driver's work on one of them is a good part of a payment's."""
    each = (sent.replace("%(rows)s", f"%(rows_{index})s") for index, sent in enumerate(statements))
    return "WITH " + ", ".join(f"w{index} AS ({sent})" for index, sent in enumerate(each)) + " SELECT"


def array(values: Iterable[UUID | bytes]) -> str:
    """An array of them as PostgreSQL reads it: the driver's own way is several times slower."""
    return "{" + ",".join(f'"\\\\x{each.hex()}"' if isinstance(each, bytes) else each.hex for each in values) + "}"


def as_json(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows as a JSON array that PostgreSQL reads into records."""
    return _encode(list(rows))


_AS_TEXT: Final[dict[type[Any], Callable[[Any], str]]] = {
    UUID: attrgetter("hex"),
    bytes: lambda value: "\\x" + value.hex(),
    date: date.isoformat,
    datetime: datetime.isoformat,
    Decimal: str,
}


def _plain(value: object) -> str:
    return _AS_TEXT[type(value)](value)


_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain, allow_nan=False).encode
