"""The vault: numbers sealed into new plastics and opened again, through the database and as crypto alone."""

from uuid import UUID

from bench.cards import bare_cards
from bench.stage import Figure, Stage, per_second
from tokenization import cards, ids
from tokenization.models import Card
from tokenization.secret import Key
from tokenization.vault import DataKey

NUMBER = "9208900000000006"
STORED, REVEALED, ALONE = 20, 100, 5_000


def measure(stage: Stage) -> list[Figure]:
    """Stores, reveals and fingerprints a second; a transaction for each store, three statements for each reveal."""
    vault, place = stage.parts.vault, cards.number_place(ids.new_id())
    data_key = DataKey(1, Key(bytes(32)))
    sealed = data_key.seal(place, NUMBER.encode())
    card_id = bare_cards(stage.parts, 1)[0]
    return [
        Figure("vault store: a number drawn, sealed, committed", per_second(lambda: _store(stage, card_id), STORED)),
        Figure(
            "vault reveal: data key unwrapped, number opened", per_second(lambda: _reveal(stage, card_id), REVEALED)
        ),
        Figure("seal, crypto alone", per_second(lambda: data_key.seal(place, NUMBER.encode()), ALONE)),
        Figure("open, crypto alone", per_second(lambda: data_key.open(place, sealed), ALONE)),
        Figure("fingerprint", per_second(lambda: vault.fingerprint("number", NUMBER), ALONE)),
    ]


def _store(stage: Stage, card_id: UUID) -> None:
    """A plastic more, which nobody will hold."""
    parts = stage.parts
    with parts.database.transaction("bench") as session:
        card = cards.lock(session, card_id)
        if card is None:
            raise LookupError("the card was just made")
        card.current_plastic_id = ids.new_id()
        data_key = parts.vault.card_key(session, card_id)
        cards.emboss(session, parts.vault, data_key, parts.settings.number_space, card, parts.clock.now())


def _reveal(stage: Stage, card_id: UUID) -> None:
    with stage.parts.database.reading() as session:
        card = session.get_one(Card, card_id)
        cards.reveal_number(session, stage.parts.vault, card_id, card.current_plastic_id)
