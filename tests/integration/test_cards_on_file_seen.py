"""Cards on file as they are seen: who knows which card, who was told what and when, who was paid (R-3.6c)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, event, select, text
from sqlalchemy.orm import Session

from tests.conftest import Peopled
from tests.integration.test_cards_on_file import ANOTHER_DAY, AUTHENTICATED, act, asked, listed, policy, shown
from tests.integration.test_resources_merchant import bank, card_of, problem
from tests.world import FILMFLODEN, Phone, World
from tokenization import ids
from wallet.payments import on_file
from wallet.payments.models import Payment

HOUR = timedelta(hours=1)
AT_FIRST = "2026-11-22T10:15:00Z"


def kept(world: World, phone: Phone, reference: str = "customer-42", *, automatic_update: bool = True) -> str:
    """A card on file at Filmfloden, with Anna's yes."""
    credential_id = asked(world, reference)
    assert act(phone, credential_id, "POST /confirm", automatic_update).status_code == 200
    return credential_id


def read_feed(world: World) -> list[dict[str, Any]]:
    """What Filmfloden finds in its feed."""
    world.tell()
    found: list[dict[str, Any]] = world.machine("merchant").request("GET", "/v1/merchant/card-updates").json()["data"]
    return found


def updates(phone: Phone, credential_id: str, query: str = "") -> dict[str, Any]:
    answer = phone.request("GET", f"/v1/credentials/{credential_id}/updates{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def plastic(card: dict[str, str]) -> dict[str, str]:
    return {"last4": card["number"][-4:], "expiry": card["expiry"]}


def test_a_cardholder_sees_when_a_shop_was_last_paid(world: World) -> None:
    phone, film = world.phone(), world.shop(FILMFLODEN)
    paying, idle = kept(world, phone, "paying"), kept(world, phone, "idle")
    film.charge_on_file(paying, 1_000)
    world.clock.advance(HOUR)
    film.charge_on_file(paying, 2_000)
    world.clock.advance(HOUR)
    assert film.charge_on_file(paying, 99_999_999)["reason"] == "insufficient_funds"
    film.charge_on_file(paying, 0, kind="verification")
    assert {each["id"]: each["last_paid_at"] for each in listed(world, phone)} == {
        paying: "2026-11-22T11:15:00Z",
        idle: None,
    }
    assert act(phone, paying, "PATCH").json()["last_paid_at"] == "2026-11-22T11:15:00Z"


def test_nobody_elses_payment_is_a_cards_on_file(world: World) -> None:
    phone = world.phone()
    kept(world, phone)
    assert world.shop(FILMFLODEN).charge_card(world.person("anna")["card"], 1_000)["approved"]
    assert [each["last_paid_at"] for each in listed(world, phone)] == [None]


def test_the_last_payment_is_found_by_its_index(session: Session) -> None:
    for dearer in ("seqscan", "bitmapscan", "sort"):  # as they are where there are many payments
        session.execute(text(f"SET LOCAL enable_{dearer} = off"))
    newest = select(Payment.at).where(Payment.card_id == ids.new_id(), Payment.credential_id == ids.new_id())
    statement = newest.where(*on_file.PAID).order_by(Payment.payment_id.desc()).limit(1)
    compiled = statement.compile(session.connection(), compile_kwargs={"literal_binds": True})
    plan = session.scalars(text(f"EXPLAIN {compiled}")).all()
    assert "Backward using ix_payments_of_credential" in plan[1]
    assert not any("Sort" in line for line in plan)


def test_a_cardholder_sees_which_card_a_shop_knows_and_since_when(world: World) -> None:
    phone = world.phone()
    told, untold = kept(world, phone, "told"), kept(world, phone, "untold", automatic_update=False)
    old = plastic(card_of(world))
    assert [(each["known"], each["last_updated_at"]) for each in listed(world, phone)] == [(old, None)] * 2
    new = plastic(bank(world, "/replace", {"reason": "bank"}))
    world.clock.advance(HOUR)
    assert len(read_feed(world)) == 1
    seen = {each["id"]: (each["known"], each["last_updated_at"]) for each in listed(world, phone)}
    assert seen == {told: (new, "2026-11-22T11:15:00Z"), untold: (old, None)}


def test_a_cardholder_sees_what_a_shop_was_told_and_when_it_had_it(world: World) -> None:
    phone = world.phone()
    credential_id, old = kept(world, phone), plastic(card_of(world))
    assert updates(phone, credential_id) == {"data": [], "next_cursor": None}
    new = plastic(bank(world, "/replace", {"reason": "bank"}))
    world.tell()
    [waiting] = updates(phone, credential_id)["data"]
    assert waiting == {
        "version": 3,
        "code": "A",
        "change": "number_changed",
        "previous": old,
        "current": new,
        "at": AT_FIRST,
        "received_at": None,
        "number_given": False,
    }
    world.clock.advance(HOUR)
    read_feed(world)
    assert updates(phone, credential_id)["data"] == [waiting | {"received_at": "2026-11-22T11:15:00Z"}]
    act(phone, credential_id, "PATCH", automatic_update=False)
    world.tell()
    newest, _ = updates(phone, credential_id)["data"]
    assert (newest["code"], newest["change"], newest["previous"], newest["current"]) == ("O", "opted_out", new, None)


def test_what_a_shop_was_told_is_listed_newest_first_in_pages(world: World) -> None:
    phone = world.phone()
    credential_id = kept(world, phone)
    kept(world, phone, "another")
    for _ in range(3):
        bank(world, "/replace", {"reason": "bank"})
        world.tell()
    first = updates(phone, credential_id, "?limit=2")
    rest = updates(phone, credential_id, f"?limit=2&cursor={first['next_cursor']}")
    assert [each["version"] for each in first["data"] + rest["data"]] == [5, 4, 3]
    assert rest["next_cursor"] is None
    for cursor in ("x", "-1", "1.0", "²", "9" * 40):
        answer = phone.request("GET", f"/v1/credentials/{credential_id}/updates?cursor={cursor}")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cursor")


def test_what_a_shop_was_told_can_be_seen_after_it_lost_the_card(world: World) -> None:
    phone = world.phone()
    credential_id = kept(world, phone)
    bank(world, "/replace", {"reason": "bank"})
    world.tell()
    act(phone, credential_id, "DELETE")
    assert [each["code"] for each in updates(phone, credential_id)["data"]] == ["A"]
    assert [each["id"] for each in listed(world, phone, "?status=withdrawn")] == [credential_id]


def test_what_a_shop_was_told_is_for_the_cardholder_alone(world: World) -> None:
    credential_id, stranger = kept(world, world.phone()), world.phone("bo")
    for each in (credential_id, ids.to_text("cred", ids.new_id()), "nonsense"):
        assert problem(stranger.request("GET", f"/v1/credentials/{each}/updates")) == (404, "not-found")


def test_a_shop_that_was_opted_out_is_shown_no_card_that_it_never_had(world: World) -> None:
    """It was on its way, and nobody had read it."""
    phone = world.phone()
    credential_id, old = kept(world, phone), card_of(world)["number"][-4:]
    new = bank(world, "/replace", {"reason": "bank"})["number"][-4:]
    world.tell()
    assert shown(world, credential_id)["last4"] == new
    act(phone, credential_id, "PATCH", automatic_update=False)
    assert shown(world, credential_id)["last4"] == old
    assert [each["data"]["code"] for each in read_feed(world)] == ["O"]


def test_an_opted_out_shop_is_paid_on(world: World) -> None:
    phone = world.phone()
    credential_id = kept(world, phone)
    act(phone, credential_id, "PATCH", automatic_update=False)
    bank(world, "/replace", {"reason": "bank"})
    assert world.shop(FILMFLODEN).charge_on_file(credential_id, 1_000)["approved"]


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """What is asked of the database in between."""
    asked_for: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked_for.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked_for
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_a_page_of_cards_on_file_costs_as_many_statements_as_one(world: World, peopled: Peopled) -> None:
    phone, shop = world.phone(), world.machine("merchant")
    policy(world, pending_per_merchant=100)
    pages = ((phone, f"/v1/cards/{world.person('anna')['card_id']}/credentials"), (shop, "/v1/merchant/credentials"))
    counted: dict[str, set[int]] = {path: set() for _, path in pages}
    for number in range(1, 5):
        kept(world, phone, f"customer-{number}")
        for caller, path in pages if number in (1, 4) else ():
            with statements(peopled.engine) as found:
                assert len(caller.request("GET", path).json()["data"]) == number
            counted[path].add(len(found))
    assert all(len(each) == 1 for each in counted.values()), counted


def test_a_list_says_how_each_agreement_came_about(world: World) -> None:
    phone = world.phone()
    credential_id = asked(world, agreement="card_on_file")
    world.clock.advance(ANOTHER_DAY)
    world.shop(FILMFLODEN).charge_on_file(credential_id, 1_000, **AUTHENTICATED)
    [one] = listed(world, phone)
    times = ("created_at", "confirmed_at", "last_paid_at", "pending_until")
    assert (one["merchant"], one["agreement"]) == ("Filmfloden", "card_on_file")
    assert [one[name] for name in times] == [AT_FIRST, "2026-11-23T10:15:00Z", "2026-11-23T10:15:00Z", None]
