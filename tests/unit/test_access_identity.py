from datetime import UTC, datetime
from typing import Any

import pytest

from wallet.access.identity import SignInFailed, check_id_token, identify, seconds
from wallet.access.step_up import NSIS
from wallet.settings import MitidClaims

NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
AT = int(NOW.timestamp())
ID_TOKEN = {"iss": "https://broker.example", "aud": "us", "sub": "s", "nonce": "n", "iat": AT, "exp": AT + 300}
PERSON = {
    "sub": "s",
    "auth_time": AT,
    "idp": "mitid",
    "identity_type": "private",
    "loa": f"{NSIS}Substantial",
    "mitid.uuid": "uuid-1",
}
USERINFO = {"sub": "s", "dk.cpr": "0101851234"}


def check(**changes: Any) -> None:
    claims = {name: value for name, value in {**ID_TOKEN, **changes}.items() if value is not None}
    check_id_token(claims, issuer="https://broker.example", client_id="us", nonce="n", now=NOW)


@pytest.mark.parametrize(
    "changes", [{}, {"aud": ["us"]}, {"azp": "us"}, {"iat": str(AT), "exp": str(AT + 300)}, {"exp": AT - 59}]
)
def test_an_id_token_for_us_holds(changes: dict[str, Any]) -> None:
    check(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "them"},
        {"aud": ["us", "them"]},
        {"aud": None},
        {"azp": "them"},
        {"nonce": "m"},
        {"nonce": None},
        {"nonce": 7},
        {"sub": None},
        {"sub": ""},
        {"exp": AT - 60},
        {"exp": None},
        {"exp": "soon"},
        {"iat": AT - 361},
        {"iat": AT + 361},
        {"iat": None},
    ],
)
def test_an_id_token_bent_in_one_place_does_not_hold(changes: dict[str, Any]) -> None:
    with pytest.raises(SignInFailed) as failed:
        check(**changes)
    assert failed.value.error == "server_error"


def test_the_person_is_read_from_both_and_the_cpr_number_is_a_secret() -> None:
    identity = identify({**ID_TOKEN, **PERSON}, USERINFO, MitidClaims(), NOW)
    assert (identity.mitid_uuid, identity.acr, identity.auth_time) == ("uuid-1", f"{NSIS}Substantial", NOW)
    assert identity.cpr is not None
    assert identity.cpr.reveal() == "0101851234"
    assert "0101851234" not in repr(identity)


def test_what_the_id_token_says_wins_over_userinfo() -> None:
    identity = identify({**ID_TOKEN, **PERSON}, {**USERINFO, "mitid.uuid": "another"}, MitidClaims(), NOW)
    assert identity.mitid_uuid == "uuid-1"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"loa": f"{NSIS}Low"}, "access_denied"),
        ({"loa": None}, "access_denied"),
        ({"loa": ["High"]}, "access_denied"),
        ({"idp": "mitid_erhverv"}, "access_denied"),
        ({"identity_type": "professional"}, "access_denied"),
        ({"auth_time": AT - 361}, "access_denied"),
        ({"auth_time": AT + 61}, "access_denied"),
        ({"auth_time": None}, "access_denied"),
        ({"auth_time": "²"}, "access_denied"),
        ({"mitid.uuid": None}, "server_error"),
        ({"mitid.uuid": ""}, "server_error"),
        ({"mitid.uuid": 7}, "server_error"),
    ],
)
def test_too_weak_too_old_or_of_another_kind_is_nobody(changes: dict[str, Any], error: str) -> None:
    claims = {name: value for name, value in {**ID_TOKEN, **PERSON, **changes}.items() if value is not None}
    with pytest.raises(SignInFailed) as failed:
        identify(claims, USERINFO, MitidClaims(), NOW)
    assert failed.value.error == error


def test_userinfo_about_somebody_else_is_nobody() -> None:
    for userinfo in ({"sub": "t"}, {}, {"sub": None}):
        with pytest.raises(SignInFailed, match="somebody else"):
            identify({**ID_TOKEN, **PERSON}, userinfo, MitidClaims(), NOW)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (7, 7),
        (7.9, 7),
        ("7", 7),
        ("²", None),
        ("٣", None),
        ("-7", None),
        (-7, None),
        (True, None),
        ("9" * 12, None),
        (10**11, None),
        (float("nan"), None),
        (None, None),
        ([7], None),
    ],
)
def test_times_are_numbers_or_texts_of_digits(value: object, read: int | None) -> None:
    assert seconds(value) == read
