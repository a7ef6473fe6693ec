"""Drawing rights: a parent gives, watches, changes, pauses; a child's phone is let in (R-2.10)."""

from dataclasses import asdict, replace
from functools import partial
from typing import Any

from flask.views import MethodView
from sqlalchemy import Select, select

from delegation import agenda, categories, drawing_rights, requests, terms
from delegation.categories import Category
from delegation.drawing_rights import ExceedsCeiling
from delegation.limits import loosens
from delegation.models import DrawingRight
from delegation.parties import UNLESS_SAID, WATCHING, Delegate, Watching
from delegation.terms import PHONES_MOST, RightTerms
from tokenization import policies
from tokenization.models import Card, Token
from tokenization.token_operations import CARDHOLDER
from wallet.access import sessions
from wallet.access.guard import caller, demand_step_up, requires
from wallet.api import Blueprint, nothing_else, reads, session, writes
from wallet.payments.rules import ceiling
from wallet.resources import owned, pages, shown, shown_rights, statement
from wallet.resources.pages import newest_first
from wallet.schemas import drawing_rights as schemas
from wallet.schemas import payments as payment_schemas
from wallet.schemas import tokens as token_schemas
from wallet.schemas.pages import Page
from wallet.services import current_time

blueprint = Blueprint("drawing rights", __name__, url_prefix="/v1", description="Limited drawing rights")


def page_of_rights(wanted: Select[DrawingRight], page: dict[str, Any]) -> dict[str, Any]:
    """Those of a query for who calls, newest first."""
    found = newest_first(session(), wanted, DrawingRight.right_id, page)
    return found | {"data": shown_rights.to_caller(found["data"])}


def paused(right_id: str, *, by: str) -> shown.Shown:
    """A right of the caller's, paused by that party. Raises IllegalMove."""
    _, right = owned.right(session(), caller(), right_id, lock=True)
    drawing_rights.pause(session(), right, current_time(), by=by)
    return shown_rights.one(right)


def revoked(right_id: str, *, by: str) -> shown.Shown:
    """A right of the caller's, ended for good by that party, its phones put out. Raises IllegalMove."""
    _, right = owned.right(session(), caller(), right_id, lock=True)
    drawing_rights.revoke(session(), right, current_time(), by=by)
    sessions.end_for_right(session(), right.right_id, now=current_time())
    return shown_rights.one(right)


def _watching(before: Watching, body: dict[str, Any]) -> Watching:
    """What a grantor wants to hear: what the body leaves out stays."""
    return replace(before, **{name: body[name] for name in WATCHING if name in body})


def _gives_more(right: DrawingRight, before: RightTerms, after: RightTerms, delegate: Delegate) -> bool:
    """Whether a change gives away more than there was: payments, time or, since each may pay, phones."""
    phones = (before.phones_allowed or PHONES_MOST, after.phones_allowed or PHONES_MOST)
    return loosens(before, after) or agenda.lasts_longer(right, delegate.birthdate) or phones[1] > phones[0]


def _answer(outcome: DrawingRight | ExceedsCeiling) -> Any:
    if isinstance(outcome, ExceedsCeiling):
        return shown_rights.exceeds_ceiling(outcome)
    return shown_rights.one(outcome)


@blueprint.route("/cards/<card_id>/drawing-rights")
class Grant(MethodView):
    """R-2.10a."""

    @requires("wallet", step_up="right")
    @writes()
    @blueprint.arguments(schemas.Grant(), example=schemas.GRANT)
    @blueprint.response(201, schemas.RightAnswer)
    def post(self, body: dict[str, Any], card_id: str) -> Any:
        """Let somebody draw on the card, within limits and below the scheme's ceiling."""
        card = owned.card(session(), caller(), owned.id_from("card", card_id), lock=True)
        present = policies.load(session(), current_time())
        outcome = drawing_rights.grant(
            session(),
            card,
            Delegate(**body["delegate"]),
            terms.read(body),
            ceiling(present),
            watching=_watching(UNLESS_SAID, body),
            policy=present.drawing_rights,
            now=current_time(),
        )
        return _answer(outcome)


@blueprint.route("/drawing-rights")
class Rights(MethodView):
    """The rights that a parent granted; for a child its own."""

    @requires("wallet", "child")
    @reads
    @blueprint.arguments(Page(), location="query")
    @blueprint.response(200, schemas.RightList)
    def get(self, page: dict[str, Any]) -> Any:
        """Newest first; a child has one."""
        who = caller()
        mine = DrawingRight.card_id.in_(select(Card.card_id).where(Card.holder_id == who.holder_id))
        wanted = select(DrawingRight).where(DrawingRight.right_id == who.right_id if who.scope == "child" else mine)
        return page_of_rights(wanted, page)


@blueprint.route("/drawing-rights/<right_id>")
class OneRight(MethodView):
    """One drawing right."""

    @requires("wallet", "child")
    @reads
    @blueprint.response(200, schemas.RightAnswer)
    def get(self, right_id: str) -> Any:
        """The right, with what is used and what is left."""
        return shown_rights.one(owned.right(session(), caller(), right_id)[1])

    @requires("wallet")
    @writes()
    @blueprint.arguments(schemas.Change(), example=schemas.CHANGE)
    @blueprint.response(200, schemas.RightAnswer)
    def patch(self, body: dict[str, Any], right_id: str) -> Any:
        """Change it, at once: the next payment obeys it.

        Whatever permits a payment that was refused before wants a step-up with the purpose `right`: a limit that rises
        or goes, a list that widens, a later end, a birthdate by which it ends later, one more phone. Whatever refuses
        one that was permitted takes back the one-offs that stand: they were said before.
        """
        _, right = owned.right(session(), caller(), right_id, lock=True)
        drawing_rights.require(right, "changed", current_time())
        before = drawing_rights.terms_of(right)
        after = terms.read(body, before)
        delegate = Delegate(**asdict(drawing_rights.delegate_of(right)) | body.get("delegate", {}))
        if _gives_more(right, before, after, delegate):
            demand_step_up("right")
        outcome = drawing_rights.change(
            session(),
            right,
            ceiling(policies.load(session(), current_time())),
            right_terms=after,
            delegate=delegate,
            watching=_watching(drawing_rights.watching_of(right), body),
            now=current_time(),
        )
        if isinstance(outcome, DrawingRight) and loosens(after, before):
            requests.take_back(session(), right, current_time())
        return _answer(outcome)

    @requires("wallet")
    @writes()
    @blueprint.response(200, schemas.RightAnswer)
    def delete(self, right_id: str) -> Any:
        """Revoke it, for good: its tokens pay no more, its phones are put out."""
        return revoked(right_id, by=CARDHOLDER)


@blueprint.route("/drawing-rights/<right_id>/payments")
class Payments(MethodView):
    """What was paid under it."""

    @requires("wallet", "child")
    @reads
    @blueprint.arguments(payment_schemas.RightPaymentPage(), location="query")
    @blueprint.response(200, payment_schemas.RightPaymentList)
    @blueprint.alt_response(200, **statement.AS_CSV)
    def get(self, page: dict[str, Any], right_id: str) -> Any:
        """Newest first; each decline with the limit that stopped it."""
        return statement.of_right(owned.right(session(), caller(), right_id)[1], page)


@blueprint.route("/drawing-rights/<right_id>/tokens")
class Tokens(MethodView):
    """The child cards under it."""

    @requires("wallet", "child")
    @reads
    @blueprint.arguments(Page(), location="query")
    @blueprint.response(200, token_schemas.TokenList)
    def get(self, page: dict[str, Any], right_id: str) -> Any:
        """Newest first; for a child those of the phone that asks, as everywhere."""
        card, right = owned.right(session(), caller(), right_id)
        wanted, to_child = select(Token).where(Token.card_id == card.card_id), caller().scope == "child"
        wanted = wanted.where(Token.right_id == right.right_id)
        if to_child:
            wanted = wanted.where(Token.device_thumbprint == caller().thumbprint)
        show = partial(shown.token, session(), now=current_time(), to_child=to_child)
        return newest_first(session(), wanted, Token.token_id, page, show)


@blueprint.route("/drawing-rights/<right_id>/pause")
class Pause(MethodView):
    """At once."""

    @requires("wallet")
    @writes()
    @blueprint.response(200, schemas.RightAnswer)
    def post(self, right_id: str) -> Any:
        """Nothing is paid under it until it is resumed."""
        return paused(right_id, by=CARDHOLDER)


@blueprint.route("/drawing-rights/<right_id>/resume")
class Resume(MethodView):
    """At once."""

    @requires("wallet")
    @writes()
    @blueprint.response(200, schemas.RightAnswer)
    def post(self, right_id: str) -> Any:
        """Give back what the pause took."""
        _, right = owned.right(session(), caller(), right_id, lock=True)
        drawing_rights.resume(session(), right, current_time())
        return shown_rights.one(right)


@blueprint.route("/drawing-right-categories")
class Categories(MethodView):
    """What may be chosen in `allowed_categories` and `blocked_categories`, and what payments are told by."""

    @requires("wallet", "child")
    @nothing_else
    @blueprint.arguments(Page(), location="query")
    @blueprint.response(200, schemas.CategoryList)
    def get(self, page: dict[str, Any]) -> Any:
        """By name, `other` last; with their names in Danish and in English."""
        described = list(enumerate(categories.described(), 1))[pages.position(page) :]
        return pages.answer(described, page, lambda last: str(last[0]), lambda each: _category(each[1]))


def _category(category: Category) -> shown.Shown:
    return {"name": category.name, "label": {"da": category.da, "en": category.en}}
