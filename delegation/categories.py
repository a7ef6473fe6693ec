"""Named groups of merchant category codes (ISO 18245), as drawing rights name them and R-2.6, R-2.7, R-3.1a need.

A code may stand in several groups; one that stands in none is `other`. So every payment has a category.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

CASH: Final = "cash"
MONEY_TRANSFERS: Final = "money_transfers"
GAMBLING: Final = "gambling"
HOTELS: Final = "hotels"
CAR_HIRE: Final = "car_hire"
FUEL: Final = "fuel"
OTHER: Final = "other"


@dataclass(frozen=True, slots=True)
class Category:
    """A group: what the API calls it, what people read, and its codes.

    `codes` has ranges, too: those that the standard sets aside for airlines, car hire and hotels by company.
    """

    name: str
    en: str
    da: str
    codes: str = ""


_GROUPS: Final = (
    Category("adult", "Adult content and dating", "Erotik og dating", "5967 7273"),
    Category("airlines", "Flights", "Flyrejser", "3000-3350 4511"),
    Category("alcohol_and_tobacco", "Alcohol and tobacco", "Alkohol og tobak", "5715 5813 5921 5993"),
    Category("beauty", "Beauty and hairdressers", "Skønhed og frisør", "5977 7230 7297 7298"),
    Category("books_and_media", "Books, papers and music", "Bøger, blade og musik", "5192 5735 5942 5994"),
    Category(CAR_HIRE, "Car hire", "Biludlejning", "3351-3500 7512 7513 7519"),
    Category(CASH, "Cash", "Kontanter", "6010 6011"),
    Category(
        "clothing",
        "Clothes and shoes",
        "Tøj og sko",
        "5137 5139 5611 5621 5631 5641 5651 5655 5661 5681 5691 5697 5698 5699 5948 7251 7296",
    ),
    Category(
        "department_stores",
        "Department stores and marketplaces",
        "Varehuse og markedspladser",
        "5262 5300 5309 5310 5311 5331 5399",
    ),
    Category("digital_goods", "Apps and digital goods", "Apps og digitale varer", "5815 5816 5817 5818"),
    Category("education", "School and child care", "Skole og pasning", "5943 8211 8220 8241 8244 8249 8299 8351"),
    Category("electronics", "Electronics", "Elektronik", "4812 5045 5065 5722 5732 5734 5946 7622"),
    Category(
        "entertainment",
        "Cinema, theatre and outings",
        "Biograf, teater og udflugter",
        "7829 7832 7841 7911 7922 7929 7932 7933 7991 7996 7998 7999",
    ),
    Category(FUEL, "Fuel and charging", "Brændstof og opladning", "5541 5542 5552"),
    Category(GAMBLING, "Gambling", "Spil om penge", "7800 7801 7802 7995 9406"),
    Category("games", "Games", "Spil", "5816 5945 7993 7994"),
    Category("groceries", "Groceries", "Dagligvarer", "5411 5422 5441 5451 5462 5499"),
    Category(
        "health",
        "Health and pharmacies",
        "Sundhed og apotek",
        "4119 5122 5912 5975 5976 7280 8011 8021 8031 8041 8042 8043 8044 8049 8050 8062 8071 8099",
    ),
    Category("home", "Home and garden", "Hus og have", "5200 5211 5231 5251 5261 5712 5713 5714 5718 5719 5722"),
    Category(HOTELS, "Hotels", "Hoteller", "3501-3999 7011"),
    # As good as money: wires, quasi-cash (crypto-assets too), securities, loads of stored value, transfers of banks.
    # Some are the schemes' own; docs/drawing-rights.md says where each one stands.
    Category(
        MONEY_TRANSFERS,
        "Money transfers, investments and crypto-assets",
        "Pengeoverførsler, investering og kryptoaktiver",
        "4829 6012 6050 6051 6211 6529 6530 6531 6532 6533 6534 6535 6536 6537 6538 6539 6540 7511",
    ),
    Category("pets", "Pets and vets", "Kæledyr og dyrlæge", "0742 5995"),
    Category("restaurants", "Restaurants and cafés", "Restauranter og caféer", "5811 5812 5813 5814"),
    Category("sports", "Sports", "Sport", "5655 5940 5941 7941 7992 7997"),
    Category("telecommunication", "Phone and internet", "Telefon og internet", "4812 4813 4814 4815 4816 4821 4899"),
    Category("toys_and_hobbies", "Toys and hobbies", "Legetøj og hobby", "5733 5945 5947 5949 5970 5972"),
    Category(
        "transport",
        "Transport and parking",
        "Transport og parkering",
        "4011 4111 4112 4121 4131 4784 4789 7523",
    ),
    Category("travel", "Travel", "Rejser", "4411 4582 4722 4723 4733 7012 7032 7033"),
)
_REST: Final = Category(OTHER, "Everything else", "Alt andet")

# The standard's codes that stand in no group. What is neither here nor there, nobody knows.
_UNGROUPED: Final = (
    "0743 0744 0763 0780 1520 1711 1731 1740 1750 1761 1771 1799 2741 2791 2842 4214 4215 4225 4457 4468 4900 5013 "
    "5021 5039 5044 5046 5047 5051 5072 5074 5085 5094 5099 5111 5131 5169 5172 5193 5198 5199 5271 5511 5521 5531 "
    "5532 5533 5551 5561 5571 5592 5598 5599 5832 5931 5932 5933 5935 5937 5944 5950 5960 5961 5962 5963 5964 5965 "
    "5966 5968 5969 5971 5973 5978 5983 5992 5996 5997 5998 5999 6300 6381 6399 6513 7013 7210 7211 7216 7217 7221 "
    "7261 7276 7277 7278 7295 7299 7311 7321 7322 7332 7333 7338 7339 7342 7349 7361 7372 7375 7379 7392 7393 7394 "
    "7395 7399 7531 7534 7535 7538 7542 7549 7623 7629 7631 7641 7692 7699 8111 8398 8641 8651 8661 8675 8699 8734 "
    "8911 8912 8931 8999 9211 9222 9223 9311 9399 9400 9402 9405 9700 9701 9702 9950"
)

CATEGORIES: Final = frozenset(group.name for group in (*_GROUPS, _REST))


def described() -> tuple[Category, ...]:
    """Every category by its name; `other` is the last."""
    return (*_GROUPS, _REST)


def _expand(codes: str) -> Iterable[str]:
    for part in codes.split():
        first, _, last = part.partition("-")
        yield from (f"{code:04}" for code in range(int(first), int(last or first) + 1))


def _by_code() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for group in _GROUPS:
        for code in _expand(group.codes):
            found.setdefault(code, set()).add(group.name)
    return {code: frozenset(names) for code, names in found.items()}


_BY_CODE: Final = _by_code()
_OTHER_ONLY: Final = frozenset({OTHER})
_UNKNOWN: Final = frozenset({OTHER, GAMBLING})
_KNOWN: Final = _BY_CODE.keys() | set(_expand(_UNGROUPED))


def categories_of(mcc: str) -> frozenset[str]:
    """The names of the groups that a four-digit merchant category code stands in; never empty."""
    return _BY_CODE.get(mcc, _OTHER_ONLY)


def categories_at(mcc: str, kind: str) -> frozenset[str]:
    """The categories of a payment: those of its merchant; a cash withdrawal is `cash` wherever it is made.

    A code that nobody knows may mean gambling, and counts as that besides: a shop whose code is new can be paid, and no
    limit is got around by a code that is made up (R-2.6).
    """
    found = categories_of(mcc) if mcc in _KNOWN else _UNKNOWN
    return found | {CASH} if kind == "cash" else found


def counted_as(mcc: str, kind: str) -> list[str]:
    """Which of cash (R-2.7) and gambling (R-2.6) a new payment counts as. It is kept with the payment: what is given
    back of it later is given back as that, whatever these tables say by then.
    """
    return sorted(categories_at(mcc, kind) & {CASH, GAMBLING})
