"""The issuer key rotates, and no phone notices before it fetches keys again."""

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey
from sqlalchemy.orm import Session

from tests.drawing_rights import NOON, issue_card
from tests.numbers import SPACE
from tokenization import cryptogram, payment_keys, requestors, tokens
from tokenization.clock import SetClock
from tokenization.keys import ceremonies
from tokenization.keys.folder import FileKeyRing
from tokenization.keys.ring import KeyRingError, Purpose
from tokenization.models import Card, Token
from tokenization.pipeline import pipeline
from tokenization.tokens import Device
from tokenization.vault import Vault

FORTNIGHT = timedelta(days=14)


class Phone:
    """A phone with a token, at a bank with a key ring of its own that can rotate."""

    def __init__(self, session: Session, folder: Path) -> None:
        ceremonies.create(folder, NOON)
        self.session, self.folder, self.clock = session, folder, SetClock(NOON)
        self.ring = FileKeyRing(folder, self.clock)
        self.vault, self.key = Vault(self.ring), ECKey.generate_key("P-256")
        self.card = issue_card(session, self.vault, NOON)
        self.token = self._provisioned(self.card)

    def _provisioned(self, card: Card) -> Token:
        lomme = requestors.register(
            self.session, kind="wallet", name="Lomme", merchant_ids=[], schemes=["dankort"], now=NOON
        )
        public = {name: str(value) for name, value in self.key.as_dict(private=False).items()}
        return tokens.create(
            self.session,
            self.vault,
            SPACE,
            card,
            requestor=lomme,
            scheme="dankort",
            device=Device("Anna's phone", "ios", self.key.thumbprint(), public),
            right_id=None,
            now=NOON,
        )

    def fetch(self) -> dict[int, bytes]:
        """The next ten keys, by their ATCs."""
        batch = payment_keys.issue(self.session, self.vault, self.card, self.token, 100, self.clock.now())
        opened = jwe.decrypt_compact(batch.keys, self.key, algorithms=["ECDH-ES", "A256GCM"])
        content: dict[str, Any] = json.loads(opened.plaintext or b"")
        return {each["atc"]: base64.urlsafe_b64decode(each["key"] + "==") for each in content["keys"]}

    def expected(self, atc: int) -> bytes:
        """The key that a payment with that ATC is checked under now."""
        version = self.version(atc)
        assert version is not None
        return cryptogram.atc_key(payment_keys.token_key(self.ring, version, self.token.token_id), atc).reveal()

    def version(self, atc: int) -> int | None:
        """Under which issuer key it was issued, as far as it still counts."""
        with pipeline(self.session) as pipe:
            asked = [(self.token.card_id, self.token.token_id, atc)]
            found = payment_keys.find_versions(pipe, asked, self.clock.now())
        return next((row.key_version for row in found.rows()), None)

    def rotate(self) -> None:
        """A new issuer key, in use at once."""
        ceremonies.rotate(self.folder, Purpose.TOKEN, self.clock.now())
        self.ring.refresh()


@pytest.fixture
def phone(session: Session, tmp_path: Path) -> Phone:
    return Phone(session, tmp_path / "keys")


def test_keys_of_before_a_rotation_pay_on_and_the_next_are_under_the_new_version(phone: Phone) -> None:
    before = phone.fetch()
    phone.rotate()
    after = phone.fetch()
    assert all(phone.expected(atc) == key for atc, key in (before | after).items())
    assert [phone.version(atc) for atc in (1, 10, 11, 20)] == [1, 1, 2, 2]
    under_one = payment_keys.token_key(phone.ring, 1, phone.token.token_id)
    assert cryptogram.atc_key(under_one, 11).reveal() != after[11]


def test_after_a_fortnight_nothing_needs_the_old_version(phone: Phone) -> None:
    phone.fetch()
    phone.rotate()
    phone.clock.advance(FORTNIGHT)
    assert phone.version(1) is None
    ceremonies.retire(phone.folder, Purpose.TOKEN, 1, phone.clock.now())
    phone.ring.refresh()
    assert all(phone.expected(atc) == key for atc, key in phone.fetch().items())


def test_a_version_that_leaked_takes_its_keys_with_it(phone: Phone) -> None:
    phone.fetch()
    phone.rotate()
    ceremonies.retire(phone.folder, Purpose.TOKEN, 1, phone.clock.now())
    phone.ring.refresh()
    with pytest.raises(KeyRingError, match="retired"):
        phone.expected(1)
    assert all(phone.expected(atc) == key for atc, key in phone.fetch().items())
