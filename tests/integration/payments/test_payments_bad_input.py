"""What an acquirer may get wrong: refused by the name of its field, with what is wrong, and nothing is kept or told."""

from typing import Any

from sqlalchemy import select

from tests.integration.payments.scene import Scene
from wallet.payments.models import Payment


def test_a_city_is_kept_with_the_merchant_where_one_is_named(scene: Scene) -> None:
    kept: list[dict[str, Any]] = []
    for city in ({}, {"city": None}, {"city": "København V"}):
        asked = scene.plastic(100)
        asked["merchant"] |= city
        scene.decide(asked)
    with scene.world.parts.database.reading() as session:
        kept += session.scalars(select(Payment.merchant).order_by(Payment.payment_id))
    netto = {"id": "DK-123", "name": "Netto Vesterbro", "mcc": "5411", "country": "DK"}
    assert kept == [netto, netto, {**netto, "city": "København V"}]
