"""Step 6: a card on file stays good when the card is replaced."""

from mobile_mock.answers import list_in, object_in
from mobile_mock.story.stage import Stage
from mobile_mock.webhooks import WebhookReceiver

MONTHLY = 9_900
REFERENCE = "customer-42"


def keep_on_file(stage: Stage) -> None:
    """6. A streaming shop keeps the card; the bank replaces it; nobody has to type anything again."""
    register(stage)
    confirm(stage)
    replace(stage)
    hear_of_it(stage)
    pay_on(stage)


def register(stage: Stage) -> None:
    """The shop registers the card, which is not enough."""
    told = stage.transcript
    told.tell("Filmfloden says where its webhooks go, and registers Anna's card for a subscription.")
    endpoint = {"url": stage.merchant_webhooks.url, "update_format": "token"}
    answer = object_in(stage.merchant.request("PUT", "/v1/merchant/webhook-endpoint", endpoint))
    stage.merchant_webhooks.secrets.append(answer["secret"])
    typed = {name: stage.card[name] for name in ("number", "expiry")}
    asked = {"card": typed, "agreement": "subscription", "reference": REFERENCE}
    response = stage.merchant.request("POST", "/v1/merchant/credentials", asked)
    told.expect("the credential is made", response.status_code, 201)
    stage.credential = object_in(response)
    told.expect("and waits for Anna", stage.credential["status"], "pending")
    early = stage.streaming.charge_on_file(stage.credential["id"], MONTHLY)
    stage.expect_decision("until she says yes it pays nothing", early, "credential_pending", "R1")


def confirm(stage: Stage) -> None:
    """Anna's yes."""
    told, credential_id = stage.transcript, stage.credential["id"]
    waiting = list_in(stage.anna.request("GET", f"/v1/cards/{stage.card_id}/credentials"))
    told.check("Anna sees it in her app", credential_id in [item["id"] for item in waiting], len(waiting))
    body = {"automatic_update": True}
    confirmed = object_in(stage.anna.request("POST", f"/v1/credentials/{credential_id}/confirm", body))
    told.expect("she says yes", confirmed["status"], "active")
    paid = stage.streaming.charge_on_file(credential_id, MONTHLY)
    stage.expect_decision("now it pays", paid, "approved", "00")


def replace(stage: Stage) -> None:
    """The bank gives the card a new number."""
    told = stage.transcript
    told.tell("The bank replaces the card: a new number, sent by post, the old one dead at once.")
    stage.old_card = stage.card
    path = f"/v1/issuer/cards/{stage.card_id}/replace"
    plastic = object_in(stage.issuer.request("POST", path, {"reason": "bank"}))
    stage.card = {**stage.card, **{name: plastic[name] for name in ("number", "expiry", "cvc")}}
    told.check("the number is another one", stage.card["number"] != stage.old_card["number"], "the same", "another")
    old = stage.streaming.charge_card(stage.old_card, MONTHLY, "ecommerce", "none", authentication="3ds")
    stage.expect_decision("the old number pays nothing", old, "card_replaced", "14")
    sleeping = stage.grocer.charge_card(stage.card, 2_500)
    stage.expect_decision("the new plastic sleeps until it is activated", sleeping, "card_inactive", "78")
    object_in(stage.issuer.request("POST", f"/v1/issuer/cards/{stage.card_id}/activate-plastic"))
    stage.expect_decision("then it pays", stage.grocer.charge_card(stage.card, 2_500), "approved", "00")


def hear_of_it(stage: Stage) -> None:
    """The shop's webhook, signed."""
    told, credential_id = stage.transcript, stage.credential["id"]
    receiver: WebhookReceiver = stage.merchant_webhooks
    update = receiver.wait_for("credential.updated", where=lambda data: data.get("credential_id") == credential_id)
    told.check("the shop's webhook receives credential.updated, signed", update is not None, "nothing in 20 s")
    told.expect("nothing came with a wrong signature", receiver.rejected, 0)
    data = update.data if update else {}
    came = {name: data.get(name) for name in ("reference", "code", "change")}
    told.expect("it says what changed", came, {"reference": REFERENCE, "code": "A", "change": "number_changed"})
    ends = [(data.get(side) or {}).get("last4") for side in ("previous", "current")]
    told.expect("from which card to which", ends, [card["number"][-4:] for card in (stage.old_card, stage.card)])


def pay_on(stage: Stage) -> None:
    """Credential and phones, without anybody doing anything."""
    paid = stage.streaming.charge_on_file(stage.credential["id"], MONTHLY)
    stage.expect_decision("the credential still works", paid, "approved", "00")
    stage.transcript.tell("Both phones pay on with the tokens they have.")
    stage.expect_decision("Anna's phone pays on", stage.grocer.tap(stage.anna_token, 4_500), "approved", "00")
    stage.expect_decision("Emil's phone pays on", stage.grocer.tap(stage.emil_token, 3_000), "approved", "00")
