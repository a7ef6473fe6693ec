"""The bank's oversight over HTTP: tokens, requestors, policies, the journal."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey
from sqlalchemy import text

from tests.world import World
from tokenization import ids, policies
from tokenization.journal import chains
from wallet.access.oauth import client_changes


def call(world: World, method: str, path: str, body: Any = None) -> httpx.Response:
    return world.machine("issuer").request(method, f"/v1/issuer{path}", body)


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def field(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["field"]


def public_jwks() -> dict[str, Any]:
    return {"keys": [ECKey.generate_key("P-256", auto_kid=True).as_dict(private=False)]}


def test_the_bank_holds_a_token_back_and_gives_it_back(world: World) -> None:
    token = world.phone().active(world.person("anna")["card"])
    held = call(world, "POST", f"/tokens/{token['id']}/suspend", {"reason": "looked into"}).json()
    assert (held["status"], held["because"]) == ("suspended", "issuer")
    assert held["suspensions"][0]["reason"] == "looked into"
    assert call(world, "GET", f"/tokens/{token['id']}").json() == held
    assert call(world, "POST", f"/tokens/{token['id']}/resume").json()["status"] == "active"
    assert problem(call(world, "POST", f"/tokens/{token['id']}/resume")) == (409, "illegal-state")
    assert call(world, "DELETE", f"/tokens/{token['id']}").json()["status"] == "deactivated"
    assert problem(call(world, "GET", f"/tokens/{ids.to_text('tok', ids.new_id())}")) == (404, "not-found")


def test_a_phone_that_the_blocking_line_hears_of_is_gone_as_a_whole(world: World) -> None:
    """R-10.2: its tokens, whosever card they draw on, and its sessions; each token is given back by itself."""
    lost, home, bank = world.phone(), world.phone(), world.machine("issuer")
    token, kept = lost.active(world.person("anna")["card"]), home.active(world.person("anna")["card"])
    of_bo = world.phone("bo", lost.key).active(world.person("bo")["card"])
    path = f"/v1/issuer/tokens/{token['id']}"
    held = bank.request("POST", f"{path}/suspend", {"reason": "device_lost"}).json()
    assert (held["because"], [each["reason"] for each in held["suspensions"]]) == ("issuer", ["device_lost"])
    seen = [bank.request("GET", f"/v1/issuer/tokens/{each['id']}").json()["because"] for each in (of_bo, kept)]
    assert seen == ["issuer", None]
    assert [phone.request("GET", "/v1/me").status_code for phone in (lost, home)] == [401, 200]
    assert home.step_up("resume").request("POST", f"/v1/tokens/{token['id']}/resume").status_code == 409
    assert bank.request("POST", f"{path}/resume").json()["because"] is None
    assert bank.request("GET", f"/v1/issuer/tokens/{of_bo['id']}").json()["because"] == "issuer"


@pytest.mark.parametrize("reason", ["fraud", "looked into", "device_lost?"])
def test_for_any_other_reason_the_bank_holds_the_one_token(world: World, reason: str) -> None:
    phone, bank = world.phone(), world.machine("issuer")
    token = phone.active(world.person("anna")["card"])
    held = bank.request("POST", f"/v1/issuer/tokens/{token['id']}/suspend", {"reason": reason}).json()
    assert [each["reason"] for each in held["suspensions"]] == [reason]
    assert phone.request("GET", "/v1/me").status_code == 200


def test_a_graver_reason_of_the_bank_takes_the_place_of_its_first(world: World) -> None:
    bank, token = world.machine("issuer"), world.phone().active(world.person("anna")["card"])
    path, stands = f"/v1/issuer/tokens/{token['id']}/suspend", []
    for reason in ("looked into", "device_stolen", "other"):
        [held] = bank.request("POST", path, {"reason": reason}).json()["suspensions"]
        stands.append(held["reason"])
    assert stands == ["looked into", "device_stolen", "device_stolen"]


def test_the_table_of_operations_is_shown_to_the_bank_and_to_providers(world: World) -> None:
    shown = [world.machine(who).request("GET", f"/v1/{who}/token-operations").json() for who in ("issuer", "provider")]
    assert shown[0] == shown[1]
    assert shown[0]["data"][0] == {
        "operation": "suspend",
        "reason": "device_lost",
        "by": ["cardholder"],
        "reaches": "phone",
        "undone_by": ["cardholder", "issuer"],
        "mastercard": {"code": "L", "event": "DEVICE_LOST"},
        "visa": "CUSTOMER_CONFIRMED",
    }


def test_a_wallet_is_approved_with_its_app_its_childrens_app_and_its_server(world: World) -> None:
    asked = {"kind": "wallet", "name": "Pung", "redirect_uris": ["https://pung.example/in"], "jwks": public_jwks()}
    made = call(world, "POST", "/requestors", asked)
    wallet = made.json()
    assert made.status_code == 201
    assert {client["scope"] for client in wallet["clients"]} == {"wallet", "child", "provider"}
    assert (wallet["schemes"], wallet["app_attestation"], wallet["status"]) == (["dankort"], "off", "active")
    assert call(world, "GET", f"/requestors/{wallet['id']}").json() == wallet


def test_a_requestor_that_cannot_be_is_named(world: World) -> None:
    uris = {"redirect_uris": ["https://pung.example/in"]}
    wallet = {"kind": "wallet", "name": "Pung"} | uris
    merchant = {"kind": "merchant", "name": "Bogormen", "jwks": public_jwks(), "merchant_ids": ["DK-BOG"]}
    private = {"keys": [ECKey.generate_key("P-256").as_dict(private=True)]}
    for asked, name in (
        (wallet | {"redirect_uris": []}, "redirect_uris"),
        (wallet | {"redirect_uris": ["http://pung.example/in"]}, "redirect_uris"),
        (wallet | {"schemes": ["mastercard"]}, "schemes[0]"),
        (wallet | {"kind": "bank"}, "kind"),
        (merchant | {"merchant_ids": []}, "merchant_ids"),
        (merchant | {"jwks": None}, "jwks"),
        (merchant | {"jwks": private}, "jwks.keys[0]"),
        (merchant | uris, "redirect_uris"),
    ):
        assert field(call(world, "POST", "/requestors", asked)) == (422, name), asked


def test_a_machines_keys_are_changed_and_the_old_ones_are_of_no_use(world: World) -> None:
    asked = {"kind": "merchant", "name": "Bogormen", "jwks": public_jwks(), "merchant_ids": ["DK-BOG"]}
    shop = call(world, "POST", "/requestors", asked).json()
    path = f"/requestors/{shop['id']}"
    assert (
        call(world, "PATCH", path, {"jwks": public_jwks(), "merchant_ids": ["DK-BOG", "DK-BOG-2"]}).status_code == 200
    )
    for body, name in (
        ({"jwks": {}}, "jwks"),
        ({"jwks": {"keys": []}}, "jwks"),
        ({"jwks": None}, "jwks"),
        ({"merchant_ids": []}, "merchant_ids"),
        ({"redirect_uris": ["https://x.example/"]}, "redirect_uris"),
        ({"kind": "wallet"}, "kind"),
    ):
        assert field(call(world, "PATCH", path, body)) == (422, name), body
    query = "SELECT type FROM tokenization.subject_journal_entries WHERE type LIKE '%.changed' ORDER BY type"
    with world.parts.database.reading() as session:
        assert session.scalars(text(query)).all() == ["client.changed", "requestor.changed"]


def test_a_wallet_gets_another_address_and_later_a_server(world: World) -> None:
    asked = {"kind": "wallet", "name": "Pung", "redirect_uris": ["https://pung.example/in"]}
    wallet = call(world, "POST", "/requestors", asked).json()
    assert {client["scope"] for client in wallet["clients"]} == {"wallet", "child"}
    changes = {"redirect_uris": ["https://pung.example/hjem"], "jwks": public_jwks()}
    changed = call(world, "PATCH", f"/requestors/{wallet['id']}", changes).json()
    assert {client["scope"] for client in changed["clients"]} == {"wallet", "child", "provider"}
    query = "SELECT redirect_uris FROM access.oauth_clients WHERE client_id = :id"
    [app] = [client["client_id"] for client in changed["clients"] if client["scope"] == "wallet"]
    with world.parts.database.reading() as session:
        assert session.scalar(text(query), {"id": app}) == ["https://pung.example/hjem"]


def test_what_a_requestor_may_do_is_journalled_with_what_it_became(world: World) -> None:
    asked = {"kind": "acquirer", "name": "Nordnet", "jwks": public_jwks()}
    made = call(world, "POST", "/requestors", asked).json()
    for _ in range(2):
        call(world, "PATCH", f"/requestors/{made['id']}", {"status": "suspended"})
    subject = ids.parse("reqr", made["id"])
    query = "SELECT payload FROM tokenization.subject_journal_entries WHERE subject_id = :id ORDER BY seq"
    with world.parts.database.reading() as session:
        payloads = session.scalars(text(query), {"id": subject}).all()
        assert chains.verify_subject(session, world.parts.vault.ring, subject).valid
    assert [payload.get("changes") for payload in payloads] == [None, {"status": "suspended"}]


def test_policies_are_listed_in_pages_and_set_from_a_moment_on(world: World) -> None:
    first = call(world, "GET", "/policies?limit=5").json()
    rest = call(world, "GET", f"/policies?limit=5&cursor={first['next_cursor']}").json()
    listed = [each["name"] for each in first["data"] + rest["data"]]
    assert (listed, rest["next_cursor"]) == (sorted(policies.SHAPES), None)
    ceilings = next(each for each in first["data"] if each["name"] == "ceilings")
    assert (ceilings["version"], ceilings["set_by"]) == (1, "delivered")
    figures = ceilings["figures"] | {"per_payment": 100}
    later = {"figures": figures, "effective_at": "2026-11-22T11:15:00Z"}
    put = call(world, "PUT", "/policies/ceilings", later).json()
    assert (put["version"], put["effective_at"]) == (2, later["effective_at"])
    assert put["set_by"].startswith("issuer:")
    parent = world.phone()
    right = world.grant(parent)
    assert right["ceiling"]["per_payment"] == 200_000
    world.clock.advance(timedelta(hours=1))
    now = parent.request("GET", f"/v1/drawing-rights/{right['id']}").json()
    assert (now["ceiling"]["per_payment"], now["usage"]["per_payment"]["limit"]) == (100, 100)


def test_a_policy_that_cannot_be_is_named(world: World) -> None:
    figures = {"per_payment": 1, "per_day": 1, "per_week": 1, "per_month": 1, "payments_per_day": 1}
    for body, name in (
        ({"figures": figures | {"per_day": -1}}, "figures.per_day"),
        ({"figures": {}}, "figures.per_payment"),
        ({"figures": figures | {"per_year": 1}}, "figures"),
        ({"figures": []}, "figures"),
        ({"figures": figures, "effective_at": "2026-11-22T10:14:59Z"}, "effective_at"),
        ({"figures": figures, "effective_at": "tomorrow"}, "effective_at"),
        ({}, "figures"),
    ):
        assert field(call(world, "PUT", "/policies/ceilings", body)) == (422, name), body
    assert problem(call(world, "PUT", "/policies/interest", {"figures": figures})) == (404, "not-found")


def test_the_journal_of_a_card_is_read_oldest_first_in_pages(world: World) -> None:
    phone, card_id = world.phone(), world.person("anna")["card_id"]
    token = phone.active(world.person("anna")["card"])
    phone.request("POST", f"/v1/cards/{card_id}/block", {"reason": "lost"})
    path = f"/cards/{card_id}/journal"
    first = call(world, "GET", f"{path}?limit=3").json()
    rest = call(world, "GET", f"{path}?limit=3&cursor={first['next_cursor']}").json()
    entries = first["data"] + rest["data"]
    assert [entry["type"] for entry in entries] == [
        "card.issued",
        "token.provisioned",
        "token.activated",
        "card.blocked",
    ]
    assert [entry["seq"] for entry in entries] == [1, 2, 3, 4]
    assert entries[3]["actor"] == f"cardholder:{world.person('anna')['cardholder_id']}"
    assert entries[1]["payload"]["token_id"] == token["id"]
    assert rest["next_cursor"] is None
    for cursor in ("x", "-1", "9" * 40):
        assert field(call(world, "GET", f"{path}?cursor={cursor}")) == (422, "cursor")


def test_the_journal_holds_no_number(world: World) -> None:
    phone, card = world.phone(), world.person("anna")["card"]
    token = phone.token(card)
    read = call(world, "GET", f"/cards/{world.person('anna')['card_id']}/journal?limit=200").text
    for secret in (card["number"], token.number, world.person("anna")["cpr"], f'"{card["cvc"]}"'):
        assert secret not in read


def test_a_changed_row_is_found_and_where(world: World) -> None:
    card_id = world.person("anna")["card_id"]
    world.phone().active(world.person("anna")["card"])
    path = f"/cards/{card_id}/journal/verify"
    sound = call(world, "GET", path).json()
    assert (sound["valid"], sound["entries"], sound["broken_at"]) == (True, 3, None)
    with world.parts.database.transaction("nobody") as session:
        change = "UPDATE tokenization.journal_entries SET actor = 'x' WHERE card_id = :id AND seq = 2"
        session.execute(text(change), {"id": ids.parse("card", card_id)})
    broken = call(world, "GET", path).json()
    assert (broken["valid"], broken["entries"], broken["broken_at"]) == (False, 3, 2)


def test_a_machine_rotates_its_key_over_http_without_a_pause(world: World) -> None:
    """The bank reads the keys, adds the new one, and takes the old one away once the machine uses the new."""
    asked = {"kind": "merchant", "name": "Bogormen", "jwks": public_jwks(), "merchant_ids": ["DK-BOG"]}
    path = f"/requestors/{call(world, 'POST', '/requestors', asked).json()['id']}"
    [old] = call(world, "GET", path).json()["clients"][0]["jwks"]["keys"]
    [new] = public_jwks()["keys"]
    both = call(world, "PATCH", path, {"jwks": {"keys": [old, new]}}).json()["clients"][0]["jwks"]["keys"]
    assert [key["kid"] for key in both] == [old["kid"], ECKey.import_key(new).thumbprint()]
    left = call(world, "PATCH", path, {"jwks": {"keys": both[1:]}}).json()["clients"][0]["jwks"]["keys"]
    assert left == both[1:]
    assert "d" not in left[0]


def test_a_requestor_whose_client_was_revoked_gets_a_new_one_with_new_keys(world: World) -> None:
    asked = {"kind": "acquirer", "name": "Nordnet", "jwks": public_jwks()}
    made = call(world, "POST", "/requestors", asked).json()
    with world.parts.database.transaction("test") as session:
        client_changes.become(
            session, client_changes.locked(session, made["clients"][0]["client_id"]), "revoked", world.clock.now()
        )
    found = call(world, "PATCH", f"/requestors/{made['id']}", {"jwks": public_jwks()}).json()["clients"]
    assert sorted((client["scope"], client["status"]) for client in found) == [
        ("network", "active"),
        ("network", "revoked"),
    ]
