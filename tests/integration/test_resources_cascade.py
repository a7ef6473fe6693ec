"""The cascade of a block over HTTP (R-10.1): what it reaches, counted; what it would reach; what comes back."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, event, select, text

from mobile_mock.phone_token import PhoneToken
from tests.world import FILMFLODEN, Phone, World
from tokenization import ids
from tokenization.models import Requestor, Token

NOTHING = {"tokens": 0, "drawing_rights": 0, "credentials": 0}
LOST = {"reason": "lost"}


def bank(world: World, what: str, body: Any = None) -> httpx.Response:
    """What the bank does with Anna's card."""
    return world.machine("issuer").request("POST", f"/v1/issuer/cards/{world.person('anna')['card_id']}{what}", body)


def dry(world: World, body: dict[str, Any] = LOST) -> dict[str, int]:
    answer = bank(world, "/block?dry_run=true", body)
    assert answer.status_code == 200, answer.text
    reach: dict[str, int] = answer.json()["cascade"]
    return reach


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def on_file(world: World, phone: Phone) -> str:
    """A card on file at Filmfloden that Anna said yes to."""
    card = world.person("anna")["card"]
    asked = {
        "card": {name: card[name] for name in ("number", "expiry")},
        "agreement": "subscription",
        "reference": "customer-42",
    }
    made = world.machine("merchant").request("POST", "/v1/merchant/credentials", asked).json()["id"]
    phone.request("POST", f"/v1/credentials/{made}/confirm", {"automatic_update": True})
    credential_id: str = made
    return credential_id


def copies(world: World, token_id: str, count: int) -> None:
    """As many more tokens like this one."""
    columns = ", ".join(column.name for column in Token.__table__.columns if column.name != "token_id")
    insert = f"""
        INSERT INTO tokenization.tokens (token_id, {columns}) SELECT gen_random_uuid(), {columns}
        FROM tokenization.tokens, generate_series(1, :count)"""  # noqa: S608 - ours
    with world.parts.database.transaction("test") as session:
        session.execute(text(insert), {"count": count})


# What a block would reach


def test_the_bank_asks_what_a_block_would_reach_and_nothing_is_written(world: World) -> None:
    phone = world.phone()
    own = phone.active(world.person("anna")["card"])
    on_file(world, phone)
    with unchanged(world):
        answer = bank(world, "/block?dry_run=true", LOST | {"reported_by": "Anna"}).json()
    assert (answer["status"], answer["blocked"]) == ("active", None)
    assert answer["cascade"] == {"tokens": 1, "drawing_rights": 0, "credentials": 1}
    assert phone.request("GET", f"/v1/tokens/{own['id']}").json()["status"] == "active"
    assert bank(world, "/block", LOST).json()["cascade"] == answer["cascade"]


@contextmanager
def unchanged(world: World) -> Iterator[None]:
    """Neither the card nor its journal nor the outbox."""
    look = text("""
        SELECT (SELECT array_agg(cards::text ORDER BY card_id) FROM tokenization.cards), (SELECT count(*) FROM
        tokenization.journal_entries), (SELECT count(*) FROM notifications.outbox)""")
    with world.parts.database.reading() as session:
        before = session.execute(look).one()
    yield
    with world.parts.database.reading() as session:
        assert session.execute(look).one() == before


@pytest.mark.parametrize(
    ("body", "refused"),
    [({"reason": "overdraft"}, "reminded_at"), (LOST | {"noticed_at": "2030-01-01T00:00:00Z"}, "noticed_at")],
    ids=["no-reminder", "to-come"],
)
def test_what_could_not_be_done_is_refused_when_it_is_asked_about(
    world: World, body: dict[str, Any], refused: str
) -> None:
    for query in ("?dry_run=true", ""):
        answer = bank(world, f"/block{query}", body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, refused)


def test_of_a_closed_card_nothing_is_reached(world: World) -> None:
    bank(world, "/close")
    for query in ("?dry_run=true", ""):
        assert problem(bank(world, f"/block{query}", LOST)) == (409, "card-closed")


def test_what_is_not_yes_or_no_is_no_dry_run(world: World) -> None:
    answer = bank(world, "/block?dry_run=perhaps", LOST)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "dry_run")
    assert bank(world, "/unblock").status_code == 409


# The receipt


def test_a_receipt_counts_what_still_lives_whatever_state_it_is_in(world: World) -> None:
    """Suspended, unverified and paused ones are reached: they must not come back while the card is blocked."""
    phone, card = world.phone(), world.person("anna")["card"]
    suspended, ended = phone.active(card), world.phone().active(card)
    world.phone().provision(card)  # the third within the hour: unverified
    phone.request("POST", f"/v1/tokens/{suspended['id']}/suspend", {"reason": "other"})
    phone.request("DELETE", f"/v1/tokens/{ended['id']}")
    paused, revoked, expiring = (world.grant(phone, **terms) for terms in ({}, {}, {"valid_until": "2026-11-22"}))
    for right in (paused, revoked, expiring):
        world.child(right["id"]).active(right_id=right["id"])
    phone.request("POST", f"/v1/drawing-rights/{paused['id']}/pause")
    phone.request("DELETE", f"/v1/drawing-rights/{revoked['id']}")
    assert dry(world) == {"tokens": 4, "drawing_rights": 2, "credentials": 0}
    world.clock.advance(timedelta(days=1))
    assert dry(world) == {"tokens": 3, "drawing_rights": 1, "credentials": 0}


def test_the_tokens_of_a_card_that_has_expired_are_gone_already(world: World) -> None:
    phone = world.phone()
    phone.active(world.person("anna")["card"])
    on_file(world, phone)
    world.clock.advance(timedelta(days=5 * 366))
    assert dry(world) == NOTHING | {"credentials": 1}
    assert bank(world, "/block", LOST).json()["status"] == "blocked"


def test_a_block_asks_as_much_of_the_database_with_many_tokens_as_with_one(world: World, engine: Engine) -> None:
    """1.5 times the time is the most (`make bench` measures it): the count alone may cost more, in one index."""
    phone = world.phone()
    token = phone.active(world.person("anna")["card"])
    with statements(engine) as few:
        bank(world, "/block?dry_run=true", LOST)
    copies(world, token["id"], 2_000)
    with statements(engine) as many:
        assert bank(world, "/block?dry_run=true", LOST).json()["cascade"]["tokens"] == 2_001
    assert len(many) == len(few) < 25


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """What is asked of the database within."""
    asked: list[str] = []

    def note(_: Any, __: Any, statement: str, *more: Any) -> None:
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield asked
    event.remove(engine, "before_cursor_execute", note)


# What comes back

BEFORE = {
    "active": (),
    "cardholder": (("wallet", "suspend", {"reason": "other"}),),
    "issuer": (("issuer", "suspend", {"reason": "fraud"}),),
    "wallet_provider": (("provider", "suspend", {"reason": "fraud"}),),
    "deactivated": (("issuer", "delete", None),),
}


def act(world: World, phone: Phone, token_id: str, who: str, what: str, body: Any) -> None:
    """Something happens to a token; it must work."""
    machine = None if who == "wallet" else world.machine(who)
    path = f"/v1/{'' if machine is None else who + '/'}tokens/{token_id}"
    ask = phone.request if machine is None else machine.request
    answer = ask("DELETE", path) if what == "delete" else ask("POST", f"{path}/{what}", body)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("when", ["before", "during"])
def test_unblocking_gives_back_what_the_block_took_and_nothing_that_others_hold(world: World, when: str) -> None:
    phone = world.phone()
    held = {because: on_another_phone(world) for because in BEFORE}
    right = world.grant(phone)
    childs = world.child(right["id"]).active(right_id=right["id"])["id"]

    def happen() -> None:
        for because, steps in BEFORE.items():
            for step in steps:
                act(world, phone, held[because], *step)
        assert phone.request("POST", f"/v1/drawing-rights/{right['id']}/pause").status_code == 200

    if when == "before":
        happen()
    bank(world, "/block", LOST)
    if when == "during":
        happen()
    of = {because: seen(world, token_id)["because"] for because, token_id in held.items()}
    assert of == dict.fromkeys(BEFORE, "card_blocked") | {"deactivated": "deactivated"}
    assert bank(world, "/unblock").status_code == 200
    assert {because: seen(world, token_id)["because"] for because, token_id in held.items()} == {
        because: None if because == "active" else because for because in BEFORE
    }
    assert seen(world, childs)["because"] == "drawing_right_paused"


def on_another_phone(world: World) -> str:
    """An active token; an hour after the last, so that nobody finds that suspicious."""
    world.clock.advance(timedelta(hours=1, minutes=1))
    token_id: str = world.phone().active(world.person("anna")["card"])["id"]
    return token_id


def seen(world: World, token_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = world.machine("issuer").request("GET", f"/v1/issuer/tokens/{token_id}").json()
    return answer


# A requestor


def suspend(world: World, requestor_id: str, status: str = "suspended") -> None:
    changed = world.machine("issuer").request("PATCH", f"/v1/issuer/requestors/{requestor_id}", {"status": status})
    assert changed.json()["status"] == status, changed.text


def test_the_cards_on_file_of_a_suspended_shop_pay_nothing_and_come_back(world: World) -> None:
    phone, film = world.phone(), world.shop(FILMFLODEN)
    credential = on_file(world, phone)
    shop = shop_of(world)
    suspend(world, shop)
    assert film.charge_on_file(credential, 1_000)["reason"] == "credential_withdrawn"
    suspend(world, shop, "active")
    assert film.charge_on_file(credential, 1_000)["approved"]


def shop_of(world: World) -> str:
    with world.parts.database.reading() as session:
        found = session.scalars(select(Requestor.requestor_id).where(Requestor.kind == "merchant")).one()
    return ids.to_text("reqr", found)


def test_a_suspended_wallet_gives_back_no_more_than_it_took(world: World) -> None:
    phone, other, card = world.phone(), world.phone(), world.person("anna")["card"]
    pays: PhoneToken = phone.token(card)
    held = other.active(card)
    phone.request("POST", f"/v1/tokens/{held['id']}/suspend", {"reason": "other"})
    wallet = pays.provisioned["requestor"]["id"]
    suspend(world, wallet)
    seen = world.machine("issuer").request("GET", f"/v1/issuer/tokens/{held['id']}").json()
    assert seen["because"] == "requestor_suspended"
    suspend(world, wallet, "active")
    assert phone.request("GET", f"/v1/tokens/{held['id']}").json()["because"] == "cardholder"
    assert world.shop().tap(pays, 1_000)["approved"]
