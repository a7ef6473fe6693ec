"""A MitID belongs to one customer: linked once by CPR number, anew only by the bank."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from tests.world import World
from tokenization import ids
from tokenization.secret import Secret
from wallet.access.mitid import linking
from wallet.access.mitid.identity import Identity
from wallet.access.step_up import SUBSTANTIAL
from wallet.people import ANNA

FIRST = "0a9f6d2e-0001-4000-8000-000000000001"
SECOND = "0a9f6d2e-0002-4000-8000-000000000002"


@pytest.fixture
def anna(world: World) -> UUID:
    """Anna, linked at her first sign-in."""
    holder_id = ids.parse("holder", world.person("anna")["cardholder_id"])
    assert signed_in(world, FIRST) == holder_id
    return holder_id


def signed_in(world: World, mitid_uuid: str, cpr: str | None = ANNA["cpr"]) -> UUID | None:
    """The customer who signed in with that MitID."""
    now, number = world.clock.now(), Secret(cpr) if cpr else None
    with world.parts.database.transaction("mitid") as session:
        return linking.cardholder_of(session, world.parts.vault, Identity(mitid_uuid, SUBSTANTIAL, now, number), now)


def link(world: World, mitid_uuid: str | None, name: str = "anna") -> httpx.Response:
    path = f"/v1/issuer/cardholders/{world.person(name)['cardholder_id']}"
    return world.machine("issuer").request("PATCH", path, {"mitid_uuid": mitid_uuid})


def test_the_bank_links_another_mitid_and_the_first_is_nobody(world: World, anna: UUID) -> None:
    assert link(world, SECOND).json()["mitid_linked"] is True
    assert signed_in(world, SECOND, cpr=None) == anna
    assert signed_in(world, FIRST) is None


def test_without_a_link_the_next_sign_in_is_matched_by_cpr_number_again(world: World, anna: UUID) -> None:
    assert link(world, None).json()["mitid_linked"] is False
    assert signed_in(world, SECOND, cpr=None) is None
    assert signed_in(world, SECOND) == anna
    assert signed_in(world, FIRST) is None


def test_a_mitid_of_another_customer_is_a_conflict_and_stays_there(world: World, anna: UUID) -> None:
    answer = link(world, FIRST, "bo")
    assert (answer.status_code, answer.json()["code"]) == (409, "cardholder-known")
    assert FIRST not in answer.text
    assert signed_in(world, FIRST, cpr=None) == anna


def test_the_journal_names_the_member_of_staff_and_shows_no_mitid(world: World, anna: UUID) -> None:
    link(world, SECOND)
    query = "SELECT payload, actor FROM tokenization.subject_journal_entries WHERE type = 'cardholder.changed'"
    with world.parts.database.reading() as session:
        ((payload, actor),) = session.execute(text(query)).all()
    assert (payload["fields"], actor.rpartition(":")[2]) == (["mitid_uuid"], "Mette")
    assert SECOND not in str(payload)


def test_who_signed_in_with_the_old_mitid_is_out_and_a_child_goes_on(world: World, anna: UUID) -> None:
    phone = world.phone()
    child = world.child(world.grant(phone)["id"])
    link(world, SECOND)
    assert phone.request("GET", "/v1/me").status_code == 401
    assert child.request("GET", "/v1/me").status_code == 200


@pytest.mark.parametrize("again", [FIRST, None])
def test_a_link_that_does_not_change_ends_nothing(world: World, again: Any) -> None:
    if again:
        signed_in(world, FIRST)
    phone = world.phone()
    assert link(world, again).status_code == 200
    assert phone.request("GET", "/v1/me").status_code == 200


def test_whatever_becomes_of_the_link_the_sessions_of_before_end(world: World) -> None:
    """Linked for the first time too: whoever is signed in then was signed in by a link that the bank took away."""
    for mitid_uuid in (FIRST, None, SECOND):
        phone = world.phone()
        assert link(world, mitid_uuid).status_code == 200
        assert phone.request("GET", "/v1/me").status_code == 401
