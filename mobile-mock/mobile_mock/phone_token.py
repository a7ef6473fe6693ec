"""A token on a phone: its PIN, its payment keys, and the cryptograms it pays with."""

import base64
import json
import secrets
from collections import deque
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pycountry
from joserfc import jwe
from joserfc.jwk import ECKey

from mobile_mock.answers import Call, object_in
from mobile_mock.cryptogram import cvm_key, mac, mac_input, pin_key
from mobile_mock.dpop import base64url

JWE_ALGORITHMS = ["ECDH-ES", "A256GCM"]


class NoKeysLeft(Exception):
    """Every payment key that the phone had fetched is used."""


class PhoneToken:
    """A provisioned token. `provisioned` is the service's answer; number and keys come with `fetch_keys`."""

    def __init__(
        self,
        call: Call,
        provisioned: dict[str, Any],
        encryption_key: ECKey,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        self.id: str = provisioned["id"]
        self.provisioned = provisioned
        self.number = ""
        self.expiry = ""
        self._call = call
        self._encryption_key = encryption_key
        self._today = today
        self._holder_keys: dict[str, bytes] = {}
        self._keys: deque[tuple[int, bytes]] = deque()

    @property
    def keys_left(self) -> int:
        """How many payments the phone can make before it must fetch keys again."""
        return len(self._keys)

    def choose_pin(self, pin: str, *, biometric: bool = False) -> dict[str, Any]:
        """Activate the token with a PIN that never leaves the phone; the token as it is then."""
        self._holder_keys = {"pin": pin_key(pin, self.id)}
        if biometric:
            self._holder_keys["biometric"] = secrets.token_bytes(32)
        return object_in(self._call("POST", f"/v1/tokens/{self.id}/activate", self._holder_keys_sent()))

    def change_pin(self, pin: str) -> dict[str, Any]:
        """Set a new PIN, after a step-up `pin`; the token as it is then."""
        self._holder_keys["pin"] = pin_key(pin, self.id)
        body = {"pin_key": base64url(self._holder_keys["pin"])}
        return object_in(self._call("PUT", f"/v1/tokens/{self.id}/pin", body))

    def fetch_keys(self) -> int:
        """Fetch a batch of payment keys, each for one ATC; how many came."""
        answer = object_in(self._call("POST", f"/v1/tokens/{self.id}/keys"))
        opened = jwe.decrypt_compact(answer["keys"], self._encryption_key, algorithms=JWE_ALGORITHMS)
        batch = json.loads(opened.plaintext or b"")
        self.number, self.expiry = batch["number"], batch["expiry"]
        self._keys.extend((key["atc"], _bytes_of(key["key"])) for key in batch["keys"])
        return len(batch["keys"])

    def cryptogram(
        self,
        amount_minor: int,
        currency: str,
        kind: str = "purchase",
        cvm: str = "none",
        *,
        unpredictable_number: bytes,
        country: str = "DK",
        pin: str | None = None,
    ) -> dict[str, Any]:
        """The `cryptogram` of one payment, with the next key. NoKeysLeft where there is none.

        `unpredictable_number` (4 bytes), `country` and `currency` are the terminal's. `pin` is what the holder
        types; without it the right one. ATC and key are gone afterwards, whatever the terminal does.
        """
        if not self._keys:
            raise NoKeysLeft("fetch keys first")
        atc, key = self._keys.popleft()
        today = self._today()
        message = mac_input(
            amount_minor=amount_minor,
            country=_number_of(pycountry.countries.get(alpha_2=country), country),
            currency=_number_of(pycountry.currencies.get(alpha_3=currency), currency),
            on=today,
            kind=kind,
            unpredictable_number=unpredictable_number,
            atc=atc,
            cvm=cvm,
        )
        return {
            "atc": atc,
            "date": f"{today:%y%m%d}",
            "unpredictable_number": unpredictable_number.hex(),
            "cvm": cvm,
            "mac": mac(key, message).hex(),
            "cvm_mac": None if cvm == "none" else mac(cvm_key(key, self._holder_key(cvm, pin)), message).hex(),
        }

    def _holder_key(self, cvm: str, pin: str | None) -> bytes:
        return self._holder_keys[cvm] if pin is None else pin_key(pin, self.id)

    def _holder_keys_sent(self) -> dict[str, str | None]:
        biometric = self._holder_keys.get("biometric")
        return {
            "pin_key": base64url(self._holder_keys["pin"]),
            "biometric_key": base64url(biometric) if biometric else None,
        }


def _number_of(entry: Any, code: str) -> int:
    """The ISO number of a country or currency."""
    if entry is None:
        raise ValueError(f"{code} is not an ISO code")
    return int(entry.numeric)


def _bytes_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
