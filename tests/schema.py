"""The tables for a test database: by the migrations, as everywhere."""

from sqlalchemy import Engine

from wallet import migrations


def prepare(engine: Engine) -> None:
    """Bring an empty database up to the newest revision."""
    with engine.begin() as connection:
        migrations.upgrade(connection)
