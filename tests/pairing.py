"""Pairing to test with: a phone that asks, a parent who says yes, and who puts it out again."""

from dataclasses import dataclass, field
from typing import Any

import httpx
from joserfc.jwk import ECKey

from mobile_mock.dpop import DpopClient
from mobile_mock.phone_token import PhoneToken
from tests.integration.access.acting import DEVICE_GRANT
from tests.world import PIN_KEY, Phone, World


@dataclass
class Asking:
    """A phone with the app for children: it asks to be let in, and fetches its tokens when it was."""

    world: World
    name: str = "Emil's phone"
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256"))

    def ask(self, **changes: str) -> dict[str, Any]:
        """The device authorization answer."""
        form = {"client_id": self.client_id, "device_name": self.name, "dpop_jkt": self.key.thumbprint(), **changes}
        answer: dict[str, Any] = self.world.http.post("/oauth/device_authorization", data=form).json()
        return answer

    def fetch(self, asked: dict[str, Any]) -> str:
        """What comes of it: `let in`, or the error."""
        dpop = DpopClient(self.world.http, self.key, lambda: self.world.clock.now().timestamp())
        proof = dpop.proof("POST", f"{self.world.parts.settings.public_url}/oauth/token")
        form = {"client_id": self.client_id, "grant_type": DEVICE_GRANT, "device_code": asked["device_code"]}
        answer = self.world.http.post("/oauth/token", data=form, headers={"DPoP": proof})
        return "let in" if answer.status_code == 200 else str(answer.json()["error"])

    @property
    def client_id(self) -> str:
        """Of the app."""
        return str(self.world.access["child_app"]["client_id"])


def pair(parent: Phone, right: dict[str, Any], code: str, **more: Any) -> httpx.Response:
    body = {"user_code": code, **more}
    return parent.step_up("pair").request("POST", f"/v1/drawing-rights/{right['id']}/pair", body)


def let_in(right: dict[str, Any], asking: Asking) -> Phone:
    """The phone in its new session, as when the parent has said yes."""
    return asking.world.child(right["id"], asking.key, asking.name)


def unpair(parent: Phone, right: dict[str, Any], body: Any = None) -> httpx.Response:
    return parent.request("POST", f"/v1/drawing-rights/{right['id']}/unpair", body)


def phones(parent: Phone, right: dict[str, Any]) -> list[dict[str, Any]]:
    """Those that are let in, as the parent sees them."""
    shown: list[dict[str, Any]] = parent.request("GET", f"/v1/drawing-rights/{right['id']}").json()["phones"]
    return shown


def new_pin(child: Phone, token: dict[str, Any]) -> httpx.Response:
    return child.request("PUT", f"/v1/tokens/{token['id']}/pin", {"pin_key": PIN_KEY})


def ready(child: Phone, right: dict[str, Any]) -> PhoneToken:
    """An active token with payment keys, without what makes a PIN slow."""
    today = child.world.clock.now().date()
    token = PhoneToken(child.request, child.active(right_id=right["id"]), child.encryption_key, lambda: today)
    token.fetch_keys()
    return token
