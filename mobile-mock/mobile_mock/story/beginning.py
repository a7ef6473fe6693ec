"""Steps 1 to 4: a card is issued, put on a phone, and pays."""

from mobile_mock.answers import line, list_in, object_in
from mobile_mock.story.stage import Stage

CARD_BIN, TOKEN_BIN = "920890", "920891"
ANNA_PIN = "2580"
STEP_UP = "insufficient_user_authentication"


def issue(stage: Stage) -> None:
    """1. The bank issues Anna a card, by its machine client."""
    told, anna = stage.transcript, stage.people["anna"]
    told.tell("The bank makes Anna a new Visa/Dankort; number and CVC are shown this once.")
    asked = {"cardholder_id": anna["cardholder_id"], "account_id": anna["account_id"], "scheme": "visa_dankort"}
    response = stage.issuer.request("POST", "/v1/issuer/cards", asked)
    told.expect("the card is made", response.status_code, 201)
    stage.card = object_in(response)
    number = stage.card["number"]
    told.check("its number has 16 digits in the test BIN", is_number(number, CARD_BIN), f"{number[:6]}, {len(number)}")
    told.check("its number passes Luhn", passes_luhn(number), "a wrong check digit")
    told.check(
        "its CVC has three digits", len(stage.card["cvc"]) == 3 and stage.card["cvc"].isascii(), "something else"
    )
    told.tell("Whoever looks again sees the end of the number only.")
    seen = stage.bank_looks_at("/journal")
    told.check("the journal has no card number", number not in str(seen), "the number")
    told.check("the journal tells of the card", bool(seen["data"]), seen["data"])


def sign_in(stage: Stage) -> None:
    """2. Anna's phone makes its keys, signs in with MitID, and sees the card."""
    told, anna = stage.transcript, stage.people["anna"]
    told.tell("Anna's phone makes its keys and signs in: PAR, PKCE, MitID, then a code for tokens bound to its key.")
    stage.anna.sign_in(anna["mitid_uuid"])
    me = object_in(stage.anna.request("GET", "/v1/me"))
    told.expect("the service knows who she is", me["name"], anna["name"])
    cards = {card["id"]: card for card in list_in(stage.anna.request("GET", "/v1/cards"))}
    told.check("she sees her new card", stage.card_id in cards, list(cards))
    card = cards[stage.card_id]
    told.expect("with its last four digits only", (card["last4"], "number" in card), (stage.card["number"][-4:], False))
    told.expect("and it is active", (card["status"], card["blocked"]), ("active", None))


def provision(stage: Stage) -> None:
    """3. She types the card in; the phone gets a token, a PIN and payment keys. Bo names his card instead."""
    type_in(stage)
    name_it(stage)


def type_in(stage: Stage) -> None:
    """The plastic in hand."""
    told, phone = stage.transcript, stage.anna
    typed = {name: stage.card[name] for name in ("number", "expiry", "cvc")}
    told.tell("Being signed in is not enough to put a card on a phone: it takes MitID for this purpose.")
    early = phone.request("POST", "/v1/tokens", {"card": typed, "scheme": "dankort", "device": phone.device()})
    challenge = early.headers.get("WWW-Authenticate", "")
    told.check("a step-up is demanded", early.status_code == 401 and STEP_UP in challenge, line(early), "401")
    told.tell("She approves with MitID and types the card in.")
    phone.step_up("provision")
    token = stage.anna_token = phone.provision(card=typed)
    made = token.provisioned
    told.expect(
        "the token is approved and waits for a PIN", (made["decision"], made["status"]), ("approved", "inactive")
    )
    told.expect("it belongs to her card", (made["card_id"], made["drawing_right_id"]), (stage.card_id, None))
    told.tell("She chooses a PIN, which never leaves the phone, and the phone fetches payment keys.")
    told.expect("the token is active", token.choose_pin(ANNA_PIN)["status"], "active")
    told.expect("ten keys came, sealed for this phone", token.fetch_keys(), 10)
    told.check("the token number is in the token BIN and passes Luhn", is_number(token.number, TOKEN_BIN), token.number)
    told.expect("and ends as the service said", token.number[-4:], made["last4"])


def name_it(stage: Stage) -> None:
    """A card that is not typed in: its token must be verified, here by MitID."""
    told, phone, bo = stage.transcript, stage.bo, stage.people["bo"]
    told.tell("Bo names his card by its id and types only the CVC. That wants a second look: by MitID, for this token.")
    phone.sign_in(bo["mitid_uuid"])
    phone.step_up("provision")
    token = phone.provision(known_card={"card_id": bo["card_id"], "cvc": bo["card"]["cvc"]})
    made = token.provisioned
    ways = made["verification_methods"]
    told.expect("it must be verified", (made["decision"], made["status"]), ("verification_required", "unverified"))
    told.check("by MitID, among others", "mitid" in ways, ways)
    verified = phone.verify(token)
    told.tell(f"MitID shows him: {phone.shown}")
    shown = (made["requestor"]["name"], phone.name, bo["card"]["number"][-4:])
    told.check("MitID shows card, phone and wallet", all(part in phone.shown for part in shown), phone.shown)
    told.expect("it is verified and waits for a PIN", verified["status"], "inactive")


def pay(stage: Stage) -> None:
    """4. The phone pays in a shop, with and without PIN, and nowhere else."""
    told, shop, token = stage.transcript, stage.grocer, stage.anna_token
    told.tell("DKK 89.00 at the grocer's.")
    stage.expect_decision("a small payment needs no PIN", shop.tap(token, 8_900), "approved", "00")
    told.tell("DKK 500.00, first without the PIN, then with it.")
    stage.expect_decision("a large payment needs the PIN", shop.tap(token, 50_000), "pin_required", "70")
    request = shop.tap_request(token, 50_000, "pin")
    stage.expect_decision("with the PIN it is paid", shop.authorize(request), "approved", "00")
    told.tell("Somebody sends the very same cryptogram again.")
    stage.expect_decision("a replay is refused", shop.authorize(request), "security_violation", "63")
    told.tell("The token is tried in a web shop.")
    online = shop.tap(token, 8_900, entry_mode="ecommerce")
    stage.expect_decision("a token on a phone does not pay online (R-3.3d)", online, "not_permitted", "57")


def is_number(number: str, bank_number: str) -> bool:
    """Whether it is a whole number of 16 digits in a BIN, with the right check digit."""
    digits = number.isascii() and number.isdecimal() and len(number) == 16
    return digits and number.startswith(bank_number) and passes_luhn(number)


def passes_luhn(number: str) -> bool:
    """Whether the last digit is the check digit of the rest (ISO/IEC 7812-1)."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(number))]
    return sum(digit - 9 if digit > 9 else digit for digit in doubled) % 10 == 0
