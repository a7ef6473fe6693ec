import pytest

from tokenization import phone_numbers
from tokenization.errors import Invalid
from tokenization.secret import Secret


@pytest.mark.parametrize(
    "number",
    ["+4520123456", "+4512345678", "+4500000001", "+4711223344", "+358401234567", "+12025550123", "+491511234567"],
)
def test_a_number_that_is_possible_passes_though_nobody_may_have_it_yet(number: str) -> None:
    assert phone_numbers.objection(number) is None


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("20123456", "country code first"),
        ("+45 20 12 34 56", "country code first"),
        ("+45２０１２３４５６", "country code first"),
        ("+4520123456\n", "country code first"),
        ("+45201234a6", "country code first"),
        ("+0045201234", "country code first"),
        ("+999123456", "no country has"),
        ("+452012345", "too short"),
        ("+45201234567", "too long"),
        ("+4407911123456", "only within the country"),
        ("+4590123456", "premium-rate"),
        ("+4580123456", "freephone"),
        ("+33899123456", "premium-rate"),
        ("+80012345678", "freephone"),
    ],
)
def test_what_no_sms_can_ever_reach_is_refused_and_not_repeated(number: str, said: str) -> None:
    with pytest.raises(Invalid, match=said) as refused:
        phone_numbers.check(number, "mobile")
    assert number not in str(refused.value)
    assert refused.value.field == "mobile"


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+4520123456", "+45 ****** 56"),
        ("+358401234567", "+358 ****** 67"),
        ("+12025550123", "+1 ****** 23"),
        ("+9991234567", "+99 ****** 67"),
    ],
)
def test_a_mask_shows_the_country_and_the_last_two_digits(number: str, shown: str) -> None:
    assert phone_numbers.masked(Secret(number)) == shown
