import iso18245
import pytest

from delegation.categories import CATEGORIES, GAMBLING, OTHER, categories_at, categories_of, described

EVERY_CODE = {mcc.mcc for mcc in iso18245.get_all_mccs()}
# Used between banks, and in no list of the standard's: loads of stored value, transfers, purchases of value.
OF_THE_SCHEMES = {"6529", "6530", "6531", "6534", "6535", "6539"}


@pytest.mark.parametrize(
    ("mcc", "expected"),
    [
        ("5411", {"groceries"}),
        ("5813", {"restaurants", "alcohol_and_tobacco"}),
        ("5816", {"games", "digital_goods"}),
        ("6011", {"cash"}),
        ("6051", {"money_transfers"}),
        ("6012", {"money_transfers"}),
        ("6211", {"money_transfers"}),
        ("6529", {"money_transfers"}),
        ("6530", {"money_transfers"}),
        ("6531", {"money_transfers"}),
        ("6534", {"money_transfers"}),
        ("6535", {"money_transfers"}),
        ("6539", {"money_transfers"}),
        ("7511", {"money_transfers"}),
        ("7995", {"gambling"}),
        ("9406", {"gambling"}),
        ("4111", {"transport"}),
        ("5542", {"fuel"}),
        ("7011", {"hotels"}),
        ("3655", {"hotels"}),
        ("3501", {"hotels"}),
        ("3999", {"hotels"}),
        ("3500", {"car_hire"}),
        ("3351", {"car_hire"}),
        ("3350", {"airlines"}),
        ("3016", {"airlines"}),
        ("0742", {"pets"}),
        ("1520", {"other"}),
        ("0000", {"other"}),
        ("abcd", {"other"}),
    ],
)
def test_a_merchant_category_code_has_its_groups(mcc: str, expected: set[str]) -> None:
    assert categories_of(mcc) == expected


def test_every_code_of_a_group_stands_in_the_standard_or_is_one_of_a_few_of_the_schemes() -> None:
    grouped = {code for code in (f"{number:04}" for number in range(10_000)) if categories_of(code) != {"other"}}
    assert {code for code in grouped if not "3000" <= code <= "3999"} - EVERY_CODE == OF_THE_SCHEMES


@pytest.mark.parametrize(
    ("word", "category"), [("AIRLINES", "airlines"), ("RENT-A-CAR", "car_hire"), ("HOTEL", "hotels")]
)
def test_the_codes_of_single_companies_are_grouped_by_their_trade(word: str, category: str) -> None:
    companies = [
        mcc.mcc for mcc in iso18245.get_all_mccs() if "3000" <= mcc.mcc <= "3999" and word in mcc.visa_description
    ]
    assert len(companies) > 10
    assert all(categories_of(code) == {category} for code in companies)


def test_every_category_has_a_code() -> None:
    assert set().union(*(categories_of(code) for code in EVERY_CODE)) == CATEGORIES


def test_a_code_that_is_in_no_list_counts_as_gambling_and_no_code_of_the_standards_does_so_by_mistake() -> None:
    every = {f"{number:04}" for number in range(10_000)}
    unknown = {mcc for mcc in every if categories_at(mcc, "purchase") == {OTHER, GAMBLING}}
    assert unknown == {mcc for mcc in every - EVERY_CODE if categories_of(mcc) == {OTHER}}
    assert all(categories_at(mcc, "purchase") == categories_of(mcc) for mcc in every - unknown)
    assert {"0000", "9999"} <= unknown
    assert categories_at("0000", "cash") == {OTHER, GAMBLING, "cash"}


def test_the_groups_that_a_parent_asks_for_are_there() -> None:
    wanted = "groceries transport restaurants clothing games gambling alcohol_and_tobacco cash digital_goods"
    assert set(wanted.split()) < CATEGORIES


def test_every_category_is_described_once_in_both_languages_and_the_rest_comes_last() -> None:
    shown = described()
    assert [group.name for group in shown] == [*sorted(CATEGORIES - {OTHER}), OTHER]
    for language in ("en", "da"):
        assert len({getattr(group, language) for group in shown} - {""}) == len(shown)


def test_the_codes_that_are_described_are_those_that_count() -> None:
    for group in described():
        ends = [end for part in group.codes.split() for end in part.split("-")]
        assert all(group.name in categories_of(end) for end in ends)
        assert ends == sorted(ends)
