from datetime import UTC, datetime
from typing import Any

import pytest

from wallet.access.oauth.assertions import problem

NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
AT = int(NOW.timestamp())
ISSUER = "https://wallet.example"
CLAIMS = {"iss": "m", "sub": "m", "aud": ISSUER, "exp": AT + 300, "jti": "once"}


def judged(header: dict[str, Any] | None = None, **changes: Any) -> str | None:
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    return problem(header or {"alg": "ES256"}, claims, issuer=ISSUER, now=NOW)


@pytest.mark.parametrize("changes", [{}, {"aud": [ISSUER]}, {"exp": AT + 0.5}, {"iat": AT + 60}, {"nbf": AT - 9}])
def test_an_assertion_for_us_for_minutes_is_taken(changes: dict[str, Any]) -> None:
    assert judged(**changes) is None


@pytest.mark.parametrize("kind", ["JWT", "client-authentication+jwt"])
def test_its_type_may_be_named(kind: str) -> None:
    assert judged({"typ": kind}) is None


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"aud": f"{ISSUER}/oauth/token"}, "aud"),
        ({"aud": [ISSUER, "https://other.example"]}, "aud"),
        ({"aud": []}, "aud"),
        ({"exp": AT}, "exp"),
        ({"exp": AT + 301}, "exp"),
        ({"exp": True}, "exp"),
        ({"exp": float("inf")}, "exp"),
        ({"exp": float("nan")}, "exp"),
        ({"iat": AT + 61}, "iat"),
        ({"nbf": AT + 61}, "nbf"),
        ({"nbf": "now"}, "nbf"),
        ({"jti": "two words"}, "jti"),
        ({"jti": None}, "jti"),
        ({"iss": "n"}, "iss"),
        ({"header": {"typ": "at+jwt"}}, "typ"),
        ({"header": {"jwk": {}}}, "its header"),
        ({"header": {"jku": "https://keys.example"}}, "its header"),
    ],
)
def test_an_assertion_bent_in_one_place_is_refused_by_name(changes: dict[str, Any], named: str) -> None:
    assert (judged(**changes) or "").startswith(named)
