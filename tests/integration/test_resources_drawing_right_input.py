"""What a parent may write in a drawing right, and what not: the table of bad input, and of odd input that is good."""

from typing import Any, Final

import httpx
import pytest

from tests.integration.test_http_bad_input import Unchanged
from tests.policy.callers import headers_of
from tests.world import Phone, World
from wallet.api import BODY_BYTES_MAX

HOURS: Final = {"days": ["mon"], "from": "06:00", "to": "21:00"}
WHOLE = "null is no limit, 0 lets nothing through"
DATE = "must be a date, as 2027-06-30"
MANY = "must have at most"
COUNTRY = "must be a country's two capital letters of ISO 3166, as DK"
HOUR = "must be a time from 00:00 to 23:59"
UNKNOWN = "is not known here"


def named(name: str) -> dict[str, Any]:
    return {"delegate": {"name": name}}


def born(day: Any) -> dict[str, Any]:
    return {"delegate": {"name": "Emil", "birthdate": day}}


# What is written, the field that is named, and what is said of it.
REFUSED: Final[tuple[tuple[dict[str, Any], str, str], ...]] = (
    # Figures
    ({"limits": {"per_day": -1}}, "limits.per_day", WHOLE),
    ({"limits": {"per_day": 2**63}}, "limits.per_day", WHOLE),
    ({"limits": {"per_day": 1_000_000_000_000}}, "limits.per_day", WHOLE),
    ({"limits": {"per_day": 1.5}}, "limits.per_day", "a whole number"),
    ({"limits": {"per_day": 1.0}}, "limits.per_day", "a whole number"),
    ({"limits": {"per_day": "12"}}, "limits.per_day", "a whole number"),
    ({"limits": {"per_day": "１２"}}, "limits.per_day", "a whole number"),
    ({"limits": {"per_day": True}}, "limits.per_day", "a whole number"),
    ({"limits": {"payments_per_day": 10_001}}, "limits.payments_per_day", WHOLE),
    ({"limits": {"per_hour": 1}}, "limits.per_hour", UNKNOWN),
    ({"limits": {}}, "limits", "set at least one limit"),
    ({"limits": {"per_day": None}}, "limits", "set at least one limit"),
    ({"limits": None}, "limits", "must not be null"),
    ({"notify_above": -1}, "notify_above", "from 0"),
    ({"phones_allowed": 0}, "phones_allowed", "from 1"),
    ({"phones_allowed": 11}, "phones_allowed", "from 1 to 10"),
    # Who
    ({"delegate": {}}, "delegate.name", "is missing"),
    (named(""), "delegate.name", "1 to 80 characters"),
    (named("   "), "delegate.name", "blank"),
    (named("\u3000\u200b\u2060"), "delegate.name", "blank"),
    (named("x" * 81), "delegate.name", "1 to 80 characters"),
    (named("👩‍👧" * 27), "delegate.name", "1 to 80 characters"),
    (named("E\x00"), "delegate.name", "control characters"),
    (named("Emil\u202egnip.exe"), "delegate.name", "control characters"),
    (born("2026-11-23"), "delegate.birthdate", "in the future"),
    (born("1800-01-01"), "delegate.birthdate", "1900"),
    (born("0001-01-01"), "delegate.birthdate", "1900"),
    (born("2015-02-29"), "delegate.birthdate", DATE),
    (born("02-04-2015"), "delegate.birthdate", DATE),
    (born(2015), "delegate.birthdate", DATE),
    # Where
    ({"blocked_categories": ["fun"]}, "blocked_categories[0]", "must be one of adult, airlines"),
    ({"allowed_categories": ["games", "Groceries"]}, "allowed_categories[1]", "must be one of adult, airlines"),
    ({"allowed_categories": []}, "allowed_categories", "at least one"),
    ({"allowed_categories": ["groceries"] * 1_000}, "allowed_categories", MANY),
    ({"allowed_categories": "groceries"}, "allowed_categories", "must be a list"),
    ({"allowed_countries": ["dk"]}, "allowed_countries[0]", COUNTRY),
    ({"allowed_countries": ["DK", "XX"]}, "allowed_countries[1]", COUNTRY),
    ({"allowed_countries": ["DNK"]}, "allowed_countries[0]", COUNTRY),
    ({"allowed_countries": []}, "allowed_countries", "at least one"),
    ({"allowed_countries": ["XX"] * 10_000}, "allowed_countries", MANY),
    ({"allowed_merchants": []}, "allowed_merchants", "at least one"),
    ({"allowed_merchants": ["1"] * 10_000}, "allowed_merchants", MANY),
    ({"blocked_merchants": ["1"] * 10_000}, "blocked_merchants", MANY),
    ({"blocked_merchants": [""]}, "blocked_merchants[0]", "characters"),
    # When
    ({"hours": HOURS | {"days": []}}, "hours.days", "at least one of mon, tue"),
    ({"hours": HOURS | {"days": ["monday"]}}, "hours.days[0]", "one of mon, tue"),
    ({"hours": HOURS | {"days": ["mon"] * 1_000}}, "hours.days", MANY),
    ({"hours": HOURS | {"from": "24:00"}}, "hours.from", HOUR),
    ({"hours": HOURS | {"to": "6:00"}}, "hours.to", HOUR),
    ({"hours": HOURS | {"to": "06:60"}}, "hours.to", HOUR),
    ({"hours": {"days": ["mon"]}}, "hours.from", "is missing"),
    ({"valid_until": "2026-11-21"}, "valid_until", "today or later"),
    ({"valid_until": "2027-02-29"}, "valid_until", DATE),
    ({"valid_until": "tomorrow"}, "valid_until", DATE),
    ({"valid_from": "2027-02-02", "valid_until": "2027-02-01"}, "valid_until", "before valid_from"),
    # What else
    ({"allow_cash": 1}, "allow_cash", "true or false"),
    ({"allow_recurring": "true"}, "allow_recurring", "true or false"),
    ({"notify_grantor": "often"}, "notify_grantor", "one of all, declined, none"),
    ({"status": "active"}, "status", UNKNOWN),
    ({"delegate": {"name": "Emil", "cpr": "0101900000"}}, "delegate.cpr", UNKNOWN),
)
TAKEN: Final[dict[str, dict[str, Any]]] = {
    "zero, with which nothing may be spent": {"limits": {"per_day": 0, "payments_per_day": 0}},
    "the ceiling itself": {"limits": {"per_payment": 200_000, "per_month": 1_500_000, "payments_per_day": 20}},
    "the largest total, which has no ceiling": {"limits": {"total": 999_999_999_999}},
    "hours across midnight": {"hours": {"days": ["fri", "sat"], "from": "20:00", "to": "02:00"}},
    "around the clock from some hour": {"hours": {"days": ["sat"], "from": "06:00", "to": "06:00"}},
    "an empty list of what is blocked": {"blocked_categories": [], "blocked_merchants": []},
    "a last day that is today": {"valid_from": "2026-11-22", "valid_until": "2026-11-22"},
    "a first day that has passed": {"valid_from": "2020-02-29"},
    "the last day of all": {"valid_until": "9999-12-31"},
    "born today": born("2026-11-22"),
    "born on a leap day": born("2008-02-29"),
    "no longer a child": born("1900-01-01"),
    "a name of eighty characters": named("x" * 80),
    "a name in Arabic": named("إميل وليد"),
    "a name in Japanese": named("エミル"),
    "a name in Devanagari, with joined letters": named("क्षत्रिय"),
    "a name in Yiddish": named("עמיל"),
    "a name of symbols": named("🦖👩‍👧‍👦🏳️‍🌈"),
    "a name with marks apart from their letters": named("Zoe\u0308 A\u030a"),
    "a name with the same marks on their letters": named("Zo\u00eb \u00c5"),
    "a name that would be markup": named("<b onclick=\"x('y')\">Emil</b> & {{7*7}} %s \\ '; --"),
    "a name between blanks": named(" Emil "),
}


@pytest.fixture
def parent(world: World) -> Phone:
    return world.phone().step_up("right")


def place(parent: Phone) -> str:
    return f"/v1/cards/{parent.world.person('anna')['card_id']}/drawing-rights"


def give(parent: Phone, **changes: Any) -> httpx.Response:
    body = {"delegate": {"name": "Emil"}, "limits": {"per_payment": 20_000}} | changes
    return parent.request("POST", place(parent), body)


def said(answer: httpx.Response) -> dict[str, str]:
    """What is said of each field."""
    return {error["field"]: error["message"] for error in answer.json()["errors"]}


def test_what_makes_no_sense_is_refused_by_its_name_and_changes_nothing(world: World, parent: Phone) -> None:
    right = give(parent).json()
    unchanged = Unchanged(world)
    for changes, field, words in REFUSED:
        answer = give(parent, **changes)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), changes
        assert words in said(answer).get(field, ""), (changes, said(answer))
        assert len(answer.content) < 2_000, changes
        if changes not in ({"limits": {}}, {"limits": {"per_day": None}}, {"delegate": {}}):  # these change nothing
            again = parent.request("PATCH", f"/v1/drawing-rights/{right['id']}", changes)
            assert (again.status_code, said(again)) == (422, said(answer)), changes
    assert unchanged.holds()


@pytest.mark.parametrize("body", [b'{"per_day": 1e400}', b'{"per_day": NaN}', b'{"per_day": 1, "per_day": 2}'])
def test_a_figure_that_is_no_json_is_refused_before_it_is_read(world: World, parent: Phone, body: bytes) -> None:
    sent = b'{"delegate": {"name": "Emil"}, "limits": ' + body + b"}"
    headers = headers_of(parent, "POST", place(parent)) | {"Content-Type": "application/json"}
    assert world.http.post(place(parent), content=sent, headers=headers).status_code == 400


def test_a_list_without_end_is_too_large(parent: Phone) -> None:
    answer = give(parent, allowed_merchants=["DK-1234567"] * 10_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    assert len(answer.request.content) > BODY_BYTES_MAX


def test_what_is_odd_and_makes_sense_is_kept_exactly(parent: Phone) -> None:
    for what, changes in TAKEN.items():
        made = give(parent, **changes)
        assert made.status_code == 201, (what, made.text)
        seen = parent.request("GET", f"/v1/drawing-rights/{made.json()['id']}").json()
        for name, value in changes.items():
            expected = seen[name] | value if isinstance(value, dict) else value
            assert seen[name] == expected, what


def test_what_stands_twice_in_a_list_counts_once(parent: Phone) -> None:
    lists = {"blocked_categories": ["games", "cash", "games"], "allowed_countries": ["SE", "DK", "SE"]}
    right = give(parent, **lists, hours=HOURS | {"days": ["tue", "mon", "tue"]}).json()
    assert (right["blocked_categories"], right["allowed_countries"]) == (["games", "cash"], ["SE", "DK"])
    assert right["hours"]["days"] == ["tue", "mon"]


def test_each_limit_above_the_ceiling_is_named_with_how_high_it_may_be(parent: Phone) -> None:
    limits = {"per_payment": 200_001, "per_day": 300_000, "per_month": 1_500_001, "payments_per_day": 21}
    right = give(parent).json()
    for answer in (
        give(parent, limits=limits),
        parent.request("PATCH", f"/v1/drawing-rights/{right['id']}", {"limits": limits}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "exceeds-scheme-ceiling")
        assert said(answer) == {
            "limits.per_payment": "is above the scheme's ceiling of 200000",
            "limits.per_month": "is above the scheme's ceiling of 1500000",
            "limits.payments_per_day": "is above the scheme's ceiling of 20",
        }


def test_a_limit_per_day_may_be_above_the_one_per_month_and_the_tighter_counts(world: World, parent: Phone) -> None:
    right = give(parent, limits={"per_day": 50_000, "per_month": 10_000}).json()
    token, shop = world.child(right["id"]).token(right_id=right["id"]), world.shop()
    refused = shop.tap(token, 10_001)
    assert (refused["reason"], refused["limit"]["name"], refused["limit"]["limit"]) == (
        *("amount_limit", "per_month"),
        10_000,
    )
    assert shop.tap(token, 10_000)["approved"]


def test_zero_lets_nothing_through_and_null_all_that_the_ceiling_lets(world: World, parent: Phone) -> None:
    shop, right = world.shop(), give(parent, limits={"per_day": 0}).json()
    used = {"limit": 0, "spent": 0, "remaining": 0, "of": "drawing_right"}
    assert {name: right["usage"]["per_day"][name] for name in used} == used
    assert set(right["usage"]) == {"per_payment", "per_day", "per_week", "per_month", "payments_per_day"}
    assert {right["usage"][name]["of"] for name in set(right["usage"]) - {"per_day"}} == {"ceiling"}
    token = world.child(right["id"]).token(right_id=right["id"])
    assert shop.tap(token, 1)["limit"] == {"name": "per_day", "limit": 0, "spent": 0, "of": "drawing_right"}
    path, more = f"/v1/drawing-rights/{right['id']}", {"limits": {"per_day": None, "per_week": 300_000}}
    assert parent.request("PATCH", path, more).json()["usage"]["per_day"]["of"] == "ceiling"
    assert shop.tap(token, 30_000)["approved"]
