"""What of a drawing right is shown, and to whom: why nothing can be paid, the phones, the payments and what is left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, text
from sqlalchemy.orm import Session

from delegation import categories
from mobile_mock.phone_token import PhoneToken
from mobile_mock.shop import Merchant
from tests.conftest import Peopled
from tests.world import NETTO, Phone, World
from tokenization import ids
from wallet.payments.models import Payment
from wallet.schemas.drawing_rights import CAUSES

Right = dict[str, Any]
HOTEL = Merchant("DK-9", "Strandhotellet", "7011")


def see(phone: Phone, right: Right) -> Right:
    seen: Right = phone.request("GET", f"/v1/drawing-rights/{right['id']}").json()
    return seen


def payments(phone: Phone, right: Right) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = phone.request("GET", f"/v1/drawing-rights/{right['id']}/payments").json()["data"]
    return listed


def of_anna(world: World, what: str) -> str:
    return f"/v1/issuer/cards/{world.person('anna')['card_id']}/{what}"


def close(world: World, _: Right) -> None:
    world.machine("issuer").request("POST", of_anna(world, "close"))


def block(world: World, _: Right) -> None:
    world.machine("issuer").request("POST", of_anna(world, "block"), {"reason": "stolen"})


def let_the_card_expire(world: World, _: Right) -> None:
    world.clock.advance(timedelta(days=3_000))


def doing(method: str, what: str, body: Any = None) -> Callable[[World, Right], None]:
    """The grantor's own doing."""

    def do(world: World, right: Right) -> None:
        done = world.phone().step_up("right").request(method, f"/v1/drawing-rights/{right['id']}{what}", body)
        assert done.status_code == 200, done.text

    return do


def let_it_expire(world: World, right: Right) -> None:
    doing("PATCH", "", {"valid_from": None, "valid_until": "2026-11-22"})(world, right)
    world.clock.advance(timedelta(days=1))


# In the order in which they are told, and how each comes about.
COMES_ABOUT: dict[str, Callable[[World, Right], None]] = {
    "drawing_right_not_begun": doing("PATCH", "", {"valid_from": "2027-01-01"}),
    "drawing_right_unpaired": doing("POST", "/unpair"),
    "drawing_right_paused": doing("POST", "/pause"),
    "drawing_right_expired": let_it_expire,
    "drawing_right_revoked": doing("DELETE", ""),
    "card_expired": let_the_card_expire,
    "card_blocked": block,
    "card_closed": close,
}


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """What is asked of the database within."""
    asked: list[str] = []

    def note(_: Any, __: Any, statement: str, *more: Any) -> None:
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield asked
    event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def parent(world: World) -> Phone:
    return world.phone()


@pytest.fixture
def right(world: World, parent: Phone) -> Right:
    return world.grant(parent, delegate={"name": "Emil", "birthdate": "2015-04-02"}, limits={"per_day": 50_000})


@pytest.fixture
def child(world: World, right: Right) -> Phone:
    return world.child(right["id"])


@pytest.fixture
def token(child: Phone, right: Right) -> PhoneToken:
    return child.token(right_id=right["id"])


def test_why_nothing_can_be_paid_is_the_first_cause_that_holds(world: World, right: Right) -> None:
    """Each is worse than those before it, and stands before them."""
    told = [see(world.phone(), right)["because"]]
    world.child(right["id"])
    told.append(see(world.phone(), right)["because"])
    for come_about in COMES_ABOUT.values():
        come_about(world, right)
        told.append(see(world.phone(), right)["because"])
    assert told == ["drawing_right_invited", None, *COMES_ABOUT]
    assert {*COMES_ABOUT, "drawing_right_invited"} == set(CAUSES)


def test_a_child_is_told_that_the_card_is_blocked_and_not_why(world: World, right: Right, child: Phone) -> None:
    block(world, right)
    seen = child.request("GET", f"/v1/drawing-rights/{right['id']}")
    assert (seen.json()["because"], seen.json()["status"]) == ("card_blocked", "active")
    assert "stolen" not in seen.text


def test_the_invitation_lapses_until_a_phone_is_let_in(world: World, parent: Phone, right: Right) -> None:
    assert right["invitation_lapses_at"] == "2026-12-22T10:15:00Z"
    paused = parent.request("POST", f"/v1/drawing-rights/{right['id']}/pause").json()
    assert paused["invitation_lapses_at"] == right["invitation_lapses_at"]
    parent.request("POST", f"/v1/drawing-rights/{right['id']}/resume")
    world.child(right["id"])
    assert see(parent, right)["invitation_lapses_at"] is None


def test_the_day_on_which_a_child_comes_of_age_is_shown(world: World, parent: Phone, right: Right) -> None:
    assert (right["comes_of_age_on"], right["ends_when_of_age"]) == ("2033-04-02", True)
    born = {"leap": "2012-02-29", "today": "2008-11-22", "tomorrow": "2008-11-23", "unknown": None}
    shown = {who: world.grant(parent, delegate={"name": who, "birthdate": day}) for who, day in born.items()}
    assert {who: each["comes_of_age_on"] for who, each in shown.items()} == {
        "leap": "2030-03-01",
        "today": None,
        "tomorrow": "2026-11-23",
        "unknown": None,
    }


def test_the_phones_that_were_let_in_are_the_parents_to_see(world: World, parent: Phone, right: Right) -> None:
    first, second = world.child(right["id"]), world.child(right["id"])
    phones = see(parent, right)["phones"]
    assert [(phone["name"], phone["paired_at"]) for phone in phones] == [("Emil's phone", "2026-11-22T10:15:00Z")] * 2
    assert all(phone["id"].startswith("pair_") for phone in phones)
    assert [see(child, right)["phones"] for child in (first, second)] == [None, None]
    parent.request("POST", f"/v1/drawing-rights/{right['id']}/unpair")
    assert see(parent, right)["phones"] == []


def test_how_the_parent_is_told_is_the_parents_to_see(parent: Phone, right: Right, child: Phone) -> None:
    parent.request("PATCH", f"/v1/drawing-rights/{right['id']}", {"notify_grantor": "declined", "notify_above": 10_000})
    for phone, shown in ((parent, ["declined", 10_000, True]), (child, [None] * 3)):
        [listed] = phone.request("GET", "/v1/drawing-rights").json()["data"]
        assert listed == see(phone, right)
        assert [listed[name] for name in ("notify_grantor", "notify_above", "weekly_summary")] == shown


def test_a_child_is_told_who_holds_its_card_back_and_the_reason_of_its_own_side_alone(
    world: World, parent: Phone, right: Right, child: Phone
) -> None:
    token, said = child.active(right_id=right["id"]), []
    for by, reason in (("issuer", "fraud"), ("provider", "rooted phone"), ("own", "other")):
        caller = child if by == "own" else world.machine(by)
        path = "/v1/tokens" if by == "own" else f"/v1/{by}/tokens"
        assert caller.request("POST", f"{path}/{token['id']}/suspend", {"reason": reason}).status_code == 200
    for phone in (parent, child):
        seen = phone.request("GET", f"/v1/tokens/{token['id']}").json()["suspensions"]
        assert {each["at"] for each in seen} == {"2026-11-22T10:15:00Z"}
        said.append({each["by"]: each["reason"] for each in seen})
    assert said == [
        {"issuer": "fraud", "wallet_provider": "rooted phone", "cardholder": "other"},
        {"issuer": None, "wallet_provider": None, "cardholder": "other"},
    ]


def test_requests_that_wait_are_counted(world: World, parent: Phone, right: Right, child: Phone) -> None:
    asked = {"kind": "raise", "limit": "per_day", "amount": 60_000, "message": "Please"}
    made = child.request("POST", f"/v1/drawing-rights/{right['id']}/requests", asked)
    assert made.status_code == 201, made.text
    assert (see(parent, right)["requests_open"], see(child, right)["requests_open"]) == (1, 1)
    parent.request("POST", f"/v1/drawing-requests/{made.json()['id']}/decline")
    assert see(parent, right)["requests_open"] == 0
    assert child.request("POST", f"/v1/drawing-rights/{right['id']}/requests", asked).status_code == 201
    assert see(parent, right)["requests_open"] == 1
    world.clock.advance(timedelta(days=7))
    assert see(world.phone(), right)["requests_open"] == 0


def test_a_page_of_rights_costs_as_many_statements_as_one(world: World, peopled: Peopled, parent: Phone) -> None:
    path = "/v1/drawing-rights"
    for each in (world.grant(parent, limits={"total": 100_000, "per_day": 1}) for _ in range(2)):
        world.child(each["id"])
    counted = {}
    for limit in (1, 2):
        parent.request("GET", path)  # what is looked up once for each transaction is not what is counted
        with statements(peopled.engine) as asked:
            assert len(parent.request("GET", f"{path}?limit={limit}").json()["data"]) == limit
        counted[limit] = len(asked)
    for _ in range(6):
        world.grant(parent)
    with statements(peopled.engine) as asked:
        assert len(parent.request("GET", path).json()["data"]) == 8
    assert {len(asked), *counted.values()} == {counted[1]}
    assert 5 < len(asked) < 15


def test_the_payments_under_a_right_are_found_by_their_index_without_sorting(session: Session) -> None:
    """Not among all of the grantor's own."""
    for dearer in ("seqscan", "bitmapscan", "sort"):  # as they are where there are many payments
        session.execute(text(f"SET LOCAL enable_{dearer} = off"))
    of_right = (Payment.card_id == ids.new_id(), Payment.right_id == ids.new_id())
    page = select(Payment.amount_minor).where(*of_right).order_by(Payment.payment_id.desc()).limit(26)
    statement = page.compile(session.connection(), compile_kwargs={"literal_binds": True})
    plan = session.scalars(text(f"EXPLAIN {statement}")).all()
    assert "using ix_payments_of_right" in plan[1]
    assert not any("Sort" in line or "Filter" in line for line in plan)


def test_a_payment_is_shown_with_its_place_and_what_it_left(
    world: World, parent: Phone, right: Right, child: Phone, token: PhoneToken
) -> None:
    world.shop().tap(token, 12_000)
    [paid] = payments(child, right)
    assert (paid["merchant"]["name"], paid["merchant"]["country"]) == ("Netto Vesterbro", "DK")
    assert (paid["amount"], paid["held"], paid["counts"], paid["captured"]) == (12_000, 12_000, 12_000, 0)
    assert (paid["categories"], paid["can_be_asked_for"]) == (["groceries"], False)
    assert paid["left"] == {"limit": "per_day", "remaining": 38_000}
    assert payments(parent, right) == [paid]


def test_an_estimate_counts_for_the_most_that_it_can_become(world: World, right: Right, token: PhoneToken) -> None:
    world.shop(HOTEL).tap(token, 10_000, estimated=True)
    [paid] = payments(world.phone(), right)
    assert (paid["held"], paid["counts"], paid["categories"]) == (10_000, 11_500, ["hotels"])
    assert see(world.phone(), right)["usage"]["per_day"]["spent"] == 11_500


def test_a_decline_says_whether_it_can_be_asked_for(
    world: World, parent: Phone, right: Right, child: Phone, token: PhoneToken
) -> None:
    """By what the grantor can lift; not by the scheme's ceiling, nor by what stands in the way of everybody."""
    path = f"/v1/drawing-rights/{right['id']}"
    shop = world.shop()
    shop.tap(token, 50_001, "pin")
    parent.step_up("right").request("PATCH", path, {"limits": {"per_day": None, "total": 400_000}})
    shop.tap(token, 200_001, "pin")
    parent.request("PATCH", path, {"blocked_categories": ["groceries"]})
    shop.tap(token, 1_000)
    parent.request("PATCH", path, {"blocked_categories": None, "valid_from": "2027-01-01"})
    shop.tap(token, 1_000)
    parent.request("POST", f"{path}/pause")
    shop.tap(token, 1_000)
    assert [each["can_be_asked_for"] for each in payments(child, right)] == [False] * 5  # Nothing is, under a pause.
    parent.request("POST", f"{path}/resume")
    said = [
        (each["reason"], (each["limit"] or {}).get("name"), each["can_be_asked_for"]) for each in payments(child, right)
    ]
    assert said == [
        ("drawing_right_inactive", None, False),
        ("not_permitted", "valid_from", False),
        ("not_permitted", "category", True),
        ("amount_limit", "per_payment", False),
        ("amount_limit", "per_day", True),
    ]
    assert [each["can_be_asked_for"] for each in payments(parent, right)] == [can for _, _, can in said]
    assert [each["left"] for each in payments(child, right)] == [None] * 5


def test_what_the_scheme_forbids_anyway_cannot_be_asked_for(world: World, parent: Phone, child: Phone) -> None:
    right = world.grant(parent, limits={"per_payment": 100})
    world.shop().tap(world.child(right["id"]).token(right_id=right["id"]), 200_001, "pin")
    [declined] = payments(parent, right)
    assert (declined["limit"]["of"], declined["can_be_asked_for"]) == ("drawing_right", False)


def test_a_phone_of_a_child_sees_its_own_token_and_what_all_of_its_phones_paid(world: World, right: Right) -> None:
    first, second = world.child(right["id"]), world.child(right["id"])
    one, other = first.token(right_id=right["id"]), second.active(right_id=right["id"])
    world.shop().tap(one, 1_000)
    for phone, own in ((first, one.id), (second, other["id"])):
        for path in ("/v1/tokens", f"/v1/drawing-rights/{right['id']}/tokens"):
            assert [token["id"] for token in phone.request("GET", path).json()["data"]] == [own]
        assert [each["amount"] for each in payments(phone, right)] == [1_000]
    assert second.request("GET", f"/v1/tokens/{one.id}").status_code == 404
    assert len(world.phone().request("GET", f"/v1/drawing-rights/{right['id']}/tokens").json()["data"]) == 2


def test_categories_are_listed_with_their_names_in_both_languages(parent: Phone, child: Phone) -> None:
    listed = parent.request("GET", "/v1/drawing-right-categories").json()
    assert child.request("GET", "/v1/drawing-right-categories").json() == listed
    assert {each["name"] for each in listed["data"]} == categories.CATEGORIES
    assert listed["next_cursor"] is None
    first = parent.request("GET", "/v1/drawing-right-categories?limit=20").json()
    rest = parent.request("GET", f"/v1/drawing-right-categories?limit=20&cursor={first['next_cursor']}").json()
    assert (first["data"] + rest["data"], len(first["data"]), rest["next_cursor"]) == (listed["data"], 20, None)
    labels = {each["name"]: each["label"] for each in listed["data"]}
    assert labels["groceries"] == {"da": "Dagligvarer", "en": "Groceries"}
    assert len({label["da"] for label in labels.values()}) == len(labels)


def test_the_bank_sees_the_rights_on_a_card(world: World, parent: Phone, right: Right, child: Phone) -> None:
    other = world.grant(parent)
    parent.request("DELETE", f"/v1/drawing-rights/{other['id']}")
    seen = world.machine("issuer").request("GET", of_anna(world, "drawing-rights"))
    assert [(each["id"], each["status"]) for each in seen.json()["data"]] == [
        (other["id"], "revoked"),
        (right["id"], "active"),
    ]
    assert seen.json()["data"][1] == see(parent, right)
    assert seen.json()["data"][1]["currency"] == "DKK"
    assert seen.json()["data"][1]["card_id"] == world.person("anna")["card_id"]
    nothing = world.machine("issuer").request("GET", of_anna(world, "drawing-rights?limit=0"))
    assert nothing.status_code == 422


def test_a_merchants_own_id_is_what_a_list_of_merchants_names(world: World, parent: Phone, token: PhoneToken) -> None:
    world.shop().tap(token, 1_000)
    [right] = parent.request("GET", "/v1/drawing-rights").json()["data"]
    [paid] = payments(parent, right)
    parent.request("PATCH", f"/v1/drawing-rights/{right['id']}", {"blocked_merchants": [paid["merchant"]["id"]]})
    assert world.shop().tap(token, 1_000)["limit"]["name"] == "merchant"
    assert world.shop(Merchant("DK-124", NETTO.name, NETTO.mcc)).tap(token, 1_000)["approved"]
