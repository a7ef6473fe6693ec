"""The card that is typed in: whatever is wrong with it looks the same from outside, and guessing pays nobody."""

import hmac
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc import jwe
from joserfc.jwk import ECKey
from sqlalchemy import event, select

from tests.integration.test_resources_provisioning import (
    card_of,
    encrypted,
    fields,
    problem,
    provision_encrypted,
    transport_key,
    wrong_cvc,
)
from tests.world import Phone, World
from tokenization import ids
from tokenization.models import CardEntryFailure
from tokenization.numbers import luhn_digit

Costs = tuple[list[str], list[int]]


def plastics(world: World) -> dict[str, dict[str, str]]:
    """Each a card of Anna's, right in every way, on a plastic that is no good: for a reason of its own."""
    bank, who = world.machine("issuer"), world.person("anna")
    asked = {"cardholder_id": who["cardholder_id"], "account_id": who["account_id"], "scheme": "dankort"}

    def issue(*steps: tuple[str, dict[str, str] | None]) -> list[dict[str, Any]]:
        answers = [bank.request("POST", "/v1/issuer/cards", asked).json()]
        path = f"/v1/issuer/cards/{answers[0]['id']}"
        answers += [bank.request("POST", f"{path}/{step}", body).json() for step, body in steps]
        return [{name: each.get(name) for name in ("number", "expiry", "cvc")} for each in answers]

    lost = issue(("block", {"reason": "lost"}), ("replace", {"reason": "lost"}))
    renewed = issue(("renew", None), ("activate-plastic", None))
    return {"lost": lost[0], "not activated": lost[2], "renewed": renewed[0]}


def wrong_entries(world: World) -> dict[str, dict[str, str]]:
    """What may be wrong with a card that is typed in."""
    card = card_of(world)
    return {
        "unknown": card | {"number": "4111111111111111"},
        "unknown in our BIN": card | {"number": "920890000000000" + luhn_digit("920890000000000")},
        "a token's number": card | {"number": world.phone().token(card).number},
        "somebody else's": card_of(world, "bo"),
        "somebody else's, with a wrong CVC": card_of(world, "bo") | {"cvc": wrong_cvc(card_of(world, "bo"))},
        "wrong CVC": card | {"cvc": wrong_cvc(card)},
        "wrong expiry": card | {"expiry": "2031-01"},
        "expiry in the past": card | {"expiry": "2019-01"},
    } | plastics(world)


@contextmanager
def counted(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Costs]:
    """The statements that the database is asked, and the lengths of what is hashed under a key, within."""
    statements: list[str] = []
    hashed: list[int] = []
    digest: Callable[..., bytes] = hmac.digest

    def noted(key: bytes, message: bytes, kind: Any) -> bytes:
        hashed.append(len(message))
        return digest(key, message, kind)

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if "SAVEPOINT" not in statement:
            statements.append(statement)

    with world.parts.database.reading() as session:
        connection = session.get_bind()
    event.listen(connection, "before_cursor_execute", note)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(hmac, "digest", noted)
            yield statements, hashed
    finally:
        event.remove(connection, "before_cursor_execute", note)


@pytest.fixture
def patient(world: World) -> World:
    """A bank that lets a person guess a hundred times."""
    bank = world.machine("issuer")
    policies = bank.request("GET", "/v1/issuer/policies").json()["data"]
    [figures] = [each["figures"] for each in policies if each["name"] == "provisioning"]
    path, body = "/v1/issuer/policies/provisioning", {"figures": figures | {"wrong_card_entries": 100}}
    assert bank.request("PUT", path, body).status_code == 200
    return world


def test_whatever_is_wrong_with_a_card_costs_the_same_statements_and_hashes(
    patient: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-S1: how long it takes must not tell which card numbers exist."""
    phone, costs = patient.phone(), {}
    for name, entry in wrong_entries(patient).items():
        with counted(patient, monkeypatch) as (statements, hashed):
            assert problem(phone.provision(entry)) == (422, "card-not-verified"), name
        costs[name] = (tuple(statements), tuple(hashed))
    assert len(set(costs.values())) == 1, {name: len(each[0]) for name, each in costs.items()}
    statements_of_each, hashed_of_each = costs["unknown"]
    assert (len(statements_of_each), len(hashed_of_each)) > (5, 1)


def test_another_persons_card_costs_what_none_costs_when_it_is_named(
    patient: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone, bo, costs = patient.phone(), patient.person("bo"), []
    for card_id, cvc in ((bo["card_id"], bo["card"]["cvc"]), (ids.to_text("card", ids.new_id()), "123")):
        with counted(patient, monkeypatch) as cost:
            assert problem(known(phone, card_id, cvc)) == (422, "card-not-verified")
        costs.append(cost)
    assert costs[0] == costs[1]


def known(phone: Phone, card_id: str, cvc: str) -> httpx.Response:
    body = {"card_id": card_id, "cvc": cvc, "device": phone.device()}
    return phone.step_up("provision").request("POST", "/v1/tokens", body)


def test_an_expired_plastic_costs_what_an_unknown_number_costs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    card, costs = card_of(world), []
    world.clock.advance(timedelta(days=4 * 366))
    for entry in (card, card | {"number": "4111111111111111"}):
        phone = world.phone()
        with counted(world, monkeypatch) as cost:
            assert problem(phone.provision(entry)) == (422, "card-not-verified")
        costs.append(cost)
    assert costs[0] == costs[1]


def test_wrong_cards_are_counted_for_the_person_however_they_come_and_for_nobody_else(world: World) -> None:
    phone, bo, card = world.phone(), world.person("bo"), card_of(world)
    wrong = card_of(world, "bo") | {"cvc": wrong_cvc(bo["card"])}
    phone.provision(wrong)
    provision_encrypted(phone, encrypted(transport_key(world), wrong))
    known(phone, bo["card_id"], bo["card"]["cvc"])
    known(phone, world.person("anna")["card_id"], wrong_cvc(card))
    world.phone().provision(wrong)
    assert problem(phone.provision(card)) == (429, "too-many-attempts")
    assert world.phone("bo").provision(bo["card"]).status_code == 201
    with world.parts.database.reading() as session:
        assert len(session.scalars(select(CardEntryFailure.holder_id)).all()) == 5


def envelope(key: ECKey, content: bytes, **header: str) -> str:
    protected = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": str(key.kid)} | header
    return jwe.encrypt_compact(protected, content, key, algorithms=["ECDH-ES", "A256GCM"])


def test_no_envelope_is_opened_that_holds_another_or_is_too_large_or_not_for_us(world: World) -> None:
    phone, key, card = world.phone(), transport_key(world), json.dumps(card_of(world)).encode()
    public = ECKey.import_key({name: key.as_dict(private=False)[name] for name in ("kty", "crv", "x", "y")})
    head = envelope(key, card).partition(".")[0]
    for name, sent in {
        "one in another": envelope(public, envelope(key, card).encode(), cty="JWE"),
        "larger than any card": envelope(key, card + b" " * 4096),
        "a header alone": head,
        "in JSON": json.dumps({"protected": head}),
        "a text": "card",
        "empty": "",
        "null": None,
        "the card in clear": card.decode(),
    }.items():
        answer = provision_encrypted(phone, sent)  # type: ignore[arg-type]  # null is no envelope
        assert (answer.status_code, fields(answer)) == (422, ["encrypted_card"]), name
        assert card_of(world)["number"][6:12] not in answer.text, name
