"""The cardholder's cards over HTTP: blocked at once and everywhere, payments seen, shops decided upon."""

from datetime import timedelta
from typing import Any

import httpx

from tests.world import FILMFLODEN, Phone, World
from tokenization import ids


def card_of(world: World, name: str = "anna") -> dict[str, str]:
    card: dict[str, str] = world.person(name)["card"]
    return card


def path(world: World, what: str = "", name: str = "anna") -> str:
    return f"/v1/cards/{world.person(name)['card_id']}{what}"


def bank(world: World, method: str, what: str, body: Any = None) -> Any:
    """What the bank does with Anna's card."""
    answer = world.machine("issuer").request(method, f"/v1/issuer/cards/{world.person('anna')['card_id']}{what}", body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def block(world: World, phone: Phone, *, dry_run: bool = False, **body: Any) -> httpx.Response:
    query = "?dry_run=true" if dry_run else ""
    return phone.request("POST", path(world, f"/block{query}"), {"reason": "lost"} | body)


def on_file(world: World, phone: Phone, *, automatic_update: bool = True) -> str:
    """A card on file at Filmfloden, that Anna said yes to."""
    typed = {name: card_of(world)[name] for name in ("number", "expiry")}
    asked = {"card": typed, "agreement": "subscription", "reference": "customer-42"}
    made = world.machine("merchant").request("POST", "/v1/merchant/credentials", asked)
    credential_id: str = made.json()["id"]
    yes = {"automatic_update": automatic_update}
    answer = phone.request("POST", f"/v1/credentials/{credential_id}/confirm", yes)
    assert answer.json()["status"] == "active", answer.text
    return credential_id


def test_a_cardholder_sees_who_they_are_with_the_mobile_masked(world: World) -> None:
    me = world.phone().request("GET", "/v1/me").json()
    assert me["name"] == "Anna Fjordmark"
    assert me["assurance"].endswith("/Substantial")
    assert (me["language"], me["mobile"]) == ("da", "+45 ****** 01")


def test_a_cardholder_sees_their_own_cards_and_no_number(world: World) -> None:
    phone = world.phone()
    [card] = phone.request("GET", "/v1/cards").json()["data"]
    assert card == phone.request("GET", path(world)).json()
    assert (card["last4"], card["expiry"]) == (card_of(world)["number"][-4:], card_of(world)["expiry"])
    assert (card["status"], card["blocked"], card["scheme"], len(card["par"])) == ("active", None, "visa_dankort", 29)
    assert set(card) == {"id", "scheme", "last4", "expiry", "status", "blocked", "par"}


def test_another_persons_card_is_not_there(world: World) -> None:
    stranger = world.phone("bo").step_up("right")
    nowhere = f"/v1/cards/{ids.to_text('card', ids.new_id())}"
    for method, what, body in (
        ("GET", "", None),
        ("POST", "/block", {"reason": "lost"}),
        ("GET", "/payments", None),
        ("GET", "/credentials", None),
        ("POST", "/drawing-rights", {"delegate": {"name": "Emil"}, "limits": {"per_day": 1}}),
    ):
        answers = [stranger.request(method, where + what, body) for where in (path(world), nowhere)]
        assert [problem(answer) for answer in answers] == [(404, "not-found")] * 2, what
        assert answers[0].json()["detail"] == answers[1].json()["detail"]
    assert world.phone().request("GET", path(world)).json()["status"] == "active"


def test_a_block_says_reason_time_and_by_whom_and_counts_what_it_reaches(world: World) -> None:
    phone = world.phone()
    phone.active(card_of(world))
    right = world.grant(phone)
    world.child(right["id"]).active(right_id=right["id"])
    on_file(world, phone)
    expected = {"tokens": 2, "drawing_rights": 1, "credentials": 1}
    dry = block(world, phone, dry_run=True).json()
    assert (dry["cascade"], dry["status"], dry["blocked"]) == (expected, "active", None)
    answer = block(world, phone)
    assert answer.status_code == 200
    assert answer.json()["cascade"] == expected
    assert answer.json()["blocked"] == {"reason": "lost", "at": "2026-11-22T10:15:00Z", "by": "cardholder"}


def test_what_has_ended_is_not_counted(world: World) -> None:
    phone = world.phone()
    phone.request("DELETE", f"/v1/tokens/{phone.active(card_of(world))['id']}")
    right = world.grant(phone)
    world.child(right["id"]).active(right_id=right["id"])
    phone.request("DELETE", f"/v1/drawing-rights/{right['id']}")
    phone.request("DELETE", f"/v1/credentials/{on_file(world, phone)}")
    assert block(world, phone, dry_run=True).json()["cascade"] == {"tokens": 0, "drawing_rights": 0, "credentials": 0}


def test_a_block_reaches_every_way_to_pay_at_once_and_unblocking_gives_them_back(world: World) -> None:
    """R-10.1: the token, the child card, the card on file, the plastic."""
    phone, shop, film = world.phone(), world.shop(), world.shop(FILMFLODEN)
    own, right = phone.token(card_of(world)), world.grant(phone)
    childs = world.child(right["id"]).token(right_id=right["id"])
    credential = on_file(world, phone)

    def pay() -> list[str]:
        answers = [
            shop.tap(own, 1_000),
            shop.tap(childs, 1_000),
            film.charge_on_file(credential, 1_000),
            shop.charge_card(card_of(world), 1_000),
        ]
        return [answer["reason"] for answer in answers]

    assert pay() == ["approved"] * 4
    block(world, phone)
    assert pay() == ["card_blocked", "card_blocked", "card_blocked", "card_lost"]
    bank(world, "POST", "/unblock")
    assert pay() == ["approved"] * 4


def test_a_token_that_was_suspended_beside_the_block_stays_so(world: World) -> None:
    phone = world.phone()
    also, kept = world.phone().active(card_of(world)), phone.active(card_of(world))
    block(world, phone, also_suspend=[also["id"]])
    bank(world, "POST", "/unblock")
    shown = {each["id"]: each["because"] for each in phone.request("GET", "/v1/tokens").json()["data"]}
    assert shown == {also["id"]: "cardholder", kept["id"]: None}


def test_a_token_that_has_ended_does_not_hold_up_a_block(world: World) -> None:
    phone = world.phone()
    token = phone.active(card_of(world))
    phone.request("DELETE", f"/v1/tokens/{token['id']}")
    assert block(world, phone, also_suspend=[token["id"]]).json()["status"] == "blocked"


def test_a_token_of_another_card_is_named_and_nothing_is_blocked(world: World) -> None:
    phone, of_bo = world.phone(), world.phone("bo").active(card_of(world, "bo"))
    for other in (of_bo["id"], ids.to_text("tok", ids.new_id())):
        for dry_run in (True, False):
            answer = block(world, phone, dry_run=dry_run, also_suspend=[other])
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "also_suspend")
    assert phone.request("GET", path(world)).json()["status"] == "active"


def test_blocking_again_keeps_the_first_reason_and_time(world: World) -> None:
    phone = world.phone()
    first = block(world, phone).json()["blocked"]
    world.clock.advance(timedelta(hours=1))
    assert block(world, phone, reason="stolen").json()["blocked"] == first
    assert bank(world, "GET", "/journal/verify")["entries"] == 2  # issued, blocked


def test_a_closed_card_is_not_blocked_any_more(world: World) -> None:
    phone = world.phone()
    bank(world, "POST", "/close")
    for dry_run in (True, False):
        assert problem(block(world, phone, dry_run=dry_run)) == (409, "card-closed")


def test_a_cardholder_blocks_for_a_cardholders_reason(world: World) -> None:
    phone = world.phone()
    for body in ({"reason": "overdraft"}, {"reason": "LOST"}, {"reason": None}, {"also_suspend": "tok_1"}):
        assert block(world, phone, **body).status_code == 422
    answer = phone.request("POST", path(world, "/block?dry_run=yes"), {"reason": "lost"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "dry_run")
    assert phone.request("GET", path(world)).json()["status"] == "active"


def test_the_people_concerned_are_told_of_a_block(world: World) -> None:
    phone = world.phone()
    right = world.grant(phone)
    child = world.child(right["id"])
    block(world, phone)
    world.tell()
    [message] = [each for each in phone.request("GET", "/v1/inbox").json()["data"] if each["kind"] == "card.blocked"]
    assert "11.15" in message["text"]
    assert card_of(world)["number"][-4:] in message["text"]
    [told] = [each for each in child.request("GET", "/v1/inbox").json()["data"] if each["kind"] == "card.blocked"]
    assert card_of(world)["number"][-4:] not in told["text"]
    assert told["card_id"] is None


def test_payments_are_listed_newest_first_with_the_reason_of_a_decline(world: World) -> None:
    phone, shop = world.phone(), world.shop()
    token = phone.token(card_of(world))
    shop.tap(token, 1_000)
    shop.tap(token, 50_000)
    page = phone.request("GET", path(world, "/payments?limit=1")).json()
    [declined] = page["data"]
    assert (declined["approved"], declined["reason"], declined["amount"]) == (False, "pin_required", 50_000)
    [approved] = phone.request("GET", path(world, f"/payments?cursor={page['next_cursor']}")).json()["data"]
    assert (approved["approved"], approved["status"], approved["token_id"]) == (True, "held", token.id)
    assert approved["merchant"]["name"] == "Netto Vesterbro"


def test_a_shop_keeps_a_card_only_after_a_yes(world: World) -> None:
    phone, film = world.phone(), world.shop(FILMFLODEN)
    credential = on_file(world, phone, automatic_update=False)
    [kept] = phone.request("GET", path(world, "/credentials")).json()["data"]
    assert (kept["id"], kept["merchant"], kept["status"]) == (credential, "Filmfloden", "active")
    assert (kept["automatic_update"], kept["agreement"]) == (False, "subscription")
    again = phone.request("POST", f"/v1/credentials/{credential}/confirm", {"automatic_update": True})
    assert problem(again) == (409, "illegal-state")
    assert film.charge_on_file(credential, 1_000)["approved"]


def test_a_cardholder_chooses_whether_a_shop_is_updated(world: World) -> None:
    phone = world.phone()
    credential = on_file(world, phone)
    before = phone.request("GET", path(world, "/credentials")).json()["data"][0]["version"]
    changed = phone.request("PATCH", f"/v1/credentials/{credential}", {"automatic_update": False}).json()
    assert (changed["automatic_update"], changed["version"]) == (False, before + 1)
    same = phone.request("PATCH", f"/v1/credentials/{credential}", {"automatic_update": False}).json()
    assert same["version"] == before + 1


def test_a_withdrawn_registration_pays_nothing_and_is_gone(world: World) -> None:
    phone, film = world.phone(), world.shop(FILMFLODEN)
    credential = on_file(world, phone)
    assert phone.request("DELETE", f"/v1/credentials/{credential}").json()["status"] == "withdrawn"
    assert film.charge_on_file(credential, 1_000)["reason"] == "credential_withdrawn"
    assert phone.request("GET", path(world, "/credentials")).json()["data"] == []
    for method, what, body in (
        ("DELETE", "", None),
        ("PATCH", "", {"automatic_update": True}),
        ("POST", "/confirm", {"automatic_update": True}),
    ):
        assert problem(phone.request(method, f"/v1/credentials/{credential}{what}", body)) == (409, "illegal-state")


def test_another_persons_registration_is_not_there(world: World) -> None:
    credential, stranger = on_file(world, world.phone()), world.phone("bo")
    for each in (credential, ids.to_text("cred", ids.new_id()), "nonsense"):
        for method, what in (("POST", "/confirm"), ("PATCH", ""), ("DELETE", "")):
            body = None if method == "DELETE" else {"automatic_update": False}
            assert problem(stranger.request(method, f"/v1/credentials/{each}{what}", body)) == (404, "not-found")


def test_yes_is_true_or_false(world: World) -> None:
    phone = world.phone()
    credential = on_file(world, phone)
    values: list[object] = ["true", 1, None, []]
    for value in values:
        answer = phone.request("PATCH", f"/v1/credentials/{credential}", {"automatic_update": value})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "automatic_update"), value
