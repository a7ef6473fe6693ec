"""Numbers at rest: sealed under the card's own key, found by fingerprint, gone when the key is."""

from pathlib import Path

import pytest
from sqlalchemy import delete, insert, text
from sqlalchemy.orm import Session

from tests.drawing_rights import NOON, issue_card
from tests.numbers import SPACE
from tokenization import card_verification, cards, erasure, ids, replacement
from tokenization.clock import SetClock
from tokenization.keys import ceremonies
from tokenization.keys.folder import FileKeyRing
from tokenization.keys.ring import Purpose
from tokenization.models import Card, CardKey, PartyKey, Plastic
from tokenization.numbers import is_number
from tokenization.vault import DataKey, Erased, Vault, VaultError, Wrapped, card_key_place


@pytest.fixture
def card(session: Session, vault: Vault) -> Card:
    issued = issue_card(session, vault, NOON)
    session.flush()
    return issued


def number_of(session: Session, vault: Vault, card: Card) -> str:
    return cards.reveal_number(session, vault, card.card_id, card.current_plastic_id).reveal()


def test_a_number_is_kept_sealed_and_nowhere_in_clear(session: Session, vault: Vault, card: Card) -> None:
    number = number_of(session, vault, card)
    assert is_number(number)
    assert number.startswith("920890")
    rows = session.scalars(text("SELECT plastics::text FROM tokenization.plastics")).all()
    assert rows
    assert not any(number in row or number.encode().hex() in row for row in rows)


def test_a_number_is_found_by_its_keyed_fingerprint_alone(session: Session, vault: Vault, card: Card) -> None:
    number = number_of(session, vault, card)
    found = cards.find_by_number(session, vault, number)
    assert found is not None
    assert (found.card_id, found.plastic_id) == (card.card_id, card.current_plastic_id)
    assert found.fingerprint == vault.fingerprint("number", number)
    assert vault.fingerprint("cpr", number) != found.fingerprint
    assert cards.find_by_number(session, vault, "9208900000000008") is None


def test_a_number_does_not_open_in_the_row_of_another_plastic(session: Session, vault: Vault, card: Card) -> None:
    plastic = cards.current_plastic(session, card)
    with pytest.raises(VaultError):
        vault.card_key(session, card.card_id).open(cards.number_place(ids.new_id()), plastic.number_sealed)


def test_a_card_whose_key_is_deleted_is_erased(session: Session, vault: Vault, card: Card) -> None:
    session.execute(delete(CardKey).where(CardKey.card_id == card.card_id))
    with pytest.raises(Erased):
        number_of(session, vault, card)


def test_a_data_key_that_came_back_out_of_a_backup_opens_nothing(session: Session, vault: Vault, card: Card) -> None:
    key = session.get_one(CardKey, (card.card_id, 1))
    backup = {"card_id": key.card_id, "version": 1, "kek_version": key.kek_version, "wrapped": key.wrapped}
    erased(session, card)
    session.execute(insert(CardKey).values(backup))
    with pytest.raises(Erased):
        number_of(session, vault, card)
    with pytest.raises(erasure.AlreadyErased):
        erasure.erase(session, card, NOON)


def erased(session: Session, card: Card) -> int | None:
    cards.close(session, card, NOON)
    return erasure.erase(session, card, NOON)


def test_a_card_whose_data_key_was_lost_can_be_erased_all_the_same(session: Session, vault: Vault, card: Card) -> None:
    number = number_of(session, vault, card)
    session.execute(delete(CardKey).where(CardKey.card_id == card.card_id))
    assert erased(session, card) is None
    assert cards.find_by_number(session, vault, number) is None


def test_a_wrapped_key_of_somebody_else_does_not_unwrap(session: Session, vault: Vault, card: Card) -> None:
    stolen = session.get_one(PartyKey, (card.holder_id, 1)).wrapped
    session.get_one(CardKey, (card.card_id, 1)).wrapped = stolen
    with pytest.raises(VaultError):
        vault.card_key(session, card.card_id)


def test_a_data_key_needs_the_version_that_wrapped_it(session: Session, vault: Vault, card: Card) -> None:
    session.get_one(CardKey, (card.card_id, 1)).kek_version = 9
    with pytest.raises(VaultError, match="no version 9"):
        vault.card_key(session, card.card_id)


@pytest.mark.parametrize("purpose", [Purpose.TOKEN, Purpose.JOURNAL, Purpose.FINGERPRINT, Purpose.CARD_VERIFICATION])
def test_what_a_key_of_another_purpose_wrapped_does_not_unwrap(
    session: Session, vault: Vault, card: Card, purpose: Purpose
) -> None:
    place, other = card_key_place(card.card_id), vault.ring.current(purpose)
    wrapped = Wrapped(other.version, DataKey(other.version, other.key).seal(place, bytes(32)))
    with pytest.raises(VaultError):
        vault.unwrap(place, wrapped)


def test_a_plastic_remembers_the_cvc_key_that_it_was_embossed_under(session: Session, tmp_path: Path) -> None:
    """So a rotation changes nobody's CVC; who gets a new plastic after it gets one of the new key."""
    ceremonies.create(tmp_path / "ring", NOON)
    vault = Vault(FileKeyRing(tmp_path / "ring", SetClock(NOON)))
    card = issue_card(session, vault, NOON)
    before = cards.current_plastic(session, card)
    number = cards.reveal_number(session, vault, card.card_id, before.plastic_id)
    printed = card_verification.of_plastic(vault.ring, before, number)
    ceremonies.rotate(tmp_path / "ring", Purpose.CARD_VERIFICATION, NOON)
    vault.ring.refresh()
    after = replacement.replace(session, vault, SPACE, card, "damaged", NOON)
    assert (before.verification_key_version, after.verification_key_version) == (1, 2)
    assert card_verification.of_plastic(vault.ring, before, number) == printed


def test_a_party_has_a_data_key_of_its_own(session: Session, vault: Vault, card: Card) -> None:
    key = vault.party_key(session, card.holder_id)
    assert key != vault.card_key(session, card.card_id)
    session.execute(delete(PartyKey).where(PartyKey.party_id == card.holder_id))
    with pytest.raises(Erased):
        vault.party_key(session, card.holder_id)


def test_a_plastic_expires_at_the_end_of_its_month(session: Session, vault: Vault, card: Card) -> None:
    plastic = session.get_one(Plastic, (card.card_id, card.current_plastic_id))
    assert cards.month(plastic.expiry) == "2029-11"
    assert plastic.expiry.day == 30
