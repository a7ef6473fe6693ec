"""What an event says: ids as TypeIDs, times as RFC 3339."""

import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
import rfc8785

from tokenization import ids
from tokenization.events import CardBlocked, CardholderChanged, rfc3339

NOON = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
BLOCKED = CardBlocked(
    at=NOON,
    card_id=UUID(int=1),
    holder_id=UUID(int=2),
    last4="1234",
    reason="lost",
    by="issuer",
    noticed_at=NOON - timedelta(microseconds=5),
)


def test_a_payload_is_json_with_ids_and_times_as_the_api_writes_them() -> None:
    assert BLOCKED.payload() == {
        "card_id": ids.to_text("card", UUID(int=1)),
        "holder_id": ids.to_text("holder", UUID(int=2)),
        "last4": "1234",
        "reason": "lost",
        "by": "issuer",
        "noticed_at": "2026-11-22T10:59:59.999995Z",
        "reported_by": None,
        "reminded_at": None,
        "gross": False,
    }


def test_whose_journal_it_stands_in_and_when_it_happened_are_no_part_of_what_it_says() -> None:
    holder = UUID(int=2)
    event = CardholderChanged(at=NOON, subject_id=holder, holder_id=holder, fields=["language", "mobile"])
    assert event.payload() == {"holder_id": ids.to_text("holder", holder), "fields": ["language", "mobile"]}


def test_a_payload_survives_the_way_into_the_database_and_back_unchanged() -> None:
    payload = BLOCKED.payload()
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
