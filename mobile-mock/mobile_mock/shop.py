"""A shop with a terminal and its acquirer: builds authorizations and sends them to the service."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mobile_mock.answers import Call, object_in
from mobile_mock.phone_token import PhoneToken


@dataclass(frozen=True)
class Merchant:
    """Who is paid: `mcc` is ISO 18245, `country` ISO 3166 alpha-2."""

    id: str
    name: str
    mcc: str
    country: str = "DK"

    def as_json(self) -> dict[str, str]:
        """The `merchant` of an authorization."""
        return {"id": self.id, "name": self.name, "mcc": self.mcc, "country": self.country}


class Shop:
    """Asks for payments. `network` is the `request` of the acquirer's machine; every answer is a decision of 3-api."""

    def __init__(
        self,
        network: Call,
        merchant: Merchant,
        *,
        currency: str = "DKK",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.merchant = merchant
        self._network = network
        self._currency = currency
        self._now = now

    def unpredictable_number(self) -> bytes:
        """Four bytes of the terminal's own, against payments made before they were asked for."""
        return secrets.token_bytes(4)

    def tap(
        self, token: PhoneToken, amount_minor: int, cvm: str = "none", *, pin: str | None = None, **changes: Any
    ) -> dict[str, Any]:
        """Let a phone pay at the terminal; `changes` replace parts of the authorization (`entry_mode`, …)."""
        return self.authorize(self.tap_request(token, amount_minor, cvm, pin=pin, **changes))

    def tap_request(
        self, token: PhoneToken, amount_minor: int, cvm: str = "none", *, pin: str | None = None, **changes: Any
    ) -> dict[str, Any]:
        """The authorization of a phone's payment, not yet sent."""
        cryptogram = token.cryptogram(
            amount_minor,
            self._currency,
            cvm=cvm,
            pin=pin,
            country=self.merchant.country,
            unpredictable_number=self.unpredictable_number(),
        )
        means = {"token": token.number, "cryptogram": cryptogram, "entry_mode": "wallet"}
        return {**self._request(amount_minor), **means, **changes}

    def charge_card(
        self, card: dict[str, Any], amount_minor: int, entry_mode: str = "chip", cvm: str = "online_pin", **changes: Any
    ) -> dict[str, Any]:
        """Charge the plastic: `number`, `expiry` and, where it is typed in, `cvc`."""
        plastic = {"number": card["number"], "expiry": card["expiry"], "cvc": card.get("cvc")}
        means = {"card": plastic, "cvm": cvm, "entry_mode": entry_mode}
        return self.authorize({**self._request(amount_minor), **means, **_WITHOUT_PHONE, **changes})

    def charge_on_file(self, credential_id: str, amount_minor: int, **changes: Any) -> dict[str, Any]:
        """Charge a card on file, on the merchant's own initiative unless `changes` say otherwise."""
        means = {"credential_id": credential_id, "entry_mode": "credential_on_file"}
        merchant_initiated = {**_WITHOUT_PHONE, "initiated_by": "merchant"}
        return self.authorize({**self._request(amount_minor), **means, **merchant_initiated, **changes})

    def authorize(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send an authorization; a `network_reference` of its own where it has none."""
        sent = {"network_reference": f"acq-{secrets.token_hex(12)}", **request}
        return object_in(self._network("POST", "/v1/network/authorizations", sent))

    def _request(self, amount_minor: int) -> dict[str, Any]:
        return {
            "kind": "purchase",
            "amount": amount_minor,
            "currency": self._currency,
            "estimated": False,
            "scheme": "dankort",
            "at": self._now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "terminal": {"id": "T1", "unattended": False},
            "merchant": self.merchant.as_json(),
        }


# A phone authenticates its holder itself; the other two say how it was done.
_WITHOUT_PHONE = {"authentication": "none", "initiated_by": "cardholder"}
