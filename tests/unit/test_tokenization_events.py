"""What an event says: ids as TypeIDs, times as RFC 3339, never a secret."""

import json
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID

import pytest
import rfc8785

from tokenization import events, ids
from tokenization.events import CardEvent, Event, SubjectEvent, rfc3339

NOON = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)


def kinds(base: type[Event] = Event) -> list[type[Event]]:
    below = [kind for kind in base.__subclasses__() if kind.__module__ == events.__name__]
    return [each for kind in below for each in ([kind] if "type" in vars(kind) else []) + kinds(kind)]


@dataclass(frozen=True, kw_only=True)
class Sample(CardEvent):
    type = "sample.made"
    right_id: UUID | None
    on: date
    until: datetime
    names: list[str]
    amount: int


def sample() -> Sample:
    return Sample(
        at=NOON,
        card_id=UUID(int=1),
        right_id=None,
        on=date(2027, 6, 30),
        until=NOON + timedelta(microseconds=5),
        names=["a"],
        amount=5,
    )


def test_a_payload_is_json_with_ids_and_times_as_the_api_writes_them() -> None:
    assert sample().payload() == {
        "card_id": ids.to_text("card", UUID(int=1)),
        "right_id": None,
        "on": "2027-06-30",
        "until": "2026-11-22T11:00:00.000005Z",
        "names": ["a"],
        "amount": 5,
    }


def test_a_payload_survives_the_way_into_the_database_and_back_unchanged() -> None:
    payload = sample().payload()
    assert rfc8785.dumps(json.loads(json.dumps(payload))) == rfc8785.dumps(payload)


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (NOON, "2026-11-22T11:00:00Z"),
        (NOON.astimezone(timezone(timedelta(hours=1))), "2026-11-22T11:00:00Z"),
        (NOON.replace(microsecond=120_000), "2026-11-22T11:00:00.120000Z"),
    ],
)
def test_a_time_is_utc_with_a_z(at: datetime, text: str) -> None:
    assert rfc3339(at) == text


def test_every_kind_of_event_has_a_name_of_its_own() -> None:
    names = [kind.type for kind in kinds()]
    assert len(names) > 20
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.type)
def test_every_event_belongs_to_a_card_or_a_subject_and_every_id_in_it_has_a_prefix(kind: type[Event]) -> None:
    assert issubclass(kind, CardEvent) != issubclass(kind, SubjectEvent)
    named = {field.name for field in fields(kind) if field.name.endswith("_id")} - {"subject_id"}
    assert named <= set(ids.PREFIX_BY_FIELD)


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.type)
def test_no_event_has_a_field_for_a_secret(kind: type[Event]) -> None:
    assert not {field.name for field in fields(kind)} & {"number", "cvc", "cpr", "mobile", "pin", "key", "code"}
