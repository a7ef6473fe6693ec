"""Named groups of merchant category codes (ISO 18245), as drawing rights name them and R-2.6, R-2.7, R-3.1a need.

A code may stand in several groups; one that stands in none is `other`. So every payment has a category.
"""

from collections.abc import Iterable
from typing import Final

CASH: Final = "cash"
MONEY_TRANSFERS: Final = "money_transfers"
GAMBLING: Final = "gambling"
HOTELS: Final = "hotels"
CAR_HIRE: Final = "car_hire"
FUEL: Final = "fuel"
OTHER: Final = "other"

# Codes, and ranges of codes that the standard sets aside for airlines, car hire and hotels by company.
_CODES: Final = {
    "airlines": "3000-3350 4511",
    "adult": "5967 7273",
    "alcohol_and_tobacco": "5715 5813 5921 5993",
    "beauty": "5977 7230 7297 7298",
    "books_and_media": "5192 5735 5942 5994",
    CAR_HIRE: "3351-3500 7512 7513 7519",
    CASH: "6010 6011",
    "clothing": "5137 5139 5611 5621 5631 5641 5651 5655 5661 5681 5691 5697 5698 5699 5948 7251 7296",
    "department_stores": "5262 5300 5309 5310 5311 5331 5399",
    "digital_goods": "5815 5816 5817 5818",
    "education": "5943 8211 8220 8241 8244 8249 8299 8351",
    "electronics": "4812 5045 5065 5722 5732 5734 5946 7622",
    "entertainment": "7829 7832 7841 7911 7922 7929 7932 7933 7991 7996 7998 7999",
    FUEL: "5541 5542 5552",
    GAMBLING: "7800 7801 7802 7995 9406",
    "games": "5816 5945 7993 7994",
    "groceries": "5411 5422 5441 5451 5462 5499",
    "health": "4119 5122 5912 5975 5976 7280 8011 8021 8031 8041 8042 8043 8044 8049 8050 8062 8071 8099",
    "home": "5200 5211 5231 5251 5261 5712 5713 5714 5718 5719 5722",
    HOTELS: "3501-3999 7011",
    # As good as money: wires, quasi-cash (also crypto-assets), loading of prepaid cards.
    MONEY_TRANSFERS: "4829 6050 6051 6532 6533 6536 6537 6538 6540",
    "pets": "0742 5995",
    "restaurants": "5811 5812 5813 5814",
    "sports": "5655 5940 5941 7941 7992 7997",
    "telecommunication": "4812 4813 4814 4815 4816 4821 4899",
    "toys_and_hobbies": "5733 5945 5947 5949 5970 5972",
    "transport": "4011 4111 4112 4121 4131 4784 4789 7523",
    "travel": "4411 4582 4722 4723 4733 7012 7032 7033",
}

CATEGORIES: Final = frozenset({*_CODES, OTHER})


def _expand(codes: str) -> Iterable[str]:
    for part in codes.split():
        first, _, last = part.partition("-")
        yield from (f"{code:04}" for code in range(int(first), int(last or first) + 1))


def _by_code() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for category, codes in _CODES.items():
        for code in _expand(codes):
            found.setdefault(code, set()).add(category)
    return {code: frozenset(categories) for code, categories in found.items()}


_BY_CODE: Final = _by_code()
_OTHER_ONLY: Final = frozenset({OTHER})


def categories_of(mcc: str) -> frozenset[str]:
    """The names of the groups that a four-digit merchant category code stands in; never empty."""
    return _BY_CODE.get(mcc, _OTHER_ONLY)


def unknown(names: Iterable[str]) -> list[str]:
    """Those of the names that are no category, in order."""
    return [name for name in names if name not in CATEGORIES]
