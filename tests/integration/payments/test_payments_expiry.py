"""Holds that end: what is not captured in time is free again, once, and those whose limits have it again are told."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import delete, select, text, update
from structlog.testing import capture_logs

from delegation.models import UsageDay
from notifications.models import Message
from tests.integration.payments.scene import HOTEL, Scene, money, refused
from tests.integration.test_delegation_rounds import sent
from tokenization import ids
from tokenization.ids import new_id
from wallet.payments import expiry
from wallet.payments.models import Payment

WEEK, MONTH = timedelta(days=7), timedelta(days=30)
SECOND = timedelta(seconds=1)


def go_round(scene: Scene) -> int:
    """Let the chore be done once."""
    parts = scene.world.parts
    return expiry.run(lambda: parts.database.transaction("system"), parts.clock.now())


def after(scene: Scene, wait: timedelta) -> int:
    """The same, so much later."""
    scene.world.clock.advance(wait)
    return go_round(scene)


def read(scene: Scene) -> list[tuple[str, str]]:
    """What everybody was told of holds that ended."""
    scene.world.tell()
    with scene.world.parts.database.reading() as session:
        told = select(Message).where(Message.kind.in_(["drawing_right.payment_expired", "payment.expired"]))
        return [(each.title, each.text) for each in session.scalars(told.order_by(Message.kind))]


def test_what_is_not_captured_in_time_is_free_again(scene: Scene) -> None:
    payment_id = scene.approved(20_000, token=scene.emil)
    assert after(scene, WEEK - SECOND) == 0
    assert (money(scene), scene.look(payment_id)["status"]) == ((0, 20_000), "held")
    assert after(scene, SECOND) == 1
    assert (money(scene), scene.look(payment_id)["status"]) == ((0, 0), "expired")
    assert go_round(scene) == 0
    scene.world.clock.advance(-WEEK)
    assert (scene.used("per_day"), scene.used("payments_per_day")) == (0, 0), "on its day"


def test_the_history_tells_it(scene: Scene) -> None:
    payment_id = scene.approved(50_000)
    scene.do("captures", payment_id, 20_000, final=False, network_reference="c1")
    after(scene, WEEK)
    seen = scene.look(payment_id)
    assert (seen["status"], seen["captured"], seen["expired"]) == ("captured", 20_000, 30_000)
    assert seen["history"][1:] == [
        {"kind": "expiry", "amount": 30_000, "final": True, "network_reference": None, "at": "2026-11-29T10:15:00Z"}
    ]
    assert money(scene) == (20_000, 0)


def test_a_hotel_has_longer(scene: Scene) -> None:
    scene.approved(50_000, at=HOTEL)
    assert (after(scene, MONTH - SECOND), after(scene, SECOND)) == (0, 1)


def test_a_policy_that_is_changed_moves_no_end_that_was_agreed(scene: Scene) -> None:
    scene.approved(50_000)
    scene.world.clock.advance(SECOND)
    figures = {"days": 1, "long_days": 2, "long_categories": [], "estimated_categories": [], "estimated_percent": 100}
    now = scene.world.clock.now().isoformat()
    scene.bank("PUT", "/policies/holds", {"figures": figures, "effective_at": now})
    assert (after(scene, WEEK - 2 * SECOND), after(scene, SECOND)) == (0, 1)


def test_a_margin_ends_with_its_hold_and_a_margin_that_is_all_there_is_ends_too(scene: Scene) -> None:
    both = scene.approved(10_000, token=scene.emil, at=HOTEL, estimated=True)
    margin = scene.approved(10_000, token=scene.emil, at=HOTEL, estimated=True)
    scene.do("captures", margin, 11_000, final=False)
    assert scene.used("per_day") == 23_000
    assert after(scene, MONTH) == 2
    assert (money(scene), scene.look(both)["status"], scene.look(margin)["status"]) == (
        (11_000, 0),
        "expired",
        "captured",
    )
    assert [each["amount"] for each in scene.look(margin)["history"]] == [11_000, 0]
    scene.world.clock.advance(-MONTH)
    assert scene.used("per_day") == 11_000


def test_nothing_comes_after_it_but_a_refund_of_what_was_captured(scene: Scene) -> None:
    request = scene.tap(50_000, "pin")
    never, partly = scene.decide(request)["id"], scene.approved(50_000)
    scene.do("captures", partly, 20_000, final=False)
    assert after(scene, WEEK) == 2
    assert refused(scene.do("captures", never, 1)) == (409, "hold-expired")
    assert refused(scene.do("captures", partly, 1)) == (409, "hold-expired")
    assert refused(scene.do("reversals", never)) == (409, "nothing-to-reverse")
    assert refused(scene.do("refunds", never, 1)) == (409, "nothing-captured")
    lost = scene.reverse_lost(request["network_reference"])
    assert (lost.status_code, lost.json()["status"], lost.json()["amount"]) == (201, "expired", 0)
    assert scene.do("reversals", partly, 5_000).status_code == 201
    assert scene.do("refunds", partly, 15_000).status_code == 201
    assert money(scene) == (0, 0)


def test_what_is_due_stands_until_somebody_comes_by(scene: Scene) -> None:
    payment_id = scene.approved(50_000)
    scene.world.clock.advance(WEEK + SECOND)
    assert scene.do("captures", payment_id, 50_000).status_code == 201
    assert go_round(scene) == 0


def test_what_was_captured_reversed_or_never_held_anything_does_not_end(scene: Scene) -> None:
    scene.do("captures", scene.approved(50_000), 40_000)
    scene.do("reversals", scene.approved(50_000))
    verified = scene.pay(0, kind="verification")["id"]
    scene.pay(50_000)
    assert after(scene, MONTH) == 0
    assert scene.look(verified)["status"] == "held"


@pytest.mark.parametrize("what", ["blocked", "closed", "erased"])
def test_a_hold_ends_whatever_became_of_its_card(scene: Scene, what: str) -> None:
    scene.approved(50_000)
    if what == "blocked":
        scene.bank("POST", scene.of_anna("/block"), {"reason": "stolen"})
    else:
        scene.bank("POST", scene.of_anna("/close"))
    if what == "erased":
        scene.erase_anna()
    assert after(scene, WEEK) == 1
    assert money(scene) == (0, 0)


def test_a_one_off_that_such_a_payment_took_is_not_of_use_again(scene: Scene) -> None:
    scene.one_off(25_000)
    scene.approved(25_000, token=scene.emil)
    assert after(scene, WEEK) == 1
    assert scene.pay(25_000, "pin", token=scene.emil)["reason"] == "amount_limit"


def test_grantor_and_child_read_that_it_is_free_again_and_of_her_own_the_grantor_does_not(unchecked: Scene) -> None:
    unchecked.change({"notify_grantor": "all"})
    unchecked.approved(20_000, token=unchecked.emil)
    unchecked.approved(20_000)
    after(unchecked, WEEK)
    free = "blev ikke hævet i tide. Fra 29. november 2026 kl. 11.15 er beløbet frit igen."
    assert read(unchecked) == [
        ("Netto Vesterbro tog ikke 200,00 kr.", f"200,00 kr., som Emil betalte hos Netto Vesterbro, {free}"),
        ("Netto Vesterbro tog ikke 200,00 kr.", f"200,00 kr., som du betalte hos Netto Vesterbro, {free}"),
    ]


def test_of_a_margin_alone_nobody_reads(unchecked: Scene) -> None:
    payment_id = unchecked.approved(10_000, token=unchecked.emil, at=HOTEL, estimated=True)
    unchecked.do("captures", payment_id, 10_000, final=False)
    assert after(unchecked, MONTH) == 1
    assert read(unchecked) == []


def test_a_round_goes_page_by_page_and_stops_when_it_is_told_to(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "PIECE", 2)
    for _ in range(5):
        scene.approved(1_000)
    scene.world.clock.advance(WEEK)
    parts, answers = scene.world.parts, iter([False, False, True])
    transaction = lambda: parts.database.transaction("system")  # noqa: E731 - one use, one line
    assert expiry.run(transaction, parts.clock.now(), lambda: next(answers)) == 2
    assert go_round(scene) == 3


def test_a_hold_that_cannot_be_ended_stops_no_other_and_stays_due(unchecked: Scene) -> None:
    broken = unchecked.approved(20_000, token=unchecked.emil)
    unchecked.world.clock.advance(timedelta(days=1))
    unchecked.approved(20_000)
    parts = unchecked.world.parts
    with parts.database.transaction("test") as session:
        session.execute(delete(UsageDay).where(UsageDay.scope_id == ids.parse("right", unchecked.town.right_id)))
    with capture_logs() as logs:
        assert after(unchecked, WEEK) == 1
    card_id = unchecked.world.person("anna")["card_id"]
    assert [(each["event"], each["card_id"], each["payment_id"]) for each in logs] == [
        ("hold_not_ended", card_id, broken)
    ]
    assert money(unchecked) == (0, 20_000)
    with parts.database.reading() as session:
        assert expiry.overdue(session, parts.clock.now()) == timedelta(days=1)


def test_whoever_is_killed_has_ended_nothing_and_the_next_ends_it(scene: Scene) -> None:
    payment_id, parts = scene.approved(50_000), scene.world.parts
    scene.world.clock.advance(WEEK)
    card_id = ids.parse("card", scene.world.person("anna")["card_id"])

    def end_and_be_killed() -> None:
        with parts.database.transaction("system") as session:
            assert expiry.end(session, card_id, ids.parse("pay", payment_id), parts.clock.now())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        end_and_be_killed()
    assert (money(scene), go_round(scene), money(scene)) == ((0, 50_000), 1, (0, 0))


def test_what_is_due_is_found_by_its_index_without_sorting(scene: Scene) -> None:
    now = scene.world.clock.now()
    with scene.world.parts.database.reading() as session:
        for dearer in ("seqscan", "bitmapscan"):  # as they are where there are many payments
            session.execute(text(f"SET LOCAL enable_{dearer} = off"))
        with sent(session) as statements:
            expiry.due(session, now, expiry.Due(now, new_id(), new_id()), expiry.PIECE)
            expiry.overdue(session, now)
        for statement, parameters in statements:
            plan = session.connection().exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars().all()
            assert any("Index" in line and "using ix_payments_expiring" in line for line in plan), plan
            assert not any(re.match(r"[ >-]*Sort +\(", line) for line in plan), plan  # but for those of one card


def test_how_long_the_oldest_hold_has_been_due_is_known(scene: Scene) -> None:
    scene.approved(1_000)
    scene.approved(1_000, at=HOTEL)
    scene.world.clock.advance(WEEK - SECOND)
    assert overdue(scene) == timedelta()
    scene.world.clock.advance(SECOND + timedelta(hours=2))
    assert overdue(scene) == timedelta(hours=2)
    go_round(scene)
    assert overdue(scene) == timedelta()


def overdue(scene: Scene) -> timedelta:
    parts = scene.world.parts
    with parts.database.reading() as session:
        return expiry.overdue(session, parts.clock.now())


def test_a_payment_from_before_holds_had_an_end_is_left_alone(scene: Scene) -> None:
    scene.approved(1_000)
    with scene.world.parts.database.transaction("test") as session:
        session.execute(update(Payment).values(expires_at=None))
    assert after(scene, MONTH) == 0
