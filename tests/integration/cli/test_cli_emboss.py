"""`wallet cards emboss`: what the bureau gets, once the file is complete, and who gets it no second time."""

import json
import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey
from sqlalchemy import delete, select

from tests.integration.cli import bank as banks
from tests.integration.cli.bank import Bank, id_of
from tests.integration.cli.commands import done, refused, wallet
from tokenization import card_verification, cards, ids
from tokenization import embossing as rules
from tokenization.journal.models import JournalEntry
from tokenization.models import Card, CardKey, Plastic
from wallet import embossing

Environment = dict[str, str]
BUREAU = ECKey.generate_key("P-256")


@pytest.fixture
def bank(ready: Environment) -> Iterator[Bank]:
    with banks.opened(ready) as bank:
        yield bank


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "bureau.json"
    path.write_text(json.dumps(BUREAU.as_dict(private=False)))
    return path


def emboss(environment: Environment, key: Path, path: Path) -> str:
    """The last that it says."""
    return done(wallet(environment, "cards", "emboss", "--to", str(key), "--out", str(path))).splitlines()[-1]


def opened(path: Path) -> list[dict[str, Any]]:
    lines = path.read_text().splitlines()
    contents = [jwe.decrypt_compact(line, BUREAU, algorithms=["ECDH-ES", "A256GCM"]).plaintext for line in lines]
    return [json.loads(content or b"") for content in contents]


def replace_all(environment: Environment) -> None:
    done(wallet(environment, "cards", "replace", "--bin", "920890", "--reason", "bank", "--yes"))


def test_the_bureau_gets_what_it_embosses_and_only_once(
    ready: Environment, bank: Bank, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "PAGE", 2)
    card_ids, path = bank.issue(3), tmp_path / "order.jwe"
    assert emboss(ready, key, path) == "nothing waits"
    assert not path.exists()
    replace_all(ready)
    assert emboss(ready, key, path) == "ordered: 3"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir() if "draft" in entry.name] == []
    for card_id, content in zip(sorted(card_ids), opened(path), strict=True):
        with bank.parts.database.reading() as session:
            plastic = cards.current_plastic(session, session.get_one(Card, card_id))
            number = cards.reveal_number(session, bank.parts.vault, card_id, plastic.plastic_id)
            assert content == {
                "card_id": id_of(card_id),
                "plastic_id": ids.to_text("plst", plastic.plastic_id),
                "scheme": "visa_dankort",
                "number": number.reveal(),
                "expiry": cards.month(plastic.expiry),
                "cvc": card_verification.of_plastic(bank.parts.vault.ring, plastic, number).reveal(),
                "name": "Anna Prøve",
                "address": "Prøvevej 1",
            }
            assert plastic.ordered_at is not None
    assert emboss(ready, key, tmp_path / "again.jwe") == "nothing waits"


def test_who_ordered_a_plastic_and_whose_key_read_it_stands_in_the_journal(
    ready: Environment, bank: Bank, key: Path, tmp_path: Path
) -> None:
    [card_id] = bank.issue(1)
    replace_all(ready)
    emboss(ready, key, tmp_path / "order.jwe")
    newest = select(JournalEntry).where(JournalEntry.card_id == card_id).order_by(JournalEntry.seq.desc()).limit(1)
    with bank.parts.database.reading() as session:
        entry = session.scalars(newest).one()
    assert entry.type == "card.plastic_ordered"
    assert entry.actor.startswith("cli:")
    assert entry.payload is not None
    assert entry.payload["thumbprint"] == BUREAU.thumbprint()
    assert entry.payload["last4"] == bank.number(card_id)[-4:]


def test_blocked_cards_wait_and_closed_erased_and_superseded_ones_are_left_out(
    ready: Environment, bank: Bank, key: Path, tmp_path: Path
) -> None:
    blocked, closed, erased, twice = bank.issue(4)
    replace_all(ready)
    done(wallet(ready, "cards", "replace", "--file", "-", "--reason", "damaged", "--yes", typed=id_of(twice)))
    bank.block(blocked)
    bank.close(closed)
    with bank.parts.database.transaction("test") as session:
        session.execute(delete(CardKey).where(CardKey.card_id == erased))
    path = tmp_path / "order.jwe"
    assert emboss(ready, key, path) == "ordered: 1; passed over: 1 (erased 1)"
    assert [content["number"] for content in opened(path)] == [bank.number(twice)]
    with bank.parts.database.transaction("test") as session:
        card = cards.lock(session, blocked)
        assert card is not None
        cards.unblock(session, card, bank.parts.clock.now())
    path = tmp_path / "later.jwe"
    emboss(ready, key, path)
    assert [content["card_id"] for content in opened(path)] == [id_of(blocked)]


def test_a_file_that_is_there_or_cannot_be_written_is_said_and_nothing_is_ordered(
    ready: Environment, bank: Bank, key: Path, tmp_path: Path
) -> None:
    [card_id] = bank.issue(1)
    replace_all(ready)
    path = tmp_path / "order.jwe"
    path.write_text("another")
    for out, said in ((path, "is there already"), (Path("/nowhere/order.jwe"), "cannot be written")):
        assert said in refused(wallet(ready, "cards", "emboss", "--to", str(key), "--out", str(out)))
    assert path.read_text() == "another"
    with bank.parts.database.reading() as session:
        plastics = select(Plastic).where(Plastic.card_id == card_id, Plastic.ordered_at.is_not(None))
        assert session.scalars(plastics).all() == []


@pytest.mark.parametrize(
    ("jwk", "said"),
    [
        (json.dumps(BUREAU.as_dict(private=True)), "private"),
        (json.dumps(ECKey.generate_key("P-384").as_dict(private=False)), "kty must be EC and crv P-256"),
        ("[]", "a key is a JSON object"),
        ("hunter2", "holds no JSON"),
        (None, "cannot be read"),
    ],
    ids=["private", "P-384", "list", "text", "none"],
)
def test_only_a_public_p256_key_will_do(tmp_path: Path, jwk: str | None, said: str) -> None:
    path = tmp_path / "bureau.json"
    if jwk is not None:
        path.write_text(jwk)
    told = refused(wallet({}, "cards", "emboss", "--to", str(path), "--out", str(tmp_path / "order.jwe")))
    assert said in told
    assert str(BUREAU.as_dict(private=True)["d"]) not in told


def test_what_was_written_but_not_noted_is_written_again_and_noted_once(
    ready: Environment, bank: Bank, key: Path, tmp_path: Path
) -> None:
    """It broke off in between: better a plastic twice in the files than a cardholder without."""
    card_ids = bank.issue(2)
    replace_all(ready)
    first, second = tmp_path / "first.jwe", tmp_path / "second.jwe"
    written = embossing.write(bank.parts, BUREAU, first)
    [noted, _] = sorted(card_ids)
    assert next(embossing.note(bank.parts, written.plastics, BUREAU, "test")) == noted
    assert emboss(ready, key, second) == "ordered: 1"
    assert opened(second) == opened(first)[1:]
    list(embossing.note(bank.parts, written.plastics, BUREAU, "test"))
    ordered = [type_ for card_id in card_ids for type_, _ in bank.journal(card_id) if type_ == "card.plastic_ordered"]
    assert len(ordered) == 2


def test_of_two_that_write_at_once_the_second_says_so(
    ready: Environment, bank: Bank, key: Path, tmp_path: Path
) -> None:
    bank.issue(1)
    replace_all(ready)
    command = ("cards", "emboss", "--to", str(key), "--out", str(tmp_path / "order.jwe"))
    with embossing.alone(bank.parts) as is_alone:
        assert is_alone
        assert "somebody else is writing such a file" in refused(wallet(ready, *command))
    assert not (tmp_path / "order.jwe").exists()
    assert done(wallet(ready, *command)).count("ordered: 1") == 1, "said once"


def test_who_stops_it_behind_the_file_is_told_what_is_not_noted(
    ready: Environment, bank: Bank, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank.issue(1)
    replace_all(ready)

    def stopped(*_: object) -> Iterator[None]:
        os.kill(os.getpid(), signal.SIGTERM)
        yield

    monkeypatch.setattr(embossing, "note", stopped)
    result = wallet(ready, "cards", "emboss", "--to", str(key), "--out", str(tmp_path / "order.jwe"))
    assert (result.exit_code, "is complete, but 1 of 1 will stand in the next one, too" in result.output) == (1, True)
