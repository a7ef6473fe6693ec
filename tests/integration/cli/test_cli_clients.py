"""`wallet client`: registering, listing, rotating, suspending and revoking, and what it says to what cannot be."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey
from sqlalchemy import select

from tests.integration.cli.commands import done, found, refused, wallet
from tokenization.journal.models import SubjectJournalEntry
from wallet.access.models import OAuthClient

Environment = dict[str, str]


def add(environment: Environment, key: Path, name: str = "Fjordbanken") -> str:
    return done(wallet(environment, "client", "add", "issuer", name, "--key", str(key)))


def listed(environment: Environment, *arguments: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(done(wallet(environment, "client", "list", "--json", *arguments)))
    return rows


def kid_in(path: Path) -> str:
    return str(json.loads(path.read_text())["kid"])


def test_a_machine_gets_a_key_that_only_it_has(ready: Environment, tmp_path: Path) -> None:
    key = tmp_path / "issuer.json"
    by = ready | {"SUDO_USER": "mette"}
    client_id = done(wallet(by, "client", "add", "issuer", "Fjordbanken", "--key", str(key)))
    private = json.loads(key.read_text())
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    (jwks,) = found(ready["TEGNEBOG_DATABASE_URL"], select(OAuthClient.jwks).where(OAuthClient.client_id == client_id))
    assert jwks["keys"][0]["kid"] == private["kid"] == ECKey.import_key(private).kid
    assert "d" in private
    assert "d" not in jwks["keys"][0]
    assert found(ready["TEGNEBOG_DATABASE_URL"], select(SubjectJournalEntry.actor)) == ["cli:mette"]


def test_a_key_file_is_never_written_over(ready: Environment, tmp_path: Path) -> None:
    key = tmp_path / "key.json"
    key.write_text("precious")
    assert "is there already" in refused(wallet(ready, "client", "add", "issuer", "Bank", "--key", str(key)))
    assert key.read_text() == "precious"


def test_a_client_whose_key_cannot_be_written_is_not_registered(ready: Environment, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere" / "key.json"
    assert "cannot be written" in refused(wallet(ready, "client", "add", "issuer", "Bank", "--key", str(nowhere)))
    assert found(ready["TEGNEBOG_DATABASE_URL"], select(OAuthClient.client_id)) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("issuer", "Bank"), "--key"),
        (("wallet", "Lomme", "--key", "KEY"), "phone"),
        (("merchant", "Shop", "--key", "KEY"), "requestor"),
        (("merchant", "Shop", "--key", "KEY", "--requestor", "reqr_1"), "reqr"),
        (("wallet", "Lomme", "--requestor", "reqr_01h455vb4pex5vsknk084sn02q"), "redirect"),
        (("cashier", "X"), "cashier"),
    ],
)
def test_a_client_that_cannot_be_is_refused(
    ready: Environment, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    sent = [str(tmp_path / "key.json") if argument == "KEY" else argument for argument in arguments]
    assert said in refused(wallet(ready, "client", "add", *sent))
    assert not (tmp_path / "key.json").exists()


def test_a_machines_owner_may_make_the_key_and_give_the_public_half_alone(ready: Environment, tmp_path: Path) -> None:
    key, path = ECKey.generate_key("P-256", auto_kid=True), tmp_path / "public.json"
    path.write_text(json.dumps(key.as_dict(private=False)))
    done(wallet(ready, "client", "add", "issuer", "Fjordbanken", "--public", str(path)))
    assert listed(ready)[0]["key_ids"] == [key.kid]
    piped = json.dumps(ECKey.generate_key("P-256", auto_kid=True).as_dict(private=False))
    done(wallet(ready, "client", "add", "issuer", "Bank 2", "--public", "-", typed=piped))
    assert len(listed(ready)) == 2


def test_a_private_key_is_not_taken_for_a_public_one(ready: Environment) -> None:
    private = ECKey.generate_key("P-256").as_dict(private=True)
    said = refused(wallet(ready, "client", "add", "issuer", "Bank", "--public", "-", typed=json.dumps(private)))
    assert "this is a private or secret key" in said
    assert str(private["d"]) not in said


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "holds no JSON"),
        ("[" * 100_000, "holds no JSON"),
        ("[]", "a key is a JSON object"),
        ("{}", "kty must be EC"),
        ('{"kty": "RSA", "n": "AQAB", "e": "AQAB"}', "kty must be EC"),
    ],
    ids=["nothing", "depth", "list", "empty", "rsa"],
)
def test_a_public_key_that_is_none_is_refused(ready: Environment, typed: str, said: str) -> None:
    assert said in refused(wallet(ready, "client", "add", "issuer", "Bank", "--public", "-", typed=typed))
    assert listed(ready) == []


def test_a_machine_rotates_without_a_pause(ready: Environment, tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    client_id = add(ready, old)
    assert kid_in(old) in str(listed(ready))
    assert "is good from now on" in done(wallet(ready, "client", "rotate", client_id, "--key", str(new)))
    assert stat.S_IMODE(new.stat().st_mode) == 0o600
    assert listed(ready)[0]["key_ids"] == [kid_in(old), kid_in(new)]
    done(wallet(ready, "client", "rotate", client_id, "--drop", kid_in(old)))
    assert listed(ready)[0]["key_ids"] == [kid_in(new)]
    types = found(ready["TEGNEBOG_DATABASE_URL"], select(SubjectJournalEntry.type).order_by(SubjectJournalEntry.seq))
    assert types == ["client.registered", "client.changed", "client.changed"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "either --key or --public, or --drop"),
        (("--key", "NEW", "--public", "KEY"), "either --key or --public"),
        (("--key", "NEW", "--drop", "x"), "either --key or --public, or --drop"),
        (("--key", "KEY"), "is there already"),
        (("--key", "NOWHERE"), "cannot be written"),
        (("--public", "NEW"), "No such file"),
        (("--public", "KEY"), "private or secret key"),
        (("--drop", "x"), "no such key"),
        (("--drop", "KID"), "last key"),
    ],
)
def test_a_rotation_that_cannot_be_is_refused_and_changes_nothing(
    ready: Environment, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    key = tmp_path / "key.json"
    client_id, before = add(ready, key), listed(ready)
    names = {
        "KEY": str(key),
        "NEW": str(tmp_path / "new.json"),
        "NOWHERE": str(tmp_path / "nowhere" / "key.json"),
        "KID": kid_in(key),
    }
    sent = [names.get(argument, argument) for argument in arguments]
    assert said in refused(wallet(ready, "client", "rotate", client_id, *sent))
    assert listed(ready) == before
    assert not (tmp_path / "new.json").exists()


@pytest.mark.parametrize("command", [("rotate", "--drop", "x"), ("suspend",), ("resume",), ("revoke", "--yes")])
def test_a_client_that_is_not_there_is_said(ready: Environment, command: tuple[str, ...]) -> None:
    assert refused(wallet(ready, "client", command[0], "nobody", *command[1:])) == "Error: there is no such client\n"


def test_a_client_is_suspended_resumed_and_revoked_for_good(ready: Environment, tmp_path: Path) -> None:
    client_id = add(ready, tmp_path / "key.json")
    for command, status in (("suspend", "suspended"), ("resume", "active")):
        done(wallet(ready, "client", command, client_id))
        assert listed(ready)[0]["status"] == status
        assert "already" in refused(wallet(ready, "client", command, client_id))
    assert "revoked; sessions ended: 0" in done(wallet(ready, "client", "revoke", client_id, "--yes"))
    assert listed(ready)[0]["status"] == "revoked"
    for command in ("suspend", "resume"):
        assert "for good" in refused(wallet(ready, "client", command, client_id))
    done(wallet(ready, "client", "revoke", client_id, "--yes"))  # as often as one likes: it ends what is left


def test_revoking_asks_first(ready: Environment, tmp_path: Path) -> None:
    client_id = add(ready, tmp_path / "key.json")
    assert f"Revoke {client_id} (Fjordbanken) for good?" in refused(
        wallet(ready, "client", "revoke", client_id, typed="n\n")
    )
    assert listed(ready)[0]["status"] == "active"
    assert "is revoked" in done(wallet(ready, "client", "revoke", client_id, typed="y\n"))


def test_the_list_shows_ids_whole_and_names_as_they_are(ready: Environment, tmp_path: Path) -> None:
    client_id = add(ready, tmp_path / "key.json", "[bold]Bank[/bold]")
    shown = done(wallet(ready, "client", "list"))
    for text in (client_id, kid_in(tmp_path / "key.json"), "[bold]Bank[/bold]", "issuer", "active"):
        assert text in shown


@pytest.mark.parametrize("name", ["", "  ", "Bank \x1b[2J", "\u202eknaB", "x" * 201])
def test_a_name_that_could_hide_something_is_refused(ready: Environment, tmp_path: Path, name: str) -> None:
    said = refused(wallet(ready, "client", "add", "issuer", name, "--key", str(tmp_path / "key.json")))
    assert "name: must be" in said
    assert not (tmp_path / "key.json").exists()


def test_the_list_is_of_one_scope_where_asked(ready: Environment, tmp_path: Path) -> None:
    client_id = add(ready, tmp_path / "key.json")
    done(wallet(ready, "client", "add", "network", "Kortnet", "--key", str(tmp_path / "network.json")))
    assert [row["client_id"] for row in listed(ready, "--scope", "issuer")] == [client_id]
    assert "cashier" in refused(wallet(ready, "client", "list", "--scope", "cashier"))
    assert {"requestor", "redirect_uris", "created"} <= listed(ready)[0].keys()
