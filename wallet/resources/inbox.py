"""The inbox: what the bank told a cardholder or a delegate, and a stream of it."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from uuid import UUID

from flask import Response
from flask.views import MethodView
from redis.client import PubSub
from sqlalchemy import select

from notifications import inbox
from notifications.models import Message
from tokenization.errors import NotFound
from wallet.access import sessions
from wallet.access.guard import Caller, caller, requires
from wallet.api import Blueprint, nothing_else, reads, session, writes
from wallet.resources import owned
from wallet.resources.pages import newest_first
from wallet.schemas import inbox as schemas
from wallet.schemas.pages import Page
from wallet.services import Services, current_time, services
from wallet.streams import Place

blueprint = Blueprint("inbox", __name__, url_prefix="/v1/inbox", description="Messages to people")
HEARTBEAT_SECONDS: Final = 15.0
STREAM_PAGE: Final = 50


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
    @blueprint.arguments(Page(), location="query")
    @blueprint.response(200, schemas.MessageList)
    def get(self, page: dict[str, Any]) -> Any:
        """Newest first."""
        wanted = select(Message).where(Message.recipient_id == _recipient(caller()))
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


@blueprint.route("/stream")
class Stream(MethodView):
    """Server-sent events."""

    @requires("wallet", "child")
    @nothing_else
    @blueprint.alt_response(200, content_type="text/event-stream", description="Messages as they come", success=True)
    def get(self) -> Any:
        """Each message as an event `message`; ends with the access token, or at that person's fifth newer stream."""
        parts, who, held = services(), caller(), ExitStack()
        events = _events(parts, who, *held.enter_context(_listening(parts, _recipient(who))))
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


def _events(parts: Services, who: Caller, place: Place, heard: PubSub) -> Iterator[str]:
    """Listens first and looks then, so that nothing falls in between; no longer than the token and the session live.

    Holds no database connection while it waits.
    """
    recipient = place.person
    newest = _newest(parts, recipient)
    yield ": listening\n\n"
    while parts.places.holds(place) and (left := (who.expires_at - parts.clock.now()).total_seconds()) > 0:
        woken = heard.get_message(timeout=min(HEARTBEAT_SECONDS, left))
        with parts.database.reading() as looking:
            if not sessions.standing(looking, who.client_id, who.session_id).may_go_on:
                return
            arrived = inbox.arrived(looking, recipient, newest, STREAM_PAGE)
            shown = [_event(message) for message in arrived]
            newest = arrived[-1].message_id if arrived else newest
        yield from shown
        if not shown and woken is None:
            yield ": still here\n\n"


def _newest(parts: Services, recipient: UUID) -> UUID | None:
    with parts.database.reading() as looking:
        newest = inbox.page(looking, recipient, 1)
        return newest[0].message_id if newest else None


def _event(message: Message) -> str:
    shown = schemas.MessageAnswer().dump(message)
    return f"event: message\nid: {shown['id']}\ndata: {json.dumps(shown)}\n\n"
