"""Many who pay at once and ask again for whatever was not answered, until it is; and what they were told."""

import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event
from typing import Any, Final

import httpx
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.books import assert_books_balance
from tests.crashes.installation import SECONDS, Installation, until
from tests.world import NETTO
from tokenization.journal import chains
from wallet.access.access_tokens import Grant
from wallet.payments.models import Payment, PaymentOperation, ReferenceDirectory

AT_ONCE: Final = 8
BEFORE: Final = 24  # answers, before something is killed
PAUSE_SECONDS: Final = 0.3  # before who was cut off comes again: they are not to keep the others from starting
PATH: Final = "/v1/network/authorizations"
_CHANCE: Final = random.Random(0)


@dataclass(frozen=True)
class Told:
    """What was asked, where, and what came back."""

    path: str
    body: dict[str, Any]
    status: int
    answer: bytes


@dataclass
class Customers:
    """Those whose references begin with a name. `told` is all that was acknowledged to them.

    Some of what they pay is captured or given back, unless `steps` is False.
    """

    at: Installation
    name: str
    steps: bool = True
    told: dict[str, Told] = field(default_factory=dict)

    def pay_while(self, strike: Callable[[], None]) -> None:
        """All pay as fast as they can, something is struck in the middle, and each goes on until his last answer."""
        over, before = Event(), len(self.told)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            running = [pool.submit(self._pay, number, over) for number in range(AT_ONCE)]
            try:
                until(lambda: len(self.told) >= before + BEFORE or any(each.done() for each in running))
                strike()
            finally:
                over.set()
            for each in running:
                each.result()

    def _pay(self, number: int, over: Event) -> None:
        with self.connection() as http:
            by_chance, count = random.Random(number), len(self.told)
            while not over.is_set():
                count += 1
                answer = self.settle(http, PATH, self.payment(f"{self.name}-{number}-{count}", by_chance))
                if self.steps and answer["approved"] and by_chance.random() < 0.3:
                    what = by_chance.choice(["captures", "reversals"])
                    body = {"network_reference": f"{self.name}-{number}-{count}-{what}", "amount": 50}
                    self.settle(http, f"{PATH}/{answer['id']}/{what}", body)

    def access_token(self) -> str:
        """One of the acquirer's."""
        network = self.at.world.machine("network")
        return self.at.world.tokens.issue(Grant(network.client_id, network.scope, network.client_id))

    def connection(self) -> httpx.Client:
        """To the service, with such a token."""
        headers = {"Authorization": f"Bearer {self.access_token()}"}
        return httpx.Client(base_url=self.at.settings.public_url, headers=headers, timeout=SECONDS, trust_env=False)

    def payment(self, reference: str, by_chance: random.Random = _CHANCE) -> dict[str, Any]:
        """A request by one of the cards."""
        return {
            "network_reference": reference,
            "kind": "purchase",
            "entry_mode": "chip",
            "cvm": "online_pin",
            "card": by_chance.choice(self.at.cards),
            "amount": by_chance.randrange(100, 1_000),
            "currency": "DKK",
            "scheme": "dankort",
            "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "merchant": NETTO.as_json(),
        }

    def settle(self, http: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Ask until it is answered: a machine that is cut off, or told to come again, comes again."""
        found: list[httpx.Response] = []

        def is_answered() -> bool:
            found.extend(asked(http, path, body))
            return bool(found)

        until(is_answered, every=PAUSE_SECONDS)
        (answer,) = found
        self.told[body["network_reference"]] = Told(path, body, answer.status_code, answer.content)
        return dict(answer.json())

    def ask_again(self) -> None:
        """Whoever asks for the same again is told the same, byte for byte."""
        waiting = list(self.told.values())

        def some(number: int) -> None:
            with self.connection() as http:
                for told in waiting[number::AT_ONCE]:
                    (again,) = asked(http, told.path, told.body)
                    assert (again.status_code, again.content) == (told.status, told.answer)
                    assert again.headers["Idempotent-Replayed"] == "true"

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(some, range(AT_ONCE)))

    def answers(self) -> dict[str, dict[str, Any]]:
        """What was acknowledged, by reference."""
        return {reference: json.loads(told.answer) for reference, told in self.told.items()}

    def check(self) -> None:
        """Nothing that was acknowledged is lost, nothing is there twice, and everything fits."""
        parts = self.at.world.parts
        with parts.database.reading() as session:
            assert_kept(session, self.name, self.answers())
            assert_books_balance(session, self.at.opened_with)
            assert all(verdict.valid for _, verdict in chains.verify_all(session, parts.vault.ring, chains.CARDS))


def asked(http: httpx.Client, path: str, body: dict[str, Any]) -> list[httpx.Response]:
    """The answer; none where the connection was cut, or we are told to come again."""
    try:
        answer = http.post(path, json=body)
    except httpx.TransportError:
        return []
    assert answer.status_code in {200, 201, 503}, answer.text
    return [] if answer.status_code == 503 else [answer]


def assert_kept(session: Session, name: str, told: dict[str, dict[str, Any]]) -> None:
    """Each reference has the answer that was given, and a row of what it is about; no other reference is there."""
    ours = ReferenceDirectory.network_reference.startswith(f"{name}-")
    kept = {row.network_reference: row for row in session.scalars(select(ReferenceDirectory).where(ours))}
    assert {reference: row.answer for reference, row in kept.items()} == told
    payments = set(session.scalars(select(Payment.payment_id)))
    steps = set(session.scalars(select(PaymentOperation.network_reference)))
    for reference, row in kept.items():
        assert row.payment_id in payments if row.operation == "authorization" else reference in steps
