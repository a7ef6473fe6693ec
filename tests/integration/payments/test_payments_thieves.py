"""What a thief would try with a phone that isn't his, a terminal that helps him, or a pen over the database."""

from typing import Any

import pytest
from sqlalchemy import select, update

from tests.integration.payments.scene import Scene, refused
from tokenization import ids
from tokenization.models import Card, PanDirectory, Token, TokenDirectory

NOT_VERIFIED = (422, "card-not-verified")


@pytest.mark.parametrize("elsewhere", [{"entry_mode": "ecommerce"}, {"scheme": "visa"}])
def test_a_wrong_pin_costs_a_try_whatever_else_is_wrong(scene: Scene, elsewhere: dict[str, Any]) -> None:
    guesses = [scene.decide(scene.tap(50_000, "pin", pin="9999") | elsewhere) for _ in range(3)]
    assert {(each["reason"], each["remaining_attempts"]) for each in guesses} == {("not_permitted", None)}
    assert scene.pay(50_000, "pin")["reason"] == "pin_locked"


def test_a_pin_cannot_be_guessed_while_the_card_is_blocked(scene: Scene) -> None:
    scene.bank("POST", scene.of_anna("/block"), {"reason": "lost"})
    for _ in range(3):
        assert scene.pay(50_000, "pin", pin="9999")["reason"] == "card_blocked"
    scene.bank("POST", scene.of_anna("/unblock"))
    assert scene.pay(50_000, "pin")["reason"] == "pin_locked"


def test_a_number_that_was_pointed_at_another_card_is_unknown(scene: Scene) -> None:
    point_bos_number_at_annas_card(scene)
    card = {**scene.world.person("bo")["card"], "cvc": None}
    assert scene.decide(scene.plastic(5_000) | {"card": card})["reason"] == "unknown_number"


def point_bos_number_at_annas_card(scene: Scene) -> None:
    """A database writer lets Bo's number stand for Anna's plastic; the sealed number shows that it is not hers."""
    anna, bo = (ids.parse("card", scene.world.person(name)["card_id"]) for name in ("anna", "bo"))
    with scene.world.parts.database.transaction("test") as session:
        plastic_id = session.scalars(select(PanDirectory.plastic_id).where(PanDirectory.card_id == anna)).one()
        to_anna = {"card_id": anna, "plastic_id": plastic_id}
        session.execute(update(PanDirectory).where(PanDirectory.card_id == bo).values(to_anna))


def test_a_number_that_was_pointed_at_another_card_puts_it_nowhere_and_finds_nothing(scene: Scene) -> None:
    """Even with Anna's card said to be Bo's: he knows his number and his CVC, which fit each other."""
    world, bo = scene.world, scene.world.person("bo")
    point_bos_number_at_annas_card(scene)
    on_file = {"card": bo["card"], "agreement": "card_on_file", "reference": "customer-1"}
    assert refused(world.machine("merchant").request("POST", "/v1/merchant/credentials", on_file)) == NOT_VERIFIED
    with world.parts.database.transaction("test") as session:
        of_anna = Card.card_id == ids.parse("card", world.person("anna")["card_id"])
        session.execute(update(Card).where(of_anna).values(holder_id=ids.parse("holder", bo["cardholder_id"])))
    assert refused(world.phone("bo").provision(bo["card"])) == NOT_VERIFIED
    assert scene.bank("POST", "/cards/search", {"number": bo["card"]["number"]})["data"] == []


def test_a_token_number_that_was_pointed_at_another_token_is_unknown(scene: Scene) -> None:
    emil, anna = (ids.parse("tok", token.id) for token in (scene.emil, scene.anna))
    with scene.world.parts.database.transaction("test") as session:
        session.execute(update(TokenDirectory).where(TokenDirectory.token_id == emil).values(token_id=anna))
        assert session.scalars(select(Token.token_id).where(Token.token_id == anna)).one() == anna
    assert scene.pay(5_000, token=scene.emil)["reason"] == "unknown_number"
