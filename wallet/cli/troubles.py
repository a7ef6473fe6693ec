"""What a database says no with, in a line; and whether it says anything at all."""

from typing import Final

from psycopg import pq
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from wallet.cli import environment

# By PostgreSQL's error codes (its manual, appendix A).
_AWAY: Final = ("08", "57P0")  # the connection failed or broke; the server stops, or is just starting
_BUSY: Final = frozenset({"55P03", "40P01"})
_NO_ENTRY: Final = "TEGNEBOG_DATABASE_URL: PostgreSQL is there, but does not let us in (database, user or password?)"
_SAID: Final = {
    "25006": "the database is read-only: TEGNEBOG_DATABASE_URL must name the one that is written to",
    "42501": "TEGNEBOG_DATABASE_URL: the database does not let this user do that",
} | dict.fromkeys(("42P01", "3F000", "42703"), "the database is not up to date: `wallet db upgrade` first")


def said(error: SQLAlchemyError) -> str | None:
    """What is wrong, without a value of ours; None where it is nothing that an operator could know."""
    state = _state(error)
    if is_away(error):
        return "TEGNEBOG_DATABASE_URL: the database is away"
    if is_busy(error):
        return "busy: somebody else is at the same thing. Try again"
    if state in _SAID:
        return _SAID[state]
    if state is None or state.startswith(("28", "3D")):
        return _NO_ENTRY if isinstance(error, OperationalError) else None
    return f"the database refuses: {type(error.orig).__name__}" if isinstance(error, OperationalError) else None


def is_busy(error: SQLAlchemyError) -> bool:
    """Whether somebody else holds the lock that was waited for."""
    return _state(error) in _BUSY


def is_away(error: SQLAlchemyError) -> bool:
    """Whether there is no PostgreSQL, or it was lost; not where it is there, and refuses."""
    state = _state(error)
    if state is not None:
        return state.startswith(_AWAY)
    return isinstance(error, OperationalError) and (error.connection_invalidated or _is_silent())


def _state(error: SQLAlchemyError) -> str | None:
    return getattr(error.orig, "sqlstate", None) if isinstance(error, DBAPIError) else None


def _is_silent() -> bool:
    """Who is let in nowhere is given no code that says why: so it is asked whether anybody is there."""
    url = make_url(environment.settings().database_url.get_secret_value()).set(drivername="postgresql")
    said = pq.PGconn.ping(url.render_as_string(hide_password=False).encode())
    return said in (pq.Ping.NO_RESPONSE, pq.Ping.REJECT)
