"""Machines rotate their keys without a pause; who is revoked is out at once, with everything it was given."""

from collections.abc import Callable
from typing import Any

import pytest
from joserfc.jwk import ECKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.integration.access.acting import ASSERTION_TYPE, Machine, Phone
from tokenization.clock import SetClock
from tokenization.errors import IllegalMove, Invalid
from tokenization.journal.models import SubjectJournalEntry
from wallet.access import sessions
from wallet.access.events import client_subject
from wallet.access.models import AccessSession
from wallet.access.oauth import client_changes
from wallet.database import Database

MakeMachine = Callable[[str], Machine]
Change = Callable[..., Any]


@pytest.fixture
def change(database: Database, clock: SetClock) -> Change:
    """Does one thing to a client, and commits."""

    def do(what: Callable[..., Any], client_id: str, *details: Any) -> Any:
        with database.transaction("test") as session:
            return what(session, client_changes.locked(session, client_id), *details, clock.now())

    return do


def other(machine: Machine, key: ECKey) -> Machine:
    """The same machine, elsewhere, with its other key."""
    return Machine(machine.http, machine.clock, machine.client_id, key)


def public(key: ECKey) -> dict[str, Any]:
    return {**key.as_dict(private=False), "kid": key.thumbprint()}


@pytest.mark.parametrize("names_its_key", [True, False])
def test_both_keys_work_while_a_machine_rotates_and_then_the_new_one_alone(
    machine: MakeMachine, change: Change, names_its_key: bool
) -> None:
    old = machine("network")
    new = other(old, ECKey.generate_key("P-256"))
    change(client_changes.add_key, old.client_id, public(new.key))

    def gets_a_token(one: Machine) -> bool:
        header = {"kid": one.key.thumbprint()} if names_its_key else {}
        return bool(one.token(one.assertion(header=header)).status_code == 200)

    assert (gets_a_token(old), gets_a_token(new)) == (True, True)
    change(client_changes.drop_key, old.client_id, old.key.thumbprint())
    assert (gets_a_token(old), gets_a_token(new)) == (False, True)


def test_a_key_under_the_name_of_another_is_refused(machine: MakeMachine, change: Change) -> None:
    old = machine("network")
    new = other(old, ECKey.generate_key("P-256"))
    change(client_changes.add_key, old.client_id, public(new.key))
    assert new.token(new.assertion(header={"kid": old.key.thumbprint()})).json["error"] == "invalid_client"


def test_the_last_key_stays(machine: MakeMachine, change: Change) -> None:
    acquirer = machine("network")
    with pytest.raises(Invalid, match="last key"):
        change(client_changes.drop_key, acquirer.client_id, acquirer.key.thumbprint())
    with pytest.raises(Invalid, match="no such key"):
        change(client_changes.drop_key, acquirer.client_id, "unknown")
    assert acquirer.token().status_code == 200


def test_a_key_is_not_added_twice_and_not_a_private_one(machine: MakeMachine, change: Change) -> None:
    acquirer = machine("network")
    for jwk, said in (
        (public(acquirer.key), "same kid"),
        (public(acquirer.key) | {"kid": "again"}, "two keys are the same"),
        (ECKey.generate_key("P-256").as_dict(private=True), "private"),
        (public(ECKey.generate_key("P-256")) | {"kid": "\x1b[2Jcleared"}, "printable"),
    ):
        with pytest.raises(Invalid, match=said):
            change(client_changes.add_key, acquirer.client_id, jwk)


def test_a_phone_has_no_key_to_rotate(phone: Phone, change: Change) -> None:
    with pytest.raises(Invalid, match="its phones have"):
        change(client_changes.add_key, phone.client_id, public(phone.key))


def test_a_revoked_machines_tokens_are_refused_at_once_and_it_gets_no_more(
    machine: MakeMachine, change: Change
) -> None:
    acquirer = machine("network")
    token = acquirer.token().json["access_token"]
    assert acquirer.call("/v1/network", token).status_code == 200
    change(client_changes.become, acquirer.client_id, "revoked")
    assert acquirer.call("/v1/network", token).status_code == 401
    assert acquirer.token().json["error"] == "invalid_client"


def test_a_revoked_apps_phones_are_out_with_every_token_they_have(
    phone: Phone, database: Database, clock: SetClock, change: Change, committed: Session
) -> None:
    tokens = phone.sign_in()
    change(client_changes.become, phone.client_id, "revoked")
    with database.transaction("test") as session:
        assert sessions.end_for_client(session, phone.client_id, now=clock.now()) == 1
    assert phone.call("GET", "/v1/me", tokens.access_token).status_code == 401
    assert phone.refresh(tokens.refresh_token).json["error"] == "invalid_client"
    assert phone.authorize().status_code == 400
    assert committed.scalar(select(AccessSession.end_reason)) == "client_revoked"


def test_a_code_that_was_under_way_is_of_no_use_to_a_revoked_app(phone: Phone, change: Change) -> None:
    code = phone.answer()["code"]
    change(client_changes.become, phone.client_id, "revoked")
    assert phone.token(phone.code_form(code)).json["error"] == "invalid_client"


def test_a_suspended_client_is_let_in_again_where_it_was(phone: Phone, change: Change) -> None:
    tokens = phone.sign_in()
    change(client_changes.become, phone.client_id, "suspended")
    assert phone.call("GET", "/v1/me", tokens.access_token).status_code == 401
    assert phone.refresh(tokens.refresh_token).json["error"] == "invalid_client"
    change(client_changes.become, phone.client_id, "active")
    assert phone.call("GET", "/v1/me", tokens.access_token).status_code == 200
    assert phone.refresh(tokens.refresh_token).status_code == 200


@pytest.mark.parametrize(
    ("before", "after"),
    [("active", "active"), ("suspended", "suspended"), ("revoked", "active"), ("revoked", "suspended")],
)
def test_a_client_becomes_only_what_it_may(machine: MakeMachine, change: Change, before: str, after: str) -> None:
    acquirer = machine("network")
    if before != "active":
        change(client_changes.become, acquirer.client_id, before)
    with pytest.raises(IllegalMove, match="for good" if before == "revoked" else "already"):
        change(client_changes.become, acquirer.client_id, after)


def test_a_revoked_client_gets_no_more_keys(machine: MakeMachine, change: Change) -> None:
    acquirer = machine("network")
    change(client_changes.become, acquirer.client_id, "revoked")
    with pytest.raises(IllegalMove, match="for good"):
        change(client_changes.add_key, acquirer.client_id, public(ECKey.generate_key("P-256")))


def test_all_of_it_stands_in_the_clients_journal(machine: MakeMachine, change: Change, committed: Session) -> None:
    acquirer, new = machine("network"), ECKey.generate_key("P-256")
    change(client_changes.add_key, acquirer.client_id, public(new))
    change(client_changes.drop_key, acquirer.client_id, acquirer.key.thumbprint())
    for status in ("suspended", "active", "revoked"):
        change(client_changes.become, acquirer.client_id, status)
    own = select(SubjectJournalEntry).where(SubjectJournalEntry.subject_id == client_subject(acquirer.client_id))
    entries = committed.scalars(own.order_by(SubjectJournalEntry.seq)).all()
    told = [(entry.type, (entry.payload or {}).get("key_ids")) for entry in entries]
    assert told == [
        ("client.registered", None),
        ("client.changed", [acquirer.key.thumbprint(), new.thumbprint()]),
        ("client.changed", [new.thumbprint()]),
        ("client.suspended", None),
        ("client.resumed", None),
        ("client.revoked", None),
    ]


def test_clients_are_found_by_scope(machine: MakeMachine, phone: Phone, committed: Session) -> None:
    acquirer = machine("network")
    assert [each.client_id for each in client_changes.registered(committed, "network")] == [acquirer.client_id]
    assert {each.client_id for each in client_changes.registered(committed)} == {acquirer.client_id, phone.client_id}


def test_a_machines_bound_token_is_of_use_with_its_proof_alone_and_each_proof_once(
    machine: MakeMachine, phone: Phone
) -> None:
    """Its DPoP key is any key that it makes up; `phone` only lends the hand that signs proofs."""
    acquirer = machine("network")
    form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE}
    answer = phone.post(
        "/oauth/token", form | {"client_assertion": acquirer.assertion()}, phone.proof("POST", "/oauth/token")
    )
    token = answer.json["access_token"]
    proof = phone.proof("GET", "/v1/network", token)
    assert phone.call("GET", "/v1/network", token, proof=proof).status_code == 200
    assert phone.call("GET", "/v1/network", token, proof=proof).status_code == 401
    assert phone.call("GET", "/v1/network", token, key=ECKey.generate_key("P-256")).status_code == 401
    assert phone.call("GET", "/v1/network", token, scheme="Bearer").status_code == 401
