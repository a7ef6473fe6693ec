"""What was tampered with, retired or erased pays nothing, and has a clean answer everywhere: never a 500."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, select, text, update
from structlog.testing import capture_logs
from structlog.typing import EventDict

from tests.integration.payments.scene import Scene, refused
from tests.world import PIN_KEY
from tokenization import cards, erasure, ids
from tokenization.models import PanDirectory, Plastic, TokenDirectory
from wallet.payments.reasons import RESPONSE_CODES

Logs = list[EventDict]
OURS = "card_id = :anna"
ANOTHERS = "(SELECT {} FROM tokenization.{} WHERE card_id <> :anna LIMIT 1)"
FLIPPED = "set_byte({0}, 20, get_byte({0}, 20) # 1)"
# What somebody does who can write to the database, to what a plastic's number is read from.
TAMPERED = {
    "another card's number": ("plastics", "number_sealed", ANOTHERS.format("number_sealed", "plastics")),
    "another column's": ("plastics", "number_sealed", "(SELECT wrapped FROM tokenization.card_keys LIMIT 1)"),
    "cut": ("plastics", "number_sealed", "substr(number_sealed, 1, 30)"),
    "flipped": ("plastics", "number_sealed", FLIPPED.format("number_sealed")),
    "empty": ("plastics", "number_sealed", "''"),
    "of an unknown version": ("plastics", "number_sealed", "set_byte(number_sealed, 1, 9)"),
    "under another card's key": ("card_keys", "wrapped", ANOTHERS.format("wrapped", "card_keys")),
    "under a party's key": ("card_keys", "wrapped", "(SELECT wrapped FROM tokenization.party_keys LIMIT 1)"),
    "under a flipped key": ("card_keys", "wrapped", FLIPPED.format("wrapped")),
    "under no key": ("card_keys", "wrapped", "''"),
    "under another version of its key": ("card_keys", "version", "2"),
    "under a version that the ring does not have": ("card_keys", "kek_version", "9"),
    "under a version that no ring can have": ("card_keys", "kek_version", "-1"),
}


@pytest.fixture
def logs() -> Iterator[Logs]:
    with capture_logs() as captured:
        yield captured


def anna(scene: Scene) -> UUID:
    return ids.parse("card", scene.world.person("anna")["card_id"])


def tamper(scene: Scene, table: str, column: str, value: str) -> None:
    with scene.world.parts.database.transaction("test") as session:
        statement = text(f"UPDATE tokenization.{table} SET {column} = {value} WHERE {OURS}")  # noqa: S608 - our own tables
        session.execute(statement, {"anna": anna(scene)})


def troubles(logs: Logs) -> list[str]:
    return [entry["event"] for entry in logs if entry["log_level"] in ("warning", "error", "critical")]


@pytest.mark.parametrize("how", TAMPERED)
def test_a_card_that_was_tampered_with_is_unknown_and_nobody_else_notices(scene: Scene, logs: Logs, how: str) -> None:
    tamper(scene, *TAMPERED[how])
    decision = scene.decide(scene.plastic(10_000))
    assert (decision["reason"], decision["response_code"]) == ("unknown_number", "14")
    assert troubles(logs) == []


@pytest.mark.parametrize("column", ["number_sealed", "pin_key_sealed"])
def test_a_token_whose_columns_were_swapped_pays_nothing(scene: Scene, logs: Logs, column: str) -> None:
    other = "pin_key_sealed" if column == "number_sealed" else "number_sealed"
    tamper(scene, "tokens", column, other)
    assert scene.pay(10_000, "pin")["reason"] in {"unknown_number", "system_error"}
    assert troubles(logs) == []


def test_a_token_of_another_card_pays_nothing(scene: Scene, logs: Logs) -> None:
    tamper(scene, "tokens", "number_sealed", "(SELECT number_sealed FROM tokenization.plastics LIMIT 1)")
    assert scene.pay(10_000)["reason"] == "unknown_number"
    assert troubles(logs) == []


def test_what_cannot_be_opened_is_said_without_a_500(scene: Scene) -> None:
    tamper(scene, *TAMPERED["flipped"])
    scene.bank("POST", scene.of_anna("/replace"), {"reason": "damaged"})  # seals a number, and opens none
    tamper(scene, *TAMPERED["under a flipped key"])
    path = "/v1/issuer" + scene.of_anna("/replace")
    answer = scene.world.machine("issuer").request("POST", path, {"reason": "damaged"})
    assert refused(answer) == (409, "unreadable")


def without_cvc_key(scene: Scene) -> None:
    """The version that Anna's plastic was embossed under is not there any more."""
    with scene.world.parts.database.transaction("test") as session:
        session.execute(update(Plastic).where(Plastic.card_id == anna(scene)).values(verification_key_version=9))


def test_a_cvc_whose_key_is_gone_declines_and_is_no_wrong_one(scene: Scene, logs: Logs) -> None:
    without_cvc_key(scene)
    shown = scene.plastic(10_000, "ecommerce", "none", cvc=scene.card["cvc"], authentication="3ds")
    decision = scene.decide(shown)
    assert (decision["reason"], decision["response_code"]) == ("system_error", RESPONSE_CODES["system_error"])
    assert scene.decide(scene.plastic(10_000))["approved"]  # where none was given, none is needed
    assert troubles(logs) == []


def test_with_a_cvc_whose_key_is_gone_a_card_is_put_nowhere(scene: Scene) -> None:
    without_cvc_key(scene)
    phone = scene.world.phone()
    known = {"card_id": scene.world.person("anna")["card_id"], "cvc": scene.card["cvc"]}
    asked = known | {"scheme": "dankort", "device": phone.device()}
    on_file = {"card": scene.card, "agreement": "subscription", "reference": "customer-42"}
    answers = [
        phone.provision(scene.card),
        phone.step_up("provision").request("POST", "/v1/tokens", asked),
        scene.world.machine("merchant").request("POST", "/v1/merchant/credentials", on_file),
    ]
    assert {refused(answer) for answer in answers} == {(422, "card-not-verified")}


def erase(scene: Scene, *, lost: bool = True) -> None:
    """Report Anna's card lost, or don't; close it, and erase it."""
    if lost:
        scene.bank("POST", scene.of_anna("/block"), {"reason": "lost"})
    scene.bank("POST", scene.of_anna("/close"))
    with scene.world.parts.database.transaction("test") as session:
        card = cards.lock(session, anna(scene))
        assert card is not None
        erasure.erase(session, card, scene.world.clock.now())


@pytest.mark.parametrize("lost", [True, False], ids=["lost", "closed"])
def test_an_erased_card_pays_nothing(scene: Scene, logs: Logs, lost: bool) -> None:
    credential_id = scene.confirmed()
    erase(scene, lost=lost)
    asked = (scene.tap(10_000), scene.tap(10_000, token=scene.emil), scene.plastic(10_000))
    assert {scene.decide(request)["reason"] for request in asked} == {"unknown_number"}
    assert scene.decide(scene.on_file(credential_id, 10_000))["reason"] == "card_closed"
    assert troubles(logs) == []


def test_an_erased_card_can_be_looked_at_and_its_number_is_still_known_as_blocked(scene: Scene, logs: Logs) -> None:
    erase(scene)
    assert scene.bank("GET", scene.of_anna(""))["last4"] == scene.card["number"][-4:]
    assert scene.bank("POST", "/cards/search", {"number": scene.card["number"]})["data"] == []
    assert scene.bank("GET", scene.of_anna("/journal/verify"))["valid"]
    card_id = scene.world.person("anna")["card_id"]
    for path in (f"/v1/cards/{card_id}", "/v1/tokens", f"/v1/tokens/{scene.anna.id}"):
        assert scene.town.anna.request("GET", path).status_code == 200
    assert is_blocked(scene, scene.card["number"])
    assert troubles(logs) == []


def is_blocked(scene: Scene, number: str) -> bool:
    path, check = "/v1/merchant/blocked-cards/check", {"numbers": [number]}
    [answer] = scene.world.machine("merchant").request("POST", path, check).json()["blocked"]
    return bool(answer)


def directories(scene: Scene) -> int:
    """How many fingerprints of Anna's card and of its tokens there are."""
    of_anna = (select(func.count()).where(each.card_id == anna(scene)) for each in (PanDirectory, TokenDirectory))
    with scene.world.parts.database.reading() as session:
        return sum(session.scalars(count).one() for count in of_anna)


def test_nothing_is_left_to_try_out_of_an_erased_card_but_what_the_register_must_know(scene: Scene) -> None:
    """With database and ring a fingerprint gives its number back in seconds: BIN and last four are known."""
    stolen = scene.card["number"]
    renewed = scene.bank("POST", scene.of_anna("/replace"), {"reason": "stolen"})["number"]
    assert directories(scene) > 2
    erase(scene, lost=False)
    assert directories(scene) == 1
    assert (is_blocked(scene, stolen), is_blocked(scene, renewed)) == (True, False)


def of_the_bank(scene: Scene, path: str, body: Any = None) -> httpx.Response:
    return scene.world.machine("issuer").request("POST", "/v1/issuer" + scene.of_anna(path), body)


def of_the_phone(scene: Scene, method: str, path: str, body: Any = None, purpose: str = "pin") -> httpx.Response:
    return scene.town.anna.step_up(purpose).request(method, f"/v1/tokens/{scene.anna.id}{path}", body)


def by_its_id(scene: Scene) -> httpx.Response:
    phone = scene.town.anna.step_up("provision")
    known = {"card_id": scene.world.person("anna")["card_id"], "cvc": scene.card["cvc"]}
    return phone.request("POST", "/v1/tokens", known | {"scheme": "dankort", "device": phone.device()})


AFTERWARDS: dict[str, Callable[[Scene], httpx.Response]] = {
    "replace": lambda scene: of_the_bank(scene, "/replace", {"reason": "damaged"}),
    "renew": lambda scene: of_the_bank(scene, "/renew"),
    "unblock": lambda scene: of_the_bank(scene, "/unblock"),
    "activate the plastic": lambda scene: of_the_bank(scene, "/activate-plastic"),
    "payment keys": lambda scene: of_the_phone(scene, "POST", "/keys"),
    "activate": lambda scene: of_the_phone(scene, "POST", "/activate", {"pin_key": PIN_KEY}),
    "a new PIN": lambda scene: of_the_phone(scene, "PUT", "/pin", {"pin_key": PIN_KEY}),
    "provision by its id": by_its_id,
}


@pytest.mark.parametrize("lost", [True, False], ids=["lost", "closed"])
def test_nothing_can_be_done_with_an_erased_card(scene: Scene, logs: Logs, lost: bool) -> None:
    erase(scene, lost=lost)
    assert {what: call(scene).status_code for what, call in AFTERWARDS.items()} == dict.fromkeys(AFTERWARDS, 409)
    on_file = {"card": scene.card, "agreement": "subscription", "reference": "customer-42"}
    shop = scene.world.machine("merchant").request("POST", "/v1/merchant/credentials", on_file)
    unknown = (scene.town.anna.provision(scene.card), shop)
    assert {refused(answer) for answer in unknown} == {(422, "card-not-verified")}
    assert troubles(logs) == []


def test_the_repeat_of_a_call_that_showed_the_number_of_an_erased_card_says_so(scene: Scene, logs: Logs) -> None:
    """What is kept for repeats holds no number: it is built anew, and cannot be."""
    once = {"Idempotency-Key": "replace-once"}
    path, bank = "/v1/issuer" + scene.of_anna("/replace"), scene.world.machine("issuer")
    shown = bank.request("POST", path, {"reason": "damaged"}, headers=once)
    assert shown.status_code == 200
    erase(scene)
    assert refused(bank.request("POST", path, {"reason": "damaged"}, headers=once)) == (409, "erased")
    assert troubles(logs) == []


def test_a_second_erase_says_so(scene: Scene) -> None:
    erase(scene)
    with scene.world.parts.database.transaction("test") as session:
        card = cards.lock(session, anna(scene))
        assert card is not None
        with pytest.raises(erasure.AlreadyErased):
            erasure.erase(session, card, scene.world.clock.now())
