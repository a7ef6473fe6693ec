"""A connection to PostgreSQL that is cut at COMMIT, and a group in which one thing fails: paid once, or not at all."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from tests.integration.payments.scene import Answer, Scene
from tests.integration.payments.test_payments_lists import card_without_account
from tests.races.groups import engine_of, locked, over, somebody_waits, together, until
from tests.races.line import Line
from tokenization import ids

WHEN = ("before", "after")
AMOUNT = 1_000


@pytest.fixture
def beside(scene: Scene) -> Engine:
    """To the same database, beside the app."""
    return engine_of(scene)


@pytest.fixture
def line(scene: Scene, beside: Engine) -> Iterator[Line]:
    """Over which the app reaches its database."""
    with Line(url_of(beside)) as line, over(scene, line.url):
        yield line


def url_of(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def bos(scene: Scene, amount: int = AMOUNT) -> Answer:
    card = scene.world.person("bo")["card"]
    return scene.plastic(amount) | {"card": {name: card[name] for name in ("number", "expiry", "cvc")}}


@pytest.mark.parametrize("when", WHEN)
def test_a_payment_whose_commit_is_cut_off_is_made_once(scene: Scene, line: Line, when: str) -> None:
    request = scene.tap(AMOUNT, "pin")
    line.cut_at_commit(when)
    answer = scene.ask(request)  # it is asked once more, alone, and then either made or found
    assert (answer.status_code, answer.json()["approved"], line.cuts) == (200, True, 1)
    assert answer.headers.get("Idempotent-Replayed") == {"before": None, "after": "true"}[when]
    assert scene.ask(request).content == answer.content
    assert scene.account()["holds"] == AMOUNT


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("what", ["captures", "reversals"])
def test_a_step_whose_commit_is_cut_off_is_done_once(scene: Scene, line: Line, when: str, what: str) -> None:
    payment_id = scene.approved(AMOUNT)
    line.cut_at_commit(when)
    cut, again, once_more = (
        scene.do(what, payment_id, 400, network_reference="step", **({"final": False} if what == "captures" else {}))
        for _ in range(3)
    )
    assert (cut.status_code, again.status_code) == (503, 201)
    assert again.content == once_more.content
    assert scene.account()["holds"] == AMOUNT - 400


@pytest.mark.parametrize("when", WHEN)
def test_a_group_whose_commit_is_cut_off_is_paid_once_each(scene: Scene, beside: Engine, line: Line, when: str) -> None:
    """Whoever is in it may be told to come again, or is decided alone at once: he pays once."""
    requests = [scene.tap(AMOUNT, "pin"), bos(scene), scene.plastic(AMOUNT), bos(scene), scene.tap(AMOUNT, "pin")]
    line.cut_at_commit(when, passing=1)
    answers = together(scene, beside, requests)[1:]
    assert line.cuts == 1
    assert {answer.status_code for answer in answers} <= {200, 503}
    for request, first in zip(requests, answers, strict=True):
        again = scene.ask(request)
        assert again.json()["approved"]
        assert again.headers["Idempotent-Replayed"] == "true" or first.status_code == 503
        assert first.content == again.content or first.status_code == 503
    assert scene.account()["holds"] == 100 + 3 * AMOUNT


def test_control_who_asks_again_under_another_reference_does_it_twice(scene: Scene, line: Line) -> None:
    """So it was done, though nobody was told."""
    payment_id = scene.approved(2 * AMOUNT)
    line.cut_at_commit("after")
    assert scene.do("captures", payment_id, AMOUNT, final=False).status_code == 503
    assert scene.do("captures", payment_id, AMOUNT, final=False).status_code == 201
    assert scene.look(payment_id)["captured"] == 2 * AMOUNT


# A group in which one thing fails.


def another_card(scene: Scene) -> Answer:
    """Of Anna's, on an account of its own."""
    holder = {"cardholder_id": scene.world.person("anna")["cardholder_id"]}
    account = scene.bank("POST", "/accounts", holder | {"currency": "DKK", "balance": 100_000, "overdraft_limit": 0})
    scene.open(account)
    return scene.bank("POST", "/cards", holder | {"account_id": account["id"], "scheme": "visa_dankort"})


def test_a_card_that_nobody_can_lock_holds_up_none_of_its_group(scene: Scene, beside: Engine) -> None:
    annas, requests = scene.tap(AMOUNT, "pin"), [bos(scene), scene.tap(AMOUNT, "pin"), bos(scene)]
    with over(scene, url_of(beside), lock_timeout="1500ms"):
        carla = another_card(scene)
        with locked(beside, ids.parse("card", carla["id"])):
            stuck = scene.plastic(AMOUNT) | {"card": {name: carla[name] for name in ("number", "expiry", "cvc")}}
            answers = together(scene, beside, [annas, *requests[:1], stuck, *requests[1:]])
        assert [answer.status_code for answer in answers] == [200, 200, 200, 503, 200, 200]
        assert answers[3].json()["code"] == "busy"
        assert all(answer.json()["approved"] for answer in answers if answer.status_code == 200)
        assert scene.decide(stuck)["approved"]


def test_a_card_that_somebody_holds_keeps_nobody_waiting_who_comes_after(scene: Scene, beside: Engine) -> None:
    """It is asked first, alone; whoever asks next does not wait until it is given up."""
    with ThreadPoolExecutor(1) as pool, locked(beside, ids.parse("card", scene.world.person("anna")["card_id"])):
        stuck = pool.submit(scene.ask, scene.plastic(AMOUNT))
        until(lambda: somebody_waits(beside))
        assert scene.ask(bos(scene)).json()["approved"]
        assert not stuck.done()
    assert stuck.result().json()["approved"]


def test_a_row_that_breaks_breaks_none_of_its_group(scene: Scene, beside: Engine) -> None:
    """A card whose account is gone: our own rules never make one."""
    number, expiry = card_without_account(scene)
    broken = scene.plastic(AMOUNT) | {"card": {"number": number.reveal(), "expiry": expiry, "cvc": None}}
    answers = together(scene, beside, [bos(scene), broken, scene.tap(AMOUNT, "pin"), scene.plastic(AMOUNT)])
    assert [answer.status_code for answer in answers] == [200, 200, 404, 200, 200]
    assert all(answer.json()["approved"] for answer in answers if answer.status_code == 200)
