"""Step 5: Emil gets a child card with limits, and asks for more."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mobile_mock.answers import list_in, object_in
from mobile_mock.story.stage import Stage

EMIL_PIN = "1379"
PER_PAYMENT, PER_DAY = 20_000, 50_000
TOO_MUCH = 25_000


def lend(stage: Stage) -> None:
    """5. Anna gives Emil a drawing right, pairs his phone, hears of what he may not buy, and lets him have it once."""
    grant(stage)
    pair(stage)
    put_on_phone(stage)
    declined = spend(stage)
    ask(stage, declined)
    pause(stage)


def grant(stage: Stage) -> None:
    """The drawing right itself."""
    told, emil = stage.transcript, stage.people["emil"]
    told.tell("Anna approves with MitID that Emil may draw DKK 200 a payment, 500 a day.")
    stage.anna.step_up("right")
    limits = {"per_payment": PER_PAYMENT, "per_day": PER_DAY}
    asked = {
        "delegate": {"name": emil["name"], "birthdate": emil["birthdate"]},
        "limits": limits,
        "notify_grantor": "all",
    }
    response = stage.anna.request("POST", f"/v1/cards/{stage.card_id}/drawing-rights", asked)
    told.expect("the drawing right is made", response.status_code, 201)
    right = object_in(response)
    stage.right_id = right["id"]
    told.expect("it waits for a phone", right["status"], "invited")
    told.expect("with the limits she set", {name: right["limits"][name] for name in limits}, limits)


def pair(stage: Stage) -> None:
    """The device grant: Emil's phone shows a code, as QR too, and two digits. Anna scans one and types the other."""
    told = stage.transcript
    told.tell("Emil's phone asks to be let in and shows a code; Anna scans it and approves with MitID.")
    pairing = stage.emil.ask_to_pair(stage.emil.name)
    stage.anna.step_up("pair")
    [scanned] = parse_qs(urlsplit(pairing.verification_uri_complete).query)["user_code"]
    asking = object_in(stage.anna.request("GET", f"/v1/pairings/{scanned}"))
    told.expect("she sees which phone asks", asking["device_name"], stage.emil.name)
    told.expect("and the two digits that both show", asking["match"], pairing.match)
    path = f"/v1/drawing-rights/{stage.right_id}/pair"
    object_in(stage.anna.request("POST", path, {"user_code": scanned, "match": pairing.match}))
    told.expect("Emil's phone is let in", stage.emil.wait_for_pairing(pairing, 30), None)


def put_on_phone(stage: Stage) -> None:
    """The child card: a token under the drawing right."""
    told, phone = stage.transcript, stage.emil
    rights = list_in(phone.request("GET", "/v1/drawing-rights"))
    told.expect("Emil sees his drawing right and no other", [right["id"] for right in rights], [stage.right_id])
    told.tell("His phone makes a child card of it; there is no card to type in.")
    token = stage.emil_token = phone.provision(drawing_right_id=stage.right_id)
    made = token.provisioned
    told.expect("it hangs under the drawing right", made["drawing_right_id"], stage.right_id)
    told.expect("and says nothing of Anna's card", (made["card_id"], made["par"]), (None, None))
    told.expect("with his PIN it is active", token.choose_pin(EMIL_PIN)["status"], "active")
    token.fetch_keys()


def spend(stage: Stage) -> dict[str, Any]:
    """One payment within the limits, one above: the decline, which he may ask for."""
    told, token = stage.transcript, stage.emil_token
    told.tell("Emil buys for DKK 120.00, then for 250.00.")
    stage.expect_decision("within the limits he pays", stage.grocer.tap(token, 12_000), "approved", "00")
    declined = stage.grocer.tap(token, TOO_MUCH)
    stage.expect_decision("above them he does not", declined, "amount_limit", "61")
    limit = declined["limit"] or {}
    came = {name: limit.get(name) for name in ("name", "limit", "of")}
    told.expect("the limit is named", came, {"name": "per_payment", "limit": PER_PAYMENT, "of": "drawing_right"})
    usage = object_in(stage.anna.request("GET", f"/v1/drawing-rights/{stage.right_id}"))["usage"]["per_day"]
    told.expect("only what was paid is spent", (usage["spent"], usage["remaining"]), (12_000, PER_DAY - 12_000))
    message = stage.anna.wait_for_message("drawing_right.payment_declined", stage.is_about_card)
    told.check("Anna's inbox tells her", message is not None and message["text"], message, "a message")
    return declined


def ask(stage: Stage, declined: Mapping[str, Any]) -> None:
    """He asks for the payment that was declined; a yes lets exactly one through."""
    told, token = stage.transcript, stage.emil_token
    told.tell("Emil asks for it in one step; Anna hears of it and approves with MitID.")
    asked = {"kind": "one_off", "payment_id": declined["id"], "message": "It is a present for Bo"}
    response = stage.emil.request("POST", f"/v1/drawing-rights/{stage.right_id}/requests", asked)
    told.expect("his request is made", response.status_code, 201)
    wanted = object_in(response)
    told.expect("for what he could not pay", (wanted["amount"], wanted["status"]), (TOO_MUCH, "open"))
    message = stage.anna.wait_for_message("drawing_request.asked", stage.is_about_card)
    told.check("Anna's inbox tells her", message is not None and message["text"], message, "a message")
    stage.anna.step_up("approve")
    approved = object_in(stage.anna.request("POST", f"/v1/drawing-requests/{wanted['id']}/approve"))
    told.expect("she says yes", approved["status"], "approved")
    stage.expect_decision("once he pays more than his limit", stage.grocer.tap(token, TOO_MUCH), "approved", "00")
    stage.expect_decision("and only once", stage.grocer.tap(token, TOO_MUCH), "amount_limit", "61")


def pause(stage: Stage) -> None:
    """A pause holds from the moment that it is answered."""
    told, path = stage.transcript, f"/v1/drawing-rights/{stage.right_id}"
    told.tell("Anna pauses his card, and lets it go on.")
    told.expect("it is paused", object_in(stage.anna.request("POST", f"{path}/pause"))["status"], "paused")
    declined = stage.grocer.tap(stage.emil_token, 1_000)
    stage.expect_decision("meanwhile he pays nothing", declined, "drawing_right_inactive", "62")
    told.expect("it goes on", object_in(stage.anna.request("POST", f"{path}/resume"))["status"], "active")
    stage.expect_decision("and he pays again", stage.grocer.tap(stage.emil_token, 1_000), "approved", "00")
