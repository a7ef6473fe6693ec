"""Tokens: numbers, suspensions by whom and why, and payment keys."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from sqlalchemy.orm import Session

from tests.drawing_rights import NOON, issue_card
from tests.numbers import SPACE
from tokenization import cards, cryptogram, events, life_cycle, payment_keys, requestors, tokens
from tokenization.errors import ContactBank, IllegalMove
from tokenization.keys.folder import FileKeyRing
from tokenization.models import Card, Token, TokenDirectory
from tokenization.numbers import is_number
from tokenization.pipeline import pipeline
from tokenization.secret import Key
from tokenization.tokens import Device
from tokenization.vault import Vault

PIN_KEY = Key(bytes([7] * 32))
NOBODY = frozenset[str]()  # says anything more of the token
HOUR = timedelta(hours=1)


@dataclass
class Phone:
    """A phone with an active token."""

    session: Session
    vault: Vault
    card: Card
    token: Token
    key: ECKey

    def keys(self) -> dict[str, Any]:
        """The next batch, opened."""
        batch = payment_keys.issue(self.session, self.vault, self.card, self.token, 100, NOON)
        opened = jwe.decrypt_compact(batch.keys, self.key, algorithms=["ECDH-ES", "A256GCM"])
        content: dict[str, Any] = json.loads(opened.plaintext or b"")
        return content

    def cvm_key(self, method: str) -> Key | None:
        return tokens.cvm_key(lambda: self.vault.card_key(self.session, self.card.card_id), self.token, method)

    def key_version(self, atc: int, now: datetime) -> int | None:
        with pipeline(self.session) as pipe:
            found = payment_keys.find_versions(pipe, [(self.card.card_id, self.token.token_id, atc)], now)
        return next((row.key_version for row in found.rows()), None)

    def suspend(self, by: str, reason: str = "other") -> bool:
        return life_cycle.suspend(self.session, self.card, self.token, by=by, reason=reason, now=NOON)

    def change_pin(self, pin_key: Key) -> None:
        life_cycle.change_pin(self.session, self.vault, self.card, self.token, pin_key, also=NOBODY, now=NOON)

    def held(self) -> dict[str, str]:
        found = tokens.suspensions(self.session, self.card.card_id, self.token.token_id)
        return {each.by: each.reason for each in found}

    def happened(self) -> list[str]:
        return [event.type for event in events.take_pending(self.session)]


@pytest.fixture
def phone(session: Session, vault: Vault) -> Phone:
    card, key = issue_card(session, vault, NOON), ECKey.generate_key("P-256")
    app = requestors.register(session, kind="wallet", name="Lomme", merchant_ids=[], schemes=["dankort"], now=NOON)
    public = {name: str(value) for name, value in key.as_dict(private=False).items()}
    device = Device("Anna's phone", "ios", key.thumbprint(), public)
    token = tokens.create(
        session,
        vault,
        SPACE,
        card,
        requestor=app,
        scheme="dankort",
        device=device,
        right_id=None,
        now=NOON,
    )
    life_cycle.activate(session, vault, card, token, PIN_KEY, None, also=NOBODY, now=NOON)
    events.take_pending(session)
    return Phone(session, vault, card, token, key)


def test_a_token_number_is_of_the_token_bin_and_found_by_its_fingerprint(phone: Phone) -> None:
    number = tokens.reveal_number(phone.session, phone.vault, phone.token)
    assert number.bin == "920891"
    assert is_number(number.reveal())
    assert number.last4 == phone.token.last4
    found = phone.session.get(TokenDirectory, phone.vault.fingerprint("number", number.reveal()))
    assert found is not None
    assert (found.card_id, found.token_id) == (phone.card.card_id, phone.token.token_id)
    assert cards.find_by_number(phone.session, phone.vault, number.reveal()) is None


def test_the_pin_key_is_kept_sealed_for_its_own_token(phone: Phone) -> None:
    assert phone.cvm_key("pin") == PIN_KEY
    assert phone.cvm_key("biometric") is None
    assert phone.token.pin_key_sealed is not None
    assert PIN_KEY.reveal() not in phone.token.pin_key_sealed


def test_a_batch_is_ten_keys_that_follow_from_the_tokens_own(phone: Phone, key_ring: FileKeyRing) -> None:
    batch = phone.keys()
    assert batch["number"] == tokens.reveal_number(phone.session, phone.vault, phone.token).reveal()
    assert (batch["expiry"], batch["expires_at"]) == ("2029-11", "2026-12-06T11:00:00Z")
    assert [key["atc"] for key in batch["keys"]] == list(range(1, 11))
    root = payment_keys.token_key(key_ring, 1, phone.token.token_id)
    key = base64.urlsafe_b64decode(batch["keys"][2]["key"] + "==")
    assert key == cryptogram.atc_key(root, 3).reveal()
    assert [key["atc"] for key in phone.keys()["keys"]] == list(range(11, 21))


def test_only_the_phone_can_open_its_keys(phone: Phone) -> None:
    batch = payment_keys.issue(phone.session, phone.vault, phone.card, phone.token, 100, NOON)
    header = jwe.decrypt_compact(batch.keys, phone.key, algorithms=["ECDH-ES", "A256GCM"]).headers()
    assert (header["alg"], header["enc"], "zip" in header) == ("ECDH-ES", "A256GCM", False)
    with pytest.raises(JoseError):
        jwe.decrypt_compact(batch.keys, ECKey.generate_key("P-256"), algorithms=["ECDH-ES", "A256GCM"])


def test_the_last_counters_are_issued_and_then_none(phone: Phone) -> None:
    phone.token.atc_issued = 65_530
    assert [key["atc"] for key in phone.keys()["keys"]] == list(range(65_531, 65_536))
    with pytest.raises(payment_keys.AtcExhausted):
        phone.keys()


@pytest.mark.parametrize(("atc", "after", "counts"), [(0, 0, False), (1, 0, True), (10, 0, True), (11, 0, False)])
def test_only_counters_for_which_keys_were_issued_count(phone: Phone, atc: int, after: int, counts: bool) -> None:
    phone.keys()
    found = phone.key_version(atc, NOON + HOUR * after)
    assert found == (1 if counts else None)


def test_a_phone_holds_only_so_many_unused_keys_and_gets_more_when_it_paid(phone: Phone) -> None:
    fetch = partial(payment_keys.issue, phone.session, phone.vault, phone.card, phone.token, 25)
    fetch(NOON)
    fetch(NOON)
    with pytest.raises(payment_keys.KeysUnused) as refused:
        fetch(NOON)
    assert refused.value.facts == {"unused": 20, "limit": 25}
    phone.token.atc_seen = 4
    assert payment_keys.unused(phone.session, phone.token, NOON) == 16
    phone.token.atc_seen = 5
    fetch(NOON)
    assert payment_keys.unused(phone.session, phone.token, NOON) == 25


def test_keys_that_have_ended_are_no_more_in_the_way(phone: Phone) -> None:
    fetch = partial(payment_keys.issue, phone.session, phone.vault, phone.card, phone.token, 10)
    fetch(NOON)
    fetch(NOON + timedelta(days=14))
    phone.suspend("cardholder")
    fetch(NOON + timedelta(days=14))
    assert payment_keys.unused(phone.session, phone.token, NOON + timedelta(days=14)) == 10


def test_a_batch_ends_after_fourteen_days(phone: Phone) -> None:
    phone.keys()
    days = timedelta(days=14)
    assert phone.key_version(1, NOON + days - HOUR) == 1
    assert phone.key_version(1, NOON + days) is None


def block(phone: Phone) -> None:
    cards.block(phone.session, phone.card, reason="lost", by="cardholder", noticed_at=NOON, now=NOON)


@pytest.mark.parametrize(
    ("happens", "alive"),
    [
        (lambda phone: phone.suspend("cardholder"), False),
        (lambda phone: life_cycle.deactivate(phone.session, phone.card, phone.token, by="issuer", now=NOON), False),
        (block, True),  # a card's block is lifted again, and then the phone pays on
    ],
    ids=["suspended", "deactivated", "card blocked"],
)
def test_unused_keys_die_with_the_token_not_with_the_card(
    phone: Phone, happens: Callable[[Phone], object], alive: bool
) -> None:
    phone.keys()
    happens(phone)
    assert (phone.key_version(1, NOON) is not None) == alive


def test_each_party_has_one_suspension_and_takes_its_own_away(phone: Phone) -> None:
    assert phone.suspend("cardholder")
    assert phone.suspend("wallet_provider", "app recalled")
    assert phone.held() == {"cardholder": "other", "wallet_provider": "app recalled"}
    life_cycle.resume(phone.session, phone.card, phone.token, by="cardholder", now=NOON)
    assert phone.held() == {"wallet_provider": "app recalled"}
    assert phone.happened() == ["token.suspended", "token.suspended", "token.resumed"]


def test_suspending_again_changes_and_tells_nothing(phone: Phone) -> None:
    phone.suspend("cardholder", "device_lost")
    phone.happened()
    revision = phone.token.revision
    assert not phone.suspend("cardholder", "other")
    assert phone.held() == {"cardholder": "device_lost"}
    assert (phone.happened(), phone.token.revision) == ([], revision)


def test_a_theft_that_is_learned_of_later_is_not_lost(phone: Phone) -> None:
    """Else the thief's victim, or whoever has the other phone, could resume what only the bank may."""
    phone.suspend("cardholder", "device_lost")
    assert phone.suspend("cardholder", "device_stolen")
    assert phone.held() == {"cardholder": "device_stolen"}
    assert phone.happened() == ["token.suspended", "token.suspended"]
    with pytest.raises(ContactBank):
        life_cycle.resume(phone.session, phone.card, phone.token, by="cardholder", now=NOON)
    assert not phone.suspend("cardholder", "device_lost")


@pytest.mark.parametrize("reason", ["device_stolen", "fraud"])
def test_after_theft_or_fraud_only_the_bank_resumes(phone: Phone, reason: str) -> None:
    phone.suspend("cardholder", reason)
    with pytest.raises(ContactBank):
        life_cycle.resume(phone.session, phone.card, phone.token, by="cardholder", now=NOON)
    life_cycle.resume(phone.session, phone.card, phone.token, by="issuer", now=NOON)
    assert phone.held() == {}


def test_the_bank_lifts_its_own_suspension_first_and_the_cardholders_only_when_asked_again(phone: Phone) -> None:
    phone.suspend("cardholder", "device_lost")
    phone.suspend("issuer", "looked into")
    life_cycle.resume(phone.session, phone.card, phone.token, by="issuer", now=NOON)
    assert phone.held() == {"cardholder": "device_lost"}
    life_cycle.resume(phone.session, phone.card, phone.token, by="issuer", now=NOON)
    assert phone.held() == {}
    with pytest.raises(IllegalMove):
        life_cycle.resume(phone.session, phone.card, phone.token, by="issuer", now=NOON)


@pytest.mark.parametrize("by", ["wallet_provider", "pin_locked"])
def test_the_bank_does_not_lift_what_others_hold(phone: Phone, by: str) -> None:
    phone.suspend(by)
    with pytest.raises(IllegalMove):
        life_cycle.resume(phone.session, phone.card, phone.token, by="issuer", now=NOON)


def test_a_new_pin_lifts_the_lock_and_gives_the_tries_back(phone: Phone) -> None:
    phone.token.pin_tries_left = 0
    phone.suspend("pin_locked", "wrong_pin")
    phone.change_pin(Key(bytes([8] * 32)))
    assert (phone.held(), phone.token.pin_tries_left) == ({}, tokens.PIN_TRIES)
    assert phone.cvm_key("pin") == Key(bytes([8] * 32))


def test_what_has_ended_stays_ended(phone: Phone) -> None:
    life_cycle.deactivate(phone.session, phone.card, phone.token, by="cardholder", now=NOON)
    for attempt in (
        lambda: life_cycle.deactivate(phone.session, phone.card, phone.token, by="issuer", now=NOON),
        lambda: phone.suspend("cardholder"),
        lambda: phone.change_pin(PIN_KEY),
        lambda: life_cycle.activate(
            phone.session, phone.vault, phone.card, phone.token, PIN_KEY, None, also=NOBODY, now=NOON
        ),
    ):
        with pytest.raises(IllegalMove):
            attempt()
