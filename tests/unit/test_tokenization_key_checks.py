"""A key ring beside a database: its own, another's, an older copy, or one that knows more."""

import pytest

from tokenization.keys.checks import Comparison, Version, compare

J1, J2, T1, T2 = ("journal", 1), ("journal", 2), ("token", 1), ("token", 2)
OURS: dict[Version, bytes] = {J1: b"j1", T1: b"t1"}


def test_a_database_that_knows_nothing_takes_any_ring() -> None:
    assert compare({}, OURS) == Comparison(news=(J1, T1))


def test_its_own_ring_fits() -> None:
    assert compare(OURS, OURS) == Comparison()


@pytest.mark.parametrize("ring", [{J1: b"other", T1: b"t1"}, {J1: b"other", T1: b"another"}], ids=["one", "all"])
def test_a_known_version_with_another_key_is_foreign(ring: dict[Version, bytes | None]) -> None:
    compared = compare(OURS, ring)
    assert (compared.differing[0], compared.is_foreign) == (J1, True)


def test_a_ring_that_has_nothing_in_common_is_foreign() -> None:
    assert compare(OURS, {J1: None, J2: b"j2", T1: None, T2: b"t2"}).is_foreign


def test_a_version_that_is_not_known_yet_is_news() -> None:
    assert compare(OURS, OURS | {J2: b"j2"}) == Comparison(news=(J2,))


def test_an_older_copy_lacks_a_version_and_is_not_foreign() -> None:
    compared = compare(OURS | {J2: b"j2"}, OURS)
    assert (compared.lacking, compared.is_foreign) == ((J2,), False)


def test_a_key_that_was_forgotten_proves_nothing_and_is_not_lacking() -> None:
    assert compare(OURS, {J1: None, T1: b"t1"}) == Comparison()
