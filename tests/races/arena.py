"""How the database of an arena is reached."""

from typing import Final

from sqlalchemy import Engine, create_engine

AT_ONCE: Final = 16


def connect(url: str, lock_timeout: str = "5s") -> Engine:
    """An engine that waits so long for a lock."""
    options = {"options": f"-c lock_timeout={lock_timeout} -c timezone=UTC"}
    return create_engine(url, pool_size=AT_ONCE, max_overflow=0, pool_timeout=20, connect_args=options)
