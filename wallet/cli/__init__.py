"""`wallet`: the demo, the service, the relay, the database, keys, journals, clients, and a token for curl."""

from typing import Any

import click
from sqlalchemy.exc import SQLAlchemyError

from tokenization.errors import DomainError, Invalid
from tokenization.keys.ring import KeyRingError
from wallet import demo
from wallet.cli import card, cards, client, journal, keys, service, token, troubles


class Cli(click.Group):
    """Commands that say in a line what is wrong: with what was asked, or with the database, by the variable's name."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
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
    service.db,
    keys.keys,
    journal.journal,
    client.client,
    card.card,
    cards.cards,
    token.token,
):
    main.add_command(command)
