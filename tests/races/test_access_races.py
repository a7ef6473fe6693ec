"""What is good for one use, asked for by many at once: over HTTP, with real commits."""

import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier, Event
from typing import Any, TypeVar
from uuid import UUID

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from sqlalchemy import func, select

from mobile_mock.dpop import DpopClient
from tests.integration.access.acting import ASSERTION_TYPE, DEVICE_GRANT, challenge_of
from tests.world import Phone, World
from tokenization import ids
from tokenization.models import Cardholder
from wallet.access import step_up
from wallet.access.models import AccessSession, RefreshChain
from wallet.access.oauth import codes, refresh_tokens
from wallet.access.oauth.codes import Code, SignedIn
from wallet.people import REDIRECT_URI

AT_ONCE = 16
VERIFIER = secrets.token_urlsafe(48)
MITID = "0a9f6d2e-0001-4000-8000-000000000001"
Asked = TypeVar("Asked")
Done = TypeVar("Done")


def at_once(act: Callable[[Asked], Done], each: Iterable[Asked]) -> list[Done]:
    """Do it with each, in a thread each, in the same moment."""
    wanted = list(each)
    start = Barrier(len(wanted))

    def one(asked: Asked) -> Done:
        start.wait(20)
        return act(asked)

    with ThreadPoolExecutor(len(wanted)) as pool:
        return list(pool.map(one, wanted))


def statuses(answers: Iterable[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


@pytest.fixture
def phone(world: World) -> Phone:
    return world.phone()


def token(phone: Phone, form: dict[str, str]) -> httpx.Response:
    """What the token endpoint answers to a phone, with a proof of its own."""
    world = phone.world
    dpop = DpopClient(world.http, phone.key, lambda: world.clock.now().timestamp())
    proof = dpop.proof("POST", f"{world.parts.settings.public_url}/oauth/token")
    return world.http.post("/oauth/token", data={"client_id": phone.client_id, **form}, headers={"DPoP": proof})


def refresh(phone: Phone, refresh_token: str) -> httpx.Response:
    return token(phone, {"grant_type": "refresh_token", "refresh_token": refresh_token})


def chain(phone: Phone) -> str:
    """A refresh token of the phone's session."""
    with phone.world.parts.database.transaction("test") as session:
        return refresh_tokens.issue(session, phone.session_id, phone.world.clock.now())


def code_of(phone: Phone) -> str:
    """An authorization code, as MitID's yes gives one."""
    now, text = phone.world.clock.now(), secrets.token_urlsafe(32)
    holder_id = ids.parse("holder", phone.subject)
    with phone.world.parts.database.transaction("test") as session:
        session.get_one(Cardholder, holder_id).mitid_uuid = MITID
    code = Code(
        client_id=phone.client_id,
        redirect_uri=REDIRECT_URI,
        scope="wallet",
        code_challenge=challenge_of(VERIFIER),
        thumbprint=None,
        purpose=None,
        signed_in=SignedIn(holder_id, MITID, step_up.SUBSTANTIAL, now),
        expires_at=now + codes.CODE_LIFETIME,
    )
    codes.keep(phone.world.parts.redis, text, code)
    return text


def redeem(phone: Phone, code: str) -> httpx.Response:
    form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER}
    return token(phone, {**form, "code": code})


def is_good(phone: Phone, access_token: str) -> bool:
    """Whether an access token of that phone is let in."""
    url = f"{phone.world.parts.settings.public_url}/v1/me"
    headers = {"Authorization": f"DPoP {access_token}", "DPoP": phone.proof("GET", url, access_token)}
    return phone.world.http.get("/v1/me", headers=headers).status_code == 200


def end_reason(world: World, session_id: UUID) -> str | None:
    with world.parts.database.reading() as session:
        return session.get_one(AccessSession, session_id).end_reason


def given(world: World) -> int:
    """How many refresh tokens there are."""
    with world.parts.database.reading() as session:
        return session.scalar(select(func.count()).select_from(RefreshChain)) or 0


@pytest.mark.parametrize("phones", [1, 2], ids=["one phone", "two phones"])
def test_a_code_gives_at_most_one_answer_and_nothing_that_lasts(world: World, phones: int) -> None:
    """RFC 6749 section 4.1.2: it came more than once, so what it gave has ended, whoever was first."""
    asking = [world.phone() for _ in range(phones)]
    code = code_of(asking[0])
    answers = at_once(lambda phone: (phone, redeem(phone, code)), asking * (AT_ONCE // phones))
    got = [(phone, answer.json()) for phone, answer in answers if answer.status_code == 200]
    assert len(got) <= 1
    assert statuses(answer for _, answer in answers) == {400: AT_ONCE - len(got)} | ({200: 1} if got else {})
    for phone, body in got:
        assert not is_good(phone, body["access_token"])
        assert refresh(phone, body["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_code_that_comes_once_is_redeemed_whoever_else_redeems_theirs(world: World) -> None:
    """The control: nobody is in anybody's way."""
    asking = [(phone := world.phone(), code_of(phone)) for _ in range(AT_ONCE)]
    assert statuses(at_once(lambda asked: redeem(*asked), asking)) == {200: AT_ONCE}


def test_a_refresh_token_gives_two_answers_at_most_and_then_ends_the_session(world: World, phone: Phone) -> None:
    first = chain(phone)
    answers = at_once(lambda _: refresh(phone, first), range(AT_ONCE))
    assert statuses(answers) == {200: 2, 400: AT_ONCE - 2}
    assert end_reason(world, phone.session_id) == "refresh_reuse"
    for answer in answers:
        if answer.status_code == 200:
            assert not is_good(phone, answer.json()["access_token"])
            assert refresh(phone, answer.json()["refresh_token"]).json()["error"] == "invalid_grant"


def test_an_app_that_refreshes_twice_at_once_goes_on(world: World, phone: Phone) -> None:
    """The one retry that is allowed: of the two successors one is good, and the session does not end."""
    first = chain(phone)
    answers = at_once(lambda _: refresh(phone, first), range(2))
    assert statuses(answers) == {200: 2}
    assert all(is_good(phone, answer.json()["access_token"]) for answer in answers)
    assert end_reason(world, phone.session_id) is None


def test_a_stolen_refresh_token_at_once_with_its_owners_harms_nobody(world: World, phone: Phone) -> None:
    first, thief = chain(phone), replace(phone, key=ECKey.generate_key("P-256"))
    answers = at_once(lambda asking: refresh(asking, first), [phone, *[thief] * (AT_ONCE - 1)])
    assert [answer.status_code for answer in answers] == [200] + [400] * (AT_ONCE - 1)
    assert refresh(phone, answers[0].json()["refresh_token"]).status_code == 200


def test_nothing_is_given_after_the_end_of_a_session_was_acknowledged(world: World, phone: Phone) -> None:
    """Its own chains are refreshed all the while; another phone of hers ends it."""
    going_on, tokens = Barrier(AT_ONCE - 7), [chain(phone) for _ in range(AT_ONCE - 8)]
    ended = Event()
    other = world.phone()

    def go_on(refresh_token: str) -> list[dict[str, Any]]:
        got: list[dict[str, Any]] = []
        answer = refresh(phone, refresh_token)
        going_on.wait(20)
        while answer.status_code == 200 and len(got) < 1_000:
            got.append(answer.json())
            answer = refresh(phone, got[-1]["refresh_token"])
        assert ended.wait(20)
        return got

    def end() -> int:
        going_on.wait(20)
        answer = other.request("DELETE", f"/v1/sessions/{ids.to_text('sess', phone.session_id)}")
        assert answer.status_code == 200, answer.text
        acknowledged = given(world)
        ended.set()
        return acknowledged

    with ThreadPoolExecutor(AT_ONCE) as pool:
        refreshing, ending = [pool.submit(go_on, each) for each in tokens], pool.submit(end)
        got = [body for each in refreshing for body in each.result()]
        assert given(world) == ending.result()
    assert len(got) >= len(tokens)
    assert not any(is_good(phone, body["access_token"]) for body in got[-AT_ONCE:])
    assert refresh(phone, got[-1]["refresh_token"]).json()["error"] == "invalid_grant"


def asks_to_pair(child: Phone) -> dict[str, str]:
    form = {"client_id": child.client_id, "device_name": "Emils telefon", "dpop_jkt": child.thumbprint}
    asked: dict[str, str] = child.world.http.post("/oauth/device_authorization", data=form).json()
    return asked


@pytest.fixture
def child(phone: Phone) -> Phone:
    """A phone with the app for children that nobody has let in yet."""
    return replace(
        phone, scope="child", client_id=phone.world.access["child_app"]["client_id"], key=ECKey.generate_key("P-256")
    )


def test_a_childs_phone_that_two_parents_let_in_at_once_is_let_in_by_one(world: World, child: Phone) -> None:
    asked = asks_to_pair(child)
    rights = {name: world.grant(world.phone(name), name)["id"] for name in ("anna", "bo")}
    parents = [(world.phone(name).step_up("pair"), right) for name, right in rights.items() for _ in range(4)]

    def pair(asking: tuple[Phone, str]) -> httpx.Response:
        parent, right_id = asking
        return parent.request("POST", f"/v1/drawing-rights/{right_id}/pair", {"user_code": asked["user_code"]})

    answers = at_once(pair, parents)
    assert statuses(answers) == {200: 1, 422: len(parents) - 1}
    [let_in] = [answer.json()["id"] for answer in answers if answer.status_code == 200]
    form = {"grant_type": DEVICE_GRANT, "device_code": asked["device_code"]}
    polled = at_once(lambda _: token(child, form), range(AT_ONCE))
    assert statuses(polled)[200] == 1
    [body] = [answer.json() for answer in polled if answer.status_code == 200]
    assert is_good(child, body["access_token"])
    claims = jwt.decode(body["access_token"], _signing_key(world), algorithms=["ES256"]).claims
    assert claims["sub"] == let_in


def _signing_key(world: World) -> ECKey:
    published = world.http.get("/oauth/jwks").json()["keys"]
    return ECKey.import_key(next(key for key in published if key["use"] == "sig"))


def test_guessing_user_codes_in_parallel_gains_nothing(world: World, child: Phone) -> None:
    """Five guesses, from however many phones one person makes them; then the right one is of no use either."""
    right = asks_to_pair(child)["user_code"]
    guesses = [f"{left}{left}BB-CCDD" for left in "FGHJKLMNPQRSTVWX"]
    guessing = [(world.phone(), guess) for guess in guesses]
    answers = at_once(lambda asked: asked[0].request("GET", f"/v1/pairings/{asked[1]}"), guessing)
    assert statuses(answers) == {404: 5, 429: AT_ONCE - 5}
    refused = world.phone().request("GET", f"/v1/pairings/{right}")
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 600
    assert world.phone("bo").request("GET", f"/v1/pairings/{right}").status_code == 200


def test_a_client_assertion_counts_once(world: World) -> None:
    known, now = world.access["machines"]["network"], int(world.clock.now().timestamp())
    key, client_id = ECKey.import_key(known["private_jwk"]), known["client_id"]
    claims = {"iss": client_id, "sub": client_id, "aud": world.parts.settings.public_url, "jti": "once"}
    assertion = jwt.encode({"alg": "ES256", "kid": key.kid}, {**claims, "iat": now, "exp": now + 60}, key)
    form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
    sent = {"grant_type": "client_credentials", **form}
    answers = at_once(lambda _: world.http.post("/oauth/token", data=sent), range(AT_ONCE))
    assert statuses(answers) == {200: 1, 400: AT_ONCE - 1}
    assert {answer.json()["error"] for answer in answers if answer.status_code == 400} == {"invalid_client"}


def test_a_proof_counts_once(world: World, phone: Phone) -> None:
    access_token = phone.access_token()
    proof = phone.proof("GET", f"{world.parts.settings.public_url}/v1/me", access_token)
    headers = {"Authorization": f"DPoP {access_token}", "DPoP": proof}
    answers = at_once(lambda _: world.http.get("/v1/me", headers=headers), range(AT_ONCE))
    assert statuses(answers) == {200: 1, 401: AT_ONCE - 1}


def test_a_pushed_request_is_pulled_once(world: World, phone: Phone) -> None:
    """The broker is away, which who pulls it hears at the app; the others hear that there is none."""
    request = {
        "response_type": "code",
        "client_id": phone.client_id,
        "redirect_uri": REDIRECT_URI,
        "scope": "wallet",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
        "dpop_jkt": phone.thumbprint,
    }
    pushed = world.http.post("/oauth/par", data=request).json()
    query = {"client_id": phone.client_id, "request_uri": pushed["request_uri"]}
    answers = at_once(lambda _: world.http.get("/oauth/authorize", params=query), range(AT_ONCE))
    assert statuses(answers) == {302: 1, 400: AT_ONCE - 1}
