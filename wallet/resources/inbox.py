"""The inbox: what the bank told a cardholder or a delegate, a stream of it, and what of it each wants to hear."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from uuid import UUID

from flask import Response, request
from flask.views import MethodView
from redis.client import PubSub
from sqlalchemy import select

from notifications import inbox, preferences, wording
from notifications.audiences import Audience
from notifications.models import Message
from notifications.preferences import Chosen
from tokenization import cardholders, ids
from tokenization.errors import Invalid, NotFound
from wallet.access import sessions
from wallet.access.guard import Caller, caller, requires
from wallet.api import Blueprint, nothing_else, reads, session, writes
from wallet.resources import owned
from wallet.resources.pages import newest_first
from wallet.schemas import inbox as schemas
from wallet.services import Services, current_time, services
from wallet.streams import Place

blueprint = Blueprint("inbox", __name__, url_prefix="/v1/inbox", description="Messages to people")
HEARTBEAT_SECONDS: Final = 15.0
STREAM_PAGE: Final = 50
_LAST_SEEN: Final = {
    "in": "header",
    "name": "Last-Event-ID",
    "description": "The `id` of the message that came last, of this stream or of the list.",
    "schema": {"type": "string", "pattern": ids.pattern("msg")},
}


def _recipient(who: Caller) -> UUID:
    recipient = who.right_id if who.scope == "child" else who.holder_id
    if recipient is None:
        raise NotFound
    return recipient


@blueprint.route("")
class Inbox(MethodView):
    """Messages."""

    @requires("wallet", "child")
    @reads
    @blueprint.arguments(schemas.Wanted(), location="query")
    @blueprint.response(200, schemas.MessageList)
    def get(self, page: dict[str, Any]) -> Any:
        """Newest first; `unread=true` for those only that were not read."""
        wanted = select(Message).where(Message.recipient_id == _recipient(caller()))
        if page["unread"]:
            wanted = wanted.where(Message.read_at.is_(None))
        return newest_first(session(), wanted, Message.message_id, page)


@blueprint.route("/<message_id>/read")
class Read(MethodView):
    """Having read one."""

    @requires("wallet", "child")
    @writes()
    @blueprint.response(200, schemas.MessageAnswer)
    def post(self, message_id: str) -> Any:
        """Remember that it was read."""
        now = current_time()
        return inbox.mark_read(session(), _recipient(caller()), owned.id_from("msg", message_id), now)


@blueprint.route("/preferences")
class Preferences(MethodView):
    """What a person wants to hear."""

    @requires("wallet", "child")
    @reads
    @blueprint.response(200, schemas.PreferenceList)
    def get(self) -> Any:
        """Every kind of message, and how it comes."""
        who = caller()
        chosen = preferences.listed(session(), _recipient(who), _audience(who))
        language = _language(who)
        return {"data": [_shown(each, language) for each in chosen], "next_cursor": None}


@blueprint.route("/preferences/<kind>")
class OnePreference(MethodView):
    """One kind of message."""

    @requires("wallet", "child")
    @writes()
    @blueprint.arguments(schemas.Preference())
    @blueprint.response(200, schemas.PreferenceAnswer)
    def put(self, body: dict[str, Any], kind: str) -> Any:
        """Switch it on or off, in the inbox and by SMS. What must be told stays on: 422 `preference-fixed`."""
        who = caller()
        chosen = preferences.choose(session(), _recipient(who), _audience(who), kind, **body)
        return _shown(chosen, _language(who))


def _audience(who: Caller) -> Audience:
    return Audience.DELEGATE if who.scope == "child" else Audience.HOLDER


def _language(who: Caller) -> str:
    """A child's is its grantor's."""
    if who.holder_id is None:
        raise NotFound
    return wording.language(cardholders.get(session(), who.holder_id).language)


def _shown(chosen: Chosen, language: str) -> dict[str, Any]:
    return {
        "kind": chosen.kind,
        "title": chosen.described.title(language),
        "inbox": chosen.ways.inbox,
        "sms": chosen.ways.sms,
        "fixed": chosen.described.is_fixed,
    }


@blueprint.route("/stream")
class Stream(MethodView):
    """Server-sent events."""

    @requires("wallet", "child")
    @nothing_else
    @blueprint.alt_response(200, content_type="text/event-stream", description="Messages as they come", success=True)
    @blueprint.doc(parameters=[_LAST_SEEN])
    def get(self) -> Any:
        """Each message as an event `message`; ends with the access token, or at that person's fifth newer stream.

        With `Last-Event-ID` it begins with what came after that message, so that whoever was cut off misses nothing;
        with what comes from now on where that is ahead of all that there is.
        """
        parts, who, held, last_seen = services(), caller(), ExitStack(), _last_seen()
        events = _events(parts, who, last_seen, *held.enter_context(_listening(parts, _recipient(who))))
        answer = Response(events, content_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        answer.call_on_close(held.close)  # Not in `_events`: of a HEAD, or of who is gone at once, it never begins.
        return answer


@contextmanager
def _listening(parts: Services, recipient: UUID) -> Iterator[tuple[Place, PubSub]]:
    """A place among that person's streams, and an ear at Redis; both are given back. Raises RedisError."""
    with parts.places.taken(recipient) as place, parts.redis.pubsub(ignore_subscribe_messages=True) as heard:  # type: ignore[no-untyped-call]  # untyped there
        if place.ousted:
            inbox.wake(parts.redis, [recipient])
        heard.subscribe(inbox.channel(recipient))
        yield place, heard


def _last_seen() -> UUID | None:
    """The message that a phone had last. Raises Invalid."""
    text = request.headers.get("Last-Event-ID")
    try:
        return ids.parse("msg", text) if text else None
    except ids.InvalidId:
        raise Invalid("Last-Event-ID", "must be the id of a message") from None


def _events(parts: Services, who: Caller, last_seen: UUID | None, place: Place, heard: PubSub) -> Iterator[str]:
    """Listens first and looks then, so that nothing falls in between; no longer than the token and the session live.

    Holds no database connection while it waits.
    """
    recipient = place.person
    newest, more = _beginning(parts, recipient, last_seen), last_seen is not None
    yield ": listening\n\n"
    while parts.places.holds(place) and (left := (who.expires_at - parts.clock.now()).total_seconds()) > 0:
        woken = more or heard.get_message(timeout=min(HEARTBEAT_SECONDS, left)) is not None
        with parts.database.reading() as looking:
            if not sessions.standing(looking, who.client_id, who.session_id).may_go_on:
                return
            arrived = inbox.arrived(looking, recipient, newest, STREAM_PAGE)
            shown = [_event(message) for message in arrived]
            newest, more = arrived[-1].message_id if arrived else newest, len(arrived) == STREAM_PAGE
        yield from shown
        if not shown and not woken:
            yield ": still here\n\n"


def _beginning(parts: Services, recipient: UUID, last_seen: UUID | None) -> UUID | None:
    """Behind which message: the one that the phone had, and none that is still to come. Behind that nothing would ever
    come; and a refusal would come for ever, as who is cut off asks again with the same.
    """
    with parts.database.reading() as looking:
        there = [message.message_id for message in inbox.page(looking, recipient, 1)]
    return min(there[0], last_seen or there[0]) if there else None


def _event(message: Message) -> str:
    shown = schemas.MessageAnswer().dump(message)
    return f"event: message\nid: {shown['id']}\ndata: {json.dumps(shown)}\n\n"
