"""Very many shops that keep cards on file, in seconds; and new plastics for these cards.

Each shop is registered through the rules and has an endpoint with a secret of its own. Cards and credentials are copies
of one card that was put on file, confirmed and replaced through the rules: they stand as after their replacement, of
which nobody has been told. To publish it is to put the event in the outbox, as the replacement's commit does.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event
from typing import Final
from uuid import UUID

from sqlalchemy import text, update
from sqlalchemy.orm import Session

from bench.cards import issued
from bench.load import moments
from notifications import outbox, webhooks
from notifications.models import WebhookEndpoint
from tokenization import credentials, ids, replacement, requestors
from tokenization.models import Requestor
from wallet.services import Services

AT_ONCE: Final = 100
Kept = Mapping[UUID, Sequence[str]]  # card -> its credentials, in words of the API
_UNCHECKED: Final = text("SET LOCAL session_replication_role = replica")
_CROWD: Final = text("""
    CREATE TEMPORARY TABLE crowd ON COMMIT DROP AS
    SELECT n - 1 AS n, card_id FROM unnest(CAST(:cards AS uuid[])) WITH ORDINALITY AS card (card_id, n)
""")
_SHOPS: Final = text("""
    CREATE TEMPORARY TABLE shops ON COMMIT DROP AS
    SELECT n - 1 AS n, requestor_id FROM unnest(CAST(:shops AS uuid[])) WITH ORDINALITY AS shop (requestor_id, n)
""")
_COPY: Final = """
    INSERT INTO tokenization.{table}
    SELECT (jsonb_populate_record(t, jsonb_build_object('card_id', crowd.card_id))).*
    FROM tokenization.{table} t, crowd WHERE t.card_id = :template ORDER BY crowd.card_id
"""
# Shop by shop in a circle, so that each has as many.
_KEEP: Final = text("""
    INSERT INTO tokenization.credentials
    SELECT (jsonb_populate_record(t, jsonb_build_object(
        'card_id', crowd.card_id, 'credential_id', uuidv7(), 'requestor_id', shops.requestor_id))).*
    FROM tokenization.credentials t, crowd, generate_series(0, :each - 1) AS nth, shops
    WHERE t.card_id = :template AND shops.n = (crowd.n * :each + nth) % (SELECT count(*) FROM shops)
    ORDER BY crowd.card_id
    RETURNING card_id, credential_id
""")
_ANALYZE: Final = text("ANALYZE tokenization.cards, tokenization.plastics, tokenization.credentials")
_PUBLISH: Final = text("""
    INSERT INTO notifications.outbox (card_id, seq, event_id, type, payload, at)
    SELECT :card_id, seq, gen_random_uuid(), type, payload, clock_timestamp()
    FROM tokenization.journal_entries WHERE card_id = :template AND type = 'card.replaced'
""")


@dataclass
class Street:
    """Shops, their secrets by the paths of their endpoints; and cards that they keep like the template."""

    parts: Services
    template: UUID
    secrets: dict[str, str] = field(default_factory=dict)
    shops: list[UUID] = field(default_factory=list)

    def open(self, count: int, url: Callable[[str], str], how: str = "takes") -> list[UUID]:
        """So many shops more, with endpoints that answer so."""
        opened: list[UUID] = []
        while len(opened) < count:
            with self.parts.database.transaction("bench") as session:
                batch = range(len(self.shops) + len(opened), len(self.shops) + min(count, len(opened) + AT_ONCE))
                opened += [self._open(session, f"/{how}/{nth}", url) for nth in batch]
                looked_at = update(WebhookEndpoint).values(checked_at=self.parts.clock.now(), check_result="ok")
                session.execute(looked_at)
        self.shops += opened
        return opened

    def _open(self, session: Session, path: str, url: Callable[[str], str]) -> UUID:
        parts, now = self.parts, self.parts.clock.now()
        shop = _register(session, f"Shop {path}", now)
        _, secret = webhooks.put_endpoint(session, parts.vault, parts.webhook_guard, shop, url=url(path), now=now)
        self.secrets[path] = secret.reveal()
        return shop.requestor_id

    def keep(self, count: int, shops: Sequence[UUID], each: int) -> Kept:
        """So many cards more, each on file at so many of the shops."""
        card_ids = [ids.new_id() for _ in range(count)]
        with self.parts.database.transaction("bench") as session:
            self._prepare(session, card_ids, shops)
            for table in ("cards", "plastics"):
                session.execute(text(_COPY.format(table=table)), {"template": self.template})
            return self._put_on_file(session, each)

    def keep_too(self, card_ids: Sequence[UUID], shops: Sequence[UUID]) -> None:
        """These shops keep those cards, too."""
        with self.parts.database.transaction("bench") as session:
            self._prepare(session, card_ids, shops)
            self._put_on_file(session, len(shops))

    def _prepare(self, session: Session, card_ids: Sequence[UUID], shops: Sequence[UUID]) -> None:
        session.execute(_UNCHECKED)
        session.execute(_CROWD, {"cards": list(card_ids)})
        session.execute(_SHOPS, {"shops": list(shops)})

    def _put_on_file(self, session: Session, each: int) -> Kept:
        kept: dict[UUID, list[str]] = {}
        for card_id, credential_id in session.execute(_KEEP, {"template": self.template, "each": each}):
            kept.setdefault(card_id, []).append(ids.to_text("cred", credential_id))
        session.execute(_ANALYZE)
        return kept

    def close(self, shops: Sequence[UUID]) -> None:
        """Nothing more is sent to these."""
        with self.parts.database.transaction("bench") as session:
            of_shops = WebhookEndpoint.requestor_id.in_(shops)
            session.execute(update(WebhookEndpoint).where(of_shops).values(state="disabled"))

    def publish(self, kept: Kept, rate: float | None = None) -> dict[str, float]:
        """That they were replaced, each in a transaction of its own, as fast as that goes or so many a second: when it
        was committed, of each credential.
        """
        published, began = dict[str, float](), time.monotonic()
        due = moments(len(kept), rate) if rate else [0.0] * len(kept)
        for after, (card_id, credentials_) in zip(due, kept.items(), strict=True):
            Event().wait(max(0.0, began + after - time.monotonic()))
            published |= dict.fromkeys(credentials_, self._publish(card_id))
        return published

    def _publish(self, card_id: UUID) -> float:
        with self.parts.database.transaction("bench") as session:
            session.execute(_PUBLISH, {"card_id": card_id, "template": self.template})
        at = time.time()
        outbox.wake(self.parts.redis)
        return at


def street(parts: Services) -> Street:
    """With a card on file at one shop, which has no endpoint, as the template of all others."""
    now = parts.clock.now()
    with parts.database.transaction("bench") as session:
        card = issued(session, parts)
        shop = _register(session, "The first shop", now)
        credential = credentials.register(
            session,
            card,
            shop,
            plastic_id=card.current_plastic_id,
            agreement="subscription",
            reference="customer",
            now=now,
        )
        credentials.confirm(session, card, credential, automatic_update=True, now=now)
        session.flush()
        replacement.replace(session, parts.vault, parts.settings.number_space, card, "bank", now)
    return Street(parts, card.card_id)


def _register(session: Session, name: str, now: datetime) -> Requestor:
    return requestors.register(session, kind="merchant", name=name, merchant_ids=[], schemes=["dankort"], now=now)
