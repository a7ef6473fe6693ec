"""Tokens provisioned: the rules with a commit for each, and over HTTP by a phone."""

from collections.abc import Iterator
from uuid import UUID

from bench.cards import bare_cards, provisioned
from bench.stage import ROUNDS, Figure, Stage, per_second
from mobile_mock.phone import Phone
from tokenization import cards

TOKENS, OVER_HTTP = 20, 5


def measure(stage: Stage) -> list[Figure]:
    """A second. Over HTTP one phone takes the same card again and again, each token taking the last one's place."""
    waiting = iter(bare_cards(stage.parts, TOKENS * ROUNDS))
    functions = per_second(lambda: _provision(stage, waiting), TOKENS)
    app, anna = stage.access["wallet_app"], stage.access["people"]["anna"]
    with Phone(stage.access["base_url"], app["client_id"], app["redirect_uri"]) as phone:
        phone.sign_in(anna["mitid_uuid"], purpose="provision")
        over_http = per_second(lambda: phone.provision(card=anna["card"]), OVER_HTTP)
    return [
        Figure("tokens provisioned, one transaction each", functions),
        Figure("tokens provisioned over HTTP by one phone", over_http, note="with its DPoP proof, made here"),
    ]


def _provision(stage: Stage, waiting: Iterator[UUID]) -> None:
    with stage.parts.database.transaction("bench") as session:
        card = cards.lock(session, next(waiting))
        if card is None:
            raise LookupError("the card was just made")
        provisioned(session, stage.parts, card)
