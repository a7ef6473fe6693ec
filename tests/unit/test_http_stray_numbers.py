"""A number of ours is recognised wherever it strays, and nothing else is taken for one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenization import numbers

BINS = ("920890", "920891")
NUMBER = "920890123456789" + numbers.luhn_digit("920890123456789")


@pytest.mark.parametrize(
    "text",
    [
        NUMBER,
        f"card {NUMBER}, please",
        " ".join(NUMBER[i : i + 4] for i in range(0, 16, 4)),
        "-".join(NUMBER[i : i + 4] for i in range(0, 16, 4)),
        ".".join(NUMBER),
        f"acq-{NUMBER}-1",
        f"x{NUMBER}y",
        f"1{NUMBER}",
        f"920890{NUMBER}",
        f"{NUMBER}{NUMBER}",
        f"92089{NUMBER[:1]}\n{NUMBER}",
    ],
)
def test_a_number_of_ours_is_recognised(text: str) -> None:
    assert numbers.stands_in(text, BINS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "920890",
        NUMBER[:-1],
        NUMBER[:-1] + str((int(NUMBER[-1]) + 1) % 10),
        NUMBER[:8] + "  " + NUMBER[8:],
        "4111111111111111",
        "DK-123",
        "192.168.100.200",
        "01a20139-65b3-753d-9e4c-471126dd9efc",
        "acq-7f3a",
    ],
)
def test_nothing_else_is_taken_for_one(text: str) -> None:
    assert not numbers.stands_in(text, BINS)


@given(before=st.text(max_size=20), after=st.text(max_size=20), bin_=st.sampled_from(BINS))
@settings(deadline=None, derandomize=True)
def test_whatever_stands_around_it(before: str, after: str, bin_: str) -> None:
    number = numbers.random_number(bin_).reveal()
    assert numbers.stands_in(f"{before}{number}{after}", BINS)
