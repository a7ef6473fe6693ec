"""`POST /v1/tokens`: who may put which card on which phone, and what everybody else is told."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc import jwe, jwt
from joserfc.jwk import ECKey
from sqlalchemy import select

from tests.world import Phone, World
from tokenization import ids
from tokenization.models import CardEntryFailure

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def card_of(world: World, name: str = "anna", **changes: str) -> dict[str, str]:
    card: dict[str, str] = world.person(name)["card"] | changes
    return card


def wrong_cvc(card: dict[str, str]) -> str:
    return f"{(int(card['cvc']) + 1) % 1000:03}"


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def fields(answer: httpx.Response) -> list[str]:
    return [error["field"] for error in answer.json()["errors"]]


def test_a_card_that_is_typed_in_becomes_an_inactive_token(world: World) -> None:
    phone = world.phone()
    answer = phone.provision(card_of(world))
    made = answer.json()
    assert answer.status_code == 201
    assert (made["status"], made["because"], made["decision"]) == ("inactive", "inactive", "approved")
    assert made["card_id"] == world.person("anna")["card_id"]
    assert made["expiry"] == card_of(world)["expiry"]
    assert (made["scheme"], made["suspensions"], made["drawing_right_id"]) == ("dankort", [], None)
    assert made["device"] == {"name": "anna's phone", "platform": "ios"}
    assert (made["requestor"]["name"], made["verification_methods"], len(made["par"])) == ("Lomme", [], 29)
    assert phone.request("GET", f"/v1/tokens/{made['id']}").json() == made
    assert phone.request("GET", "/v1/tokens").json() == {"data": [made], "next_cursor": None}


def test_the_answer_holds_no_number(world: World) -> None:
    text = world.phone().provision(card_of(world)).text
    assert card_of(world)["number"] not in text
    assert '"number"' not in text


def test_the_cardholder_is_told_of_every_provisioning(world: World) -> None:
    phone = world.phone()
    phone.provision(card_of(world))
    world.tell()
    [message] = phone.request("GET", "/v1/inbox").json()["data"]
    assert message["kind"] == "token.provisioned"


def test_it_wants_a_fresh_sign_in_for_that_purpose(world: World) -> None:
    phone, now = world.phone(), world.clock.now()
    body = {"card": card_of(world), "scheme": "dankort", "device": phone.device()}
    for purpose, age_seconds in (("pin", 0), ("provision", 301), (None, 0)):
        phone.purpose, phone.auth_time = purpose, now - timedelta(seconds=age_seconds)
        answer = phone.request("POST", "/v1/tokens", body)
        assert answer.status_code == 401
        assert 'purpose="provision"' in answer.headers["WWW-Authenticate"]


def test_whatever_is_wrong_with_a_card_gets_one_answer(world: World) -> None:
    card, phone = card_of(world), world.phone()
    token_number = phone.token(card).number
    for wrong in (
        card | {"number": "4111111111111111"},
        card | {"number": token_number},
        card | {"expiry": "2031-01"},
        card | {"cvc": wrong_cvc(card)},
        card_of(world, "bo"),
    ):
        answer = phone.provision(wrong)
        assert answer.json() | {"title": "", "request_id": ""} == {
            "type": "urn:tegnebog:problem:card-not-verified",
            "title": "",
            "status": 422,
            "detail": "the card could not be verified",
            "code": "card-not-verified",
            "request_id": "",
        }


def test_after_five_wrong_cards_a_person_waits_a_day_and_nobody_else_does(world: World) -> None:
    phone, card = world.phone(), card_of(world)
    for minute in range(5):
        assert problem(phone.provision(card | {"cvc": wrong_cvc(card)})) == (422, "card-not-verified"), minute
        world.clock.advance(timedelta(minutes=1))
    answer = phone.provision(card)
    assert problem(answer) == (429, "too-many-attempts")
    assert int(answer.headers["Retry-After"]) == 24 * 3600 - 60
    assert world.phone("bo").provision(card_of(world, "bo")).status_code == 201
    world.clock.advance(DAY - timedelta(minutes=1))
    assert phone.provision(card).status_code == 201


def test_a_stranger_cannot_lock_a_card(world: World) -> None:
    stranger, card = world.phone("bo"), card_of(world)
    for _ in range(6):
        stranger.provision(card | {"cvc": wrong_cvc(card)})
    assert world.phone().provision(card).status_code == 201


def test_a_waiting_person_is_not_counted_on(world: World) -> None:
    phone, card = world.phone(), card_of(world)
    for _ in range(8):
        phone.provision(card | {"cvc": wrong_cvc(card)})
    with world.parts.database.reading() as session:
        assert len(session.scalars(select(CardEntryFailure)).all()) == 5


def test_a_wallet_holds_only_the_schemes_that_it_is_approved_for(world: World) -> None:
    phone = world.phone().step_up("provision")
    body = {"card": card_of(world), "device": phone.device()}
    assert problem(phone.request("POST", "/v1/tokens", body | {"scheme": "visa"})) == (403, "wallet-not-approved")
    unknown = phone.request("POST", "/v1/tokens", body | {"scheme": "mastercard"})
    assert (unknown.status_code, fields(unknown)) == (422, ["scheme"])


def test_a_card_without_that_half_is_refused(world: World) -> None:
    bank, phone = world.machine("issuer"), world.phone()
    who = world.person("anna")
    asked = {"cardholder_id": who["cardholder_id"], "account_id": who["account_id"], "scheme": "visa"}
    issued = bank.request("POST", "/v1/issuer/cards", asked).json()
    answer = phone.provision({name: issued[name] for name in ("number", "expiry", "cvc")})
    assert problem(answer) == (422, "scheme-not-on-card")
    assert fields(answer) == ["scheme"]


@pytest.mark.parametrize(("step", "code"), [("block", "card-blocked"), ("close", "card-closed")])
def test_a_card_that_is_not_active_goes_on_no_phone(world: World, step: str, code: str) -> None:
    world.machine("issuer").request(
        "POST",
        f"/v1/issuer/cards/{world.person('anna')['card_id']}/{step}",
        {"reason": "lost"} if step == "block" else None,
    )
    phone = world.phone()
    assert problem(phone.provision(card_of(world))) == (409, code)
    world.tell()
    assert "token.provisioning_refused" in {each["kind"] for each in phone.request("GET", "/v1/inbox").json()["data"]}


def test_a_card_is_on_five_phones_at_most(world: World) -> None:
    made = [world.phone().provision(card_of(world)) for _ in range(5)]
    assert {answer.status_code for answer in made} == {201}
    refused = world.phone().provision(card_of(world))
    assert problem(refused) == (409, "provisioning-limit-reached")
    assert {name: refused.json()[name] for name in ("active_tokens", "limit", "window_days")} == {
        "active_tokens": 5,
        "limit": 5,
        "window_days": 30,
    }
    world.phone().request("DELETE", f"/v1/tokens/{made[0].json()['id']}")
    assert world.phone().provision(card_of(world)).status_code == 201


def test_a_card_is_put_on_ten_phones_a_month_at_most(world: World) -> None:
    for _ in range(10):
        phone = world.phone()
        phone.request("DELETE", f"/v1/tokens/{phone.provision(card_of(world)).json()['id']}")
    assert problem(world.phone().provision(card_of(world))) == (409, "provisioning-limit-reached")
    world.clock.advance(30 * DAY)
    assert world.phone().provision(card_of(world)).status_code == 201


def test_what_cannot_be_read_is_named_and_not_repeated(world: World) -> None:
    number, phone = "4111111111111111", world.phone().step_up("provision")
    body = {"card": card_of(world), "scheme": "dankort", "device": phone.device()}
    typed = {"number": number, "expiry": "2029-09", "cvc": "123"}
    for changes, field in (
        ({"card": None}, "card"),
        ({"card": typed | {"number": "4111111111111112"}}, "card.number"),
        ({"card": typed | {"number": "４１１１１１１１１１１１１１１１"}}, "card.number"),
        ({"card": typed | {"number": "4111 1111 1111 1111"}}, "card.number"),
        ({"card": typed | {"number": "411111111111111²"}}, "card.number"),
        ({"card": typed | {"number": 4111111111111111}}, "card.number"),
        ({"card": typed | {"number": "41111111112"}}, "card.number"),  # 11 digits
        ({"card": typed | {"number": "41111111111111111115"}}, "card.number"),  # 20
        ({"card": typed | {"number": "4111111111111111\n"}}, "card.number"),
        ({"card": typed | {"expiry": "2029-00"}}, "card.expiry"),
        ({"card": typed | {"expiry": "2029-9"}}, "card.expiry"),
        ({"card": typed | {"expiry": "2029-13"}}, "card.expiry"),
        ({"card": typed | {"expiry": "09/29"}}, "card.expiry"),
        ({"card": typed | {"cvc": "12"}}, "card.cvc"),
        ({"card": typed | {"cvc": 123}}, "card.cvc"),
        ({"card": {"number": number, "expiry": "2029-09"}}, "card.cvc"),
        ({"card": typed | {"pin": "1234"}}, "card.pin"),
        ({"drawing_right_id": ids.to_text("right", ids.new_id())}, "card"),
        ({"encrypted_card": "…"}, "card"),
        ({"device": None}, "device"),
        ({"device": phone.device() | {"name": ""}}, "device.name"),
        ({"device": phone.device() | {"platform": "windows"}}, "device.platform"),
        ({"unknown": 1}, "unknown"),
    ):
        asked = {name: value for name, value in (body | changes).items() if value is not None}
        answer = phone.request("POST", "/v1/tokens", asked)
        assert answer.status_code == 422, changes
        assert field in fields(answer), changes
        assert "4111" not in answer.text, changes


def test_a_phone_has_an_encryption_key_on_p256(world: World) -> None:
    phone = world.phone().step_up("provision")
    for key in (
        {},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "RSA", "n": "AA", "e": "AQAB"},
        ECKey.generate_key("P-384").as_dict(private=False),
        ECKey.generate_key("P-256").as_dict(private=True),
        phone.encryption_key.as_dict(private=False) | {"kid": "\x00"},
        "text",
    ):
        body = {"card": card_of(world), "scheme": "dankort", "device": phone.device() | {"encryption_key": key}}
        answer = phone.request("POST", "/v1/tokens", body)
        assert answer.status_code == 422, key
        assert fields(answer)[0].startswith("device.encryption_key"), key


def transport_key(world: World) -> ECKey:
    published = world.http.get("/oauth/jwks").json()["keys"]
    return ECKey.import_key(next(key for key in published if key.get("use") == "enc"))


def encrypted(key: ECKey, content: object, **header: str) -> str:
    protected = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": str(key.kid)} | header
    plain = content if isinstance(content, bytes) else json.dumps(content).encode()
    public = ECKey.import_key({name: key.as_dict(private=False)[name] for name in ("kty", "crv", "x", "y")})
    algorithms = [protected["alg"], protected["enc"], "DEF"]
    return jwe.encrypt_compact(protected, plain, public, algorithms=algorithms)


def provision_encrypted(phone: Phone, content: str) -> httpx.Response:
    body = {"encrypted_card": content, "scheme": "dankort", "device": phone.device()}
    return phone.step_up("provision").request("POST", "/v1/tokens", body)


def test_a_card_can_come_encrypted_to_our_published_key(world: World) -> None:
    answer = provision_encrypted(world.phone(), encrypted(transport_key(world), card_of(world)))
    assert (answer.status_code, answer.json()["status"]) == (201, "inactive")


def test_a_wrong_card_that_comes_encrypted_is_counted_like_any_other(world: World) -> None:
    phone, card = world.phone(), card_of(world)
    sent = encrypted(transport_key(world), card | {"cvc": wrong_cvc(card)})
    answers = [provision_encrypted(phone, sent) for _ in range(6)]
    assert [problem(answer)[0] for answer in answers] == [422] * 5 + [429]


def bad_envelopes(key: ECKey, card: dict[str, str]) -> dict[str, str]:
    good = encrypted(key, card)
    head, *rest = good.split(".")
    return {
        "to another key": encrypted(ECKey.generate_key("P-256", {"kid": str(key.kid)}), card),
        "to a key that we never had": encrypted(key, card, kid="old"),
        "another algorithm": encrypted(key, card, alg="ECDH-ES+A256KW"),
        "another encryption": encrypted(key, card, enc="A128GCM"),
        "compressed": encrypted(key, card, zip="DEF"),
        "cut": good[:-5],
        "changed": ".".join([head, *rest[:2], rest[2][:-2] + ("AA" if rest[2][-2:] != "AA" else "BB"), rest[3]]),
        "no envelope": "not.a.jwe",
        "nothing": "....",
        "no card inside": encrypted(key, {"expiry": card["expiry"]}),
        "no object inside": encrypted(key, [card]),
        "no JSON inside": encrypted(key, b"\xff\xfe"),
        "deep inside": encrypted(key, b"[" * 1_500),
        "an unknown field inside": encrypted(key, card | {"pin": "1234"}),
    }


def test_an_envelope_that_does_not_open_is_named_and_shows_nothing(world: World) -> None:
    phone, card = world.phone(), card_of(world)
    for name, envelope in bad_envelopes(transport_key(world), card).items():
        answer = provision_encrypted(phone, envelope)
        assert (answer.status_code, fields(answer)) == (422, ["encrypted_card"]), name
        assert card["number"][6:12] not in answer.text, name
    with world.parts.database.reading() as session:
        assert session.scalars(select(CardEntryFailure)).all() == []


def vouch(world: World, phone: Phone, **changes: Any) -> str:
    """What a wallet provider's server says of a phone that runs its app."""
    key = changes.pop("by", None) or ECKey.import_key(world.access["machines"]["provider"]["private_jwk"])
    header = {"alg": "ES256", "typ": "provider-assertion+jwt", "kid": str(key.kid)}
    said = {
        "signing_key": phone.thumbprint,
        "encryption_key": phone.encryption_key.thumbprint(),
        "iat": int(world.clock.now().timestamp()),
    }
    header |= {name: changes.pop(name) for name in ("typ",) if name in changes}
    return jwt.encode(header, said | changes, key)


def provision_vouched(world: World, phone: Phone, assertion: str | None) -> httpx.Response:
    device = phone.device() | {"provider_assertion": assertion}
    body = {"card": card_of(world), "scheme": "dankort", "device": device}
    return phone.step_up("provision").request("POST", "/v1/tokens", body)


@pytest.fixture
def strict(world: World) -> World:
    """A world whose wallet must vouch for its phones."""
    made = world.phone().provision(card_of(world)).json()
    path = f"/v1/issuer/requestors/{made['requestor']['id']}"
    changed = world.machine("issuer").request("PATCH", path, {"app_attestation": "required"})
    assert changed.json()["app_attestation"] == "required"
    return world


def test_a_phone_that_its_wallet_vouches_for_is_provisioned(strict: World) -> None:
    phone = strict.phone()
    assert provision_vouched(strict, phone, vouch(strict, phone)).status_code == 201


def test_a_phone_that_nobody_vouches_for_is_not(strict: World) -> None:
    phone, stranger = strict.phone(), strict.phone()
    now = int(strict.clock.now().timestamp())
    assertions = {
        "none": None,
        "another phone's": vouch(strict, stranger),
        "for another encryption key": vouch(strict, phone, encryption_key=stranger.encryption_key.thumbprint()),
        "too old": vouch(strict, phone, iat=now - 301),
        "of the future": vouch(strict, phone, iat=now + 61),
        "without a time": vouch(strict, phone, iat=None),
        "with a time that is none": vouch(strict, phone, iat=True),
        "of another kind": vouch(strict, phone, typ="JWT"),
        "by somebody else": vouch(strict, phone, by=ECKey.generate_key("P-256")),
        "no JWS": "not.a.jws",
    }
    for name, assertion in assertions.items():
        answer = provision_vouched(strict, phone, assertion)
        assert (answer.status_code, fields(answer)) == (422, ["device.provider_assertion"]), name


def test_a_replaced_number_is_no_card_any_more_and_the_new_one_is_when_it_is_activated(world: World) -> None:
    bank, path = world.machine("issuer"), f"/v1/issuer/cards/{world.person('anna')['card_id']}"
    new = bank.request("POST", f"{path}/replace", {"reason": "lost"}).json()
    fresh = {name: new[name] for name in ("number", "expiry", "cvc")}
    assert problem(world.phone().provision(card_of(world))) == (422, "card-not-verified")
    assert problem(world.phone().provision(fresh)) == (422, "card-not-verified")
    bank.request("POST", f"{path}/activate-plastic")
    assert world.phone().provision(fresh).status_code == 201


def test_while_a_renewed_card_waits_the_old_plastic_still_goes_on_a_phone(world: World) -> None:
    path = f"/v1/issuer/cards/{world.person('anna')['card_id']}"
    world.machine("issuer").request("POST", f"{path}/renew")
    assert world.phone().provision(card_of(world)).status_code == 201


def test_an_expired_plastic_is_no_card_any_more(world: World) -> None:
    world.clock.advance(4 * 366 * DAY)
    assert problem(world.phone().provision(card_of(world))) == (422, "card-not-verified")
