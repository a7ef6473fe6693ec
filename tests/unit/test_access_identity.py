from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from wallet.access.mitid.dialects import DIALECTS, Dialect, fields_of
from wallet.access.mitid.identity import Identity, SignInFailed, check_id_token, identify, moment, seconds
from wallet.access.step_up import NSIS

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
NEB = Dialect(**DIALECTS["neb"])
CRIIPTO = Dialect(**DIALECTS["criipto"])


def check(**changes: Any) -> None:
    claims = {name: value for name, value in {**ID_TOKEN, **changes}.items() if value is not None}
    check_id_token(claims, issuer="https://broker.example", client_id="us", nonce="n", now=NOW)


def who(claims: dict[str, Any], userinfo: dict[str, Any] | None, broker: Dialect = NEB, **times: datetime) -> Identity:
    said = {name: value for name, value in {**ID_TOKEN, **claims}.items() if value is not None}
    return identify(said, userinfo, broker, **{"begun_at": NOW - timedelta(minutes=1), "now": NOW, **times})


@pytest.mark.parametrize(
    "changes",
    [{}, {"aud": ["us"]}, {"azp": "us"}, {"iat": str(AT), "exp": str(AT + 300)}, {"exp": AT - 59}, {"nbf": AT + 60}],
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
        {"nbf": AT + 61},
        {"nbf": "now"},
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
    identity = who(PERSON, USERINFO)
    assert (identity.mitid_uuid, identity.acr, identity.auth_time) == ("uuid-1", f"{NSIS}Substantial", NOW)
    assert identity.cpr is not None
    assert identity.cpr.reveal() == "0101851234"
    assert "0101851234" not in repr(identity)


def test_what_the_id_token_says_wins_over_userinfo() -> None:
    identity = who(PERSON, {**USERINFO, "mitid.uuid": "another"})
    assert identity.mitid_uuid == "uuid-1"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"loa": f"{NSIS}Low"}, "access_denied"),
        ({"loa": None}, "access_denied"),
        ({"loa": ["High"]}, "access_denied"),
        ({"loa": "Substantial"}, "access_denied"),
        ({"idp": None}, "access_denied"),
        ({"idp": ["mitid"]}, "access_denied"),
        ({"identity_type": None}, "access_denied"),
        ({"idp": "mitid_erhverv"}, "access_denied"),
        ({"identity_type": "professional"}, "access_denied"),
        ({"auth_time": AT - 361}, "access_denied"),
        ({"auth_time": AT + 61}, "access_denied"),
        ({"auth_time": None}, "access_denied"),
        ({"auth_time": "²"}, "access_denied"),
        ({"mitid.uuid": None}, "server_error"),
        ({"mitid.uuid": ""}, "server_error"),
        ({"mitid.uuid": 7}, "server_error"),
        ({"mitid.uuid": "u" * 256}, "server_error"),
        ({"mitid.uuid": "u\x00"}, "server_error"),
    ],
)
def test_too_weak_too_old_or_of_another_kind_is_nobody(changes: dict[str, Any], error: str) -> None:
    with pytest.raises(SignInFailed) as failed:
        who({**PERSON, **changes}, USERINFO)
    assert failed.value.error == error


def test_a_session_that_the_broker_took_up_again_is_no_sign_in() -> None:
    session = {**PERSON, "auth_time": AT - 120}
    assert who(session, USERINFO, begun_at=NOW - timedelta(seconds=60)).mitid_uuid == "uuid-1"
    with pytest.raises(SignInFailed, match="auth_time is not within this sign-in"):
        who(session, USERINFO, begun_at=NOW - timedelta(seconds=59))


def test_a_sign_in_that_took_long_is_still_one_of_just_now() -> None:
    long_ago = NOW - timedelta(minutes=10)
    assert who({**PERSON, "auth_time": AT - 360}, USERINFO, begun_at=long_ago).mitid_uuid == "uuid-1"
    with pytest.raises(SignInFailed, match="auth_time"):
        who({**PERSON, "auth_time": AT - 361}, USERINFO, begun_at=long_ago)


def test_another_broker_is_read_by_its_own_names() -> None:
    said = {
        "identityscheme": "dkmitid",
        "loA": "SUBSTANTIAL",
        "authenticationinstant": "2026-11-22T10:14:59.733Z",
        "uuid": "410a77ec-4f85-46e4-aaef-bdbbd1a951f2",
        "cprNumberIdentifier": "0101851234",
    }
    identity = who(said, None, CRIIPTO)
    assert (identity.mitid_uuid, identity.acr) == (said["uuid"], f"{NSIS}Substantial")
    assert identity.auth_time == NOW - timedelta(microseconds=267_000)
    assert identity.cpr is not None
    for changes in ({"identityscheme": "dkmitid-business"}, {"loA": "LOW"}, {"loA": f"{NSIS}High"}):
        with pytest.raises(SignInFailed) as failed:
            who(said | changes, None, CRIIPTO)
        assert failed.value.error == "access_denied"


def test_a_broker_without_cpr_numbers_gives_none() -> None:
    plain = Dialect(**fields_of("oidc", {"claims": {"uuid": "person"}}))
    said = {"person": "p-1", "acr": f"{NSIS}High", "auth_time": AT, "dk.cpr": "0101851234", "": "0101851234"}
    identity = who(said, {"sub": "s"}, plain)
    assert (identity.mitid_uuid, identity.cpr) == ("p-1", None)


def test_userinfo_about_somebody_else_is_nobody() -> None:
    for userinfo in ({"sub": "t"}, {}, {"sub": None}):
        with pytest.raises(SignInFailed, match="somebody else"):
            who(PERSON, userinfo)


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


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (AT, NOW),
        (str(AT), NOW),
        ("2026-11-22T10:15:00Z", NOW),
        ("2026-11-22T11:15:00+01:00", NOW),
        ("2026-11-22T10:15:00", None),
        ("2026-11-22", None),
        ("soon", None),
        (None, None),
    ],
)
def test_a_moment_may_be_in_words_with_its_zone(value: object, read: datetime | None) -> None:
    assert moment(value) == read
