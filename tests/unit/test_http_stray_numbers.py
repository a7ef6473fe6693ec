"""A number of ours is recognised wherever it strays, and nothing else is taken for one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenization import numbers

BINS = ("920890", "920891")
NUMBER = "920890123456789" + numbers.luhn_digit("920890123456789")
SEPARATORS = (*"/,_x–😀\n\u200b\u2060\u00ad\u3000", " - ", "👩\u200d👩\u200d👧", "🇩🇰")


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
        NUMBER[:8] + "  " + NUMBER[8:],
        *(between.join(NUMBER[i : i + 4] for i in range(0, 16, 4)) for between in SEPARATORS),
        "".join(chr(0xFF10 + int(digit)) for digit in NUMBER),
        "".join(chr(0x0660 + int(digit)) for digit in NUMBER),
        "".join(chr(0x1D7CE + int(digit)) for digit in NUMBER),
        "".join("⓪①②③④⑤⑥⑦⑧⑨"[int(digit)] for digit in NUMBER),
        "".join(f"{digit}\ufe0f\u20e3" for digit in NUMBER),
        "".join(f"{digit}\u0336" for digit in NUMBER),
    ],
    ids=ascii,
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
        f"{NUMBER[:8]} and then {NUMBER[8:]}",
        f"{NUMBER[:8]}a{NUMBER[8:]}",  # as in an id
        "4111111111111111",
        "+45 12 34 56 78, +45 87 65 43 21",
        "2026-11-22 10:15:00, 2026-11-29 10:15:00",
        "DKK 9,208.90, DKK 1,234.56, DKK 78.00",
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
