"""Floods at the authorisation server: how many are let in, who is counted together, and what the others hear."""

import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeAlias

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client import REGISTRY
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from tests.integration.access.acting import ANNA, BO, REDIRECT_URI, Answer, Machine, Phone
from tokenization.journal.models import SubjectJournalEntry
from wallet.access import rate_limits
from wallet.access.errors import AccessRefused
from wallet.access.figures import RateLimits
from wallet.access.oauth import devices

Set: TypeAlias = Callable[..., None]
SIGN_IN = [
    ("GET", "/oauth/authorize"),
    ("GET", "/oauth/mitid/callback"),
    ("POST", "/oauth/par"),
]
PAIRING = [("POST", "/oauth/device_authorization")]
TOKEN = [("POST", "/oauth/token"), ("POST", "/oauth/revoke")]
BY_ADDRESS = {"sign_in_per_address": SIGN_IN, "pairing_per_address": PAIRING, "token_per_address": TOKEN}
ENDPOINTS = [(*each, limit) for limit, endpoints in BY_ADDRESS.items() for each in endpoints]
COUNTS = "access:calls:*"


@pytest.fixture
def limits(app: Flask) -> Set:
    """Sets limits in place of those that are delivered."""

    def change(**figures: str | None) -> None:
        parts = app.extensions["tegnebog"]
        settings = parts.settings.model_copy(update={"rate_limits": RateLimits(**figures)})
        app.extensions["tegnebog"] = replace(parts, settings=settings)

    return change


@pytest.fixture
def http(app: Flask) -> FlaskClient:
    return app.test_client()


def knock(http: FlaskClient, method: str = "POST", path: str = "/oauth/token", by: str = "192.0.2.1") -> Answer:
    """A call with nothing in it, from that address."""
    return http.open(path, method=method, environ_overrides={"REMOTE_ADDR": by})


def is_let_in(answer: Answer) -> bool:
    return bool(answer.status_code not in (429, 503))


@pytest.mark.parametrize(("method", "path", "limit"), ENDPOINTS)
def test_the_call_after_the_last_hears_when_to_come_again(
    http: FlaskClient, limits: Set, method: str, path: str, limit: str
) -> None:
    limits(**{limit: "2 per minute"})
    assert [is_let_in(knock(http, method, path)) for _ in range(2)] == [True, True]
    answer = knock(http, method, path)
    assert (answer.status_code, answer.json["error"]) == (429, "temporarily_unavailable")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("method", "path", "limit"), ENDPOINTS)
def test_an_address_that_comes_too_often_holds_up_no_other(
    http: FlaskClient, limits: Set, method: str, path: str, limit: str
) -> None:
    limits(**{limit: "1 per minute"})
    assert [knock(http, method, path).status_code == 429 for _ in range(2)] == [False, True]
    assert is_let_in(knock(http, method, path, by="192.0.2.2"))


def test_each_endpoint_is_counted_apart(http: FlaskClient, limits: Set) -> None:
    limits(**dict.fromkeys(BY_ADDRESS, "1 per minute"))
    assert all(is_let_in(knock(http, method, path)) for method, path, _ in ENDPOINTS)
    assert not any(is_let_in(knock(http, method, path)) for method, path, _ in ENDPOINTS)


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("/run/proxy.sock", "", True),
    ],
)
def test_an_ipv6_network_counts_as_one_address_and_what_is_no_address_too(
    http: FlaskClient, limits: Set, first: str, second: str, together: bool
) -> None:
    limits(token_per_address="1 per minute")
    assert is_let_in(knock(http, by=first))
    assert is_let_in(knock(http, by=second)) != together


def test_a_window_that_is_over_lets_in_again(http: FlaskClient, limits: Set, redis: Redis) -> None:
    limits(token_per_address="1 per minute")
    assert [is_let_in(knock(http)) for _ in range(2)] == [True, False]
    (count,) = redis.scan_iter(COUNTS)
    assert 0 < redis.ttl(count) <= 60
    redis.expire(count, 0)  # as when the minute is over
    assert is_let_in(knock(http))


def test_calls_that_are_refused_do_not_put_off_the_end_of_the_window(
    http: FlaskClient, limits: Set, redis: Redis
) -> None:
    limits(token_per_address="1 per minute")
    knock(http)
    (count,) = redis.scan_iter(COUNTS)
    redis.expire(count, 20)
    assert 1 <= int(knock(http).headers["Retry-After"]) <= 20


def test_the_shorter_and_the_longer_of_two_windows_both_hold(http: FlaskClient, limits: Set, redis: Redis) -> None:
    limits(token_per_address="1 per minute; 2 per hour")

    def next_minute() -> None:
        for count in redis.scan_iter(COUNTS):
            if redis.ttl(count) <= 60:
                redis.delete(count)

    assert [is_let_in(knock(http)) for _ in range(2)] == [True, False]
    next_minute()
    assert is_let_in(knock(http))
    next_minute()
    assert int(knock(http).headers["Retry-After"]) > 60


def test_of_many_calls_at_once_as_many_are_let_in_as_the_limit_says(app: Flask, limits: Set) -> None:
    limits(token_per_address="10 per minute")
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: knock(app.test_client()).status_code, range(60)))
    assert Counter(answers)[429] == 50


def test_the_delivered_limits_let_fifty_calls_at_once_and_thousands_in_a_row_in(app: Flask, redis: Redis) -> None:
    with ThreadPoolExecutor(16) as pool:
        assert all(is_let_in(answer) for answer in pool.map(lambda _: knock(app.test_client()), range(50)))
    for count in redis.scan_iter(COUNTS):
        redis.incrby(count, 5_000)
    assert is_let_in(knock(app.test_client()))


def test_a_limit_that_is_switched_off_counts_nothing(http: FlaskClient, limits: Set, redis: Redis) -> None:
    limits(token_per_address=None)
    assert is_let_in(knock(http))
    assert list(redis.scan_iter(COUNTS)) == []


def test_a_machine_that_asks_too_often_is_held_up_and_no_other(machine: Callable[[str], Machine], limits: Set) -> None:
    limits(token_per_client="2 per minute")
    network, issuer = machine("network"), machine("issuer")
    assert [network.token().status_code for _ in range(3)] == [200, 200, 429]
    assert issuer.token().status_code == 200


def test_who_only_names_a_machine_cannot_lock_it_out(machine: Callable[[str], Machine], limits: Set) -> None:
    limits(token_per_client="2 per minute")
    network, stranger = machine("network"), machine("network")
    forged = {"iss": network.client_id, "sub": network.client_id}
    named = {"client_id": network.client_id, "grant_type": "client_credentials"}
    refused = [stranger.token(stranger.assertion(**forged)) for _ in range(3)] + [stranger.post("/oauth/token", named)]
    assert {answer.json["error"] for answer in refused} == {"invalid_client"}
    assert network.token().status_code == 200


def test_phones_of_one_app_do_not_hold_each_other_up(phone: Phone, limits: Set) -> None:
    limits(token_per_client="1 per minute")
    phone.sign_in()
    phone.sign_in()


def test_a_person_who_signs_in_too_often_is_refused_before_anything_is_done_and_no_other(
    phone: Phone, limits: Set, committed: Session
) -> None:
    limits(sign_in_per_person="1 per minute")
    phone.answer()
    before = committed.scalar(select(func.count()).select_from(SubjectJournalEntry))
    refused = phone.back(phone.at_broker(phone.authorize()))
    assert (refused.status_code, refused.json["error"]) == (429, "temporarily_unavailable")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert committed.scalar(select(func.count()).select_from(SubjectJournalEntry)) == before
    assert phone.answer(login_hint=f"uuid:{BO.mitid_uuid}")["error"] == "access_denied"  # He is no cardholder here.


def test_of_many_sign_ins_at_once_as_many_are_let_in_as_the_limit_says(app: Flask, limits: Set) -> None:
    limits(sign_in_per_person="5 per minute")

    def sign_in(_: int) -> bool:
        with app.test_request_context("/oauth/mitid/callback"):
            try:
                rate_limits.sign_in_of(ANNA.mitid_uuid)
            except AccessRefused:
                return False
            return True

    with ThreadPoolExecutor(16) as pool:
        assert Counter(pool.map(sign_in, range(40)))[True] == 5


def test_guessing_user_codes_in_parallel_is_no_faster_than_one_by_one(child_phone: Phone, redis: Redis) -> None:
    child_phone.ask_to_pair()
    now, wrong = child_phone.clock.now(), "BBBB-BBBB"

    def guess(_: int) -> bool:
        try:
            return devices.find(redis, wrong, by="guesser", now=now) is None
        except AccessRefused:
            return False

    with ThreadPoolExecutor(16) as pool:
        assert Counter(pool.map(guess, range(60)))[True] == 5


@pytest.mark.usefixtures("redis_away")
@pytest.mark.parametrize(("method", "path"), [*SIGN_IN, *PAIRING])
def test_without_redis_nobody_signs_in(http: FlaskClient, method: str, path: str) -> None:
    answer = knock(http, method, path)
    assert (answer.status_code, answer.json["error"]) == (503, "temporarily_unavailable")


@pytest.mark.usefixtures("redis_away")
def test_without_redis_no_sign_in_is_counted_and_none_is_let_in(app: Flask) -> None:
    with app.test_request_context("/oauth/mitid/callback"), pytest.raises(RedisError):
        rate_limits.sign_in_of(ANNA.mitid_uuid)


def test_without_redis_machines_get_tokens_and_phones_do_not(
    machine: Callable[[str], Machine], phone: Phone, request: pytest.FixtureRequest
) -> None:
    refresh_token = phone.sign_in().refresh_token
    request.getfixturevalue("redis_away")
    assert machine("network").token().status_code == 200
    assert phone.refresh(refresh_token).status_code == 503


def test_without_redis_a_session_can_be_ended(phone: Phone, request: pytest.FixtureRequest) -> None:
    refresh_token = phone.sign_in().refresh_token
    request.getfixturevalue("redis_away")
    form = {"client_id": phone.client_id, "token": refresh_token}
    assert phone.post("/oauth/revoke", form).status_code == 200


@pytest.mark.usefixtures("redis_away")
@pytest.mark.parametrize("path", ["/oauth/jwks", "/oauth/device", "/.well-known/oauth-authorization-server"])
def test_what_is_not_limited_works_without_redis(http: FlaskClient, path: str) -> None:
    assert knock(http, "GET", path).status_code == 200


def test_no_address_person_or_client_stands_in_redis(
    http: FlaskClient, machine: Callable[[str], Machine], app: Flask, redis: Redis
) -> None:
    network = machine("network")
    network.token()
    knock(http, by="192.0.2.77")
    with app.test_request_context("/oauth/mitid/callback"):
        rate_limits.sign_in_of(ANNA.mitid_uuid)
    kept = b" ".join(redis.scan_iter("*")).decode()
    assert len(list(redis.scan_iter(COUNTS))) == 4
    assert not any(clear in kept for clear in ("192.0.2.77", "127.0.0.1", ANNA.mitid_uuid, network.client_id))


def test_a_breach_is_counted_by_limit_and_logged_without_whose_it_is(
    http: FlaskClient, limits: Set, caplog: pytest.LogCaptureFixture
) -> None:
    def breaches() -> float:
        return REGISTRY.get_sample_value("tegnebog_rate_limited_total", {"limit": "token_per_address"}) or 0

    limits(token_per_address="1 per minute")
    before = breaches()
    with capture_logs() as logged, caplog.at_level(logging.INFO):
        knock(http)
        knock(http)
    assert breaches() == before + 1
    assert [each for each in logged if each["event"] == "rate_limited"] == [
        {"event": "rate_limited", "limit": "token_per_address", "route": "/oauth/token", "log_level": "warning"}
    ]
    assert "192.0.2.1" not in caplog.text


def test_the_answer_at_the_authorization_endpoint_goes_to_no_app(phone: Phone, limits: Set) -> None:
    limits(sign_in_per_address="1 per minute")
    phone.authorize()
    answer: Any = phone.authorize(redirect_uri=REDIRECT_URI)
    assert answer.status_code == 429
    assert "Location" not in answer.headers
