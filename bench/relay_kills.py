"""Relays that are killed (SIGKILL) while they tell of very many new plastics: who was told, and how often.

Several relays, of which the eldest is killed, and another started in its place, whenever one in so many more webhooks
has arrived: so each dies at work, however fast the machine is. What a dead one has leased is free a minute later, so
that is how long the last of it takes.
"""

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import func, select

from bench import letters
from bench.deliveries import TEXTS
from bench.letters import Receiver, Told
from bench.relays import Relays, relays
from bench.shops import Kept, Street, street
from bench.stage import Figure, Stage
from notifications.models import Message

SHOPS: Final = 100
RELAYS: Final = 4
KILLS: Final = 20
PATIENCE_SECONDS: Final = 100  # without any; leases last 60


@dataclass(frozen=True)
class Ended:
    """What came of it all: webhooks, and of each card how many messages its holder has; texts by reference."""

    told: Told
    messages: Counter[UUID]
    texts: Counter[str]
    seconds: float


def measure(stage: Stage) -> list[Figure]:
    """Each card is kept by one shop; its holder is told in the inbox and by SMS."""
    with letters.receiving() as receiver:
        made = street(stage.parts)
        kept = made.keep(stage.sizes.events, made.open(SHOPS, receiver.url), 1)
        with relays(stage, RELAYS, receiver.url(TEXTS)) as running:
            ended = _play(running, made, receiver, kept)
    return _figures(ended, [*kept])


def _play(running: Relays, made: Street, receiver: Receiver, kept: Kept) -> Ended:
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        publishing = pool.submit(made.publish, kept)
        for nth in range(KILLS):
            receiver.wait_for("webhooks", (nth + 1) * len(kept) // (KILLS + 1), PATIENCE_SECONDS)
            running.kill_eldest()
            running.start()
        published = publishing.result()
    for what in ("webhooks", "texts"):
        receiver.wait_for(what, len(kept), PATIENCE_SECONDS)
    seconds = time.monotonic() - began
    seen = receiver.take(made.secrets)
    told = letters.compared(published, seen.webhooks)
    return Ended(told, _messages(running.stage, kept), Counter(reference for _, reference in seen.texts), seconds)


def _messages(stage: Stage, kept: Kept) -> Counter[UUID]:
    with stage.parts.database.reading() as session:
        counted = select(Message.card_id, func.count()).where(Message.kind == "card.replaced").group_by(Message.card_id)
        return Counter({card_id: count for card_id, count in session.execute(counted) if card_id and card_id in kept})


def _figures(ended: Ended, card_ids: Sequence[UUID]) -> list[Figure]:
    told, count = ended.told, len(card_ids)
    people = Counter(ended.messages[card_id] for card_id in card_ids)
    return [
        Figure("webhooks lost", told.lost, "", f"of {count:,}; {KILLS} relays were killed", "0"),
        Figure("webhooks that came again, under the same webhook-id", told.again, ""),
        Figure("… under another", told.twice, "", reach="0"),
        Figure("cardholders not told", people[0], "", f"of {count:,}, in their inboxes", "0"),
        Figure("cardholders told more than once", count - people[0] - people[1], "", reach="0"),
        Figure("texts lost", count - len(ended.texts), "", reach="0"),
        Figure("texts handed over again, under the same reference", ended.texts.total() - len(ended.texts), ""),
        Figure("until all were told", ended.seconds, "s", told.note),
    ]
