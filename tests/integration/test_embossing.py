"""Which new plastics wait for the bureau: those whose number no answer has shown."""

from tests.world import World
from tokenization import embossing, ids, replacement
from tokenization.cards import lock


def waiting(world: World) -> int:
    with world.parts.database.reading() as session:
        return len(embossing.waiting(session, None))


def test_what_an_answer_has_shown_is_not_ordered_again(world: World) -> None:
    card_id = world.person("anna")["card_id"]
    for what, body in (("/replace", {"reason": "bank"}), ("/renew", None)):
        assert world.machine("issuer").request("POST", f"/v1/issuer/cards/{card_id}{what}", body).status_code == 200
    assert waiting(world) == 0
    with world.parts.database.transaction("test") as session:
        card = lock(session, ids.parse("card", card_id))
        assert card is not None
        space = world.parts.settings.number_space
        replacement.replace(session, world.parts.vault, space, card, "bank", world.clock.now())
    assert waiting(world) == 1
