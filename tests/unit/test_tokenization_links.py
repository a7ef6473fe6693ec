"""Links of the journal: canonical as RFC 8785 has it, whichever way they are made."""

import hmac
import json
from datetime import UTC, datetime
from hashlib import sha256
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenization.events import rfc3339
from tokenization.journal import links
from tokenization.secret import Key

KEY = Key(bytes(range(32)))
# What PostgreSQL keeps: no zero byte, no half of a pair.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
whole = st.integers(-(2**53) + 1, 2**53 - 1)
values = st.recursive(
    st.none() | st.booleans() | whole | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=30)
@given(
    owner=st.uuids(), seq=st.integers(1, 2**53 - 1), type_=texts, actor=texts, at=st.datetimes(timezones=st.just(UTC))
)
def test_a_link_is_made_of_canonical_json(owner: UUID, seq: int, type_: str, actor: str, at: datetime) -> None:
    event_id, digest = UUID(int=7), bytes(32)
    entry = SimpleNamespace(seq=seq, event_id=event_id, type=type_, at=at, actor=actor, key_version=3, digest=digest)
    about = rfc8785.dumps([str(owner), seq, str(event_id), type_, rfc3339(at), actor, 3])
    wanted = hmac.digest(KEY.reveal(), links.FIRST_LINK + about + digest, sha256)
    assert links.link(KEY, links.FIRST_LINK, owner, entry) == wanted
    wanted = hmac.digest(KEY.reveal(), rfc8785.dumps(["head", str(owner), seq]) + digest, sha256)
    assert links.seal(KEY, owner, seq, digest) == wanted


@settings(max_examples=30)
@given(payload=st.dictionaries(texts, values, max_size=4))
def test_a_digest_is_known_again_in_whatever_way_the_database_writes_the_payload(payload: dict[str, Any]) -> None:
    digest = links.digest(b"salt", payload)
    assert links.is_digest(digest, b"salt", json.dumps(payload, indent=1))
    assert not links.is_digest(digest, b"pepper", json.dumps(payload))
    assert not links.is_digest(digest, b"salt", json.dumps(payload | {"amount of it": 1}))


@pytest.mark.parametrize(
    "text", ["{", "[" * 100_000, '{"a": 1e400}', '{"a": 1152921504606846976}', '{"a": %s}' % ("9" * 5_000), '"\\ud800"']
)
def test_what_cannot_have_been_written_is_no_surprise(text: str) -> None:
    assert not links.is_digest(bytes(32), b"salt", text)
