"""The tables for a test database."""

from importlib import import_module
from importlib.util import find_spec

from sqlalchemy import Engine, text

from tokenization.models import Base

MODELS = ("tokenization.models", "delegation.models", "notifications.models", "wallet.access.models", "wallet.payments.models")


def prepare(engine: Engine) -> None:
    """Make every schema and table."""
    for module in MODELS:
        if find_spec(module):
            import_module(module)
    with engine.begin() as connection:
        for schema in sorted({table.schema for table in Base.metadata.tables.values() if table.schema}):
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {schema}"))
        Base.metadata.create_all(connection)
