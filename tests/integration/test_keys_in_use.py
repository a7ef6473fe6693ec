"""What goes on over HTTP while the keys that protect the database rotate, and once they are too old."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine, select

from mobile_mock.phone_token import PhoneToken
from tests.integration.test_http_bad_input import is_refused
from tests.policy.worlds import SUNDAY, rolled_back
from tests.world import Phone, World
from tokenization.clock import SetClock
from tokenization.journal.models import JournalEntry
from tokenization.keys import ceremonies, cryptoperiods
from tokenization.keys.ceremonies import Standing
from tokenization.keys.folder import FileKeyRing
from tokenization.keys.ring import Purpose
from tokenization.models import CardKey, KeyBatch, Plastic
from tokenization.vault import Vault
from wallet import key_needs

YEAR = 365
DAY = timedelta(days=1)
PERIODS = cryptoperiods.periods(dict.fromkeys(Purpose, YEAR))
PERSON = {"name": "Carla Prøve", "cpr": "0101700101", "mobile": "+4500000007", "language": "da"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("in_use") / "keys"
    ceremonies.create(made, SUNDAY - DAY)
    return made


@pytest.fixture(scope="module")
def ring(folder: Path) -> FileKeyRing:
    """A ring that the tests of this module may rotate, one after the other."""
    return FileKeyRing(folder, SetClock(SUNDAY), PERIODS)


@pytest.fixture
def world(engine: Engine, redis: Redis, ring: FileKeyRing) -> Iterator[World]:
    with engine.connect() as connection, rolled_back(connection, redis, ring, Vault(ring)) as world:
        yield world


@pytest.fixture
def rotate(folder: Path, ring: FileKeyRing) -> Callable[..., int]:
    """Rotate now, or to a version that has been in use for so many days; answers its number."""

    def made(purpose: Purpose, days_ago: int = 0) -> int:
        version = ceremonies.rotate(folder, purpose, SUNDAY - days_ago * DAY)
        ring.refresh()
        return version

    return made


@pytest.fixture
def too_old(rotate: Callable[..., int]) -> Iterator[Callable[[Purpose], None]]:
    """Let the key of a purpose have been in use for too long; put right afterwards."""
    purposes: list[Purpose] = []

    def aged(purpose: Purpose) -> None:
        rotate(purpose, YEAR + 1)
        purposes.append(purpose)

    yield aged
    for purpose in purposes:
        rotate(purpose)


def paying(world: World, phone: Phone | None = None) -> PhoneToken:
    """Bo's phone, with payment keys; without what makes a PIN slow."""
    phone = phone or world.phone("bo")
    made = phone.active(world.person("bo")["card"])
    token = PhoneToken(phone.request, made, phone.encryption_key, SUNDAY.date)
    token.fetch_keys()
    return token


def issue(world: World, name: str = "bo") -> Any:
    who = world.person(name)
    asked = {"cardholder_id": who["cardholder_id"], "account_id": who["account_id"], "scheme": "dankort"}
    return world.machine("issuer").request("POST", "/v1/issuer/cards", asked)


def versions(world: World, column: Any) -> set[int]:
    with world.parts.database.reading() as session:
        return set(session.scalars(select(column)))


def needed(world: World, ring: FileKeyRing, purpose: Purpose, version: int) -> str | None:
    standing = Standing(purpose, version, "previous", SUNDAY, active_from=SUNDAY, until=SUNDAY)
    with world.parts.database.reading() as session:
        return key_needs.standing_in_the_way(session, standing, SUNDAY)


def test_what_one_version_wrapped_is_read_while_the_next_wraps_what_is_new(
    world: World, ring: FileKeyRing, rotate: Callable[..., int]
) -> None:
    bo, before = world.phone("bo"), ring.current(Purpose.KEY_ENCRYPTION).version
    token = paying(world, bo)
    after = rotate(Purpose.KEY_ENCRYPTION)
    assert issue(world).status_code == 201
    assert world.shop().tap(token, 100)["approved"]
    assert bo.request("GET", "/v1/me").json()["mobile"]
    assert versions(world, CardKey.kek_version) == {before, after}
    assert "data keys: `wallet keys rewrap` first" in str(needed(world, ring, Purpose.KEY_ENCRYPTION, before))
    assert needed(world, ring, Purpose.KEY_ENCRYPTION, after + 1) is None


def test_phones_pay_with_the_keys_that_they_have_and_get_new_ones_of_the_next_version(
    world: World, ring: FileKeyRing, folder: Path, rotate: Callable[..., int]
) -> None:
    before = ring.current(Purpose.TOKEN).version
    token = paying(world)
    after = rotate(Purpose.TOKEN)
    assert world.shop().tap(token, 100)["approved"]
    assert "1 batches of payment keys" in str(needed(world, ring, Purpose.TOKEN, before))
    ceremonies.retire(folder, Purpose.TOKEN, before, SUNDAY)
    ring.refresh()
    assert world.shop().tap(token, 100)["reason"] == "system_error"
    left = token.keys_left
    token.fetch_keys()
    while left:
        left -= 1
        token.cryptogram(100, "DKK", unpredictable_number=bytes(4))
    assert world.shop().tap(token, 100)["approved"]
    assert versions(world, KeyBatch.key_version) == {before, after}


def test_batches_that_have_ended_need_no_key(world: World, ring: FileKeyRing) -> None:
    paying(world)
    standing = Standing(Purpose.TOKEN, ring.current(Purpose.TOKEN).version, "previous", SUNDAY)
    with world.parts.database.reading() as session:
        assert key_needs.standing_in_the_way(session, standing, SUNDAY + 13 * DAY)
        assert key_needs.standing_in_the_way(session, standing, SUNDAY + 14 * DAY) is None


def test_a_plastic_keeps_its_cvc(world: World, ring: FileKeyRing, rotate: Callable[..., int]) -> None:
    before = ring.current(Purpose.CARD_VERIFICATION).version
    world.phone("bo").active(world.person("bo")["card"])
    after = rotate(Purpose.CARD_VERIFICATION)
    assert world.phone("anna").provision(world.person("anna")["card"]).status_code == 201
    assert issue(world).status_code == 201
    assert versions(world, Plastic.verification_key_version) == {before, after}
    assert "the CVC of 2 plastics" in str(needed(world, ring, Purpose.CARD_VERIFICATION, before))


def test_a_journal_goes_on_and_is_verified_by_the_versions_that_linked_it(
    world: World, ring: FileKeyRing, rotate: Callable[..., int]
) -> None:
    before = ring.current(Purpose.JOURNAL).version
    path = f"/v1/issuer/cards/{world.person('bo')['card_id']}"
    after = rotate(Purpose.JOURNAL)
    world.machine("issuer").request("POST", f"{path}/block", {"reason": "lost"})
    assert world.machine("issuer").request("GET", f"{path}/journal/verify").json()["valid"]
    assert versions(world, JournalEntry.key_version) == {before, after}
    assert "could never be verified again" in str(needed(world, ring, Purpose.JOURNAL, before))


def test_a_repeat_gets_its_answer_whatever_version_knew_it_first(world: World, rotate: Callable[..., int]) -> None:
    request = world.shop().tap_request(paying(world), 100) | {"network_reference": "acq-1"}
    network = world.machine("network")
    first = network.request("POST", "/v1/network/authorizations", request)
    key = {"Idempotency-Key": "once"}
    path, reason = f"/v1/issuer/cards/{world.person('anna')['card_id']}/block", {"reason": "lost"}
    blocked = world.machine("issuer").request("POST", path, reason, headers=key)
    rotate(Purpose.REQUEST_HASH)
    for once, again in (
        (first, network.request("POST", "/v1/network/authorizations", request)),
        (blocked, world.machine("issuer").request("POST", path, reason, headers=key)),
    ):
        assert (once.status_code, again.content) == (200, once.content)
        assert again.headers["Idempotent-Replayed"] == "true"
    other = network.request("POST", "/v1/network/authorizations", request | {"amount": 101})
    assert other.json()["code"] == "network-reference-reused"


@pytest.mark.parametrize(
    ("active_from", "until", "needs_it"),
    [
        (SUNDAY - YEAR * DAY, SUNDAY - DAY, False),
        (SUNDAY - YEAR * DAY, SUNDAY - DAY + timedelta(seconds=1), True),
        (SUNDAY - YEAR * DAY, None, True),
        (SUNDAY + DAY, None, False),
    ],
    ids=["a day ago", "within a day", "in use", "not yet in use"],
)
def test_requests_of_the_last_day_keep_their_hash(
    world: World, active_from: datetime, until: datetime | None, needs_it: bool
) -> None:
    standing = Standing(Purpose.REQUEST_HASH, 1, "previous", SUNDAY, active_from=active_from, until=until)
    with world.parts.database.reading() as session:
        assert (key_needs.standing_in_the_way(session, standing, SUNDAY) is not None) == needs_it


def test_with_an_old_wrapping_key_nobody_new_comes_in_and_all_else_goes_on(
    world: World, too_old: Callable[[Purpose], None]
) -> None:
    issuer, bo = world.machine("issuer"), world.phone("bo")
    token = paying(world, bo)
    too_old(Purpose.KEY_ENCRYPTION)
    assert is_refused(issue(world), 503, "key-too-old")
    assert is_refused(issuer.request("POST", "/v1/issuer/cardholders", PERSON), 503, "key-too-old")
    assert world.shop().tap(token, 100)["approved"]
    assert bo.request("GET", "/v1/me").json()["mobile"]
    assert bo.request("POST", f"/v1/cards/{world.person('bo')['card_id']}/block", {"reason": "lost"}).status_code == 200


def test_with_an_old_issuer_key_phones_get_no_new_keys_and_pay_with_those_they_have(
    world: World, too_old: Callable[[Purpose], None]
) -> None:
    bo = world.phone("bo")
    token = paying(world, bo)
    too_old(Purpose.TOKEN)
    assert is_refused(bo.request("POST", f"/v1/tokens/{token.id}/keys"), 503, "key-too-old")
    assert world.shop().tap(token, 100)["approved"]


def test_with_an_old_verification_key_no_plastic_is_made_and_those_there_are_hold(
    world: World, too_old: Callable[[Purpose], None]
) -> None:
    too_old(Purpose.CARD_VERIFICATION)
    path = f"/v1/issuer/cards/{world.person('bo')['card_id']}/replace"
    assert is_refused(issue(world), 503, "key-too-old")
    replaced = world.machine("issuer").request("POST", path, {"reason": "damaged"})
    assert is_refused(replaced, 503, "key-too-old")
    assert world.phone("bo").provision(world.person("bo")["card"]).status_code == 201
    assert world.shop().charge_card(world.person("anna")["card"], 100)["approved"]


@pytest.mark.parametrize("purpose", [Purpose.JOURNAL, Purpose.REQUEST_HASH, Purpose.ACCESS_TOKEN])
def test_what_payments_and_blocks_need_is_only_warned_of(
    world: World, too_old: Callable[[Purpose], None], purpose: Purpose
) -> None:
    bo = world.phone("bo")
    token = paying(world, bo)
    too_old(purpose)
    assert world.shop().tap(token, 100)["approved"]
    assert bo.request("POST", f"/v1/cards/{world.person('bo')['card_id']}/block", {"reason": "lost"}).status_code == 200
    assert world.http.get("/readyz").json() == {
        "status": "ready",
        "parts": {"postgresql": "ok", "redis": "ok", "relay": "ok", "keys": f"{purpose} was to be rotated"},
    }


def test_how_long_each_key_has_left_is_measured(world: World, rotate: Callable[..., int]) -> None:
    rotate(Purpose.TOKEN, 100)
    assert f'tegnebog_key_days_left{{purpose="token"}} {YEAR - 100}.0' in world.http.get("/metrics").text
    rotate(Purpose.TOKEN, YEAR - 7)
    assert world.http.get("/readyz").json()["parts"]["keys"] == "token is to be rotated in 7 days"
    rotate(Purpose.TOKEN)
    assert world.http.get("/readyz").json()["parts"]["keys"] == "ok"


def test_a_key_ring_that_cannot_be_read_any_more_is_said_until_it_can(world: World, folder: Path) -> None:
    away, said = folder.with_name("away"), "not all of the key ring can be read"
    folder.rename(away)
    ready = world.http.get("/readyz")
    assert (ready.status_code, said in ready.json()["parts"]["keys"]) == (200, True)
    away.rename(folder)
    assert said not in world.http.get("/readyz").json()["parts"]["keys"]
