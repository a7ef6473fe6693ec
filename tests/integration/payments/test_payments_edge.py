"""The edge of an authorisation, which is decided in a group: who is let in, and what is answered, is as everywhere."""

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select, update

from tests.integration.payments.lists import value
from tests.integration.payments.scene import Answer, Scene
from tests.world import Machine
from tokenization.journal.models import JournalEntry
from tokenization.models import Requestor
from wallet.access.models import OAuthClient
from wallet.access.sessions import Standing
from wallet.payments.models import ReferenceDirectory
from wallet.resources import groups

PATH = "/v1/network/authorizations"


def suspend_requestor(scene: Scene) -> None:
    _set(scene, client_status="active", requestor_status="suspended")


def revoke_client(scene: Scene) -> None:
    _set(scene, client_status="revoked", requestor_status="active")


def _set(scene: Scene, client_status: str, requestor_status: str) -> None:
    client_id = scene.network.client_id
    with scene.world.parts.database.transaction("test") as session:
        client = session.get_one(OAuthClient, client_id)
        client.status = client_status
        acquirer = Requestor.requestor_id == client.requestor_id
        session.execute(update(Requestor).where(acquirer).values(status=requestor_status))


def of_acquirers(scene: Scene) -> tuple[int, int]:
    """How many references and entries there are."""
    with scene.world.parts.database.reading() as session:
        references = session.scalar(select(func.count()).select_from(ReferenceDirectory)) or 0
        entries = session.scalar(select(func.count()).select_from(JournalEntry)) or 0
    return references, entries


def actors(scene: Scene, count: int) -> list[str]:
    """Who made the newest payments, newest first."""
    newest = select(JournalEntry.actor).where(JournalEntry.type == "payment.approved").order_by(JournalEntry.seq.desc())
    with scene.world.parts.database.reading() as session:
        return list(session.scalars(newest.limit(count)))


def told(answer: httpx.Response) -> tuple[object, ...]:
    """All of a refusal that its caller goes by."""
    body = answer.json()
    body.pop("request_id")
    return answer.status_code, body, answer.headers.get_list("WWW-Authenticate")


REFUSED = [
    pytest.param(revoke_client, 401, "invalid-token", id="revoked client"),
    pytest.param(suspend_requestor, 403, "requestor-suspended", id="suspended requestor"),
]


@pytest.mark.parametrize(("outcast", "status", "code"), REFUSED)
def test_who_does_not_stand_is_refused_as_on_every_route_and_nothing_is_written(
    scene: Scene, outcast: Callable[[Scene], None], status: int, code: str
) -> None:
    tap = scene.tap(10_000)
    outcast(scene)
    before = of_acquirers(scene)
    answer = scene.network.request("POST", PATH, tap)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    elsewhere = scene.network.request("GET", f"{PATH}/pay_00000000000000000000000000")
    with_key = scene.network.request("POST", PATH, tap, headers={"Idempotency-Key": "once"})
    assert told(answer) == told(elsewhere) == told(with_key)
    assert of_acquirers(scene) == before


@pytest.mark.parametrize(("outcast", "status", "code"), REFUSED)
@pytest.mark.parametrize("body", [{}, {"amount": "much"}, [], None], ids=["empty", "wrong", "a list", "none"])
def test_who_does_not_stand_learns_nothing_of_the_body(
    scene: Scene, outcast: Callable[[Scene], None], status: int, code: str, body: object
) -> None:
    assert scene.network.request("POST", PATH, body).status_code in (415, 422)
    outcast(scene)
    answer = scene.network.request("POST", PATH, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_who_stands_again_is_let_in_at_once(scene: Scene) -> None:
    tap = scene.tap(10_000)
    suspend_requestor(scene)
    assert scene.network.request("POST", PATH, tap).status_code == 403
    _set(scene, client_status="active", requestor_status="active")
    assert scene.network.request("POST", PATH, tap).json()["approved"]


def test_another_client_pays_while_one_is_put_out(scene: Scene) -> None:
    revoke_client(scene)
    assert scene.town.other_acquirer.request("POST", PATH, scene.tap(10_000)).json()["approved"]


@pytest.mark.parametrize("scope", ["issuer", "merchant", "provider"])
def test_other_scopes_are_told_that_the_call_is_not_for_them(scene: Scene, scope: str) -> None:
    answer = scene.world.machine(scope).request("POST", PATH, {})
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient-scope")
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope"'


def test_a_token_of_nobody_is_refused(scene: Scene) -> None:
    nobody = Machine(scene.world, "network", "nobody")
    answer = nobody.request("POST", PATH, scene.tap(10_000))
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid-token")


@pytest.mark.parametrize("headers", [None, {"Idempotency-Key": "once"}], ids=["in a group", "with a key"])
def test_the_journal_names_the_acquirer(scene: Scene, headers: dict[str, str] | None) -> None:
    for acquirer in (scene.network, scene.town.other_acquirer):
        assert acquirer.request("POST", PATH, scene.tap(10_000), headers=headers).status_code == 200
    assert actors(scene, 2) == [f"network:{each.client_id}" for each in (scene.town.other_acquirer, scene.network)]


@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "once"}], ids=["in a group", "with a key"])
@pytest.mark.parametrize("hours", [-25, 25])
def test_a_time_too_far_off_is_refused_unless_it_is_a_repeat(scene: Scene, key: dict[str, str], hours: int) -> None:
    tap: Answer = scene.tap(10_000)
    first = scene.network.request("POST", PATH, tap).json()
    scene.world.clock.advance(timedelta(hours=hours))
    other = scene.network.request("POST", PATH, tap | {"network_reference": "another"}, headers=key)
    assert (other.status_code, other.json()["errors"][0]["field"]) == (422, "at")
    assert scene.network.request("POST", PATH, tap, headers=key).json() == first


def test_whoever_waits_together_has_a_standing_and_a_journal_of_his_own(scene: Scene) -> None:
    suspend_requestor(scene)
    clients = [scene.network.client_id, scene.town.other_acquirer.client_id, "nobody"]
    asked = [value(scene.tap(10_000), client_id) for client_id in (*clients, *clients)]
    now = scene.world.clock.now()
    with scene.world.app.test_request_context():
        outcomes = groups.decide_group([groups.Asked(each, now) for each in asked])
    assert [type(each).__name__ for each in outcomes] == ["Standing", "Answer", "Standing"] * 2
    assert [each.client_active for each in outcomes if isinstance(each, Standing)] == [True, False] * 2
    assert actors(scene, 2) == [f"network:{clients[1]}"] * 2


def test_a_time_too_far_off_takes_nobody_of_its_group_along(scene: Scene) -> None:
    asked = [value(scene.tap(10_000), scene.network.client_id) for _ in range(3)]
    now = scene.world.clock.now()
    ats = [now, now - timedelta(hours=25), now]
    with scene.world.app.test_request_context():
        outcomes = groups.decide_group([groups.Asked(*each) for each in zip(asked, ats, strict=True)])
    assert [type(each).__name__ for each in outcomes] == ["Answer", "Invalid", "Answer"]
