"""Calls that are wrong as a whole: what is no JSON, instruments that don't go together, what the state forbids."""

import gzip
import json
from dataclasses import replace

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.integration.payments.scene import Answer, refused
from tests.integration.payments.spoiling import GONE, NETWORK, Acquirer, Call, named
from tests.integration.test_http_bad_input import is_refused
from tokenization import ids


def test_whoever_writes_or_tells_something_is_found_out(acquirer: Acquirer) -> None:
    call = acquirer.by_plastic()
    with pytest.raises(AssertionError, match="written"), acquirer.nothing_happens(call):
        acquirer.send(call.path, json.dumps(call.body))
    with pytest.raises(AssertionError, match="told"), acquirer.nothing_happens(acquirer.by_plastic()):
        structlog.get_logger().info("careless", asked=call.body)


CALLS = ("authorization", "capture", "reversal", "refund", "lost answer")
NO_NUMBERS = ("1e400", "-1e999", "NaN", "Infinity", "-Infinity", "01", "1.", ".5", "+1", "0x10", "1_000", "12500,00")


@pytest.mark.parametrize("name", CALLS)
def test_a_number_is_one_of_json(acquirer: Acquirer, name: str) -> None:
    call = acquirer.calls()[name]
    with acquirer.nothing_happens(call):
        for raw in NO_NUMBERS if name == "authorization" else NO_NUMBERS[:4]:
            assert is_refused(acquirer.send(call.path, call.spoiled("amount", raw)), 400, "bad-request"), raw


def bodies(good: str) -> dict[str, tuple[str | bytes, int, str]]:
    """What is sent in place of a good body, and what is answered."""
    plain = good.encode()
    return {
        "a field twice": (good.replace('"amount": 1250', '"amount": 1250, "amount": 1250'), 400, "bad-request"),
        "twice in the merchant": (good.replace('"mcc":', '"mcc": "7995", "mcc":'), 400, "bad-request"),
        "twice in the card": (good.replace('"expiry":', '"expiry": "2029-09", "expiry":'), 400, "bad-request"),
        "twice in the terminal": (good.replace('"unattended":', '"id": "T2", "unattended":'), 400, "bad-request"),
        "twice, once escaped": (good.replace('"amount":', '"\\u0061mount": 1, "amount":'), 400, "bad-request"),
        "nothing": (b"", 400, "bad-request"),
        "blanks": (b" \n ", 400, "bad-request"),
        "cut off": (plain[:-1], 400, "bad-request"),
        "two of them": (plain + plain, 400, "bad-request"),
        "a comma too many": (plain[:-1] + b",}", 400, "bad-request"),
        "a comment": (plain + b"// paid", 400, "bad-request"),
        "a byte order mark": (b"\xef\xbb\xbf" + plain, 400, "bad-request"),
        "UTF-16": (good.encode("utf-16"), 400, "bad-request"),
        "Latin-1": (good.replace("Netto", "Nætto").encode("latin-1"), 400, "bad-request"),
        "half a character": (plain.replace(b"Netto", b"\xed\xa0\x80"), 400, "bad-request"),
        "an array": (b"[" + plain + b"]", 422, "invalid"),
        "a text": (b'"acq-1"', 422, "invalid"),
        "null": (b"null", 422, "invalid"),
        "10 levels": (_deep(good, 10), 422, "invalid"),
        "30,000 levels": (b"[" * 30_000 + b"]" * 30_000, 400, "bad-request"),
        "100,000 levels": (_deep(good, 100_000), 413, "too-large"),
        "a million characters": (good.replace("Netto", "n" * 1_000_000), 413, "too-large"),
    }


def _deep(good: str, levels: int) -> str:
    return good.replace('"merchant":', f'"naem": {"[" * levels}{"]" * levels}, "merchant":')


def test_a_body_is_one_object_of_json_in_utf_8(acquirer: Acquirer) -> None:
    call = acquirer.by_plastic()
    with acquirer.nothing_happens(call):
        for kind, (body, status, code) in bodies(json.dumps(call.body)).items():
            assert is_refused(acquirer.send(call.path, body), status, code), kind


def test_a_thousand_levels_are_refused_one_way_or_the_other(acquirer: Acquirer) -> None:
    call = acquirer.by_plastic()
    with acquirer.nothing_happens(call):
        assert acquirer.send(call.path, _deep(json.dumps(call.body), 1_000)).status_code in {400, 422}


def test_a_body_is_sent_as_json_and_as_it_is(acquirer: Acquirer) -> None:
    call = acquirer.by_plastic()
    good = json.dumps(call.body)
    with acquirer.nothing_happens(call):
        for media in ("text/plain", "application/xml", "application/x-www-form-urlencoded", "text/json", ""):
            answer = acquirer.send(call.path, good, Content_Type=media)
            assert is_refused(answer, 415, "unsupported-media-type"), media
        for body, encoding in ((gzip.compress(good.encode()), "gzip"), (good.encode(), "gzip"), (good.encode(), "br")):
            answer = acquirer.send(call.path, body, Content_Encoding=encoding)
            assert is_refused(answer, 415, "unsupported-media-type"), encoding
    again = acquirer.send(call.path, good, Content_Type="Application/JSON; charset=utf-8", Content_Encoding="identity")
    assert again.headers["Idempotent-Replayed"] == "true"


ONE_OF, FOR_TOKENS = "exactly one of token, card and credential_id is needed", "is not for a token"
OF_A_TOKEN, OF_A_CARD = "belongs to a token, which is of no use without", "belongs to a card"
TOGETHER: dict[str, tuple[str, Answer, str, str]] = {
    "a token and a card": ("phone", {"card": "card"}, "token", ONE_OF),
    "a token and a card on file": ("phone", {"credential_id": "cred"}, "token", ONE_OF),
    "a card and one on file": ("plastic", {"credential_id": "cred"}, "token", ONE_OF),
    "nothing to pay with": ("plastic", {"card": GONE, "cvm": GONE}, "token", ONE_OF),
    "a cryptogram alone": ("phone", {"token": GONE}, "token", ONE_OF),
    "a token alone": ("phone", {"cryptogram": GONE}, "cryptogram", OF_A_TOKEN),
    "a card and a cryptogram": ("plastic", {"cryptogram": "cryptogram"}, "cryptogram", OF_A_TOKEN),
    "a card on file and a cryptogram": ("file", {"cryptogram": "cryptogram"}, "cryptogram", OF_A_TOKEN),
    "a PIN of a card on file": ("file", {"cvm": "online_pin"}, "cvm", OF_A_CARD),
    "no PIN of a card on file": ("file", {"cvm": "none"}, "cvm", OF_A_CARD),
    "a PIN beside a phone's": ("phone", {"cvm": "online_pin"}, "cvm", OF_A_CARD),
    "3-D Secure by phone": ("phone", {"authentication": "3ds"}, "authentication", FOR_TOKENS),
    "a merchant's tap": ("phone", {"initiated_by": "merchant"}, "initiated_by", FOR_TOKENS),
    "both": ("phone", {"initiated_by": "merchant", "authentication": "3ds"}, "authentication initiated_by", FOR_TOKENS),
}


def test_one_instrument_pays_with_what_belongs_to_it(acquirer: Acquirer) -> None:
    calls = {"phone": acquirer.by_phone(), "plastic": acquirer.by_plastic(), "file": acquirer.on_file()}
    parts = {"cred": calls["file"].body["credential_id"], "card": calls["plastic"].body["card"]}
    parts["cryptogram"] = calls["phone"].body["cryptogram"]
    for which, call in calls.items():
        with acquirer.nothing_happens(call):
            for kind, (of, changes, wrong, message) in TOGETHER.items():
                if of == which:
                    body = call.body | {name: parts.get(said, said) for name, said in changes.items()}
                    sent = {name: said for name, said in body.items() if said != GONE}
                    answer = acquirer.send(call.path, json.dumps(sent))
                    assert named(answer) == [(name, message) for name in wrong.split()], kind


EIGHT, FOUR = "must be 8 bytes in lower-case hex", "must be 4 bytes in lower-case hex"
DATE, ATC, WHOLE = "must be a date, as 261122", "must be from 1 to 65535", "must be a whole number"
NUMBER = "must be 12 to 19 digits of which the last checks"
NEEDED = "is needed exactly when cvm is not none"
CRYPTOGRAM = {
    "cryptogram.mac": (
        EIGHT,
        ('"0123456789abcd"', '"0123456789abcdef01"', '"0123456789ABCDEF"', '"0x23456789abcdef"', "1"),
    ),
    "cryptogram.cvm_mac": (EIGHT, ('"0123456789abcd"', '"0123456789ABCDEF"', '"zz23456789abcdef"', "[]")),
    "cryptogram.unpredictable_number": (FOUR, ('"9f3a01"', '"9f3a01bc00"', '"9F3A01BC"', '"9f3a01b "', "2671378876")),
    "cryptogram.date": (DATE, ('"261332"', '"260230"', '"261100"', '"26112"', '"20261122"', '"26-1-1"', "261122")),
    "cryptogram.atc": (ATC, ("0", "-1", "65536", "9223372036854775808")),
    "cryptogram.cvm": ("must be one of none, pin, biometric", ('"PIN"', '"online_pin"', '""', "true")),
    "cryptogram": ("must be an object", ("[]", '"mac"', "1")),
    "token": (NUMBER, ('"9208910000000000"', '"9208 9100 0000 0008"', '"92089100"', '"92089100000000000008"', "1")),
    "credential_id": ("must be an id that begins with cred_", ('"cred_1"', '"card_01h455vb4pex5vsknk084sn02q"')),
}


def test_a_cryptogram_is_of_its_form(acquirer: Acquirer) -> None:
    rows = [(name, raw, said) for name, (said, values) in CRYPTOGRAM.items() for raw in values]
    rows += [("cryptogram.atc", raw, WHOLE) for raw in ('"7"', "7.0", "true", "[7]")]
    rows += [("cryptogram.cvm_mac", raw, NEEDED) for raw in ("null", GONE)]
    rows += [
        (f"cryptogram.{name}", GONE, "is missing") for name in ("atc", "date", "unpredictable_number", "cvm", "mac")
    ]
    acquirer.is_refused(acquirer.by_phone(), [row for row in rows if row[0] != "credential_id"])
    acquirer.is_refused(acquirer.on_file(), [row for row in rows if row[0] == "credential_id"])
    acquirer.is_refused(acquirer.by_phone("none"), [("cryptogram.cvm_mac", '"0123456789abcdef"', NEEDED)])


def test_an_instrument_is_used_where_it_can_be(acquirer: Acquirer) -> None:
    """R-3.3d and R-3.1: a decision, as the acquirer's question is a good one."""
    elsewhere = {
        acquirer.by_phone: ("chip", "magstripe", "keyed", "ecommerce", "moto", "credential_on_file"),
        acquirer.by_plastic: ("wallet", "credential_on_file"),
        acquirer.on_file: ("wallet", "contactless", "chip", "magstripe", "keyed", "ecommerce", "moto"),
    }
    for instrument, modes in elsewhere.items():
        call = instrument()
        for mode in modes:
            asked = call.body | {"entry_mode": mode, "network_reference": acquirer.reference()}
            decided = acquirer.send(call.path, json.dumps(asked)).json()
            assert (decided["reason"], decided["response_code"]) == ("not_permitted", "57"), mode


Step = tuple[str, int | None, Answer]
TOO_HIGH, NOTHING_HELD, NOTHING_CAPTURED = "amount-too-high", "nothing-held", "nothing-captured"


def capture(amount: int, *, final: bool = True) -> Step:
    return "captures", amount, {"final": final}


def refund(amount: int) -> Step:
    return "refunds", amount, {}


def reverse(amount: int | None = None) -> Step:
    return "reversals", amount, {}


# Of 500 that are held: what was done before, what is asked for, and why it cannot be; where it is too much, the most.
STATES: dict[str, tuple[list[Step], Step, str, int | None]] = {
    "capture above": ([], capture(501), TOO_HIGH, 500),
    "capture twice": ([capture(500)], capture(1), NOTHING_HELD, None),
    "capture after the final one": ([capture(100)], capture(1), NOTHING_HELD, None),
    "capture above what is left": ([capture(200, final=False)], capture(301), TOO_HIGH, 300),
    "capture after a reversal": ([reverse()], capture(1), NOTHING_HELD, None),
    "capture above after a reversal": ([reverse(200)], capture(301), TOO_HIGH, 300),
    "capture after a refund": ([capture(500), refund(500)], capture(1), NOTHING_HELD, None),
    "capture above after a refund": ([capture(100, final=False), refund(100)], capture(401), TOO_HIGH, 400),
    "refund what is held": ([], refund(1), NOTHING_CAPTURED, None),
    "refund above": ([capture(100)], refund(101), TOO_HIGH, 100),
    "refund twice": ([capture(100), refund(100)], refund(1), NOTHING_CAPTURED, None),
    "refund after a reversal": ([capture(100), reverse()], refund(1), NOTHING_CAPTURED, None),
    "reverse above": ([], reverse(501), TOO_HIGH, 500),
    "reverse twice": ([reverse()], reverse(), "nothing-to-reverse", None),
    "reverse after a refund": ([capture(100), refund(100)], reverse(), "nothing-to-reverse", None),
    "reverse above after a refund": ([capture(100), refund(40)], reverse(61), TOO_HIGH, 60),
}


@pytest.mark.parametrize("name", STATES)
def test_no_more_is_moved_than_there_is(acquirer: Acquirer, name: str) -> None:
    before, asked, code, most = STATES[name]
    scene, reference = acquirer.scene, acquirer.reference()
    payment_id = scene.decide(scene.plastic(500))["id"]
    for what, amount, more in before:
        assert scene.do(what, payment_id, amount, **more).status_code == 201
    stood, (what, amount, more) = scene.look(payment_id), asked
    answer = scene.do(what, payment_id, amount, network_reference=reference, **more)
    assert refused(answer) == (422 if code == TOO_HIGH else 409, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json().get("most") == most
    assert scene.look(payment_id) == stood
    assert acquirer.is_free(reference)


@pytest.mark.parametrize("what", ["captures", "reversals", "refunds"])
def test_what_was_declined_or_is_nobodys_or_anothers_cannot_be_moved(acquirer: Acquirer, what: str) -> None:
    scene, reference, payment_id = acquirer.scene, acquirer.reference(), acquirer.payment_id
    guess = scene.plastic(100)
    guess["card"]["expiry"] = "2099-01"
    assert refused(scene.do(what, scene.decide(guess)["id"], 1, network_reference=reference)) == (
        409,
        "payment-declined",
    )
    unknown = (ids.to_text("pay", ids.new_id()), payment_id.replace("pay_", "card_"), payment_id.upper(), "pay_", "%00")
    for each in unknown:
        assert refused(scene.do(what, each, 1, network_reference=reference)) == (404, "not-found"), each
    body = {"network_reference": reference, "amount": 1}
    theirs = scene.town.other_acquirer.request("POST", f"{NETWORK}/authorizations/{payment_id}/{what}", body)
    assert refused(theirs) == (404, "not-found")
    assert acquirer.is_free(reference)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
EDGES = st.sampled_from(
    [0, 1, -1, 65_535, 65_536, 999_999_999_999, 2**63, "DK", "DKK", "261122", "none", "3ds", "visa"]
)


def places(body: Answer) -> list[str]:
    """Every field, `merchant.name` too."""
    inner = [f"{name}.{each}" for name, said in body.items() if isinstance(said, dict) for each in said]
    return [*body, *inner]


@pytest.fixture(scope="module")
def nearly(acquirer: Acquirer) -> list[Call]:
    """An authorisation of each kind."""
    return [acquirer.by_plastic(), acquirer.on_file(), acquirer.by_phone()]


@settings(max_examples=30, derandomize=True, deadline=None, database=None)
@given(of=st.integers(0, 2), at=st.integers(0, 99), raw=st.just(GONE) | EDGES.map(json.dumps) | JSON.map(json.dumps))
def test_one_thing_wrong_is_decided_or_refused_and_never_a_fault_of_ours(
    acquirer: Acquirer, nearly: list[Call], of: int, at: int, raw: str
) -> None:
    call = replace(nearly[of], body=nearly[of].body | {"network_reference": acquirer.reference()})
    every = places(call.body)
    place = every[at % len(every)]
    answer = acquirer.send(call.path, call.spoiled(place, raw))
    if answer.status_code == 200:
        assert answer.json()["reason"]
    else:
        assert is_refused(answer, 422, "invalid"), (place, raw)
        assert named(answer)
