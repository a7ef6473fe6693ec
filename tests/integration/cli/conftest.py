"""Databases and key rings for commands to work on."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.cli.commands import done, wallet
from wallet import embedded


@dataclass(frozen=True)
class Made:
    """What each test gets a copy of: a migrated database and a key ring."""

    template: str
    ring: Path


@pytest.fixture(scope="session")
def made(servers: embedded.Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """Made by the commands themselves, once."""
    ring = tmp_path_factory.mktemp("made") / "keys"
    environment = {
        "TEGNEBOG_DATABASE_URL": embedded.create_database(servers.database_url, "cli_template"),
        "TEGNEBOG_REDIS_URL": servers.redis_url,
        "TEGNEBOG_KEY_RING": str(ring),
    }
    done(wallet(environment, "keys", "create"))
    assert done(wallet(environment, "db", "upgrade")) == "the database is up to date"
    yield Made("cli_template", ring)
    embedded.drop_database(servers.database_url, "cli_template")


@pytest.fixture
def empty(servers: embedded.Servers, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Where everything would be: an empty database, no key ring."""
    yield {
        "TEGNEBOG_DATABASE_URL": embedded.create_database(servers.database_url, "cli"),
        "TEGNEBOG_REDIS_URL": servers.redis_url,
        "TEGNEBOG_KEY_RING": str(tmp_path / "keys"),
    }
    embedded.drop_database(servers.database_url, "cli")


@pytest.fixture
def ready(servers: embedded.Servers, made: Made, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Where everything is."""
    yield {
        "TEGNEBOG_DATABASE_URL": embedded.create_database(servers.database_url, "cli", made.template),
        "TEGNEBOG_REDIS_URL": servers.redis_url,
        "TEGNEBOG_KEY_RING": str(shutil.copytree(made.ring, tmp_path / "keys")),
    }
    embedded.drop_database(servers.database_url, "cli")
