"""Lists in pages, newest first: ids are in order of time, so the cursor is the last id shown."""

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute, Session

from tokenization import ids
from wallet.resources import owned

Row = TypeVar("Row")


def newest_first(
    session: Session,
    wanted: Select[Row],
    by: InstrumentedAttribute[Any],
    page: dict[str, Any],
    show: Callable[[Row], Any] = lambda row: row,
) -> dict[str, Any]:
    """`{"data": […], "next_cursor": …}` for `?limit=` and `?cursor=`; `by` is the id column, named as in ids.py."""
    prefix = ids.PREFIX_BY_FIELD[by.key]
    if page["cursor"]:
        wanted = wanted.where(by < owned.id_from(prefix, page["cursor"]))
    rows = list(session.scalars(wanted.order_by(by.desc()).limit(page["limit"] + 1)))
    shown = rows[: page["limit"]]
    more = len(rows) > len(shown)
    return {
        "data": [show(row) for row in shown],
        "next_cursor": ids.to_text(prefix, getattr(shown[-1], by.key)) if more else None,
    }
