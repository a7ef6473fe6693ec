"""Whatever happens to a card and its registrations, in whatever order, with relays and readers in between: once all is
told and read, each merchant has what stands, and has had no number without consent.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from notifications.credential_updates import standing
from tests.integration.notifications.feeds import holding_numbers, read, withdraw
from tests.integration.notifications.town import Town
from tokenization import cards, ids, long_blocks
from tokenization.clock import SetClock
from tokenization.errors import DomainError
from tokenization.models import Card, Credential

PEOPLE = count()
KEY = ECKey.generate_key("P-256")
CARDS = ("replace", "damaged", "block", "overdue", "stay blocked", "stay blocked", "unblock", "unblock", "close")
REGISTRATIONS = ("confirm", "confirm without", "opt in", "opt out", "withdraw", "give back")
TURNS = ("relay", "relay", "read")


@dataclass
class Merchant:
    """One that keeps a card twice, and what it has read of both."""

    requestor_id: UUID
    kept: list[UUID]
    has_had: dict[str, list[str]]
    cursor: int = 0
    last: dict[str, dict[str, Any]] = field(default_factory=dict)

    def read(self, town: Town) -> None:
        """Go on from the cursor. Versions grow, each is from a card that it has had, and a number comes by consent."""
        page = read(town, self.requestor_id, after=self.cursor)
        self.cursor = page.last_seq
        for body in page.bodies:
            data = body["data"]
            before = self.last.get(data["credential_id"])
            assert before is None or before["version"] < data["version"]
            self.last[data["credential_id"]] = data
            assert data["previous"]["last4"] in self.has_had[data["credential_id"]]
            if data["current"]:
                self.has_had[data["credential_id"]].append(data["current"]["last4"])
            if data["encrypted_card"] is not None:
                card, credential = self._as_they_are(town, data["credential_id"])
                assert (credential.state, credential.automatic_update) == ("active", True)
                assert (card.state, card.stayed_blocked_at) in {("active", None), ("blocked", None)}

    def _as_they_are(self, town: Town, credential_id: str) -> tuple[Card, Credential]:
        with town.database.reading() as session:
            found = select(Credential).where(Credential.credential_id == ids.parse("cred", credential_id))
            credential = session.scalars(found).one()
            return session.get_one(Card, credential.card_id), credential

    def has_what_stands(self, town: Town) -> None:
        """Of each registration that it did not give back."""
        for credential_id in self.kept:
            text = ids.to_text("cred", credential_id)
            card, credential = self._as_they_are(town, text)
            stands = standing(card, credential)
            if text in self.last:
                assert self.last[text]["code"] == stands
                assert self.last[text]["version"] <= credential.version
            else:  # it was told nothing, since there was nothing to tell, or nobody may tell it
                assert stands in {None, "A", "O"}
            if stands == "A":
                with town.database.reading() as session:
                    assert self.has_had[text][-1] == cards.current_plastic(session, card).last4


@dataclass
class Play:
    """One card, and a merchant of each kind."""

    town: Town
    card_id: UUID
    merchants: list[Merchant]

    def act(self, what: str, merchant: int, kept: int) -> None:
        """Let it happen, where the rules allow it."""
        town, shop = self.town, self.merchants[merchant]
        if kept >= len(shop.kept):
            return
        card_id, credential_id = self.card_id, shop.kept[kept]
        acts: dict[str, Callable[[], object]] = {
            "replace": lambda: town.replace(card_id, "bank"),
            "damaged": lambda: town.replace(card_id, "damaged"),
            "block": lambda: town.block(card_id),
            "overdue": lambda: town.block(card_id, "account_closed"),
            "stay blocked": self.stay_blocked,
            "unblock": lambda: town.unblock(card_id),
            "close": lambda: town.close(card_id),
            "confirm": lambda: town.confirm(card_id, credential_id),
            "confirm without": lambda: town.confirm(card_id, credential_id, automatic_update=False),
            "opt in": lambda: town.choose(card_id, credential_id, True),
            "opt out": lambda: town.choose(card_id, credential_id, False),
            "withdraw": lambda: withdraw(town, card_id, credential_id, "cardholder"),
            "give back": lambda: self.give_back(shop, credential_id),
            "relay": self.relay,
            "read": lambda: shop.read(town),
        }
        try:
            acts[what]()
        except DomainError:
            return

    def stay_blocked(self) -> None:
        if self._card().state == "active":
            self.town.block(self.card_id)
        assert isinstance(self.town.clock, SetClock)
        self.town.clock.advance(timedelta(days=15))
        long_blocks.run(self.town.transaction, self.town.clock.now())

    def _card(self) -> Card:
        with self.town.database.reading() as session:
            return session.get_one(Card, self.card_id)

    def give_back(self, shop: Merchant, credential_id: UUID) -> None:
        withdraw(self.town, self.card_id, credential_id, "merchant")
        shop.kept.remove(credential_id)

    def relay(self) -> None:
        with self.town.transaction() as session:
            self.town.fan_out_all(session)


def play(town: Town, numbers: UUID) -> Play:
    """A card that two merchants keep, twice each: one registration is confirmed, the other waits for a yes."""
    card_id = town.card(cpr=f"010170{next(PEOPLE):04}")
    with town.database.reading() as session:
        shown = _shown(session, card_id)
    merchants = []
    for requestor_id in (town.requestor(), numbers):
        kept = [town.on_file(card_id, requestor_id), town.registered(card_id, requestor_id)]
        merchants.append(Merchant(requestor_id, kept, {ids.to_text("cred", each): [shown] for each in kept}))
    return Play(town, card_id, merchants)


def _shown(session: Session, card_id: UUID) -> str:
    return cards.current_plastic(session, session.get_one(Card, card_id)).last4


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.one_of(st.sampled_from(CARDS), st.sampled_from(REGISTRATIONS), st.sampled_from(TURNS)),
            st.integers(0, 1),
            st.integers(0, 1),
        ),
        max_size=14,
    )
)
def test_once_all_is_told_and_read_each_merchant_has_what_stands(
    town: Town, happenings: list[tuple[str, int, int]]
) -> None:
    acting = play(town, holding_numbers(town, KEY))
    for what, merchant, kept in happenings:
        acting.act(what, merchant, kept)
    acting.relay()
    for each in acting.merchants:
        each.read(town)
        each.has_what_stands(town)
