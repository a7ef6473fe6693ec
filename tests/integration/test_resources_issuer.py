"""The bank over HTTP: customers, cards, the blocking line, replacing and closing."""

from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import text

from tests.world import STAFF, World
from tokenization import ids
from tokenization.numbers import is_number

CPR = "0101700101"
HOUR = timedelta(hours=1)


def call(world: World, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
    return world.machine("issuer").request(method, f"/v1/issuer{path}", body, headers=headers)


def card(world: World, what: str = "", body: Any = None, name: str = "anna") -> httpx.Response:
    return call(world, "POST", f"/cards/{world.person(name)['card_id']}{what}", body)


def shown(world: World) -> dict[str, Any]:
    answer: dict[str, Any] = call(world, "GET", f"/cards/{world.person('anna')['card_id']}").json()
    return answer


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def field(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["field"]


def test_a_customer_gets_an_account_and_a_card_with_its_number_this_once(world: World) -> None:
    person = {"name": "Carla Prøve", "cpr": CPR, "mobile": "+4500000007", "language": "en", "address": "Havnegade 1"}
    made = call(world, "POST", "/cardholders", person)
    holder = made.json()
    assert made.status_code == 201
    assert (holder["mobile"], holder["mitid_linked"], holder["address"]) == ("+45 ****** 07", False, "Havnegade 1")
    assert CPR not in made.text
    opened = call(world, "POST", "/accounts", {"cardholder_id": holder["id"], "overdraft_limit": 500})
    account = opened.json()
    assert (opened.status_code, account["balance"], account["available"]) == (201, 0, 500)
    asked = {"cardholder_id": holder["id"], "account_id": account["id"], "scheme": "dankort"}
    issued = call(world, "POST", "/cards", asked)
    new = issued.json()
    assert issued.status_code == 201
    assert is_number(new["number"])
    assert (new["number"][:6], new["expiry"], len(new["cvc"])) == ("920890", "2029-11", 3)
    assert (new["status"], new["plastic"]["status"], new["last4"]) == ("active", "active", new["number"][-4:])
    again = call(world, "GET", f"/cards/{new['id']}")
    assert not {"number", "cvc"} & set(again.json())
    assert new["number"] not in again.text


def test_a_lost_answer_is_built_again_and_its_secrets_are_not_kept(world: World) -> None:
    who = world.person("anna")
    asked = {"cardholder_id": who["cardholder_id"], "account_id": who["account_id"], "scheme": "visa"}
    answers = [call(world, "POST", "/cards", asked, **{"Idempotency-Key": "issue"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    with world.parts.database.reading() as session:
        kept = session.scalars(text("SELECT answer::text FROM wallet.idempotency_keys")).all()
    assert kept
    assert not any(answers[0].json()["number"] in answer or '"cvc"' in answer for answer in kept)


def test_a_person_is_a_customer_once(world: World) -> None:
    person = {"name": "Carla Prøve", "cpr": CPR, "mitid_uuid": "7f6c"}
    assert call(world, "POST", "/cardholders", person).status_code == 201
    for again in (person, person | {"cpr": "0201700101"}, person | {"cpr": f"{CPR[:6]}-{CPR[6:]}", "mitid_uuid": None}):
        assert problem(call(world, "POST", "/cardholders", again)) == (409, "cardholder-known")


def test_a_customer_that_cannot_be_is_named(world: World) -> None:
    person = {"name": "Carla Prøve", "cpr": CPR, "mobile": "+4500000007"}
    for changes, name in (
        ({"cpr": "3113700101"}, "cpr"),
        ({"cpr": "01017001011"}, "cpr"),
        ({"cpr": "٠١٠١٧٠٠١٠١"}, "cpr"),
        ({"mobile": "20000001"}, "mobile"),
        ({"mobile": "+45 2000 0001"}, "mobile"),
        ({"language": "de"}, "language"),
        ({"name": ""}, "name"),
        ({"name": "C\u202earla"}, "name"),
        ({"shoe_size": 38}, "shoe_size"),
    ):
        answer = call(world, "POST", "/cardholders", person | changes)
        assert field(answer) == (422, name), changes
        assert "700101" not in answer.text


def test_a_customer_is_changed_and_only_what_changed_is_remembered(world: World) -> None:
    path = f"/cardholders/{world.person('anna')['cardholder_id']}"
    changed = call(world, "PATCH", path, {"language": "en", "mobile": "+4500000009", "name": "Anna Fjordmark"})
    assert (changed.json()["language"], changed.json()["mobile"]) == ("en", "+45 ****** 09")
    call(world, "PATCH", path, {"mobile": "+4500000009"})
    call(world, "PATCH", path, {})
    query = "SELECT payload FROM tokenization.subject_journal_entries WHERE type = 'cardholder.changed'"
    with world.parts.database.reading() as session:
        [payload] = session.scalars(text(query)).all()
    assert payload["fields"] == ["language", "mobile"]
    taken = {"mitid_uuid": "7f6c"}
    call(world, "PATCH", path, taken)
    other = f"/cardholders/{world.person('bo')['cardholder_id']}"
    assert problem(call(world, "PATCH", other, taken)) == (409, "cardholder-known")
    assert problem(call(world, "PATCH", f"/cardholders/{ids.to_text('holder', ids.new_id())}", {})) == (
        404,
        "not-found",
    )


def test_an_account_is_only_its_owners(world: World) -> None:
    asked = {"cardholder_id": world.person("anna")["cardholder_id"], "scheme": "dankort"}
    wrong = call(world, "POST", "/cards", asked | {"account_id": world.person("bo")["account_id"]})
    assert field(wrong) == (422, "account_id")
    nowhere = call(world, "POST", "/cards", asked | {"account_id": ids.to_text("acct", ids.new_id())})
    assert problem(nowhere) == (404, "not-found")


def test_the_bank_moves_its_books(world: World) -> None:
    path = f"/accounts/{world.person('anna')['account_id']}"
    changed = call(world, "PATCH", path, {"balance": -500, "overdraft_limit": 2_000}).json()
    assert (changed["balance"], changed["overdraft_limit"], changed["available"]) == (-500, 2_000, 1_500)
    for body in ({"balance": 1.5}, {"balance": 10**12}, {"overdraft_limit": -1}, {"holds": 5}):
        assert call(world, "PATCH", path, body).status_code == 422
    assert call(world, "GET", path).json() == changed


def test_every_call_names_the_member_of_staff_who_stands_in_the_journal(world: World) -> None:
    card(world, "/block", {"reason": "lost"})
    journal = call(world, "GET", f"/cards/{world.person('anna')['card_id']}/journal").json()["data"]
    assert journal[-1]["actor"].endswith(f":{STAFF}")
    assert field(call(world, "GET", "/policies", **{"X-Actor": ""})) == (422, "X-Actor")


def test_the_line_notes_when_the_notice_came_and_who_gave_it(world: World) -> None:
    noticed = "2026-11-22T09:00:00Z"
    blocked = card(world, "/block", {"reason": "stolen", "noticed_at": noticed, "reported_by": "Anna's mother"}).json()
    assert (blocked["status"], blocked["noticed_at"]) == ("blocked", noticed)
    assert blocked["blocked"] == {"reason": "stolen", "at": "2026-11-22T10:15:00Z", "by": "issuer"}
    assert blocked["cascade"] == {"tokens": 0, "drawing_rights": 0, "credentials": 0}
    assert blocked["plastic"]["status"] == "blocked"
    world.clock.advance(HOUR)
    again = card(world, "/block", {"reason": "lost"}).json()
    assert (again["blocked"]["reason"], again["noticed_at"]) == ("stolen", noticed)


def test_the_bank_reminds_first_unless_it_is_gross(world: World) -> None:
    assert field(card(world, "/block", {"reason": "overdraft"})) == (422, "reminded_at")
    future = {"reason": "overdraft", "reminded_at": "2026-11-22T10:15:01Z"}
    assert field(card(world, "/block", future)) == (422, "reminded_at")
    assert field(card(world, "/block", {"reason": "lost", "noticed_at": "2026-11-22T11:00:00Z"})) == (422, "noticed_at")
    assert shown(world)["status"] == "active"
    reminded = {"reason": "overdraft", "reminded_at": "2026-11-01T10:00:00Z"}
    assert card(world, "/block", reminded).json()["status"] == "blocked"
    assert card(world, "/block", {"reason": "rules_broken", "gross": True}, name="bo").json()["status"] == "blocked"


def test_a_found_card_is_unblocked_and_a_replaced_one_is_not(world: World) -> None:
    assert problem(card(world, "/unblock")) == (409, "illegal-state")
    card(world, "/block", {"reason": "lost"})
    assert card(world, "/unblock").json()["status"] == "active"
    card(world, "/block", {"reason": "lost"})
    replaced = card(world, "/replace", {"reason": "lost"}).json()
    assert (replaced["status"], replaced["plastic"]["status"]) == ("active", "inactive")
    assert problem(card(world, "/unblock")) == (409, "illegal-state")


def pay(world: World, typed: dict[str, str]) -> tuple[str, str]:
    answer = world.shop().charge_card(typed, 1_000)
    return answer["reason"], answer["response_code"]


def test_a_lost_cards_new_plastic_sleeps_while_the_phone_pays_on(world: World) -> None:
    phone, old = world.phone(), world.person("anna")["card"]
    token = phone.token(old)
    card(world, "/block", {"reason": "lost"})
    new = card(world, "/replace", {"reason": "lost"}).json()
    assert new["number"] != old["number"]
    assert pay(world, old) == ("card_lost", "41")
    assert pay(world, new) == ("card_inactive", "78")
    assert world.shop().tap(token, 1_000)["approved"]
    assert card(world, "/activate-plastic").json()["plastic"]["status"] == "active"
    assert pay(world, new) == ("approved", "00")
    assert problem(card(world, "/activate-plastic")) == (409, "illegal-state")


def test_a_misused_cards_phones_are_put_out(world: World) -> None:
    phone = world.phone()
    token = phone.token(world.person("anna")["card"])
    card(world, "/replace", {"reason": "misused"})
    assert world.shop().tap(token, 1_000)["reason"] == "token_inactive"
    assert phone.request("GET", f"/v1/tokens/{token.id}").json()["status"] == "deactivated"


def test_a_renewed_card_leaves_the_old_plastic_its_time(world: World) -> None:
    old = world.person("anna")["card"]
    world.clock.advance(timedelta(days=40))
    new = card(world, "/renew").json()
    assert new["expiry"] > old["expiry"]
    assert (pay(world, old)[0], pay(world, new)[0]) == ("approved", "card_inactive")
    card(world, "/activate-plastic")
    assert (pay(world, old), pay(world, new)[0]) == (("card_replaced", "14"), "approved")


def test_a_card_that_is_blocked_for_loss_is_not_renewed(world: World) -> None:
    card(world, "/block", {"reason": "lost"})
    assert field(card(world, "/replace", {"reason": "expiring"})) == (422, "reason")
    assert problem(card(world, "/renew"))[0] == 422
    assert problem(card(world, "/activate-plastic")) == (409, "card-blocked")


def test_a_lost_answer_to_a_replacement_does_not_replace_twice(world: World) -> None:
    path = f"/cards/{world.person('anna')['card_id']}/replace"
    answers = [call(world, "POST", path, {"reason": "bank"}, **{"Idempotency-Key": "r"}).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert pay(world, answers[0])[0] == "card_inactive"


def test_a_closed_card_is_closed_for_good(world: World) -> None:
    phone = world.phone()
    token = phone.token(world.person("anna")["card"])
    assert card(world, "/close").json()["status"] == "closed"
    assert pay(world, world.person("anna")["card"]) == ("card_closed", "46")
    assert world.shop().tap(token, 1_000)["reason"] == "card_closed"
    for what, body in (
        ("/close", None),
        ("/block", {"reason": "lost"}),
        ("/replace", {"reason": "lost"}),
        ("/renew", None),
        ("/activate-plastic", None),
    ):
        assert problem(card(world, what, body)) == (409, "card-closed"), what
    assert problem(card(world, "/unblock")) == (409, "illegal-state")


def test_a_card_that_is_not_there(world: World) -> None:
    for each in (ids.to_text("card", ids.new_id()), world.person("anna")["cardholder_id"], "nonsense"):
        for what, body in (("/unblock", None), ("/block", {"reason": "lost"}), ("/replace", {"reason": "bank"})):
            assert problem(call(world, "POST", f"/cards/{each}{what}", body)) == (404, "not-found")
        assert problem(call(world, "GET", f"/cards/{each}")) == (404, "not-found")


def search(world: World, **by: str) -> list[str]:
    answer = call(world, "POST", "/cards/search", by)
    assert answer.status_code == 200, answer.text
    assert not {"number", "cvc"} & {name for each in answer.json()["data"] for name in each}
    return [each["id"] for each in answer.json()["data"]]


def test_the_line_finds_a_card_by_each_thing_that_a_caller_may_know(world: World) -> None:
    anna = world.person("anna")
    call(world, "PATCH", f"/cardholders/{anna['cardholder_id']}", {"address": "Strandvej 5 %_"})
    number = anna["card"]["number"]
    for by in (
        {"name": "fjordmark"},
        {"address": "strandvej"},
        {"address": "5 %_"},
        {"cpr": anna["cpr"]},
        {"cpr": f"{anna['cpr'][:6]}-{anna['cpr'][6:]}"},
        {"number": number},
        {"last4": number[-4:], "cpr": anna["cpr"]},
        {"account_id": anna["account_id"]},
        {"mobile": "+4500000001"},
        {"name": "Anna", "last4": number[-4:], "mobile": "+4500000001"},
    ):
        assert search(world, **by) == [anna["card_id"]], by
    for by in (
        {"name": "Anna", "cpr": world.person("bo")["cpr"]},
        {"name": "%"},
        {"number": "4111111111111111"},
        {"mobile": "+4500000099"},
    ):
        assert search(world, **by) == [], by


def test_the_line_finds_a_card_by_a_number_that_was_replaced(world: World) -> None:
    old = world.person("anna")["card"]["number"]
    card(world, "/replace", {"reason": "bank"})
    assert search(world, number=old) == [world.person("anna")["card_id"]]


def test_a_search_wants_something_that_can_be_searched_by(world: World) -> None:
    for by, name in (
        ({}, "name"),
        ({"cpr": "12"}, "cpr"),
        ({"last4": "12345"}, "last4"),
        ({"number": "4111"}, "number"),
        ({"account_id": "x"}, "account_id"),
        ({"shoe_size": "38"}, "shoe_size"),
    ):
        assert field(call(world, "POST", "/cards/search", by)) == (422, name), by
