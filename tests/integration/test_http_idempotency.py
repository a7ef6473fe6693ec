"""`Idempotency-Key`: the same key and body, the same answer, and done once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, text
from structlog.testing import capture_logs

from tests.integration.test_http_bad_input import is_refused
from tests.policy.worlds import committing
from tests.world import Machine, Phone, World
from tokenization import ids
from tokenization.clock import SetClock
from tokenization.models import Card
from wallet import embedded
from wallet.idempotency import IdempotencyKey
from wallet.payments.models import Account
from wallet.services import Services

ACCOUNTS = "/v1/issuer/accounts"


def keyed(
    caller: Machine | Phone, method: str, path: str, body: Any = None, key: str = "key-1", **headers: str
) -> httpx.Response:
    return caller.request(method, path, body, headers={"Idempotency-Key": key, **headers})


def same(first: httpx.Response, again: httpx.Response) -> bool:
    """The same answer, and it says that it is a repeat."""
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (again.status_code, again.headers["Content-Type"]) == (first.status_code, first.headers["Content-Type"])
    assert again.content == first.content
    return True


def count(world: World, model: type[Any]) -> int:
    with world.parts.database.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def changed(world: World, how: str) -> None:
    """By who can write to the database."""
    with world.parts.database.transaction("test") as session:
        session.execute(text(f"UPDATE wallet.idempotency_keys SET {how}"))  # noqa: S608 - our own table


def kept(world: World) -> str:
    with world.parts.database.reading() as session:
        return str(session.execute(text("SELECT array_agg(k::text) FROM wallet.idempotency_keys AS k")).scalar())


@pytest.fixture
def issuer(world: World) -> Machine:
    return world.machine("issuer")


@pytest.fixture
def account(world: World) -> dict[str, Any]:
    return {"cardholder_id": world.person("bo")["cardholder_id"], "currency": "DKK", "balance": 100}


def test_a_repeat_gets_the_first_answer_and_nothing_is_done_again(
    world: World, issuer: Machine, account: dict[str, Any]
) -> None:
    first, before = keyed(issuer, "POST", ACCOUNTS, account), count(world, Account)
    assert first.status_code == 201
    assert same(first, keyed(issuer, "POST", ACCOUNTS, account))
    assert count(world, Account) == before


def test_every_method_that_changes_something_takes_a_key(world: World, issuer: Machine) -> None:
    bo = world.phone("bo")
    token = bo.provision(world.person("bo")["card"]).json()["id"]
    for caller, method, path, body in (
        (issuer, "PATCH", f"{ACCOUNTS}/{world.person('bo')['account_id']}", {"balance": 1}),
        (world.machine("merchant"), "PUT", "/v1/merchant/webhook-endpoint", {"url": "http://127.0.0.1:9/a"}),
        (bo, "DELETE", f"/v1/tokens/{token}", None),
    ):
        assert same(keyed(caller, method, path, body), keyed(caller, method, path, body))


def test_another_body_under_the_same_key_is_refused(issuer: Machine, account: dict[str, Any]) -> None:
    keyed(issuer, "POST", ACCOUNTS, account)
    for other in (account | {"balance": 101}, account | {"balance": -100}):
        answer = keyed(issuer, "POST", ACCOUNTS, other)
        assert is_refused(answer, 422, "idempotency-key-reused")
        assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


def test_another_query_under_the_same_key_is_refused(world: World) -> None:
    path, phone, lost = f"/v1/cards/{world.person('bo')['card_id']}/block", world.phone("bo"), {"reason": "lost"}
    assert keyed(phone, "POST", path + "?dry_run=true", lost).json()["status"] == "active"
    assert is_refused(keyed(phone, "POST", path, lost), 422, "idempotency-key-reused")


def test_number_and_cvc_come_again_and_are_not_kept(world: World, issuer: Machine) -> None:
    bo = world.person("bo")
    asked = {"cardholder_id": bo["cardholder_id"], "account_id": bo["account_id"], "scheme": "visa_dankort"}
    first = keyed(issuer, "POST", "/v1/issuer/cards", asked)
    made = first.json()
    assert len(made["number"]) == 16
    assert len(made["cvc"]) == 3
    cards = count(world, Card)
    assert same(first, keyed(issuer, "POST", "/v1/issuer/cards", asked))
    assert count(world, Card) == cards
    assert made["number"] not in kept(world)
    assert '"cvc"' not in kept(world)


def test_the_number_of_a_plastic_comes_again_after_the_next_replacement_too(world: World, issuer: Machine) -> None:
    path = f"/v1/issuer/cards/{world.person('bo')['card_id']}/replace"
    first = keyed(issuer, "POST", path, {"reason": "bank"})
    assert keyed(issuer, "POST", path, {"reason": "bank"}, key="key-2").json()["number"] != first.json()["number"]
    assert same(first, keyed(issuer, "POST", path, {"reason": "bank"}))


# What somebody does who can write to the database, to what was answered: each makes a repeat about something else.
TAMPERED = {
    "the answer": 'answer = answer || \'{"id": "card_01h455vb4pex5vsknk084sn02q"}\'',
    "the status": "status = 201",
    "the kind of answer": "content_type = 'text/html'",
    "the time": "at = at + interval '1 hour'",
    "the body": "body_hash = sha256('another')",
    "the seal": "seal = sha256('another')",
    "no seal": "seal = ''",
}


@pytest.mark.parametrize("how", TAMPERED)
def test_a_kept_answer_that_was_changed_is_refused_and_logged(world: World, issuer: Machine, how: str) -> None:
    path = f"/v1/issuer/cards/{world.person('bo')['card_id']}/renew"
    assert keyed(issuer, "POST", path).status_code == 200
    changed(world, TAMPERED[how])
    with capture_logs() as logs:
        assert is_refused(keyed(issuer, "POST", path), 409, "unreadable")
    assert [entry["error"] for entry in logs if entry["log_level"] == "error"] == [
        "idempotency_keys: a kept answer does not hold its seal"
    ]


def test_an_answer_that_was_kept_for_another_call_is_refused(world: World, issuer: Machine) -> None:
    """A whole row, put in the place of another: its seal holds only there where it was made."""
    anna, bo = (f"/v1/issuer/cards/{world.person(name)['card_id']}/renew" for name in ("anna", "bo"))
    for path in (bo, anna):
        assert keyed(issuer, "POST", path).status_code == 200
    swap = "(SELECT {0} FROM wallet.idempotency_keys AS other WHERE other.scope <> idempotency_keys.scope)"
    changed(world, ", ".join(f"{each} = {swap.format(each)}" for each in ("body_hash", "answer", "at", "seal")))
    assert is_refused(keyed(issuer, "POST", anna), 409, "unreadable")


def test_what_a_member_of_staff_was_answered_is_not_shown_to_another(world: World, issuer: Machine) -> None:
    path = f"/v1/issuer/cards/{world.person('bo')['card_id']}/renew"
    first = keyed(issuer, "POST", path, **{"X-Actor": "Mette"})
    other = keyed(issuer, "POST", path, **{"X-Actor": "Ole"})
    assert "Idempotent-Replayed" not in other.headers
    assert other.json()["number"] != first.json()["number"]
    assert same(first, keyed(issuer, "POST", path, **{"X-Actor": "Mette"}))


def test_a_webhook_secret_comes_again_and_is_not_kept(world: World) -> None:
    merchant, endpoint = world.machine("merchant"), {"url": "http://127.0.0.1:9/hooks"}
    first = keyed(merchant, "PUT", "/v1/merchant/webhook-endpoint", endpoint)
    secret = first.json()["secret"]
    assert secret.startswith("whsec_")
    assert same(first, keyed(merchant, "PUT", "/v1/merchant/webhook-endpoint", endpoint))
    assert secret not in kept(world)
    rotated = keyed(merchant, "POST", "/v1/merchant/webhook-endpoint/rotate-secret")
    assert same(rotated, keyed(merchant, "POST", "/v1/merchant/webhook-endpoint/rotate-secret"))


def test_no_body_is_kept_and_no_plain_hash_of_one(world: World, issuer: Machine) -> None:
    asked = {"name": "Ida Birkelund", "cpr": "010190-0042", "mobile": "+4512345678"}
    assert keyed(issuer, "POST", "/v1/issuer/cardholders", asked).status_code == 201
    assert "010190" not in kept(world)
    assert "+4512345678" not in kept(world)


def test_a_refusal_that_leaves_something_behind_is_repeated(world: World) -> None:
    phone, wrong = world.phone("bo"), world.person("bo")["card"] | {"cvc": "000"}
    body = {"card": wrong, "scheme": "dankort", "device": phone.device()}
    first = keyed(phone.step_up("provision"), "POST", "/v1/tokens", body)
    assert (first.status_code, first.json()["code"]) == (422, "card-not-verified")
    assert same(first, keyed(phone, "POST", "/v1/tokens", body))


def test_try_again_later_is_not_kept(world: World) -> None:
    phone = world.phone("bo").step_up("provision")
    wrong = {"card": world.person("bo")["card"] | {"cvc": "000"}, "scheme": "dankort", "device": phone.device()}
    answers = [phone.request("POST", "/v1/tokens", wrong).status_code for _ in range(6)]
    assert answers[-1] == 429
    later = keyed(phone, "POST", "/v1/tokens", wrong)
    assert int(later.headers["Retry-After"]) > 0
    again = keyed(phone, "POST", "/v1/tokens", wrong)
    assert again.status_code == 429
    assert "Idempotent-Replayed" not in again.headers


def test_an_attempt_that_was_rolled_back_leaves_nothing(world: World, issuer: Machine, account: dict[str, Any]) -> None:
    nobodys = account | {"cardholder_id": "holder_01h455vb4pex5vsknk084sn02q"}
    assert is_refused(keyed(issuer, "POST", ACCOUNTS, nobodys), 404, "not-found")
    assert count(world, IdempotencyKey) == 0
    assert keyed(issuer, "POST", ACCOUNTS, account).status_code == 201


def test_a_key_is_kept_for_24_hours(world: World, issuer: Machine, account: dict[str, Any], clock: SetClock) -> None:
    first = keyed(issuer, "POST", ACCOUNTS, account)
    clock.advance(timedelta(hours=24, seconds=-1))
    assert same(first, keyed(issuer, "POST", ACCOUNTS, account))
    clock.advance(timedelta(seconds=1))
    anew = keyed(issuer, "POST", ACCOUNTS, account | {"balance": 7})
    assert anew.status_code == 201
    assert anew.json()["id"] != first.json()["id"]


def test_what_is_kept_no_more_is_swept_away(
    world: World, issuer: Machine, account: dict[str, Any], clock: SetClock
) -> None:
    for key in ("key-1", "key-2", "key-3"):
        keyed(issuer, "POST", ACCOUNTS, account, key=key)
    clock.advance(timedelta(hours=24))
    keyed(issuer, "POST", ACCOUNTS, account, key="key-4")
    assert count(world, IdempotencyKey) == 1


def test_a_key_belongs_to_one_client_subject_method_and_path(world: World, issuer: Machine) -> None:
    anna, bo = world.person("anna"), world.person("bo")
    body = {"balance": 5}
    first = keyed(issuer, "PATCH", f"{ACCOUNTS}/{anna['account_id']}", body)
    other = keyed(issuer, "PATCH", f"{ACCOUNTS}/{bo['account_id']}", body)
    assert other.json()["id"] != first.json()["id"]
    # Two people with the same app, the same key, the same path.
    for phone in (world.phone("anna"), world.phone("bo")):
        answer = keyed(phone, "POST", "/v1/inbox/msg_01h455vb4pex5vsknk084sn02q/read")
        assert answer.status_code == 404
    # Two clients of scope merchant have different requestors; the second's PUT is its own.
    endpoint = {"url": "http://127.0.0.1:9/hooks"}
    one = keyed(world.machine("merchant"), "PUT", "/v1/merchant/webhook-endpoint", endpoint)
    two = keyed(world.machine("provider"), "PUT", "/v1/provider/webhook-endpoint", endpoint)
    assert one.json()["id"] != two.json()["id"]


@pytest.mark.parametrize("key", ["", "a" * 256, "a\tb"])
def test_a_key_that_cannot_be_one_is_refused(issuer: Machine, account: dict[str, Any], key: str) -> None:
    answer = keyed(issuer, "POST", ACCOUNTS, account, key=key)
    assert is_refused(answer, 422, "invalid")
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


def test_looking_takes_no_key(world: World) -> None:
    phone = world.phone("bo")
    keyed(phone, "GET", "/v1/cards")
    assert "Idempotent-Replayed" not in keyed(phone, "GET", "/v1/cards").headers
    assert count(world, IdempotencyKey) == 0


@pytest.fixture
def apart(services: Services, servers: embedded.Servers) -> Iterator[World]:
    """A world with a connection for each request."""
    with committing(services, servers, "idempotency") as world:
        yield world


def test_while_the_first_is_running_the_second_is_told_so(apart: World) -> None:
    issuer, bo = apart.machine("issuer"), apart.person("bo")
    path = f"{ACCOUNTS}/{bo['account_id']}"
    with ThreadPoolExecutor(1) as threads:
        with apart.parts.database.reading() as session:
            mine = Account.account_id == ids.parse("acct", bo["account_id"])
            session.execute(select(Account).where(mine).with_for_update()).one()
            first = threads.submit(keyed, issuer, "PATCH", path, {"balance": 1})
            _wait_until_somebody_waits(apart)
            second = keyed(issuer, "PATCH", path, {"balance": 1})
            assert is_refused(second, 409, "idempotency-key-running")
        assert first.result().status_code == 200
    assert same(first.result(), keyed(issuer, "PATCH", path, {"balance": 1}))


def _wait_until_somebody_waits(world: World) -> None:
    """Until a backend waits for a lock: the first request has claimed its key and wants the account."""
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    for _ in range(2_000):
        with world.parts.database.reading() as session:
            if session.scalar(waiting):
                return
    raise AssertionError("nobody came to wait")
