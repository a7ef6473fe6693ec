"""Good calls of an acquirer's, to be spoiled one value at a time."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlalchemy import text
from structlog.testing import capture_logs

from tests.integration.payments.scene import Answer, Scene
from tests.integration.test_http_bad_input import is_refused
from wallet.access.access_tokens import Grant
from wallet.payments.models import ReferenceDirectory

Row = tuple[str, str, str]  # field, the JSON that is sent for it, what is said of it
GONE = ""  # for JSON: the field is left out
NETWORK = "/v1/network"


@dataclass(frozen=True)
class Call:
    """A call that works: where, with what, and the status of its answer."""

    path: str
    body: Answer
    status: int = 201

    def spoiled(self, name: str, raw: str) -> str:
        """Its body with one value replaced by that JSON; `merchant.name` is a path."""
        body = deepcopy(self.body)
        *above, last = name.split(".")
        inner = body
        for each in above:
            inner = inner[each]
        inner[last] = "@"
        if raw == GONE:
            del inner[last]
        return json.dumps(body).replace('"@"', raw)


@dataclass(repr=False)
class Acquirer:
    """Sends whatever it likes. Its payment is half captured: everything can be done with it."""

    scene: Scene
    headers: dict[str, str] = field(init=False)
    payment_id: str = field(init=False)
    credential_id: str | None = None
    made: int = 0

    def __post_init__(self) -> None:
        world, client_id = self.scene.world, self.scene.network.client_id
        token = world.tokens.issue(Grant(client_id, "network", client_id))
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.payment_id = self.scene.approved(50_000, network_reference="half")
        self.scene.do("captures", self.payment_id, 25_000, final=False)

    def send(self, path: str, content: str | bytes, **headers: str) -> httpx.Response:
        """A body of any kind."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.scene.world.http.post(path, content=content, headers=self.headers | sent)

    def reference(self) -> str:
        """One that was never used."""
        self.made += 1
        return f"spoiled-{self.made}"

    def calls(self) -> dict[str, Call]:
        """By the name of what is done; each works once."""
        amount = {"network_reference": self.reference(), "amount": 100}
        operation = f"{NETWORK}/authorizations/{self.payment_id}"
        return {
            "authorization": self.by_plastic(),
            "capture": Call(f"{operation}/captures", amount | {"final": False}),
            "reversal": Call(f"{operation}/reversals", amount),
            "refund": Call(f"{operation}/refunds", amount),
            "lost answer": Call(f"{NETWORK}/reversals", amount | {"original_network_reference": "half"}),
        }

    def by_plastic(self) -> Call:
        """An authorisation with every field that a plastic may have."""
        asked = self.scene.plastic(1_250, cvc=self.scene.card["cvc"], network_reference=self.reference())
        asked |= {"authentication": "none", "initiated_by": "cardholder"}
        asked["merchant"]["city"] = "København V"
        return Call(f"{NETWORK}/authorizations", asked, 200)

    def by_phone(self, cvm: str = "pin") -> Call:
        """An authorisation with a cryptogram."""
        return Call(f"{NETWORK}/authorizations", self.scene.tap(1_250, cvm, network_reference=self.reference()), 200)

    def on_file(self) -> Call:
        """An authorisation by a card on file."""
        self.credential_id = self.credential_id or self.scene.confirmed()
        asked = self.scene.on_file(self.credential_id, 1_250, network_reference=self.reference())
        return Call(f"{NETWORK}/authorizations", asked, 200)

    def is_refused(self, call: Call, rows: Iterable[Row]) -> None:
        """Each spoiled value is refused by its name, with what is wrong; and nothing happens."""
        with self.nothing_happens(call):
            for name, raw, message in rows:
                answer = self.send(call.path, call.spoiled(name, raw))
                assert is_refused(answer, 422, "invalid"), (name, raw[:40])
                assert named(answer) == [(name, message)], (name, raw[:40])
                assert answer.json()["detail"] == "some values cannot be accepted"

    @contextmanager
    def nothing_happens(self, call: Call) -> Iterator[None]:
        """Nothing is written, no secret is logged, and the reference is free: the good call works."""
        before = self._written()
        with capture_logs() as logged:
            yield
        assert self._written() == before, "something was written"
        assert logged
        assert not any(each in repr(logged) for each in _secrets(call.body)), "a secret was told"
        answer = self.send(call.path, json.dumps(call.body))
        assert answer.status_code == call.status, answer.text
        assert answer.json().get("approved", True), answer.text

    def is_free(self, reference: str) -> bool:
        """Whether the reference was never claimed."""
        key = (self.scene.network.client_id, reference)
        with self.scene.world.parts.database.reading() as session:
            return session.get(ReferenceDirectory, key) is None

    def _written(self) -> int:
        """How many rows were written so far, and be it in vain: the whole module is one transaction."""
        counted = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_xact_user_tables"
        with self.scene.world.parts.database.reading() as session:
            return int(session.execute(text(counted)).scalar_one())


def named(answer: httpx.Response) -> list[tuple[str, str]]:
    """The fields that a problem names, and what it says of each."""
    return [(error["field"], error["message"]) for error in answer.json()["errors"]]


def _secrets(body: Answer) -> list[str]:
    """What is long enough to be told from a time or an id; of CVCs see tests/policy/test_policy_canary.py."""
    shown: dict[str, Any] = body.get("cryptogram", {})
    found = [body.get("token"), body.get("card", {}).get("number"), shown.get("mac"), shown.get("cvm_mac")]
    return [each for each in found if each]
