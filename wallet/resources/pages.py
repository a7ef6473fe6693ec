"""Lists in pages: newest first by id, since ids are in order of time; or by a position, where entries are numbered."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute, Session

from tokenization import ids
from tokenization.errors import Invalid

Row = TypeVar("Row")
_POSITION_DIGITS_MAX: Final = 15


def newest_first(
    session: Session,
    wanted: Select[Row],
    by: InstrumentedAttribute[Any],
    page: dict[str, Any],
    show: Callable[[Row], Any] = lambda row: row,
) -> dict[str, Any]:
    """`{"data": […], "next_cursor": …}` for `?limit=` and `?cursor=`, which is the last id shown.

    `by` is the id column, named as in ids.py. Raises Invalid.
    """
    prefix = ids.PREFIX_BY_FIELD[by.key]
    if page["cursor"] is not None:
        wanted = wanted.where(by < id_in(prefix, page["cursor"]))
    rows = list(session.scalars(wanted.order_by(by.desc()).limit(page["limit"] + 1)))
    return answer(rows, page, lambda last: ids.to_text(prefix, getattr(last, by.key)), show)


def answer(
    rows: Sequence[Row],
    page: dict[str, Any],
    cursor_after: Callable[[Row], str],
    show: Callable[[Row], Any] = lambda row: row,
) -> dict[str, Any]:
    """A page of rows, of which one more than `limit` was read, so that it is known whether there are more."""
    shown = rows[: page["limit"]]
    more = len(rows) > len(shown)
    return {"data": [show(row) for row in shown], "next_cursor": cursor_after(shown[-1]) if more else None}


def id_in(prefix: str, cursor: str) -> UUID:
    """The id that a cursor is. Raises Invalid."""
    try:
        return ids.parse(prefix, cursor)
    except ids.InvalidId:
        raise _unknown() from None


def position(page: dict[str, Any]) -> int:
    """The number in a cursor, after which to go on; 0 at the beginning. Raises Invalid."""
    cursor = page["cursor"] or "0"
    if not (cursor.isascii() and cursor.isdigit()) or len(cursor) > _POSITION_DIGITS_MAX:
        raise _unknown()
    return int(cursor)


def _unknown() -> Invalid:
    return Invalid("cursor", "is not one that we gave")
