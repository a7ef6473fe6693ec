"""A token is verified by a sign-in: MitID shows which card, phone and wallet, and that alone is confirmed."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from mobile_mock.broker import Broker as MockBroker
from mobile_mock.broker import Person
from tests.integration.access.acting import NSIS, REDIRECT_URI, Phone, claims_in, parameters_in, tokens_in
from tests.integration.access.verifying import Yellow, shown_by
from tests.world import World
from tokenization import ids
from tokenization.clock import SetClock
from tokenization.journal.models import JournalEntry, SubjectJournalEntry
from tokenization.models import Token
from wallet.access.events import client_subject
from wallet.access.mitid.broker import Broker
from wallet.access.mitid.dialects import Dialect, fields_of
from wallet.access.oauth import blueprint as oauth
from wallet.services import Services


@pytest.fixture
def world(services: Services, clock: SetClock, broker: MockBroker) -> Iterator[World]:
    """The whole service with a MitID broker that knows Anna and Bo."""
    world = World(services, clock)
    for name in ("anna", "bo"):
        who = world.person(name)
        broker.add_person(Person(who["mitid_uuid"], who["name"], who["cpr"], date(1980, 1, 1)))
    before = world.app.extensions[oauth.EXTENSION]
    with httpx.Client() as http:
        ours = Broker(services.settings, lambda: services.keys.broker_client, http)
        world.app.extensions[oauth.EXTENSION] = replace(before, broker=ours)
        yield world
    world.app.extensions[oauth.EXTENSION] = before


@pytest.fixture
def make(world: World, browser: httpx.Client, clock: SetClock, register: Callable[..., str]) -> Callable[..., Yellow]:
    """Makes phones of Anna's with an unverified token."""
    client_id = register("wallet", redirect_uris=[REDIRECT_URI])

    def make(name: str = "Annas telefon") -> Yellow:
        return Yellow(world, Phone(world.app.test_client(), browser, clock, client_id), name)

    return make


@pytest.fixture
def yellow(make: Callable[..., Yellow]) -> Yellow:
    return make()


def bank_does(world: World, what: str, body: dict[str, Any]) -> None:
    path = f"/v1/issuer/cards/{world.person('anna')['card_id']}/{what}"
    answer = world.machine("issuer").request("POST", path, body)
    assert answer.status_code == 200, answer.text


def entries(world: World, name: str = "anna") -> list[tuple[str, dict[str, Any]]]:
    """The journal of somebody's signing in."""
    whose = ids.parse("holder", world.person(name)["cardholder_id"])
    return noted(world, SubjectJournalEntry, SubjectJournalEntry.subject_id == whose)


def noted(world: World, kind: type[Any], where: Any) -> list[tuple[str, dict[str, Any]]]:
    with world.parts.database.reading() as session:
        return [(each.type, each.payload) for each in session.scalars(select(kind).where(where).order_by(kind.seq))]


def test_the_refusal_says_what_to_sign_in_for_and_the_same_call_then_verifies(yellow: Yellow) -> None:
    purpose = yellow.purpose()
    assert purpose == f"verify:{yellow.token['id']}:{yellow.token['version']}"
    tokens = yellow.tokens()
    assert claims_in(tokens.access_token)["purpose"] == purpose
    now = yellow.shown()
    assert (now["status"], now["verification_methods"]) == ("unverified", ["sms_code", "mitid"])
    verified = yellow.verify(tokens.access_token)
    assert (verified.status_code, verified.json["status"], verified.json["verification_methods"]) == (
        200,
        "inactive",
        [],
    )
    assert verified.json["version"] > yellow.token["version"]


def test_mitid_shows_which_card_phone_and_wallet_in_the_persons_language(world: World, yellow: Yellow) -> None:
    anna = world.person("anna")
    card = anna["card"]["number"][-4:]
    for language, expected in (
        ("da", f'Godkend, at kortet, der ender på {card}, bruges på telefonen "Annas telefon" i appen "Prøve Wallet"'),
        (
            "en",
            f'Approve that the card ending in {card} is used on the phone "Annas telefon" in the app "Prøve Wallet"',
        ),
    ):
        path = f"/v1/issuer/cardholders/{anna['cardholder_id']}"
        world.machine("issuer").request("PATCH", path, {"language": language})
        assert shown_by(yellow.go(yellow.push())) == (expected, language)


def test_what_mitid_shows_is_never_the_apps_to_say(yellow: Yellow) -> None:
    bent = {"reference_text": "QWZ2aXM", "idp_params": "{}", "token": "x", "device_name": "En anden", "text": "Afvis"}
    text, _ = shown_by(yellow.go(yellow.push(**bent)))
    assert 'på telefonen "Annas telefon" i appen' in text


def test_both_journals_say_how_it_was_verified(world: World, yellow: Yellow) -> None:
    purpose = yellow.purpose()
    yellow.verify(yellow.tokens().access_token)
    [stepped_up] = [payload for type_, payload in entries(world) if type_ == "step_up.succeeded"]
    assert (stepped_up["purpose"], stepped_up["acr"][-11:]) == (purpose, "Substantial")
    card_id = ids.parse("card", yellow.token["card_id"])
    [verified] = [
        told for type_, told in noted(world, JournalEntry, JournalEntry.card_id == card_id) if "verified" in type_
    ]
    assert (verified["token_id"], verified["method"]) == (yellow.token["id"], "mitid")


def test_a_sign_in_for_one_token_confirms_no_other(make: Callable[..., Yellow]) -> None:
    yellow = make()
    tokens, first = yellow.tokens(), yellow.token
    who = yellow.world.person("anna")
    asked = {name: who[name] for name in ("cardholder_id", "account_id")} | {"scheme": "visa_dankort"}
    card = yellow.world.machine("issuer").request("POST", "/v1/issuer/cards", asked).json()
    second = yellow.token = yellow.provision(card_id=card["id"], cvc=card["cvc"])
    refused = yellow.verify(tokens.access_token)
    assert refused.status_code == 401
    assert f'purpose="verify:{second["id"]}:' in refused.headers["WWW-Authenticate"]
    yellow.token = first
    assert yellow.verify(tokens.access_token).json["status"] == "inactive"


def test_no_other_purpose_verifies_and_this_one_opens_nothing_else(yellow: Yellow) -> None:
    for purpose in ("provision", "resume", f"verify:{yellow.token['id']}", f"{yellow.purpose()}0", "verify"):
        yellow.hand.step_up(purpose)
        assert yellow.verify(yellow.hand.access_token()).status_code == 401, purpose
    yellow.hand.step_up(yellow.purpose())
    for method, path in (("POST", "/v1/tokens"), ("PUT", f"/v1/tokens/{yellow.token['id']}/pin")):
        assert yellow.hand.request(method, path, {}).status_code == 401, path


def test_a_sign_in_of_more_than_five_minutes_ago_does_not_verify(yellow: Yellow, clock: SetClock) -> None:
    yellow.hand.step_up(yellow.purpose())
    clock.advance(timedelta(seconds=301))
    assert yellow.verify(yellow.hand.access_token()).status_code == 401
    yellow.hand.step_up(yellow.purpose()).acr = f"{NSIS}Low"
    assert yellow.verify(yellow.hand.access_token()).status_code == 401


def test_a_refreshed_token_does_not_verify(yellow: Yellow) -> None:
    refreshed = tokens_in(yellow.oauth.refresh(yellow.tokens().refresh_token))
    assert "purpose" not in claims_in(refreshed.access_token)
    assert yellow.verify(refreshed.access_token).status_code == 401


def test_a_token_is_verified_once(yellow: Yellow) -> None:
    tokens = yellow.tokens()
    assert yellow.verify(tokens.access_token).status_code == 200
    for again in (yellow.verify(tokens.access_token), yellow.verify()):
        assert (again.status_code, again.json["code"]) == (409, "illegal-state")


def test_a_refusal_is_not_kept_under_the_key_of_the_call(yellow: Yellow) -> None:
    assert yellow.verify(key="one").status_code == 401
    tokens = yellow.tokens()
    for replayed in (False, True):
        answer = yellow.verify(tokens.access_token, key="one")
        assert (answer.status_code, answer.json["status"]) == (200, "inactive")
        assert ("Idempotent-Replayed" in answer.headers) is replayed


def test_a_code_that_was_sent_counts_no_more(yellow: Yellow) -> None:
    assert yellow.hand.request(
        "POST", f"/v1/tokens/{yellow.token['id']}/verification", {"method": "sms_code"}
    ).is_success
    yellow.verify(yellow.tokens().access_token)
    confirmed = yellow.hand.request("POST", f"/v1/tokens/{yellow.token['id']}/verification/confirm", {"code": "123456"})
    assert (confirmed.status_code, confirmed.json()["code"]) == (409, "illegal-state")


def block(yellow: Yellow) -> None:
    bank_does(yellow.world, "block", {"reason": "lost"})


def end(yellow: Yellow) -> None:
    assert yellow.hand.request("DELETE", f"/v1/tokens/{yellow.token['id']}").status_code == 200


def put_a_new_one_in_its_place(yellow: Yellow) -> None:
    yellow.provision()


def suspend(yellow: Yellow) -> None:
    path = f"/v1/tokens/{yellow.token['id']}/suspend"
    assert yellow.hand.request("POST", path, {"reason": "other"}).status_code == 200


def suspend_the_wallet(yellow: Yellow) -> None:
    path = f"/v1/issuer/requestors/{yellow.token['requestor']['id']}"
    assert yellow.world.machine("issuer").request("PATCH", path, {"status": "suspended"}).status_code == 200


# The last of them is in the way of all that follow.
IN_ITS_WAY = (end, put_a_new_one_in_its_place, suspend, block)


def test_what_stands_in_its_way_does_so_at_every_step(make: Callable[..., Yellow]) -> None:
    """Before the app asks, before the browser goes, and while the person is at MitID."""
    for happens in IN_ITS_WAY:
        yellow = make()
        purpose, pushed = yellow.purpose(), yellow.push()
        at_mitid = yellow.oauth.at_broker(yellow.go(yellow.push()))
        happens(yellow)
        refused = yellow.push(purpose)
        assert (refused.status_code, refused.json["error"]) == (400, "invalid_request"), happens
        for sent in (yellow.go(pushed), yellow.oauth.back(at_mitid)):
            answer = parameters_in(sent.headers["Location"])
            assert sent.headers["Location"].startswith(REDIRECT_URI), happens
            assert (answer["error"], "code" in answer) == ("invalid_request", False), happens


def test_what_stands_in_its_way_after_the_sign_in_does_too(make: Callable[..., Yellow]) -> None:
    for happens in IN_ITS_WAY:
        yellow = make()
        tokens = yellow.tokens()
        happens(yellow)
        refused = yellow.verify(tokens.access_token)
        assert (refused.status_code, refused.json["code"]) == (409, "illegal-state"), happens
        assert yellow.shown()["status"] != "inactive", happens


def test_a_suspended_wallet_is_shut_out(yellow: Yellow) -> None:
    tokens = yellow.tokens()
    suspend_the_wallet(yellow)
    assert yellow.verify(tokens.access_token).status_code == 403


def test_a_card_that_was_replaced_meanwhile_is_confirmed_anew(world: World, yellow: Yellow) -> None:
    """What MitID showed ended in other digits."""
    tokens, before = yellow.tokens(), yellow.purpose()
    bank_does(world, "replace", {"reason": "lost"})
    assert yellow.verify(tokens.access_token).status_code == 401
    assert yellow.push(before).json["error"] == "invalid_request"
    last4 = yellow.hand.request("GET", f"/v1/cards/{yellow.token['card_id']}").json()["last4"]
    assert f"ender på {last4}," in shown_by(yellow.go(yellow.push()))[0]
    assert yellow.verify(yellow.tokens().access_token).json["status"] == "inactive"


def test_somebody_else_who_signs_in_confirms_nothing(world: World, yellow: Yellow) -> None:
    answer = yellow.come_back(yellow.go(yellow.push(who="bo")))
    assert (answer["error"], "code" in answer) == ("access_denied", False)
    assert not {"step_up.succeeded", "session.started", "sign_in.linked"} & {type_ for type_, _ in entries(world, "bo")}
    of_app = SubjectJournalEntry.subject_id == client_subject(yellow.oauth.client_id)
    reasons = [told["reason"] for type_, told in noted(world, SubjectJournalEntry, of_app) if "refused" in type_]
    assert reasons[-1] == "what was to be confirmed is another cardholder's"


def test_only_the_phone_that_the_token_is_on_learns_what_it_is(make: Callable[..., Yellow]) -> None:
    yellow, stranger = make(), make("En anden telefon")
    purpose, whose = yellow.purpose(), yellow.oauth.key.thumbprint()
    hint = {"login_hint": None}
    pushed_by_name = yellow.oauth.post("/oauth/par", yellow.oauth.request(purpose=purpose, dpop_jkt=whose, **hint))
    assert (pushed_by_name.status_code, pushed_by_name.json["error"]) == (400, "invalid_dpop_proof")
    unpushed = yellow.oauth.authorize(purpose=purpose, dpop_jkt=whose)
    assert (unpushed.status_code, unpushed.json["error"]) == (400, "invalid_request")
    assert "Location" not in unpushed.headers
    assert stranger.push(purpose).json["error"] == "invalid_request"
    assert stranger.push(purpose, dpop_jkt=whose).json["error"] == "invalid_dpop_proof"


def test_only_the_phone_that_the_token_is_on_confirms_it(make: Callable[..., Yellow]) -> None:
    yellow, stranger = make(), make("En anden telefon")
    stranger.hand.step_up(yellow.purpose())
    stranger.token = yellow.token
    refused = stranger.verify(stranger.hand.access_token())
    assert (refused.status_code, refused.json["code"]) == (403, "wrong-device")
    stolen = stranger.verify(yellow.tokens().access_token, stranger.oauth)
    assert (stolen.status_code, stolen.json["code"]) == (401, "invalid-dpop-proof")


def test_all_that_is_wrong_with_a_purpose_gets_one_answer(world: World, yellow: Yellow) -> None:
    """Whoever has an id learns nothing by it."""
    token_id, version = yellow.token["id"], yellow.token["version"]
    texts = {
        yellow.push(purpose).json["error_description"]
        for purpose in (
            f"verify:{ids.to_text('tok', ids.new_id())}:{version}",
            f"verify:{token_id}:{version + 1}",
            f"verify:{token_id}:{version - 1}",
            f"verify:{token_id}:0{version}",
        )
    }
    assert texts == {"purpose names no token that waits to be verified on this phone, as it stands now"}


def test_where_mitid_shows_no_text_nothing_is_confirmed_by_it(world: World, yellow: Yellow) -> None:
    purpose, silent = yellow.purpose(), fields_of("oidc", {})
    settings = world.parts.settings.model_copy(update={"broker": Dialect(**silent)})
    world.app.extensions["tegnebog"] = replace(world.parts, settings=settings)
    assert yellow.push(purpose).json["error_description"].startswith("MitID is not asked to show")
    yellow.hand.step_up(purpose)
    refused = yellow.verify(yellow.hand.access_token())
    assert (refused.status_code, refused.json["code"]) == (409, "verification-unavailable")
    assert yellow.shown()["verification_methods"] == ["sms_code"]


def test_a_childs_token_is_never_yellow_and_if_it_were_no_call_without_mitid_would_verify_it(world: World) -> None:
    child = world.child(world.grant(world.phone())["id"])
    token = child.provision(right_id=child.subject).json()
    path = f"/v1/tokens/{token['id']}/verification"
    assert (token["status"], child.request("POST", path, {"method": "mitid"}).json()["code"]) == (
        "inactive",
        "illegal-state",
    )
    with world.parts.database.transaction("test") as session:
        session.execute(update(Token).values(state="unverified"))
    assert child.request("POST", path, {"method": "mitid"}).json()["code"] == "verification-unavailable"


def test_no_number_gets_into_an_address_or_a_journal(world: World, yellow: Yellow) -> None:
    number = world.person("anna")["card"]["number"]
    sent = yellow.go(yellow.push())
    assert number not in f"{sent.headers['Location']} {shown_by(sent)}"
    assert "a card number" in yellow.push(f"verify:{number}:1").json["error_description"]
    yellow.verify(yellow.tokens().access_token)
    assert number not in f"{entries(world)}"
