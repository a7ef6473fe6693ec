"""Steps 7 and 8: the card is blocked everywhere at once, and its journal proves what happened."""

import json
import re
from typing import Any

from mobile_mock.answers import object_in
from mobile_mock.story.stage import Stage
from mobile_mock.story.transcript import LONG_NUMBER

REASON = "lost"
# How the reason may read in Danish or English.
REASON_WORDS = re.compile(r"lost|loss|tabt|mistet|bortkom", re.IGNORECASE)
CLOCK_TIME = re.compile(r"\b[0-2]?[0-9][.:][0-5][0-9]\b")


def block(stage: Stage) -> None:
    """7. Anna has lost her card and blocks it."""
    listen(stage)
    try_dry(stage)
    block_for_good(stage)
    refuse_everything(stage)
    tell_everybody(stage)


def listen(stage: Stage) -> None:
    """The wallet provider's webhook endpoint."""
    stage.transcript.tell("The wallet provider says where its webhooks go.")
    endpoint = {"url": stage.provider_webhooks.url}
    answer = object_in(stage.provider.request("PUT", "/v1/provider/webhook-endpoint", endpoint))
    stage.provider_webhooks.secrets.append(answer["secret"])


def try_dry(stage: Stage) -> None:
    """What would happen."""
    told = stage.transcript
    told.tell("Anna asks what a block would reach.")
    would = object_in(stage.anna.request("POST", f"/v1/cards/{stage.card_id}/block?dry_run=true", {"reason": REASON}))
    counts = {"tokens": 2, "drawing_rights": 1, "credentials": 1}
    told.expect("two tokens, a drawing right, a credential", _counts(would, counts), counts)
    card = object_in(stage.anna.request("GET", f"/v1/cards/{stage.card_id}"))
    told.expect("nothing has changed", (card["status"], card["blocked"]), ("active", None))


def block_for_good(stage: Stage) -> None:
    """The block itself."""
    told = stage.transcript
    told.tell("She blocks it: lost.")
    blocked = object_in(stage.anna.request("POST", f"/v1/cards/{stage.card_id}/block", {"reason": REASON}))
    told.expect("the card is blocked", (blocked["status"], blocked["blocked"]["reason"]), ("blocked", REASON))
    told.check("with its time", blocked["blocked"]["at"], blocked["blocked"], "a time")


def refuse_everything(stage: Stage) -> None:
    """Every way to pay, each with its own answer."""
    stage.transcript.tell("Every way to pay is tried.")
    shop, streaming, expect = stage.grocer, stage.streaming, stage.expect_decision
    expect("Anna's phone", shop.tap(stage.anna_token, 4_500), "card_blocked", "62")
    expect("Emil's phone", shop.tap(stage.emil_token, 3_000), "card_blocked", "62")
    expect("the card on file", streaming.charge_on_file(stage.credential["id"], 9_900), "card_blocked", "62")
    expect("the plastic in a terminal", shop.charge_card(stage.card, 2_500), "card_lost", "41")
    expect("the plastic held to it", shop.charge_card(stage.card, 2_500, "contactless"), "card_lost", "41")


def tell_everybody(stage: Stage) -> None:
    """Anna, the wallet provider, and any merchant that asks."""
    told, token_id = stage.transcript, stage.anna_token.id
    message = stage.anna.wait_for_message("card.blocked", stage.is_about_card)
    told.check("Anna's inbox has it", message is not None, message, "a message")
    text = message["text"] if message else ""
    told.check("with the reason and the time", REASON_WORDS.search(text) and CLOCK_TIME.search(text), text, "both")
    texts = stage.wait_for_sms(text)
    told.expect("and her phone gets the same by SMS, once", texts.count(text), 1)
    told.check("with no card number in any SMS", not any(LONG_NUMBER.search(each) for each in texts), "a number")
    update = stage.provider_webhooks.wait_for("token.updated", where=lambda data: _blocks(data, token_id))
    told.check("the wallet provider is told of Anna's token, why and when", update and update.timestamp, update)
    told.expect("nothing came with a wrong signature", stage.provider_webhooks.rejected, 0)
    numbers = [stage.card["number"], stage.people["bo"]["card"]["number"]]
    checked = object_in(stage.merchant.request("POST", "/v1/merchant/blocked-cards/check", {"numbers": numbers}))
    told.expect("the register knows Anna's card, and not Bo's", checked, {"blocked": [True, False]})


def prove(stage: Stage) -> None:
    """8. The journal verifies; one changed row is found."""
    told = stage.transcript
    told.tell("The bank reads the journal of the card and verifies its chain.")
    journal = json.dumps(stage.bank_looks_at("/journal?limit=200"))
    secrets = [stage.card["number"], stage.old_card["number"], stage.anna_token.number, stage.emil_token.number]
    told.check("no number stands in it", not any(number in journal for number in secrets), "a number")
    verdict = stage.bank_looks_at("/journal/verify")
    told.expect("it verifies", (verdict["valid"], verdict["broken_at"]), (True, None))
    told.check("and has entries", verdict["entries"] > 0, verdict["entries"])
    if stage.tamper is None:
        told.tell("Nobody here can reach the database, so no row is changed.")
        return
    told.tell("Somebody who can write to the database changes one row.")
    with stage.tamper(stage.card_id):
        changed = stage.bank_looks_at("/journal/verify")
    told.expect("the change is found", changed["valid"], False)
    told.check("and where", changed["broken_at"] is not None, changed["broken_at"], "a place")
    told.expect("put back, it verifies again", stage.bank_looks_at("/journal/verify")["valid"], True)


def _counts(card: dict[str, Any], names: dict[str, int]) -> dict[str, Any]:
    return {name: card["cascade"].get(name) for name in names}


def _blocks(data: dict[str, Any], token_id: str) -> bool:
    """Whether a webhook's data tells that this token's card is blocked."""
    text = json.dumps(data)
    return token_id in text and "card_blocked" in text
