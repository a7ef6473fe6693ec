"""`wallet card`: what is done to one card by hand."""

from uuid import UUID

import click
from sqlalchemy.orm import Session

from tokenization import cards, erasure, ids
from tokenization.errors import NotFound
from tokenization.models import Card
from wallet.cli import environment


def _card_id(_: click.Context, __: click.Parameter, text: str) -> UUID:
    try:
        return ids.parse("card", text)
    except ids.InvalidId:
        raise click.BadParameter("must be the id of a card: card_…") from None


@click.group()
def card() -> None:
    """One card."""


@card.command()
@click.argument("card_id", callback=_card_id)
@click.option("--yes", is_flag=True, help="do not ask")
def erase(card_id: UUID, *, yes: bool) -> None:
    """Erase the numbers of a closed card, those of its tokens, and their PINs. This cannot be undone.

    Its payments and its journal stay, and the blocked-card register still knows those of its numbers that are in it.
    """
    name = ids.to_text("card", card_id)
    if not yes:
        with environment.opened() as parts, parts.database.reading() as session:
            found = _locked(session, card_id)
            erasure.check(found)
            last4 = cards.current_plastic(session, found).last4
        click.confirm(f"Erase the numbers of {name} (ending {last4}) for good?", abort=True)
    with environment.transaction() as (session, now, _):
        kek_version = erasure.erase(session, _locked(session, card_id), now)
    click.echo(f"{name} is erased")
    if kek_version is not None:
        click.echo(f"copies of the database give it back until key_encryption is destroyed up to version {kek_version}")
    click.echo("who has such a copy and the fingerprint key can try out its numbers, for as long as there is one")


def _locked(session: Session, card_id: UUID) -> Card:
    found = cards.lock(session, card_id)
    if found is None:
        raise NotFound("there is no such card")
    return found
