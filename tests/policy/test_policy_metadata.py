"""What must hold of every table: ready to be sharded by card, in its package's schema, and nothing secret in clear."""

import re
from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import ARRAY, JSON, DateTime, Engine, Float, LargeBinary, Numeric, Table, Text, create_engine, inspect
from sqlalchemy.orm import Mapper

from tokenization.models import Base
from wallet import app, embedded, migrations

IMPORTS_EVERY_MODEL = app
TABLES = Base.metadata.tables
# On every node: what belongs to no one card, and what foreign keys of cards may point to.
REFERENCES = {"tokenization.cardholders", "tokenization.requestors", "wallet.accounts"}
# From a number or a reference to the card, for those who do not know it yet.
DIRECTORIES = {
    "tokenization.pan_directory",
    "tokenization.token_directory",
    "tokenization.credential_directory",
    "wallet.reference_directory",
}
# Led by whom they are about instead: a person, a requestor, a client, a policy.
OF_SOMEBODY = {
    "access.assertion_jtis",
    "access.oauth_clients",
    "access.redeemed_codes",
    "access.refresh_chains",
    "access.sessions",
    "notifications.deliveries",
    "notifications.feeds",
    "notifications.inboxes",
    "notifications.messages",
    "notifications.preferences",
    "notifications.sms_messages",
    "notifications.updates",
    "notifications.webhook_endpoints",
    "notifications.webhook_lanes",
    "tokenization.card_entry_failures",
    "tokenization.code_sendings",
    "tokenization.key_checks",
    "tokenization.party_keys",
    "tokenization.policies",
    "tokenization.subject_journal_entries",
    "tokenization.subject_journals",
    "wallet.idempotency_keys",
}
OF_CARDS = sorted(TABLES.keys() - REFERENCES - DIRECTORIES - OF_SOMEBODY)
SCHEMAS = {"tokenization", "delegation", "notifications", "access", "wallet"}

SENSITIVE = re.compile(r"(^|_)(number|pan|cvc|pin|cpr|mobile|secret|key|token|password)(_|$)")
UNREADABLE = re.compile(r"_(sealed|fingerprint|hash)$|^(wrapped|fingerprint)$")
PUBLIC_KEYS = {"encryption_key"}


def unique_sets(table: Table) -> Iterator[list[str]]:
    """Each set of columns that is unique, in its order."""
    yield [column.name for column in table.primary_key]
    for constraint in table.constraints:
        if constraint.__visit_name__ == "unique_constraint":
            yield [column.name for column in constraint.columns]  # type: ignore[attr-defined]  # it has them
    for index in table.indexes:
        if index.unique:
            yield [column.name for column in index.columns]


def test_every_table_is_of_cards_or_named_here() -> None:
    assert TABLES.keys() >= REFERENCES | DIRECTORIES | OF_SOMEBODY
    assert len(OF_CARDS) > 10


@pytest.mark.parametrize("name", OF_CARDS)
def test_a_card_table_is_led_by_its_card(name: str) -> None:
    table = TABLES[name]
    assert all(columns[0] == "card_id" for columns in unique_sets(table))
    for key in table.foreign_key_constraints:
        target = key.referred_table.fullname
        assert target in REFERENCES or next(iter(key.column_keys)) == "card_id", key.name


@pytest.mark.parametrize("name", sorted(TABLES.keys() - set(OF_CARDS)))
def test_what_is_of_no_card_points_to_none(name: str) -> None:
    assert {key.referred_table.fullname for key in TABLES[name].foreign_key_constraints}.isdisjoint(OF_CARDS)


def test_each_package_keeps_its_tables_in_its_own_schema() -> None:
    assert {table.schema for table in TABLES.values()} == SCHEMAS
    for mapper in Base.registry.mappers:
        module = mapper.class_.__module__
        owner = "access" if module.startswith("wallet.access.") else module.partition(".")[0]
        assert _table(mapper).schema == owner


def test_foreign_keys_point_down_or_aside() -> None:
    floors = {"tokenization": 1, "delegation": 2, "notifications": 3, "wallet": 4, "access": 4}
    for table in TABLES.values():
        for key in table.foreign_key_constraints:
            assert floors[key.referred_table.schema or ""] <= floors[table.schema or ""], key.name


@pytest.mark.parametrize("name", sorted(TABLES))
def test_no_column_could_hold_a_number_or_a_key_in_clear(name: str) -> None:
    for column in TABLES[name].columns:
        if SENSITIVE.search(column.name) and isinstance(column.type, (Text, JSON, ARRAY)):
            assert column.name in PUBLIC_KEYS
        if SENSITIVE.search(column.name) and isinstance(column.type, LargeBinary):
            assert UNREADABLE.search(column.name)


def test_money_is_whole_and_time_has_a_zone() -> None:
    for table in TABLES.values():
        for column in table.columns:
            is_rate = (table.name, column.name) == ("payments", "rate")  # no money: what it is multiplied with
            assert is_rate or not isinstance(column.type, (Float, Numeric)), column
            assert not isinstance(column.type, DateTime) or column.type.timezone, column


@pytest.fixture
def empty(servers: embedded.Servers) -> Iterator[Engine]:
    """A database with nothing in it."""
    url = embedded.create_database(servers.database_url, "migrated")
    engine = create_engine(url)
    yield engine
    engine.dispose()
    embedded.drop_database(servers.database_url, "migrated")


def test_migrations_up_down_and_up_again_make_exactly_the_models(empty: Engine) -> None:
    with empty.begin() as connection:
        migrations.upgrade(connection)
        migrations.downgrade(connection, "base")
    assert SCHEMAS.isdisjoint(inspect(empty).get_schema_names())
    with empty.begin() as connection:
        migrations.upgrade(connection)
        options = {"include_schemas": True, "compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []
        assert migrations.is_current(connection)


def _table(mapper: Mapper[object]) -> Table:
    table = mapper.local_table
    assert isinstance(table, Table)
    return table
