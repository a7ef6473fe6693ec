"""Many requests decided in one transaction: in order, each by itself, all or nothing."""

import dataclasses

import pytest
from sqlalchemy import select

from tests.integration.payments.lists import authorize, decide, value
from tests.integration.payments.scene import Scene
from tests.numbers import SPACE
from tokenization import cardholders, cards, ids
from tokenization.errors import NotFound
from tokenization.secret import Number
from wallet.payments.models import Payment, ReferenceDirectory
from wallet.payments.references import Answer, ReferenceReused


def test_a_list_is_decided_in_order_against_what_came_before(scene: Scene) -> None:
    requests = [scene.tap(20_000, token=scene.emil) for _ in range(3)]
    assert decide(scene, *requests) == ["approved", "approved", "amount_limit"]
    assert scene.used("per_day") == 40_000


def test_an_account_is_spent_once_by_all_of_a_list(scene: Scene) -> None:
    scene.money(50_000)
    requests = [scene.tap(30_000, "pin"), scene.plastic(30_000), scene.tap(20_000, "pin"), scene.tap(1)]
    assert decide(scene, *requests) == ["approved", "insufficient_funds", "approved", "insufficient_funds"]


def test_a_list_counts_payments_without_pin(scene: Scene) -> None:
    assert decide(scene, *(scene.tap(100) for _ in range(6))) == ["approved"] * 5 + ["pin_required"]


def test_an_atc_is_used_once_in_a_list(scene: Scene) -> None:
    request = scene.tap(10_000)
    again = request | {"network_reference": "again"}
    assert decide(scene, request, again) == ["approved", "security_violation"]


def test_wrong_pins_in_a_list_lock_the_token_for_the_rest_of_it(scene: Scene) -> None:
    wrong = [scene.tap(50_000, "pin", pin="9999") for _ in range(3)]
    assert decide(scene, *wrong, scene.tap(100)) == ["wrong_pin"] * 3 + ["pin_locked"]


def test_a_request_that_is_twice_in_a_list_is_one_payment(scene: Scene) -> None:
    request = scene.tap(10_000)
    parts, asked = scene.world.parts, value(request, scene.network.client_id)
    changed = dataclasses.replace(asked, reference=dataclasses.replace(asked.reference, content_hash=bytes(32)))
    first, again, other = authorize(parts, [asked, asked, changed])
    assert isinstance(first, Answer)
    assert again == Answer(first.body, replayed=True)
    assert other == ReferenceReused()
    assert scene.account()["holds"] == 10_000


def test_a_bad_request_fails_none_of_its_neighbours(scene: Scene) -> None:
    scene.reverse_lost("early")
    guessed = scene.plastic(10_000)
    guessed["card"]["expiry"] = "2099-01"
    forged = scene.tap(10_000)
    forged["cryptogram"]["mac"] = "00" * 8
    requests = [guessed, scene.tap(10_000), forged, scene.tap(10_000, network_reference="early"), scene.tap(10_000)]
    assert decide(scene, *requests) == ["unknown_number", "approved", "security_violation", "reversed", "approved"]


def test_a_card_that_cannot_be_opened_fails_none_of_its_neighbours(scene: Scene) -> None:
    broken, bo = scene.tap(10_000, "pin"), scene.world.person("bo")["card"]
    scene.erase_anna()
    other = scene.plastic(10_000)
    other["card"] = {"number": bo["number"], "expiry": bo["expiry"], "cvc": bo["cvc"]}
    assert decide(scene, broken, other) == ["unknown_number", "approved"]


def test_requests_of_many_cards_are_answered_in_their_own_order(scene: Scene) -> None:
    bo = scene.world.person("bo")["card"]
    requests = [scene.plastic(amount) for amount in (10_000, 99_999_999, 10_000, 10_000)]
    for index in (1, 2):
        requests[index]["card"] = {"number": bo["number"], "expiry": bo["expiry"], "cvc": None}
    assert decide(scene, *requests) == ["approved", "insufficient_funds", "approved", "approved"]


def card_without_account(scene: Scene) -> tuple[Number, str]:
    """What our own rules never make."""
    parts, now = scene.world.parts, scene.world.clock.now()
    with parts.database.transaction("test") as session:
        holder = cardholders.register(session, parts.vault, name="Ida Prøve", cpr="0101700000", mobile=None, now=now)
        card = cards.issue(
            session,
            parts.vault,
            SPACE,
            holder_id=holder.holder_id,
            account_id=ids.new_id(),
            scheme="dankort",
            now=now,
        )
        plastic = cards.current_plastic(session, card)
        return cards.reveal_number(session, parts.vault, card.card_id, plastic.plastic_id), cards.month(plastic.expiry)


def test_an_error_rolls_a_whole_list_back(scene: Scene) -> None:
    number, expiry = card_without_account(scene)
    broken, good = scene.plastic(10_000), scene.tap(10_000)
    broken["card"] = {"number": number.reveal(), "expiry": expiry, "cvc": None}
    with pytest.raises(NotFound):
        decide(scene, good, broken)
    with scene.world.parts.database.reading() as session:
        assert not session.scalars(select(Payment)).all()
        assert not session.scalars(select(ReferenceDirectory)).all()
    assert decide(scene, good) == ["approved"]


def test_an_empty_list_is_answered_by_nothing(scene: Scene) -> None:
    assert decide(scene) == []
