from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from wallet.access.public_keys import InvalidKey, public_key

PRIVATE = ECKey.generate_key("P-256").as_dict(private=True)
PUBLIC: dict[str, Any] = {name: value for name, value in PRIVATE.items() if name != "d"}


def test_a_public_key_is_taken_and_what_stands_about_it_is_dropped() -> None:
    key = public_key({**PUBLIC, "kid": "mine", "use": "sig"})
    assert key.as_dict(private=False) == PUBLIC
    assert not key.is_private


def test_a_private_key_is_refused_and_not_shown() -> None:
    with pytest.raises(InvalidKey, match="private or secret") as refused:
        public_key(PRIVATE)
    assert str(PRIVATE["d"]) not in str(refused.value)


def _spelt_twice(coordinate: str) -> str:
    """The same 32 bytes: the last of 43 characters has two bits to spare."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return coordinate[:-1] + alphabet[alphabet.index(coordinate[-1]) + 1]


@pytest.mark.parametrize(
    "jwk",
    [
        None,
        "text",
        [],
        {},
        {**PUBLIC, "kty": "oct"},
        {**PUBLIC, "crv": "P-384"},
        {**PUBLIC, "crv": None},
        {**PUBLIC, "x": "short"},
        {**PUBLIC, "x": 7},
        {**PUBLIC, "y": _spelt_twice(str(PUBLIC["y"]))},
        {**PUBLIC, "y": PUBLIC["x"]},
        {**PUBLIC, "x5c": ["…"]},
        {**PUBLIC, "k": "secret"},
        ECKey.generate_key("P-384").as_dict(private=False),
        RSAKey.generate_key(2048).as_dict(private=False),
        OctKey.generate_key(256).as_dict(private=True),
    ],
)
def test_anything_else_is_refused(jwk: object) -> None:
    with pytest.raises(InvalidKey):
        public_key(jwk)
