"""Merchants over HTTP: cards on file, card updates with consent only, the register that never says why."""

from functools import partial
from itertools import count
from typing import Any
from uuid import UUID

import httpx
import pytest
from joserfc import jwe
from joserfc.jwk import ECKey
from sqlalchemy import event
from sqlalchemy.orm import Session

from tests.integration.test_resources_provisioning import bad_envelopes, encrypted, transport_key
from tests.world import FILMFLODEN, World
from tokenization import cards, ids, numbers
from tokenization.models import Card


def card_of(world: World, name: str = "anna") -> dict[str, str]:
    card: dict[str, str] = world.person(name)["card"]
    return {field: card[field] for field in ("number", "expiry")}


def register(world: World, **changes: Any) -> httpx.Response:
    body = {"card": card_of(world), "agreement": "subscription", "reference": "customer-42"} | changes
    asked = {name: value for name, value in body.items() if value is not None}
    return world.machine("merchant").request("POST", "/v1/merchant/credentials", asked)


def confirm(world: World, credential: str, *, automatic_update: bool) -> None:
    yes = {"automatic_update": automatic_update}
    answer = world.phone().request("POST", f"/v1/credentials/{credential}/confirm", yes)
    assert answer.status_code == 200, answer.text


def bank(world: World, what: str, body: Any = None, name: str = "anna") -> Any:
    path = f"/v1/issuer/cards/{world.person(name)['card_id']}{what}"
    answer = world.machine("issuer").request("POST", path, body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def another_shop(world: World) -> str:
    """The client of a second merchant."""
    key = ECKey.generate_key("P-256", {"kid": "1"})
    jwks = {"keys": [key.as_dict(private=False)]}
    asked = {"kind": "merchant", "name": "Bogormen", "jwks": jwks, "merchant_ids": ["DK-BOG"]}
    made = world.machine("issuer").request("POST", "/v1/issuer/requestors", asked)
    assert made.status_code == 201, made.text
    client_id: str = made.json()["clients"][0]["client_id"]
    return client_id


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def updates(world: World) -> list[dict[str, Any]]:
    world.tell()
    found: list[dict[str, Any]] = world.machine("merchant").request("GET", "/v1/merchant/card-updates").json()["data"]
    return found


def test_a_card_on_file_waits_for_its_cardholder(world: World) -> None:
    answer = register(world)
    made = answer.json()
    assert answer.status_code == 201
    assert (made["status"], made["automatic_update"], made["version"]) == ("pending", False, 1)
    assert (made["last4"], made["expiry"]) == (card_of(world)["number"][-4:], card_of(world)["expiry"])
    assert (made["agreement"], made["reference"], made["scheme"]) == ("subscription", "customer-42", "visa_dankort")
    shop = world.machine("merchant")
    assert shop.request("GET", f"/v1/merchant/credentials/{made['id']}").json() == made
    assert shop.request("GET", "/v1/merchant/credentials").json()["data"] == [made]
    assert world.shop(FILMFLODEN).charge_on_file(made["id"], 1_000)["reason"] == "credential_pending"


def test_a_merchant_sees_no_number_and_nothing_of_the_cardholder(world: World) -> None:
    text = register(world).text
    for hidden in (card_of(world)["number"], "Anna", world.person("anna")["card_id"], "TGNB"):
        assert hidden not in text


def test_whatever_is_wrong_with_a_card_gets_one_answer(world: World) -> None:
    bank(world, "/block", {"reason": "lost"}, name="bo")
    answers = [
        register(world, card=card_of(world) | {"number": "4111111111111111"}),
        register(world, card=card_of(world) | {"expiry": "2031-01"}),
        register(world, card=card_of(world, "bo")),
    ]
    assert {problem(answer) for answer in answers} == {(422, "card-not-verified")}
    assert len({answer.json()["detail"] for answer in answers}) == 1


def statements_of(world: World, card: dict[str, str]) -> list[str]:
    """What the database is asked while a merchant hears that a card could not be verified."""
    asked = list[str]()

    def keep(*args: Any) -> None:
        if "SAVEPOINT" not in args[2]:
            asked.append(args[2])

    with world.parts.database.reading() as session:
        connection = session.connection()
    event.listen(connection, "before_cursor_execute", keep)
    assert problem(register(world, card=card)) == (422, "card-not-verified")
    event.remove(connection, "before_cursor_execute", keep)
    return asked


def nobodys_number(world: World) -> str:
    """Of which there is a next one in the directory: a bank has more cards than there are here."""
    of_number = partial(world.parts.vault.fingerprint, "number")
    last = max(of_number(card_of(world, name)["number"]) for name in ("anna", "bo"))
    drawn = (numbers.random_number("920890").reveal() for _ in count())
    return next(number for number in drawn if of_number(number) < last)


def test_nobodys_number_is_looked_at_as_far_as_somebodys_and_neither_is_locked(world: World) -> None:
    bank(world, "/block", {"reason": "lost"}, name="bo")
    wrong_expiry = card_of(world) | {"expiry": "2031-01"}
    nobodys, somebodys, blocked = (
        statements_of(world, card)
        for card in (wrong_expiry | {"number": nobodys_number(world)}, wrong_expiry, card_of(world, "bo"))
    )
    assert any("tokenization.card_keys" in each for each in nobodys)
    assert nobodys == somebodys == blocked
    assert [each for each in nobodys if "FOR UPDATE" in each] == []


@pytest.mark.parametrize("change", ["cards SET state = 'blocked'", "plastics SET state = 'replaced'"])
def test_a_card_that_stops_being_good_before_it_is_locked_is_not_verified(
    world: World, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    lock = cards.lock

    def late(session: Session, card_id: UUID) -> Card | None:
        session.connection().exec_driver_sql(f"UPDATE tokenization.{change}")
        return lock(session, card_id)

    monkeypatch.setattr(cards, "lock", late)
    assert problem(register(world)) == (422, "card-not-verified")


def test_what_cannot_be_read_is_named(world: World) -> None:
    typed = card_of(world)
    for changes, field in (
        ({"card": None}, "card"),
        ({"encrypted_card": "…"}, "card"),
        ({"card": typed | {"number": typed["number"][:-1] + "x"}}, "card.number"),
        ({"card": typed | {"expiry": "2029-00"}}, "card.expiry"),
        ({"card": typed | {"pin": "1234"}}, "card.pin"),
        ({"agreement": "for ever"}, "agreement"),
        ({"reference": ""}, "reference"),
        ({"reference": "a\nb"}, "reference"),
        ({"reference": typed["number"]}, "reference"),
        ({"automatic_update": True}, "automatic_update"),
    ):
        answer = register(world, **changes)
        assert answer.status_code == 422, changes
        assert field in [error["field"] for error in answer.json()["errors"]], changes
        assert typed["number"] not in answer.text


def test_a_card_can_come_encrypted_to_our_published_key(world: World) -> None:
    sealed = encrypted(transport_key(world), card_of(world))
    assert register(world, card=None, encrypted_card=sealed).status_code == 201


def test_an_envelope_that_does_not_open_is_named_and_shows_nothing(world: World) -> None:
    for name, envelope in bad_envelopes(transport_key(world), card_of(world)).items():
        answer = register(world, card=None, encrypted_card=envelope)
        assert answer.status_code == 422, name
        assert answer.json()["errors"][0]["field"] == "encrypted_card", name
        assert card_of(world)["number"][6:12] not in answer.text, name


def test_another_merchants_registration_is_not_there(world: World) -> None:
    credential, other = register(world).json()["id"], world.machine("merchant")
    other.client_id = another_shop(world)
    for each in (credential, ids.to_text("cred", ids.new_id()), "nonsense"):
        for method in ("GET", "DELETE"):
            answer = other.request(method, f"/v1/merchant/credentials/{each}")
            assert problem(answer) == (404, "not-found")
    assert other.request("GET", "/v1/merchant/credentials").json()["data"] == []
    assert other.request("GET", "/v1/merchant/card-updates").json()["data"] == []


def test_a_merchant_gives_a_card_back(world: World) -> None:
    credential = register(world).json()["id"]
    confirm(world, credential, automatic_update=True)
    path = f"/v1/merchant/credentials/{credential}"
    assert world.machine("merchant").request("DELETE", path).json()["status"] == "withdrawn"
    assert problem(world.machine("merchant").request("DELETE", path)) == (409, "illegal-state")
    assert world.shop(FILMFLODEN).charge_on_file(credential, 1_000)["reason"] == "credential_withdrawn"


def test_a_new_number_is_told_only_where_the_cardholder_said_so(world: World) -> None:
    told, untold, waiting = (register(world, reference=each).json()["id"] for each in ("told", "untold", "waiting"))
    confirm(world, told, automatic_update=True)
    confirm(world, untold, automatic_update=False)
    new = bank(world, "/replace", {"reason": "bank"})
    [update] = updates(world)
    assert (update["type"], update["data"]["credential_id"], update["data"]["code"]) == (
        "credential.updated",
        told,
        "A",
    )
    assert update["data"]["current"] == {"last4": new["number"][-4:], "expiry": new["expiry"]}
    assert update["data"]["encrypted_card"] is None
    shop, old4, new4 = world.machine("merchant"), card_of(world)["number"][-4:], new["number"][-4:]
    seen = {each["id"]: each["last4"] for each in shop.request("GET", "/v1/merchant/credentials").json()["data"]}
    assert seen == {told: new4, untold: old4, waiting: old4}
    for credential in (told, untold):  # both pay on: it is the number that is told or not
        assert world.shop(FILMFLODEN).charge_on_file(credential, 1_000)["approved"]


def test_who_says_yes_later_is_told_later(world: World) -> None:
    credential = register(world).json()["id"]
    confirm(world, credential, automatic_update=False)
    bank(world, "/replace", {"reason": "bank"})
    assert updates(world) == []
    world.phone().request("PATCH", f"/v1/credentials/{credential}", {"automatic_update": True})
    assert [update["data"]["code"] for update in updates(world)] == ["A"]
    world.phone().request("PATCH", f"/v1/credentials/{credential}", {"automatic_update": False})
    assert [update["data"]["code"] for update in updates(world)] == ["O"]


def test_a_number_is_told_only_to_a_key_that_the_bank_said_yes_to(world: World) -> None:
    key = ECKey.generate_key("P-256")
    shop, path = world.machine("merchant"), "/v1/merchant/webhook-endpoint"
    public = {name: key.as_dict(private=False)[name] for name in ("kty", "crv", "x", "y")}
    endpoint = {"url": "https://93.184.216.34/hook", "update_format": "encrypted_card", "encryption_key": public}
    put = shop.request("PUT", path, endpoint)
    assert (put.status_code, put.json()["encryption_key_approved"]) == (200, False)
    credential = register(world).json()["id"]
    confirm(world, credential, automatic_update=True)
    new = bank(world, "/replace", {"reason": "bank"})
    assert updates(world)[0]["data"]["encrypted_card"] is None
    approve(world, key.thumbprint())
    opened = jwe.decrypt_compact(updates(world)[0]["data"]["encrypted_card"], key, algorithms=["ECDH-ES", "A256GCM"])
    assert opened.plaintext is not None
    assert new["number"].encode() in opened.plaintext
    shop.request("PUT", path, endpoint | {"encryption_key": ECKey.generate_key("P-256").as_dict(private=False)})
    assert updates(world)[0]["data"]["encrypted_card"] is None


def approve(world: World, thumbprint: str) -> None:
    issuer, approved = world.machine("issuer"), "webhook-endpoint/approve-key"
    [requestor] = [each for each in requestors(world) if each["kind"] == "merchant"]
    path = f"/v1/issuer/requestors/{requestor['id']}"
    swapped = ECKey.generate_key("P-256").thumbprint()
    assert problem(issuer.request("POST", f"{path}/{approved}", {"thumbprint": swapped})) == (409, "illegal-state")
    assert issuer.request("GET", f"{path}/webhook-endpoint").json()["encryption_key_approved"] is False
    answer = issuer.request("POST", f"{path}/{approved}", {"thumbprint": thumbprint})
    assert (answer.status_code, answer.json()["encryption_key_approved"]) == (200, True)


def requestors(world: World) -> list[dict[str, Any]]:
    """The demo's requestors, as the bank sees them."""
    found = []
    with world.parts.database.reading() as session:
        rows = session.connection().exec_driver_sql("SELECT requestor_id FROM tokenization.requestors").scalars().all()
    for row in rows:
        path = f"/v1/issuer/requestors/{ids.to_text('reqr', row)}"
        found.append(world.machine("issuer").request("GET", path).json())
    return found


def test_a_cursor_goes_on_where_the_last_page_ended(world: World) -> None:
    for reference in "abc":
        confirm(world, register(world, reference=reference).json()["id"], automatic_update=True)
    bank(world, "/replace", {"reason": "bank"})
    updates(world)
    shop, path = world.machine("merchant"), "/v1/merchant/card-updates"
    first = shop.request("GET", f"{path}?limit=2").json()
    rest = shop.request("GET", f"{path}?limit=2&cursor={first['next_cursor']}").json()
    assert [each["data"]["reference"] for each in first["data"] + rest["data"]] == ["a", "b", "c"]
    assert rest["next_cursor"] is None
    for cursor in ("x", "-1", "1.0", "²", "9" * 40):
        answer = shop.request("GET", f"{path}?cursor={cursor}")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cursor")


def check(world: World, *numbers: object) -> httpx.Response:
    path = "/v1/merchant/blocked-cards/check"
    return world.machine("merchant").request("POST", path, {"numbers": list(numbers)})


def test_the_register_says_whether_and_never_why(world: World) -> None:
    bank(world, "/block", {"reason": "stolen"})
    numbers = [card_of(world)["number"], card_of(world, "bo")["number"], "4111111111111111"]
    answer = check(world, *numbers)
    assert (answer.status_code, answer.json()) == (200, {"blocked": [True, False, False]})


def test_the_old_number_stays_in_the_register(world: World) -> None:
    bank(world, "/block", {"reason": "lost"})
    new = bank(world, "/replace", {"reason": "lost"})
    assert check(world, card_of(world)["number"], new["number"]).json() == {"blocked": [True, False]}


def test_up_to_a_hundred_numbers_are_checked(world: World) -> None:
    number = card_of(world)["number"]
    assert check(world, *[number] * 100).json() == {"blocked": [False] * 100}
    for asked in ([], [number] * 101, [number, "x"], [number, None], [int(number)]):
        answer = check(world, *asked)
        assert answer.status_code == 422
        assert number not in answer.text
