"""Each ATC is used once, in whatever order payments arrive."""

from hypothesis import example, given
from hypothesis import strategies as st

from tokenization.cryptogram import WINDOW_BITS, AtcWindow

ATCS = st.lists(st.one_of(st.integers(1, 200), st.integers(1, 0xFFFF)), max_size=60)


@given(ATCS)
@example([1, 2, 1])
@example([100, 36, 35])
@example([5, 0xFFFF, 0xFFFF - 64, 0xFFFF - 65])
def test_the_window_does_what_a_set_of_used_atcs_would_do(atcs: list[int]) -> None:
    window, used = AtcWindow(0, 0), set[int]()
    for atc in atcs:
        fresh = atc not in used and atc >= max(used, default=0) - WINDOW_BITS
        after = window.use(atc)
        assert (after is not None) == fresh
        if after is not None:
            window = after
            used.add(atc)
            assert window.highest == max(used)
            assert 0 <= window.bitmap < 2**WINDOW_BITS


def test_an_atc_64_behind_is_in_time_and_one_more_is_not() -> None:
    window = AtcWindow(100, 0)
    assert window.use(36) is not None
    assert window.use(35) is None
