"""`wallet`: the demo, the service, the relay, the database, keys, journals, clients, and a token for curl."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from sqlalchemy.exc import SQLAlchemyError

from tokenization.errors import DomainError, Invalid
from tokenization.keys.ring import KeyRingError
from wallet import demo
from wallet.cli import card, cards, client, journal, keys, service, telling, token, troubles


@contextmanager
def said_whole() -> Iterator[None]:
    """A full disk keeps an answer from being written, which may show only at the end. Of a broken pipe click knows."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left is not tried once more
        raise click.ClickException(f"the answer cannot be written: {error.strerror}") from None


class Cli(click.Group):
    """Commands that say in a line what is wrong: with what was asked, or with the database, by the variable's name."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            with said_whole():
                return super().invoke(ctx)
        except Invalid as error:
            raise click.ClickException(f"{error.field}: {error}") from None
        except DomainError as error:
            raise click.ClickException(str(error)) from None
        except KeyRingError as error:
            raise click.ClickException(f"TEGNEBOG_KEY_RING: {error}") from None
        except SQLAlchemyError as error:
            line = troubles.said(error)
            if line is None:
                raise
            raise click.ClickException(line) from None


@click.group(cls=Cli)
@click.version_option(package_name="tegnebog")
def main() -> None:
    """Tegnebog, a mobile wallet backend with tokenization and delegated cards."""


for command in (
    demo.demo,
    service.serve,
    service.relay,
    telling.telling,
    service.db,
    keys.keys,
    journal.journal,
    client.client,
    card.card,
    cards.cards,
    token.token,
):
    main.add_command(command)
