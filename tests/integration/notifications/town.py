"""A town to tell of: made-up people, shops and wallets on a real database, with real commits."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from datetime import date, timedelta
from typing import Any, TypeVar
from uuid import UUID

from redis import Redis
from sqlalchemy import text
from sqlalchemy.orm import Session

from delegation import drawing_rights, pairing, rounds
from delegation.models import DrawingRight
from delegation.parties import Delegate, Watching
from delegation.terms import Ceiling, Limits, RightTerms
from notifications import outbox, webhooks
from notifications.addresses import Guard
from notifications.relay import Relay
from notifications.sms import SmsSender
from notifications.surroundings import Surroundings
from notifications.telling import fan_out
from tests import payments
from tests.drawing_rights import POLICY
from tests.integration.notifications.screen import Screen
from tests.numbers import SPACE
from tokenization import (
    cardholders,
    cards,
    credentials,
    events,
    ids,
    life_cycle,
    policies,
    replacement,
    requestors,
    tokens,
)
from tokenization.clock import Clock
from tokenization.models import Card, Credential, Requestor, Token
from tokenization.provisioning import making
from tokenization.provisioning.history import Wish
from tokenization.vault import Vault
from wallet import blocking
from wallet.database import Database
from wallet.payments.events import PaymentApproved, PaymentDeclined, PaymentEvent

POLICIES = replace(
    payments.POLICIES,
    provisioning=replace(
        payments.POLICIES.provisioning, active_tokens_per_card=10_000, provisionings_per_window=10_000
    ),
    tokens=replace(payments.POLICIES.tokens, new_phones_per_hour=10_000),
)
MOBILE = "+4520000001"
LOOPBACK = Guard(loopback_allowed=True)
Done = TypeVar("Done")
_IN_VAIN = 500  # turns in which others have all that waits


@dataclass
class Town:
    """What the tests use to make things happen, each in a transaction of its own."""

    database: Database
    redis: Redis
    vault: Vault
    clock: Clock
    screen: Screen = field(default_factory=Screen)
    sms_sender: SmsSender | None = None

    def transaction(self) -> AbstractContextManager[Session]:
        """A transaction that commits, journals, and fills the outbox."""
        return self.database.transaction("test")

    def relay(self, guard: Guard = LOOPBACK, threads: int = 4) -> Relay:
        """A relay; use it with `with`."""
        sender = self.sms_sender or self.screen
        around = Surroundings(self.transaction, self.redis, self.vault, self.clock, sender, guard, [rounds.run])
        return Relay(around, threads)

    def tell(self) -> int:
        """Let a relay do what is due."""
        with self.relay() as relay:
            return relay.run_once()

    def tell_all(self) -> int:
        """Let relays work until there is nothing left to tell; how many turns it took."""
        turns = in_vain = 0
        while self.waiting():
            turns, in_vain = turns + 1, 0 if self.tell() else in_vain + 1
            assert in_vain < _IN_VAIN, "what waits cannot be told"
        return turns

    def waiting(self) -> int:
        """How many events nobody has been told of to the end."""
        with self.database.reading() as session:
            return outbox.depth(session).events

    def fan_out_all(self, session: Session) -> None:
        """Let what waits be told, piece by piece, and send nothing."""
        while claimed := outbox.claim(session, self.clock.now(), 100):
            for event in claimed:
                fan_out(session, event, self.clock.now())

    def card(self, cpr: str = "0101700101", language: str = "en", mobile: str | None = MOBILE) -> UUID:
        """A card of a new cardholder."""
        now = self.clock.now()
        with self.transaction() as session:
            holder = cardholders.register(
                session, self.vault, name="Anna Prøve", cpr=cpr, mobile=mobile, language=language, now=now
            )
            account_id = ids.new_id()
            return cards.issue(
                session,
                self.vault,
                SPACE,
                holder_id=holder.holder_id,
                account_id=account_id,
                scheme="visa_dankort",
                now=now,
            ).card_id

    def holder_of(self, card_id: UUID) -> UUID:
        """Whose inbox a card's messages go to."""
        with self.database.reading() as session:
            return session.get_one(Card, card_id).holder_id

    def requestor(self, kind: str = "merchant", name: str = "Filmfloden", **more: Any) -> UUID:
        """A shop, or a wallet."""
        with self.transaction() as session:
            made = requestors.register(
                session, kind=kind, name=name, merchant_ids=[], schemes=["dankort"], now=self.clock.now(), **more
            )
            return made.requestor_id

    def listen(self, requestor_id: UUID, url: str, **more: Any) -> str:
        """Give a requestor an endpoint; its secret."""
        with self.transaction() as session:
            requestor = session.get_one(Requestor, requestor_id)
            _, secret = webhooks.put_endpoint(
                session, self.vault, LOOPBACK, requestor, url=url, now=self.clock.now(), **more
            )
            return secret.reveal()

    def on_file(self, card_id: UUID, requestor_id: UUID, *, automatic_update: bool = True) -> UUID:
        """A confirmed credential."""
        credential_id = self.registered(card_id, requestor_id)
        self.confirm(card_id, credential_id, automatic_update=automatic_update)
        return credential_id

    def registered(self, card_id: UUID, requestor_id: UUID) -> UUID:
        """A credential that waits for a yes."""

        def register(session: Session, card: Card) -> UUID:
            requestor, now = session.get_one(Requestor, requestor_id), self.clock.now()
            kept: dict[str, Any] = {
                "agreement": "subscription",
                "reference": "customer-42",
                "plastic_id": card.current_plastic_id,
            }
            made = credentials.register(session, card, requestor, **kept, now=now)
            return made.credential_id

        return self.change(card_id, register)

    def confirm(self, card_id: UUID, credential_id: UUID, *, automatic_update: bool = True) -> None:
        """The cardholder's yes."""

        def confirm(session: Session, card: Card) -> None:
            credential = session.get_one(Credential, (card_id, credential_id))
            credentials.confirm(session, card, credential, automatic_update=automatic_update, now=self.clock.now())

        self.change(card_id, confirm)

    def choose(self, card_id: UUID, credential_id: UUID, automatic_update: bool) -> None:
        """The cardholder says whether a shop is updated."""

        def choose(session: Session, card: Card) -> None:
            credential = session.get_one(Credential, (card_id, credential_id))
            credentials.choose_update(session, card, credential, automatic_update, self.clock.now())

        self.change(card_id, choose)

    def token(
        self, card_id: UUID, requestor_id: UUID, right_id: UUID | None = None, phone: str = "Anna's phone"
    ) -> UUID:
        """A token, provisioned."""

        def provision(session: Session, card: Card) -> UUID:
            device = tokens.Device(phone, "ios", f"{phone} {ids.new_id()}", {"kty": "EC"})
            wish = Wish(
                requestor=session.get_one(Requestor, requestor_id),
                scheme="dankort",
                device=device,
                right_id=right_id,
                card_was_typed_in=True,
            )
            made = making.provision(session, self.vault, SPACE, card, wish, POLICIES, self.clock.now())
            assert isinstance(made, Token)
            return made.token_id

        return self.change(card_id, provision)

    def phone_in_use(self, card_id: UUID, requestor_id: UUID, right_id: UUID | None = None) -> UUID:
        """A token whose PIN is chosen."""
        token_id = self.token(card_id, requestor_id, right_id)

        def activate(session: Session, _: Card) -> UUID:
            life_cycle.move(session.get_one(Token, (card_id, token_id)), "activate")
            return token_id

        return self.change(card_id, activate)

    def copies(self, token_id: UUID, count: int, first: int = 0) -> None:
        """As many more tokens like that one, with ids that count up from `first`."""
        columns = ", ".join(column.name for column in Token.__table__.columns if column.name != "token_id")
        insert = f"""
            INSERT INTO tokenization.tokens (token_id, {columns})
            SELECT CAST('00000000-0000-7000-8000-' || lpad(to_hex(:first + nth), 12, '0') AS uuid), {columns}
            FROM tokenization.tokens, generate_series(1, :count) AS nth WHERE token_id = :like"""  # noqa: S608 - ours
        with self.transaction() as session:
            session.execute(text(insert), {"count": count, "first": first, "like": token_id})

    def copies_of_right(self, right_id: UUID, count: int) -> None:
        """As many more rights like that one."""
        columns = ", ".join(column.name for column in DrawingRight.__table__.columns if column.name != "right_id")
        insert = f"""
            INSERT INTO delegation.drawing_rights (right_id, {columns})
            SELECT CAST('00000000-0000-7000-8000-' || lpad(to_hex(nth), 12, '0') AS uuid), {columns}
            FROM delegation.drawing_rights, generate_series(1, :count) AS nth WHERE right_id = :like"""  # noqa: S608 - ours
        with self.transaction() as session:
            session.execute(text(insert), {"count": count, "like": right_id})

    def set_status(self, requestor_id: UUID, status: str) -> None:
        """The bank suspends a requestor, or lets it go on."""
        with self.transaction() as session:
            requestors.change(
                session, requestors.get(session, requestor_id, lock=True), {"status": status}, self.clock.now()
            )

    def right(
        self,
        card_id: UUID,
        notify_grantor: str = "all",
        *,
        notify_above: int | None = None,
        birthdate: date | None = None,
        paired: bool = True,
        **limits: int,
    ) -> UUID:
        """A drawing right for Emil, whose phone is paired: DKK 200 a payment, unless the limits say something else."""

        def grant(session: Session, card: Card) -> UUID:
            now, terms = self.clock.now(), RightTerms(Limits(**(limits or {"per_payment": 20_000})))
            right = drawing_rights.grant(
                session,
                card,
                Delegate("Emil", birthdate),
                terms,
                Ceiling(),
                watching=Watching(notify_grantor, notify_above),
                policy=POLICY,
                now=now,
            )
            assert isinstance(right, DrawingRight)
            phone = {"device_thumbprint": "thumb", "device_name": "Emil's phone"}
            if paired:
                pairing.pair(session, right, **phone, policy=POLICY, now=now)
            return right.right_id

        return self.change(card_id, grant)

    def set_ceilings(self, *, in_days: int = 0, **figures: int) -> None:
        """The bank sets new ceilings, which hold at once or in so many days; the other figures stay as delivered."""
        now = self.clock.now()
        delivered = asdict(payments.POLICIES.ceilings)
        with self.transaction() as session:
            policies.put(session, "ceilings", delivered | figures, now + timedelta(days=in_days), "bank", now)

    def unblock(self, card_id: UUID) -> None:
        """Take a card's block away."""
        self.change(card_id, lambda session, card: blocking.unblock(session, card, self.clock.now()))

    def change(self, card_id: UUID, act: Callable[[Session, Card], Done]) -> Done:
        """Do something to a locked card."""
        with self.transaction() as session:
            card = cards.lock(session, card_id)
            assert card is not None
            return act(session, card)

    def block(self, card_id: UUID, reason: str = "lost") -> None:
        """Block a card, as its holder."""
        now = self.clock.now()
        self.change(
            card_id,
            lambda session, card: cards.block(session, card, reason=reason, by="cardholder", noticed_at=now, now=now),
        )

    def replace(self, card_id: UUID, reason: str = "bank") -> None:
        """Give a card a new number."""

        def replace(session: Session, card: Card) -> None:
            replacement.replace(session, self.vault, SPACE, card, reason, self.clock.now())

        self.change(card_id, replace)

    def close(self, card_id: UUID) -> None:
        """End a card."""
        self.change(card_id, lambda session, card: blocking.close(session, card, self.clock.now()))

    def pay(self, card_id: UUID, kind: type[PaymentEvent], **more: Any) -> None:
        """Let a payment have happened."""
        usual: dict[str, Any] = {
            "payment_id": ids.new_id(),
            "token_id": None,
            "credential_id": None,
            "right_id": None,
            "amount": 25_000,
            "most": more.get("amount", 25_000),
            "currency": "DKK",
            "billed": None,
            "merchant": "Netto Vesterbro",
            "country": "DK",
            "mcc": "5411",
            "scheme": "dankort",
            "reason": "approved",
            "limit": None,
        }

        if kind is PaymentApproved:
            usual |= {"left": None, "one_off": None}
        if kind is PaymentDeclined:
            usual |= {"can_be_asked_for": (more.get("limit") or {}).get("of") == "drawing_right"}

        def happened(session: Session, card: Card) -> None:
            event = kind(at=self.clock.now(), card_id=card_id, holder_id=card.holder_id, **{**usual, **more})
            events.emit(session, event)

        self.change(card_id, happened)


def until(condition: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether it came true in time."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not (holds := condition()) and time.monotonic() < deadline:
        pause.wait(0.02)
    return holds
