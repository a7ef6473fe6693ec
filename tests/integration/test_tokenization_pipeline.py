"""Statements that are sent together: in order, in the session's transaction, and what fails fails as everywhere."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, create_engine, func, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from delegation.models import UsageDay
from tokenization import ids
from tokenization.models import PanDirectory
from tokenization.pipeline import as_json, changing, compiled, inserting, locking, looking_up, pipeline

OF_CARD = looking_up(PanDirectory, ["fingerprint"], ["card_id"])


def row(number: int, card_id: UUID | None = None) -> dict[str, Any]:
    return {"fingerprint": bytes([number] * 32), "card_id": card_id or ids.new_id(), "plastic_id": ids.new_id()}


def write(session: Session, *rows: dict[str, Any]) -> None:
    with pipeline(session) as pipe:
        pipe.send(inserting(PanDirectory), rows=as_json(rows))


def count(session: Session) -> int:
    return session.scalars(select(func.count()).select_from(PanDirectory)).one()


def test_what_is_written_is_read_behind_it_in_the_same_round_trip(session: Session) -> None:
    one, other = row(1), row(2)
    with pipeline(session) as pipe:
        before = pipe.find(OF_CARD, [(one["fingerprint"],)])
        pipe.send(inserting(PanDirectory), rows=as_json([one, other]))
        after = pipe.find(OF_CARD, [(one["fingerprint"],), (other["fingerprint"],), (bytes(32),)])
    assert before.rows() == []
    assert {found.fingerprint: found.card_id for found in after.rows()} == {
        one["fingerprint"]: one["card_id"],
        other["fingerprint"]: other["card_id"],
    }


def test_a_row_that_is_wanted_twice_comes_once_and_of_none_nothing_is_sent(session: Session) -> None:
    write(session, one := row(1))
    with pipeline(session) as pipe:
        twice, never = pipe.find(OF_CARD, [(one["fingerprint"],)] * 2), pipe.find(OF_CARD, [])
    assert len(twice.rows()) == 1
    assert never.rows() == []


def test_one_statement_for_many_parameters_answers_all_of_them(session: Session) -> None:
    write(session, *(row(number) for number in range(3)))
    lock = locking(PanDirectory, "fingerprint")
    with pipeline(session) as pipe:
        found = pipe.send_each(lock, [{"fingerprint": bytes([number] * 32)} for number in (2, 9, 0)])
    assert [each.fingerprint[0] for each in found.rows()] == [2, 0]


def test_columns_change_by_the_keys_and_no_others(session: Session) -> None:
    one, other = row(1), row(2)
    write(session, one, other)
    moved = {**one, "card_id": ids.new_id(), "plastic_id": ids.new_id()}
    with pipeline(session) as pipe:
        pipe.send(changing(PanDirectory, ["fingerprint"], ["card_id"]), rows=as_json([moved]))
        found = pipe.find(looking_up(PanDirectory, ["fingerprint"]), [(one["fingerprint"],), (other["fingerprint"],)])
    assert {each.fingerprint: (each.card_id, each.plastic_id) for each in found.rows()} == {
        one["fingerprint"]: (moved["card_id"], one["plastic_id"]),
        other["fingerprint"]: (other["card_id"], other["plastic_id"]),
    }


def test_every_kind_of_value_comes_back_as_it_went(session: Session) -> None:
    at, day = datetime(2026, 3, 29, 1, 30, 0, 123_456, tzinfo=UTC), date(2026, 2, 28)
    asked = [
        {"at": at, "day": day, "number": Decimal("7.460500000"), "id": UUID(int=7), "raw": b"\x00\xff", "no": None}
    ]
    with pipeline(session) as pipe:
        found = pipe.send(
            "SELECT * FROM jsonb_to_recordset(%(rows)s)"
            " AS row (at timestamptz, day date, number numeric, id uuid, raw bytea, no text)",
            rows=as_json(asked),
        )
    assert [vars(each) for each in found.rows()] == asked


def test_what_the_session_has_not_flushed_is_written_first(session: Session) -> None:
    session.add(PanDirectory(**row(1)))
    with pipeline(session) as pipe:
        found = pipe.send(compiled(select(func.count().label("many")).select_from(PanDirectory)))
    assert found.rows()[0].many == 1


def test_a_value_that_no_column_holds_is_refused() -> None:
    with pytest.raises(KeyError):
        as_json([{"spent": object()}])


def test_it_is_part_of_the_transaction(session: Session) -> None:
    with session.begin_nested() as attempt:
        write(session, row(1))
        assert count(session) == 1
        attempt.rollback()
    assert count(session) == 0


def test_an_error_is_sqlalchemys_and_shows_no_parameter(session: Session) -> None:
    write(session, row(1))
    with pytest.raises(IntegrityError, match="pan_directory") as raised, session.begin_nested():
        write(session, {**row(1), "card_id": UUID(int=4571)})
    assert "4571" not in str(raised.value)
    assert count(session) == 1


def twice_and_another(session: Session) -> None:
    with session.begin_nested(), pipeline(session) as pipe:
        pipe.send(inserting(PanDirectory), rows=as_json([row(1)]))
        pipe.send(inserting(PanDirectory), rows=as_json([row(2)]))


def test_behind_a_statement_that_fails_nothing_is_done(session: Session) -> None:
    write(session, row(1))
    with pytest.raises(IntegrityError):
        twice_and_another(session)
    assert count(session) == 1


@pytest.fixture
def lonely(engine: Engine) -> Iterator[Engine]:
    """An engine with one connection."""
    engine = create_engine(engine.url, pool_size=1, max_overflow=0)
    yield engine
    engine.dispose()


def test_a_connection_that_was_lost_is_not_used_again(lonely: Engine) -> None:
    lose = "SELECT pg_terminate_backend(pg_backend_pid())"
    with Session(lonely) as session, pytest.raises(OperationalError) as raised, pipeline(session) as pipe:
        pipe.send(lose)
    assert raised.value.connection_invalidated
    with Session(lonely) as session:
        assert session.scalar(select(1)) == 1


def stumble(session: Session) -> None:
    with pipeline(session) as pipe:
        pipe.send(inserting(PanDirectory), rows=as_json([row(1)]))
        raise ZeroDivisionError


def test_what_goes_wrong_between_statements_is_what_it_was(session: Session) -> None:
    with pytest.raises(ZeroDivisionError):
        stumble(session)
    assert count(session) == 1


def test_a_model_names_the_columns() -> None:
    with pytest.raises(KeyError):
        looking_up(UsageDay, ["card_id"], ["no_such_column"])
