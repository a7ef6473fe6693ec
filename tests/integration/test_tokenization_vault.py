"""Numbers at rest: sealed under the card's own key, found by fingerprint, gone when the key is."""

import pytest
from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from tests.drawing_rights import NOON, issue_card
from tokenization import cards, ids
from tokenization.models import Card, CardKey, PartyKey, Plastic
from tokenization.numbers import is_number
from tokenization.vault import Vault, VaultError


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
    with pytest.raises(VaultError, match="no data key"):
        number_of(session, vault, card)


def test_a_wrapped_key_of_somebody_else_does_not_unwrap(session: Session, vault: Vault, card: Card) -> None:
    stolen = session.get_one(PartyKey, (card.holder_id, 1)).wrapped
    session.get_one(CardKey, (card.card_id, 1)).wrapped = stolen
    with pytest.raises(VaultError):
        vault.card_key(session, card.card_id)


def test_a_data_key_needs_the_version_that_wrapped_it(session: Session, vault: Vault, card: Card) -> None:
    session.get_one(CardKey, (card.card_id, 1)).kek_version = 9
    with pytest.raises(VaultError, match="no version 9"):
        vault.card_key(session, card.card_id)


def test_a_party_has_a_data_key_of_its_own(session: Session, vault: Vault, card: Card) -> None:
    key = vault.party_key(session, card.holder_id)
    assert key != vault.card_key(session, card.card_id)
    session.execute(delete(PartyKey).where(PartyKey.party_id == card.holder_id))
    with pytest.raises(VaultError, match="no data key"):
        vault.party_key(session, card.holder_id)


def test_a_plastic_expires_at_the_end_of_its_month(session: Session, vault: Vault, card: Card) -> None:
    plastic = session.get_one(Plastic, (card.card_id, card.current_plastic_id))
    assert cards.month(plastic.expiry) == "2029-11"
    assert plastic.expiry.day == 30
