"""Card and token numbers (ISO/IEC 7812-1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenization import numbers

DIGITS = st.text("0123456789", min_size=11, max_size=18)


@pytest.mark.parametrize("number", ["4111111111111111", "5555555555554444", "378282246310005", "79927398713"])
def test_the_check_digit_of_known_numbers(number: str) -> None:
    assert numbers.luhn_digit(number[:-1]) == number[-1]


@given(DIGITS)
def test_a_body_with_its_check_digit_is_a_number_and_with_another_is_not(body: str) -> None:
    right = numbers.luhn_digit(body)
    assert [digit for digit in "0123456789" if numbers.is_number(body + digit)] == [right]


@given(DIGITS, st.data())
def test_one_wrong_digit_is_always_noticed(body: str, data: st.DataObject) -> None:
    number = body + numbers.luhn_digit(body)
    place = data.draw(st.integers(0, len(number) - 1))
    other = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != number[place]]))
    assert not numbers.is_number(number[:place] + other + number[place + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4111111111111112",
        "41111111111111",  # a digit is missing
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "４１１１１１１１１１１１１１１１",
        "411111111111111²",
        "4111111111111111\n",
        " 4111111111111111",
        "00000000000",  # 11 digits
        "0" * 20,
    ],
)
def test_what_is_no_number(text: str) -> None:
    assert not numbers.is_number(text)


def test_random_numbers_are_of_their_bin_and_check() -> None:
    made = {numbers.random_number("920891").reveal() for _ in range(200)}
    assert len(made) == 200
    assert all(number.startswith("920891") and len(number) == 16 and numbers.is_number(number) for number in made)


@given(st.text("0123456789", max_size=20))
def test_the_luhn_digit_is_that_of_the_standard(body: str) -> None:
    doubled = [2 * int(digit) if place % 2 == 0 else int(digit) for place, digit in enumerate(reversed(body))]
    total = sum(sum(map(int, str(each))) for each in doubled)
    assert (total + int(numbers.luhn_digit(body))) % 10 == 0
