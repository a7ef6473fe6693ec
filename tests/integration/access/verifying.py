"""A phone with a token on it that waits to be verified, and what MitID shows of that."""

import base64
import json
from typing import Any

from tests.integration.access.acting import Answer, Phone, Tokens, parameters_in, tokens_in
from tests.world import Phone as PhoneInHand
from tests.world import World


class Yellow:
    """A phone with a token on it that waits to be verified: how it asks MitID, and how it calls."""

    def __init__(self, world: World, oauth: Phone, name: str = "Annas telefon") -> None:
        self.world, self.oauth = world, oauth
        self.hand: PhoneInHand = world.phone(key=oauth.key, client_id=oauth.client_id)
        self.hand.name = name
        self.token = self.provision()

    def provision(self, **card: str) -> dict[str, Any]:
        who = self.world.person("anna")
        body = {"card_id": who["card_id"], "cvc": who["card"]["cvc"], "device": self.hand.device()} | card
        made = self.hand.step_up("provision").request("POST", "/v1/tokens", body)
        assert made.json()["status"] == "unverified", made.text
        self.hand.purpose = None
        provisioned: dict[str, Any] = made.json()
        return provisioned

    def verify(self, access_token: str | None = None, by: Phone | None = None, key: str | None = None) -> Answer:
        """Ask for it to be verified by MitID, with that access token or one that says nothing of MitID."""
        path, text = f"/v1/tokens/{self.token['id']}/verification", access_token or self.hand.access_token()
        sent = {"Authorization": f"DPoP {text}", "DPoP": (by or self.oauth).proof("POST", path, text)}
        sent |= {"Idempotency-Key": key} if key else {}
        return self.oauth.http.post(path, json={"method": "mitid"}, headers=sent)

    def purpose(self) -> str:
        """What the refusal says to sign in for."""
        refused = self.verify()
        assert (refused.status_code, refused.json["code"]) == (401, "insufficient-user-authentication")
        challenge = refused.headers["WWW-Authenticate"]
        return str(challenge.split('purpose="')[1].rstrip('"'))

    def push(self, purpose: str | None = None, who: str = "anna", **changes: str | None) -> Answer:
        hint = f"uuid:{self.world.person(who)['mitid_uuid']}"
        return self.oauth.push({"purpose": purpose or self.purpose(), "login_hint": hint, **changes})

    def go(self, pushed: Answer) -> Answer:
        """The browser with what was pushed."""
        assert pushed.status_code == 201, pushed.text
        return self.oauth.ask({"client_id": self.oauth.client_id, "request_uri": pushed.json["request_uri"]})

    def come_back(self, sent: Answer) -> dict[str, str]:
        """Through MitID, to the app's own address."""
        return parameters_in(self.oauth.back(self.oauth.at_broker(sent)).headers["Location"])

    def tokens(self) -> Tokens:
        """Signed in for this token."""
        answer = self.come_back(self.go(self.push()))
        return tokens_in(self.oauth.token(self.oauth.code_form(answer["code"])))

    def shown(self) -> dict[str, Any]:
        """The token as it is now."""
        token: dict[str, Any] = self.hand.request("GET", f"/v1/tokens/{self.token['id']}").json()
        return token


def shown_by(sent: Answer) -> tuple[str, str]:
    """What MitID will show, and in which language its own words are."""
    asked = parameters_in(sent.headers["Location"])
    text = json.loads(asked["idp_params"])["mitid"]["reference_text"]
    return base64.b64decode(text).decode(), asked["language"]
