"""Where the tests of payments take place: one test's copy of the town, its shops, and what can be done there."""

import secrets
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

import httpx
from sqlalchemy import delete, update

from mobile_mock.phone_token import PhoneToken
from mobile_mock.shop import Merchant
from tests import rates
from tests.integration.payments.town import Town
from tests.world import FILMFLODEN, NETTO, Machine, World
from tokenization import ids
from tokenization.models import CardKey, Requestor
from wallet.people import BALANCE_MINOR

Answer = dict[str, Any]

CASINO = Merchant("DK-777", "Casino Marienlyst", "7995")
ATM = Merchant("DK-600", "Pengeautomat", "6011")
TRAM = Merchant("DK-411", "Letbanen", "4111")
HOTEL = Merchant("DK-701", "Hotel Skjoldungen", "7011")
TOWN_HALL = Merchant("DK-939", "Rådhuset", "9399")


@dataclass
class Scene:
    """One test's copy of the town, and what can be done in it. An `Answer` was a success, a `Response` is anything."""

    town: Town
    anna: PhoneToken = field(init=False)
    emil: PhoneToken = field(init=False)
    opened_with: dict[UUID, int] = field(init=False)

    def __post_init__(self) -> None:
        shared = (self.town.anna, self.town.emil, self.town.anna.encryption_key, self.town.emil.encryption_key)
        copies = deepcopy(self.town.tokens, {id(each): each for each in shared})
        self.anna, self.emil = copies["anna"], copies["emil"]
        self.opened_with = dict(self.town.opened_with)

    @property
    def world(self) -> World:
        """The app around it."""
        return self.town.world

    @property
    def card(self) -> dict[str, str]:
        """Anna's plastic, as it is embossed."""
        return cast(dict[str, str], self.world.person("anna")["card"])

    @property
    def network(self) -> Machine:
        """The acquirer."""
        return self.world.machine("network")

    def bank(self, method: str, path: str, body: Any = None) -> Answer:
        """The bank does something; it must work."""
        answer = self.world.machine("issuer").request(method, f"/v1/issuer{path}", body, headers={"X-Actor": "Mette"})
        assert answer.is_success, answer.text
        return cast(Answer, answer.json())

    def of_anna(self, path: str) -> str:
        """A path of the bank's about Anna's card."""
        return f"/cards/{self.world.person('anna')['card_id']}{path}"

    def account(self) -> Answer:
        """Anna's account."""
        return self.bank("GET", f"/accounts/{self.world.person('anna')['account_id']}")

    def money(self, balance: int) -> None:
        """Give Anna so much, before she pays anything."""
        account_id = self.world.person("anna")["account_id"]
        self.bank("PATCH", f"/accounts/{account_id}", {"balance": balance})
        self.opened_with[ids.parse("acct", account_id)] = balance

    def open(self, account: Answer) -> None:
        """Remember what another account was opened with."""
        self.opened_with[ids.parse("acct", account["id"])] = account["balance"]

    def rates(self, **changes: tuple[str, str]) -> None:
        """The bank puts other rates in place: what a unit of a currency costs, and on which day."""
        path = self.world.parts.settings.rates
        assert path is not None
        rates.write(path, **changes)
        self.world.parts.rates.refresh()

    def suspend_merchant(self) -> None:
        """The bank suspends Filmfloden."""
        with self.world.parts.database.transaction("test") as session:
            session.execute(update(Requestor).where(Requestor.kind == "merchant").values(status="suspended"))

    def erase_anna(self) -> None:
        """Destroy the data key of Anna's card."""
        card_id = ids.parse("card", self.world.person("anna")["card_id"])
        with self.world.parts.database.transaction("test") as session:
            session.execute(delete(CardKey).where(CardKey.card_id == card_id))

    def change(self, said: Answer) -> Answer:
        """Anna changes Emil's right."""
        path = f"/v1/drawing-rights/{self.town.right_id}"
        answer = self.town.anna.step_up("right").request("PATCH", path, said)
        assert answer.status_code == 200, answer.text
        return cast(Answer, answer.json())

    def emils(self, **limits: int | None) -> None:
        """Change Emil's limits."""
        self.change({"limits": limits})

    def ask_for(self, amount: int | None = None, **body: Any) -> httpx.Response:
        """Emil asks Anna for one payment of so much, or for the one that was declined."""
        wanted = {"kind": "one_off", "amount": amount, **body}
        return self.town.emil.request("POST", f"/v1/drawing-rights/{self.town.right_id}/requests", wanted)

    def approve(self, request: Answer) -> Answer:
        """Anna says yes to it."""
        path = f"/v1/drawing-requests/{request['id']}/approve"
        answer = self.town.anna.step_up("approve").request("POST", path)
        assert answer.status_code == 200, answer.text
        return cast(Answer, answer.json())

    def one_off(self, amount: int | None = 25_000, **body: Any) -> str:
        """Emil asks, and Anna says yes: the request's id."""
        asked = self.ask_for(amount, **body)
        assert asked.status_code == 201, asked.text
        return cast(str, self.approve(asked.json())["id"])

    def used(self, limit: str) -> int:
        """How much of a limit Emil has used."""
        answer = self.town.anna.request("GET", f"/v1/drawing-rights/{self.town.right_id}").json()
        return cast(int, answer["usage"][limit]["spent"])

    def request(self, amount: int, at: Merchant = NETTO, **changes: Any) -> Answer:
        """What is in every request."""
        return {
            "network_reference": f"acq-{secrets.token_hex(8)}",
            "kind": "purchase",
            "amount": amount,
            "currency": "DKK",
            "estimated": False,
            "scheme": "dankort",
            "at": self.world.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "terminal": {"id": "T1", "unattended": False},
            "merchant": at.as_json(),
            **changes,
        }

    def tap(
        self, amount: int, cvm: str = "none", *, token: PhoneToken | None = None, pin: str | None = None, **more: Any
    ) -> Answer:
        """A phone's request, not yet sent: the cryptogram is over what is asked."""
        phone, asked = token or self.anna, self.request(amount, **more)
        shown = phone.cryptogram(
            amount,
            asked["currency"],
            asked["kind"],
            cvm,
            unpredictable_number=secrets.token_bytes(4),
            country=asked["merchant"]["country"],
            pin=pin,
        )
        return {"entry_mode": "wallet", "token": phone.number, "cryptogram": shown, **asked}

    def plastic(
        self, amount: int, entry_mode: str = "chip", cvm: str = "online_pin", *, cvc: str | None = None, **more: Any
    ) -> Answer:
        """A request by Anna's plastic, not yet sent."""
        card = {"number": self.card["number"], "expiry": self.card["expiry"], "cvc": cvc}
        return {"entry_mode": entry_mode, "card": card, "cvm": cvm, **self.request(amount, **more)}

    def on_file(self, credential_id: str, amount: int, by: str = "merchant", **more: Any) -> Answer:
        """A request by a card on file, not yet sent."""
        how = {"entry_mode": "credential_on_file", "credential_id": credential_id, "initiated_by": by}
        return {**how, **self.request(amount, **{"at": FILMFLODEN} | more)}

    def ask(self, request: Answer, machine: Machine | None = None) -> httpx.Response:
        """Send a request."""
        return (machine or self.network).request("POST", "/v1/network/authorizations", request)

    def decide(self, request: Answer, machine: Machine | None = None) -> Answer:
        """Send it, and have it decided."""
        answer = self.ask(request, machine)
        assert answer.status_code == 200, answer.text
        return cast(Answer, answer.json())

    def pay(self, amount: int, cvm: str = "none", **more: Any) -> Answer:
        """A phone pays."""
        return self.decide(self.tap(amount, cvm, **more))

    def approved(self, amount: int, cvm: str = "pin", **more: Any) -> str:
        """A phone pays, and may; the payment's id."""
        decision = self.pay(amount, cvm, **more)
        assert decision["approved"], decision
        return cast(str, decision["id"])

    def do(self, what: str, payment_id: str, amount: int | None = None, **more: Any) -> httpx.Response:
        """`captures`, `reversals` or `refunds` of a payment."""
        body = {"network_reference": f"acq-{secrets.token_hex(8)}", **more}
        body |= {} if amount is None else {"amount": amount}
        return self.network.request("POST", f"/v1/network/authorizations/{payment_id}/{what}", body)

    def reverse_lost(self, original: str, **more: Any) -> httpx.Response:
        """Reverse an authorisation whose answer was lost."""
        body = {"network_reference": f"acq-{secrets.token_hex(8)}", "original_network_reference": original, **more}
        return self.network.request("POST", "/v1/network/reversals", body)

    def look(self, payment_id: str) -> Answer:
        """The payment, as its acquirer sees it."""
        answer = self.network.request("GET", f"/v1/network/authorizations/{payment_id}")
        assert answer.status_code == 200, answer.text
        return cast(Answer, answer.json())

    def register(self) -> str:
        """Filmfloden keeps Anna's card on file, and waits for her yes."""
        card = {name: self.card[name] for name in ("number", "expiry")}
        body = {"card": card, "agreement": "subscription", "reference": "customer-42"}
        answer = self.world.machine("merchant").request("POST", "/v1/merchant/credentials", body)
        assert answer.status_code == 201, answer.text
        return cast(str, answer.json()["id"])

    def confirmed(self) -> str:
        """A card on file, with Anna's yes."""
        credential_id = self.register()
        answer = self.town.anna.request("POST", f"/v1/credentials/{credential_id}/confirm", {"automatic_update": True})
        assert answer.status_code == 200, answer.text
        return credential_id


def money(scene: Scene) -> tuple[int, int]:
    """What Anna's account has paid, and what is held on it."""
    account = scene.account()
    return BALANCE_MINOR - account["balance"], account["holds"]


def refused(answer: httpx.Response) -> tuple[int, str]:
    """Its status and its code."""
    return answer.status_code, answer.json()["code"]
