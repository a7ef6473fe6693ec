"""Access tokens that held before: verified once, and looked at each time for what may end them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest

from tokenization.clock import SetClock
from tokenization.keys import ceremonies
from tokenization.keys.folder import FileKeyRing
from tokenization.keys.ring import Purpose
from wallet.access import access_tokens
from wallet.access.access_tokens import LIFETIME, AccessTokens, Grant, InvalidToken
from wallet.access.keys import AccessKeys

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
NETS = Grant("nets", "network", "nets")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ceremonies.create(tmp_path / "ring", NOON - timedelta(days=90))
    return tmp_path / "ring"


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOON)


@pytest.fixture
def tokens(folder: Path, clock: SetClock) -> AccessTokens:
    return AccessTokens(AccessKeys(FileKeyRing(folder, clock)), "https://wallet.example", clock)


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each token whose signature was computed, in order."""
    seen: list[str] = []
    decode = jwt.decode

    def noted(text: str, *args: Any, **more: Any) -> Any:
        seen.append(text)
        return decode(text, *args, **more)

    monkeypatch.setattr(jwt, "decode", noted)
    return seen


def with_a_bit_changed(text: str) -> str:
    """The same claims under another signature."""
    head, _, signature = text.rpartition(".")
    return f"{head}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


def test_a_token_is_verified_once(tokens: AccessTokens, verified: list[str]) -> None:
    text = tokens.issue(NETS)
    assert [tokens.read(text).grant for _ in range(3)] == [NETS] * 3
    assert verified == [text]


def test_another_token_of_the_same_client_is_verified_for_itself(tokens: AccessTokens, verified: list[str]) -> None:
    texts = [tokens.issue(NETS), tokens.issue(NETS)]
    for text in texts * 2:
        tokens.read(text)
    assert verified == texts


def test_one_that_does_not_hold_is_not_remembered_and_takes_nothing_from_one_that_does(
    tokens: AccessTokens, verified: list[str]
) -> None:
    text = tokens.issue(NETS)
    forged = with_a_bit_changed(text)
    tokens.read(text)
    for _ in range(2):
        with pytest.raises(InvalidToken):
            tokens.read(forged)
    assert verified == [text, forged, forged]


def test_one_that_is_remembered_ends_with_its_time(tokens: AccessTokens, clock: SetClock) -> None:
    text = tokens.issue(NETS)
    tokens.read(text)
    clock.advance(LIFETIME - SECOND)
    tokens.read(text)
    clock.advance(SECOND)
    with pytest.raises(InvalidToken, match="has expired"):
        tokens.read(text)


def test_one_that_is_remembered_is_not_from_the_future(tokens: AccessTokens, clock: SetClock) -> None:
    text = tokens.issue(NETS)
    tokens.read(text)
    clock.set(NOON - timedelta(minutes=2))
    with pytest.raises(InvalidToken, match="from the future"):
        tokens.read(text)


def test_one_that_is_remembered_ends_with_its_key(tokens: AccessTokens, folder: Path, clock: SetClock) -> None:
    ceremonies.rotate(folder, Purpose.ACCESS_TOKEN, NOON + SECOND)
    text = tokens.issue(NETS)
    tokens.read(text)
    clock.advance(2 * SECOND)
    tokens.read(text)
    ceremonies.retire(folder, Purpose.ACCESS_TOKEN, 1, clock.now())
    clock.advance(SECOND)  # a ring looks at its folder once a second
    with pytest.raises(InvalidToken, match="a key that is not ours"):
        tokens.read(text)


def test_no_more_are_remembered_than_so_many(
    tokens: AccessTokens, verified: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_tokens, "KEPT_MAX", 2)
    texts = [tokens.issue(NETS) for _ in range(3)]
    for text in texts:
        tokens.read(text)
    tokens.read(texts[2])
    tokens.read(texts[0])
    assert verified == [*texts, texts[0]]


@pytest.mark.parametrize("text", ["", "x", "\ud800", "a.b.c", "x" * 5000])
def test_what_is_no_token_is_none(tokens: AccessTokens, text: str) -> None:
    with pytest.raises(InvalidToken):
        tokens.read(text)
