"""Where somebody is signed in: seen, ended, and one for each phone."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from notifications.models import SmsMessage
from tests.world import Phone, World
from tokenization.clock import SetClock
from wallet.access import sessions
from wallet.access.models import AccessSession, RefreshChain
from wallet.access.oauth import refresh_tokens, sweeping


def listed(phone: Phone) -> list[dict[str, object]]:
    answer = phone.request("GET", "/v1/sessions")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, object]] = answer.json()["data"]
    return found


def end_reason(world: World, session_id: UUID) -> str | None:
    with world.parts.database.reading() as session:
        return session.get_one(AccessSession, session_id).end_reason


def test_the_phones_of_a_cardholder_are_listed_newest_first(world: World) -> None:
    first, second = world.phone(), world.phone()
    both = listed(second)
    assert [each["current"] for each in both] == [True, False]
    assert {each["app"] for each in both} == {"Lomme"}
    assert listed(first)[0]["id"] == both[0]["id"]


def test_a_phone_is_named_once_it_holds_a_card(world: World) -> None:
    phone = world.phone()
    assert listed(phone)[0]["device_name"] is None
    assert phone.provision(world.person("anna")["card"]).status_code == 201
    assert listed(phone)[0]["device_name"] == phone.name


def test_a_childs_phone_is_listed_to_the_parent_alone(world: World) -> None:
    parent = world.phone()
    right = world.grant(parent)
    child = world.child(right["id"])
    shown = listed(parent)[0]
    assert (shown["drawing_right_id"], shown["device_name"]) == (right["id"], "Emil's phone")
    assert shown["assurance"] is None
    assert child.request("GET", "/v1/sessions").status_code == 403


def test_a_sign_in_on_a_phone_that_has_a_session_goes_on_with_it(world: World, clock: SetClock) -> None:
    phone = world.phone()
    clock.advance(timedelta(minutes=10))
    again = world.phone(key=phone.key)
    assert again.session_id == phone.session_id
    assert [each["signed_in_at"] for each in listed(phone)] == ["2026-11-22T09:25:00Z"]


def test_another_person_on_the_same_phone_has_a_session_apart(world: World) -> None:
    anna = world.phone("anna")
    bo = world.phone("bo", key=anna.key)
    assert len(listed(anna)) == len(listed(bo)) == 1
    assert anna.session_id != bo.session_id


def test_a_phone_that_is_signed_out_from_another_is_out_at_once(world: World) -> None:
    here, there = world.phone(), world.phone()
    lost = listed(there)[0]["id"]
    answer = here.request("DELETE", f"/v1/sessions/{lost}")
    assert (answer.status_code, answer.json()["end_reason"]) == (200, "signed_out")
    assert there.request("GET", "/v1/me").status_code == 401
    assert [each["id"] for each in listed(here)] != [lost]
    assert here.request("GET", f"/v1/sessions/{lost}").json()["ended_at"] == "2026-11-22T10:15:00Z"


def test_the_blocking_line_sees_and_ends_the_sessions_of_whoever_calls(world: World) -> None:
    phone, bank = world.phone(), world.machine("issuer")
    holder_id = world.person("anna")["cardholder_id"]
    seen = bank.request("GET", f"/v1/issuer/cardholders/{holder_id}/sessions").json()["data"]
    assert [each["current"] for each in seen] == [False]
    answer = bank.request("DELETE", f"/v1/issuer/sessions/{seen[0]['id']}")
    assert (answer.status_code, answer.json()["end_reason"]) == (200, "ended_by_bank")
    assert phone.request("GET", "/v1/me").status_code == 401
    journal = bank.request("GET", f"/v1/issuer/cardholders/{holder_id}/journal").json()["data"]
    by = {entry["type"]: entry["actor"].rpartition(":")[2] for entry in journal}
    assert by["session.ended"] == "Mette"
    assert bank.request("GET", f"/v1/issuer/cardholders/{holder_id}/journal/verify").json()["valid"]


def test_the_journal_of_a_client_is_there_for_the_bank_alone(world: World) -> None:
    client_id = world.access["wallet_app"]["client_id"]
    path = f"/v1/issuer/clients/{client_id}/journal"
    bank = world.machine("issuer")
    assert [each["type"] for each in bank.request("GET", path).json()["data"]] == ["client.registered"]
    assert bank.request("GET", f"{path}/verify").json()["entries"] == 1
    assert bank.request("GET", "/v1/issuer/clients/nobody/journal").status_code == 404
    assert world.phone().request("GET", path).status_code == 403


def test_ending_it_twice_is_ending_it_once(world: World, clock: SetClock) -> None:
    here, there = world.phone(), world.phone()
    path = f"/v1/sessions/{listed(there)[0]['id']}"
    first = here.request("DELETE", path).json()
    clock.advance(timedelta(minutes=1))
    assert here.request("DELETE", path).json() == first


def test_a_phone_may_sign_itself_out(world: World) -> None:
    phone = world.phone()
    assert phone.request("DELETE", f"/v1/sessions/{listed(phone)[0]['id']}").status_code == 200
    assert phone.request("GET", "/v1/me").status_code == 401


def test_what_was_used_last_is_seen_from_its_refresh_tokens(world: World, clock: SetClock) -> None:
    phone = world.phone()
    clock.advance(timedelta(hours=3))
    with world.parts.database.transaction("test") as session:
        refresh_tokens.issue(session, phone.session_id, clock.now())
    assert listed(phone)[0]["last_used_at"] == "2026-11-22T13:15:00Z"


def test_a_stolen_phone_is_out_though_its_token_had_ended_before(world: World) -> None:
    stolen, other = world.phone(), world.phone()
    token = stolen.active(world.person("anna")["card"])
    assert other.request("DELETE", f"/v1/tokens/{token['id']}").status_code == 200
    other.request("POST", f"/v1/tokens/{token['id']}/suspend", {"reason": "device_stolen"})
    assert stolen.request("GET", "/v1/me").status_code == 401
    assert other.request("GET", "/v1/me").status_code == 200


def test_the_journal_of_what_cannot_be_a_client_is_not_there(world: World) -> None:
    for client_id in ("%00", "x" * 300):
        assert world.machine("issuer").request("GET", f"/v1/issuer/clients/{client_id}/journal").status_code == 404


def test_a_childs_phone_is_out_once_the_last_day_of_its_right_has_passed_and_goes_on_when_that_is_moved(
    world: World, clock: SetClock
) -> None:
    parent = world.phone()
    child = world.child(world.grant(parent, valid_until="2026-11-23")["id"])
    with world.parts.database.transaction("test") as session:
        token = refresh_tokens.issue(session, child.session_id, clock.now())
    clock.advance(timedelta(days=1))
    token = refreshed(world, child, token) or ""
    assert token
    clock.advance(timedelta(days=1))
    assert refreshed(world, child, token) is None
    path, more = f"/v1/drawing-rights/{child.subject}", {"valid_until": "2026-12-24"}
    assert parent.step_up("right").request("PATCH", path, more).json()["status"] == "active"
    assert refreshed(world, child, token)


def test_a_childs_phone_stays_out_when_its_right_is_revoked(world: World, clock: SetClock) -> None:
    parent = world.phone()
    child = world.child(world.grant(parent)["id"])
    with world.parts.database.transaction("test") as session:
        token = refresh_tokens.issue(session, child.session_id, clock.now())
    parent.request("DELETE", f"/v1/drawing-rights/{child.subject}")
    assert refreshed(world, child, token) is None
    assert end_reason(world, child.session_id) == "right_ended"


def refreshed(world: World, phone: Phone, token: str) -> str | None:
    client_id, thumbprint, now = phone.client_id, phone.thumbprint, world.clock.now()
    with world.parts.database.transaction("test") as session:
        rotated = refresh_tokens.rotate(session, token, client_id=client_id, thumbprint=thumbprint, now=now)
        return rotated.refresh_token if rotated else None


def test_a_refresh_token_that_comes_twice_is_told_to_the_cardholder_at_once(world: World) -> None:
    phone, other = world.phone(), world.phone()
    with world.parts.database.transaction("test") as session:
        token = refresh_tokens.issue(session, phone.session_id, world.clock.now())
    for _ in range(3):
        refreshed(world, phone, token)
    world.tell()
    told = other.request("GET", "/v1/inbox").json()["data"][0]
    assert (told["kind"], told["card_id"]) == ("session.ended", None)
    with world.parts.database.reading() as session:
        assert session.scalars(select(SmsMessage.text)).one() == told["text"]


def test_a_session_whose_last_refresh_token_has_passed_is_swept_as_expired(world: World, clock: SetClock) -> None:
    left, used = world.phone(), world.phone()
    with world.parts.database.transaction("test") as session:
        refresh_tokens.issue(session, left.session_id, clock.now())
        refresh_tokens.issue(session, used.session_id, clock.now())
        refresh_tokens.issue(session, used.session_id, clock.now() + timedelta(days=1))
    clock.advance(refresh_tokens.LIFETIME)
    with world.parts.database.transaction("test") as session:
        sweeping.sweep(session, clock.now())
        assert len(session.scalars(select(RefreshChain)).all()) == 1
    assert end_reason(world, left.session_id) == "expired"
    assert end_reason(world, used.session_id) is None


@pytest.mark.parametrize(("days", "is_there"), [(29, True), (30, False)])
def test_a_session_that_has_ended_is_kept_for_thirty_days(
    world: World, clock: SetClock, days: int, is_there: bool
) -> None:
    phone = world.phone()
    with world.parts.database.transaction("test") as session:
        refresh_tokens.issue(session, phone.session_id, clock.now())
        sessions.end(session, phone.session_id, reason="signed_out", now=clock.now())
    clock.advance(timedelta(days=days))
    with world.parts.database.transaction("test") as session:
        sweeping.sweep(session, clock.now())
    with world.parts.database.reading() as session:
        assert (session.get(AccessSession, phone.session_id) is not None) == is_there
