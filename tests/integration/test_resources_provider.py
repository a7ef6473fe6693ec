"""Wallet providers over HTTP: their tokens, every change of them, and their own suspension."""

from datetime import timedelta
from typing import Any

import httpx

from tests.integration.test_resources_rate_limits import limit
from tests.policy.worlds import over_redis
from tests.world import World
from tokenization import ids


def card_of(world: World, name: str = "anna") -> dict[str, str]:
    card: dict[str, str] = world.person(name)["card"]
    return card


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def updates(world: World) -> list[dict[str, Any]]:
    world.tell()
    found: list[dict[str, Any]] = world.machine("provider").request("GET", "/v1/provider/token-updates").json()["data"]
    return found


def test_a_provider_sees_its_tokens(world: World) -> None:
    token = world.phone().active(card_of(world))
    [seen] = world.machine("provider").request("GET", "/v1/provider/tokens").json()["data"]
    assert (seen["id"], seen["status"], seen["last4"]) == (token["id"], "active", token["last4"])


def test_a_provider_reads_its_tokens_and_their_updates_page_by_page(world: World) -> None:
    provider = world.machine("provider")
    made = [world.phone(name).active(world.person(name)["card"])["id"] for name in ("anna", "bo")]
    world.tell()
    first = provider.request("GET", "/v1/provider/tokens?limit=1").json()
    second = provider.request("GET", f"/v1/provider/tokens?limit=1&cursor={first['next_cursor']}").json()
    assert [each["id"] for page in (first, second) for each in page["data"]] == made[::-1]
    assert second["next_cursor"] is None
    seen, last, more = [], "0", True
    while more:
        page = provider.request("GET", f"/v1/provider/token-updates?limit=1&cursor={last}").json()
        seen += [each["data"]["token_id"] for each in page["data"]]
        last, more = page["cursor"], page["next_cursor"] is not None
    assert set(seen) == set(made)
    again = provider.request("GET", f"/v1/provider/token-updates?cursor={last}").json()
    assert (again["data"], again["cursor"]) == ([], last)
    for wrong in ("nonsense", made[0][:-1], "card_01m80w4fmse15txwnmr4we7wrg"):
        assert problem(provider.request("GET", f"/v1/provider/tokens?cursor={wrong}")) == (422, "invalid")


def test_a_provider_sees_no_card_number_and_nobodys_name(world: World) -> None:
    anna, provider = world.person("anna"), world.machine("provider")
    token = world.phone().active(card_of(world))
    world.machine("issuer").request("POST", f"/v1/issuer/cards/{anna['card_id']}/replace", {"reason": "bank"})
    held = provider.request("POST", f"/v1/provider/tokens/{token['id']}/suspend", {"reason": "fraud"})
    shown = [held, provider.request("GET", "/v1/provider/tokens")]
    told = updates(world)
    assert told
    for text in (*[answer.text for answer in shown], str(told)):
        for private in (anna["card"]["number"], anna["card"]["number"][-4:], anna["name"], anna["cpr"]):
            assert private not in text


def test_a_token_that_has_ended_is_neither_held_back_nor_given_back(world: World) -> None:
    phone, provider = world.phone(), world.machine("provider")
    path = f"/v1/provider/tokens/{phone.active(card_of(world))['id']}"
    phone.request("DELETE", path.replace("/provider", ""))
    assert problem(provider.request("POST", f"{path}/suspend", {"reason": "fraud"})) == (409, "illegal-state")
    assert problem(provider.request("POST", f"{path}/resume")) == (409, "illegal-state")


def test_a_provider_holds_back_and_gives_back_only_its_own(world: World) -> None:
    phone, provider = world.phone(), world.machine("provider")
    token = phone.active(card_of(world))
    path = f"/v1/provider/tokens/{token['id']}"
    held = provider.request("POST", f"{path}/suspend", {"reason": "app recalled"}).json()
    assert (held["status"], held["because"]) == ("suspended", "wallet_provider")
    phone.request("POST", f"/v1/tokens/{token['id']}/suspend", {"reason": "other"})
    given_back = provider.request("POST", f"{path}/resume").json()
    assert (given_back["status"], given_back["because"]) == ("suspended", "cardholder")
    assert problem(provider.request("POST", f"{path}/resume")) == (409, "illegal-state")
    own = phone.step_up("resume").request("POST", f"/v1/tokens/{token['id']}/resume").json()
    assert (own["status"], own["because"]) == ("active", None)


def test_a_lost_phone_is_one_token_to_a_provider_which_names_each(world: World) -> None:
    phone, provider = world.phone(), world.machine("provider")
    token = phone.active(card_of(world))
    path = f"/v1/provider/tokens/{token['id']}"
    held = provider.request("POST", f"{path}/suspend", {"reason": "device_stolen"}).json()
    assert (held["because"], held["suspensions"][0]["reason"]) == ("wallet_provider", "device_stolen")
    assert phone.request("GET", "/v1/me").status_code == 200
    assert provider.request("POST", f"{path}/resume").json()["because"] is None


def test_a_token_is_given_back_a_few_times_an_hour_and_held_back_at_any_time(world: World) -> None:
    limit(world, resuming_per_token="1 per hour")
    provider, made = (
        world.machine("provider"),
        (world.phone(each).active(card_of(world, each)) for each in ("anna", "bo")),
    )
    path, other = (f"/v1/provider/tokens/{token['id']}" for token in made)
    hold_back, give_back = ("POST", f"{path}/suspend", {"reason": "other"}), ("POST", f"{path}/resume")
    assert provider.request(*hold_back).json()["because"] == "wallet_provider"
    assert provider.request(*give_back).status_code == 200
    assert provider.request(*hold_back).json()["because"] == "wallet_provider"
    refused = provider.request(*give_back)
    assert (problem(refused), 1 <= int(refused.headers["Retry-After"]) <= 3600) == ((429, "too-many-requests"), True)
    provider.request("POST", f"{other}/suspend", {"reason": "other"})
    assert provider.request("POST", f"{other}/resume").status_code == 200
    over_redis(world, "redis://127.0.0.1:9")
    assert provider.request(*give_back).status_code == 200


def test_another_providers_token_is_not_there(world: World) -> None:
    token = world.phone().active(card_of(world))
    jwks = {"keys": [world.phone().key.as_dict(private=False) | {"kid": "1"}]}
    asked = {"kind": "wallet", "name": "Pung", "redirect_uris": ["https://pung.example/in"], "jwks": jwks}
    clients = world.machine("issuer").request("POST", "/v1/issuer/requestors", asked).json()["clients"]
    other = world.machine("provider")
    [other.client_id] = [each["client_id"] for each in clients if each["scope"] == "provider"]
    assert other.request("GET", "/v1/provider/tokens").json()["data"] == []
    for each in (token["id"], ids.to_text("tok", ids.new_id()), "nonsense"):
        for what, body in (("suspend", {"reason": "x"}), ("resume", None)):
            answer = other.request("POST", f"/v1/provider/tokens/{each}/{what}", body)
            assert problem(answer) == (404, "not-found")


def test_every_change_of_a_token_is_told_with_a_growing_version(world: World) -> None:
    phone = world.phone()
    token = phone.active(card_of(world))
    path, told = f"/v1/tokens/{token['id']}", [updates(world)[-1]["data"]]
    for method, where, body in (
        ("POST", f"{path}/suspend", {"reason": "other"}),
        ("POST", f"{path}/resume", None),
        ("POST", f"/v1/cards/{token['card_id']}/block", {"reason": "lost"}),
    ):
        assert phone.step_up("resume").request(method, where, body).status_code == 200
        told.append(updates(world)[-1]["data"])
    assert [each["because"] for each in told] == [None, "cardholder", None, "card_blocked"]
    versions = [each["version"] for each in told]
    assert versions == sorted(set(versions))
    assert (told[-1]["status"], told[-1]["reason"], told[-1]["at"]) == ("suspended", "lost", "2026-11-22T10:15:00Z")
    assert phone.request("GET", path).json()["version"] == versions[-1]


def test_a_provider_hears_what_happened_why_and_by_whom(world: World) -> None:
    phone, bank = world.phone(), world.machine("issuer")
    token = phone.active(card_of(world))
    path = f"/v1/tokens/{token['id']}"
    phone.request("POST", f"{path}/suspend", {"reason": "fraud"})
    held = updates(world)[-1]["data"]
    assert held["operation"] == {"name": "suspend", "reason": "fraud", "by": "cardholder"}
    assert held["suspensions"] == [{"by": "cardholder", "reason": "fraud", "at": "2026-11-22T10:15:00Z"}]
    bank.request("POST", f"/v1/issuer/tokens/{token['id']}/resume")
    assert updates(world)[-1]["data"]["operation"] == {"name": "resume", "reason": "not_fraud", "by": "issuer"}
    bank.request("POST", f"/v1/issuer/cards/{token['card_id']}/block", {"reason": "stolen"})
    assert updates(world)[-1]["data"]["operation"] == {"name": "block_card", "reason": "stolen", "by": "issuer"}
    bank.request("DELETE", f"/v1/issuer/tokens/{token['id']}?reason=account_closed")
    ended = updates(world)[-1]["data"]["operation"]
    assert ended == {"name": "deactivate", "reason": "account_closed", "by": "issuer"}


def test_a_right_that_is_prolonged_is_told_to_the_wallet(world: World) -> None:
    parent = world.phone()
    right = world.grant(parent, valid_until="2026-11-22")
    token = world.child(right["id"]).active(right_id=right["id"])
    world.tell()
    world.clock.advance(timedelta(days=1))
    assert updates(world)[-1]["data"]["because"] == "drawing_right_expired"
    path = f"/v1/drawing-rights/{right['id']}"
    assert parent.step_up("right").request("PATCH", path, {"valid_until": "2026-12-24"}).status_code == 200
    told = updates(world)[-1]["data"]
    assert (told["because"], told["operation"]["name"]) == (None, "change_right")
    assert told["version"] > token["version"]


def test_a_suspended_provider_is_shut_out_and_its_tokens_stop_and_come_back(world: World) -> None:
    phone, bank, shop = world.phone(), world.machine("issuer"), world.shop()
    token = phone.token(card_of(world))
    requestor = token.provisioned["requestor"]["id"]
    bank.request("PATCH", f"/v1/issuer/requestors/{requestor}", {"status": "suspended"})
    assert problem(world.machine("provider").request("GET", "/v1/provider/tokens")) == (403, "requestor-suspended")
    assert problem(phone.request("GET", "/v1/tokens")) == (403, "requestor-suspended")
    assert shop.tap(token, 1_000)["reason"] == "token_suspended"
    seen = bank.request("GET", f"/v1/issuer/tokens/{token.id}").json()
    assert (seen["status"], seen["because"]) == ("suspended", "requestor_suspended")
    bank.request("PATCH", f"/v1/issuer/requestors/{requestor}", {"status": "active"})
    assert shop.tap(token, 1_000)["approved"]
