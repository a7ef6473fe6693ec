"""A street of shops that keep everybody's card; and what all of them must have heard in the end, whatever happened."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from notifications import outbox
from notifications.leases import LEASE
from notifications.models import Delivery, Message, SmsMessage, WebhookLane
from tests.integration.notifications.receiver import Receiver, Request
from tests.integration.notifications.town import Town
from tokenization import ids
from tokenization.clock import SetClock
from tokenization.models import Card, Credential, Plastic

REPLACED = "card.replaced"


@dataclass
class Street:
    """Some shops that listen at one receiver, and some cards that each of them has on file. `texts` is the gateway."""

    town: Town
    receiver: Receiver
    texts: Receiver
    shops: int = 2
    cards: int = 3
    secrets: dict[UUID, str] = field(default_factory=dict)
    replaced: Counter[UUID] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        for n in range(self.shops):
            shop = self.town.requestor(name=f"Shop {n}")
            self.secrets[shop] = self.town.listen(shop, self.receiver.url)
        for n in range(self.cards):
            card_id = self.town.card(cpr=f"01017001{n:02}")
            self.replaced[card_id] = 0
            for shop in self.secrets:
                self.town.on_file(card_id, shop)
        self.town.tell_all()

    def replace(self, card_id: UUID) -> None:
        """A card gets a new number, of which its holder and all shops must hear."""
        self.town.replace(card_id)
        self.replaced[card_id] += 1

    def replace_all(self) -> None:
        """All cards do."""
        for card_id in self.replaced:
            self.replace(card_id)

    def let_leases_end(self, clock: SetClock) -> None:
        """What a relay held that is dead is free after this."""
        clock.advance(2 * LEASE)

    def finish(self) -> None:
        """Let a relay do all that is left."""
        with self.town.relay() as relay:
            while relay.run_once():
                pass

    def is_quiet(self) -> bool:
        """Whether nothing waits to be told, texted or delivered."""
        with self.town.database.reading() as session:
            waiting = select(func.count()).select_from(SmsMessage).where(SmsMessage.state == "waiting")
            pending = select(func.count()).select_from(Delivery).where(Delivery.state == "pending")
            return not (outbox.depth(session).events or session.scalar(waiting) or session.scalar(pending))

    def check(self) -> None:
        """Everybody heard of everything: people once, by SMS at least once, and shops the truth, at least once. Nothing
        waits any more, and nobody holds anything.
        """
        assert self.is_quiet()
        assert self._held() == 0
        assert self._told() == {
            self.town.holder_of(card_id): times for card_id, times in self.replaced.items() if times
        }
        self._check_texts()
        check_webhooks(self.receiver.requests)
        assert newest(self.receiver.requests) == self._truth()

    def _held(self) -> int:
        with self.town.database.reading() as session:
            leased = WebhookLane.leased_until.is_not(None)
            return session.scalar(select(func.count()).select_from(WebhookLane).where(leased)) or 0

    def _told(self) -> Mapping[UUID, int]:
        of_kind = select(Message.recipient_id, func.count()).where(Message.kind == REPLACED)
        with self.town.database.reading() as session:
            rows = session.execute(of_kind.group_by(Message.recipient_id))
            return {row.recipient_id: row[1] for row in rows}

    def _check_texts(self) -> None:
        with self.town.database.reading() as session:
            rows = session.execute(select(SmsMessage.sms_id, SmsMessage.state).where(SmsMessage.kind == REPLACED)).all()
        assert {state for _, state in rows} <= {"sent"}
        assert len(rows) == sum(self.replaced.values())
        taken = {request.body["reference"] for request in self.texts.requests}
        assert {str(sms_id) for sms_id, _ in rows} <= taken

    def _truth(self) -> dict[str, str]:
        """What the shops must know of each credential of a card that was replaced: the last 4 of the newest plastic."""
        current = (
            select(Credential.credential_id, Plastic.last4, Card.card_id)
            .join(Card, Card.card_id == Credential.card_id)
            .join(Plastic, (Plastic.card_id == Card.card_id) & (Plastic.plastic_id == Card.current_plastic_id))
        )
        with self.town.database.reading() as session:
            return {
                ids.to_text("cred", credential_id): last4
                for credential_id, last4, card_id in session.execute(current)
                if self.replaced[card_id]
            }


def check_webhooks(requests: Iterable[Request]) -> None:
    """One `webhook-id` has one content, and the same content never another id."""
    contents, webhook_ids = defaultdict(set), defaultdict(set)
    for request in requests:
        contents[request.headers["webhook-id"]].add(request.content)
        webhook_ids[_version(request.body)].add(request.headers["webhook-id"])
    assert [sorted(found) for found in contents.values() if len(found) > 1] == []
    twice = {webhook_id for found in webhook_ids.values() if len(found) > 1 for webhook_id in found}
    assert [contents[webhook_id] for webhook_id in twice] == []


def newest(requests: Iterable[Request]) -> dict[str, str]:
    """What a receiver knows that drops what is older than what it has: the last 4 of each credential."""
    versions: dict[str, int] = {}
    known: dict[str, str] = {}
    for data in (request.body["data"] for request in requests):
        if data["version"] >= versions.get(data["credential_id"], 0):
            versions[data["credential_id"]] = data["version"]
            known[data["credential_id"]] = data["current"]["last4"]
    return known


def _version(body: Mapping[str, Any]) -> tuple[str, int]:
    return body["data"]["credential_id"], body["data"]["version"]
