"""Who takes part in the story, and what they have in their hands."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from threading import Event
from typing import Any

import httpx

from mobile_mock.answers import list_in, object_in
from mobile_mock.machine import Machine
from mobile_mock.phone import POLL_SECONDS, Phone
from mobile_mock.phone_token import PhoneToken
from mobile_mock.shop import Merchant, Shop
from mobile_mock.story.transcript import Transcript
from mobile_mock.webhooks import WebhookReceiver

# Given a card's id, changes one row of its journal in the database for as long as the block lasts.
Tamper = Callable[[str], AbstractContextManager[object]]

GROCER = Merchant("DK-5411-1", "Nærkøb Vesterbro", "5411")
STREAMING_NAME, STREAMING_MCC = "Filmfloden", "4899"


class Stage:
    """Everybody of `access.json` with a phone or a client of their own, and what the steps leave to the next ones."""

    card: dict[str, Any]
    old_card: dict[str, Any]
    anna_token: PhoneToken
    emil_token: PhoneToken
    right_id: str
    credential: dict[str, Any]

    def __init__(
        self, access: Mapping[str, Any], transcript: Transcript, tamper: Tamper | None, open_: ExitStack
    ) -> None:
        self._access = access
        self._open = open_
        self.transcript = transcript
        self.tamper = tamper
        self.people: dict[str, dict[str, Any]] = access["people"]
        self.anna = self._phone("wallet_app", "Anna's phone")
        self.emil = self._phone("child_app", "Emil's phone")
        self.bo = self._phone("wallet_app", "Bo's phone")
        self.issuer = self._machine("issuer", "The bank", actor="story")
        self.provider = self._machine("provider", "Wallet provider")
        self.merchant = self._machine("merchant", STREAMING_NAME)
        network = self._machine("network", "Acquirer")
        merchant_id = access["machines"]["merchant"]["merchant_id"]
        self.grocer = Shop(network.request, GROCER)
        self.streaming = Shop(network.request, Merchant(merchant_id, STREAMING_NAME, STREAMING_MCC))
        self.merchant_webhooks = open_.enter_context(WebhookReceiver())
        self.provider_webhooks = open_.enter_context(WebhookReceiver())

    @property
    def card_id(self) -> str:
        """The id of the card that the story is about; it never changes."""
        card_id: str = self.card["id"]
        return card_id

    def expect_decision(self, what: str, decision: Mapping[str, Any], reason: str, code: str) -> None:
        """Expect an authorization's outcome: its reason and its response code (ISO 8583 DE 39)."""
        came = (decision["approved"], decision["reason"], decision["response_code"])
        self.transcript.expect(f"{what}: {reason} ({code})", came, (reason == "approved", reason, code))

    def bank_looks_at(self, path: str) -> dict[str, Any]:
        """What the issuer sees at a path below the card."""
        return object_in(self.issuer.request("GET", f"/v1/issuer/cards/{self.card_id}{path}"))

    def is_about_card(self, message: Mapping[str, Any]) -> bool:
        """Whether an inbox message is about this card."""
        return message.get("card_id") == self.card_id

    def wait_for_sms(self, text: str, timeout_seconds: float = 20) -> list[str]:
        """What the phones of all got by SMS, as soon as that text is among it, or the time is up."""
        pause, deadline = Event(), time.monotonic() + timeout_seconds
        while True:
            texts = [each["text"] for each in list_in(httpx.get(f"{self._access['sms_url']}.json"))]
            if text in texts or time.monotonic() > deadline:
                return texts
            pause.wait(POLL_SECONDS)

    def _phone(self, app: str, name: str) -> Phone:
        client, observe = self._access[app], self.transcript.observer(name)
        base_url, redirect_uri = self._access["base_url"], client.get("redirect_uri", "")
        return self._open.enter_context(Phone(base_url, client["client_id"], redirect_uri, name=name, observe=observe))

    def _machine(self, name: str, who: str, actor: str | None = None) -> Machine:
        keys, observe = self._access["machines"][name], self.transcript.observer(who)
        base_url, key = self._access["base_url"], keys["private_jwk"]
        return self._open.enter_context(Machine(base_url, keys["client_id"], key, name, actor=actor, observe=observe))


@contextmanager
def staged(access: Mapping[str, Any], transcript: Transcript, tamper: Tamper | None) -> Iterator[Stage]:
    """A stage whose connections and receivers end with the block."""
    with ExitStack() as open_:
        yield Stage(access, transcript, tamper, open_)
