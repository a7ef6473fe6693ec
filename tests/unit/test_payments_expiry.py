"""When a hold ends."""

from datetime import UTC, datetime

import pytest

from tests.payments import POLICIES
from wallet.payments.expiry import expires_at

GROCER, HOTEL, CAR_HIRE, FUEL = "5411", "7011", "7512", "5542"
BEGUN = datetime(2026, 3, 25, 10, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(("mcc", "days"), [(GROCER, 7), (FUEL, 7), (HOTEL, 30), (CAR_HIRE, 30)])
def test_a_hold_lasts_as_long_as_its_kind_of_shop_may_need(mcc: str, days: int) -> None:
    assert (expires_at(mcc, POLICIES.holds, BEGUN) - BEGUN).total_seconds() == days * 86_400


def test_the_day_that_is_an_hour_short_shortens_no_hold() -> None:
    assert expires_at(GROCER, POLICIES.holds, BEGUN) == datetime(2026, 4, 1, 10, 15, 30, tzinfo=UTC)
