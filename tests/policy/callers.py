"""Everybody who may knock: phones and machines in good standing, and those who have no business here."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey

from delegation import drawing_rights
from delegation.models import DrawingRight
from delegation.parties import Delegate
from delegation.terms import Ceiling, Limits, RightTerms
from mobile_mock.dpop import DpopClient
from notifications import outbox
from notifications.telling import fan_out
from tests.drawing_rights import POLICY
from tests.world import STAFF, Machine, Phone, World
from tokenization import cards, ids
from tokenization.models import Requestor
from wallet import phones
from wallet.access import sessions
from wallet.access.access_tokens import Grant
from wallet.access.models import OAuthClient

Call = Callable[[str, str], httpx.Response]


def childs_phone(
    world: World, grantor: str = "anna", name: str = "Emil's phone", *, client_id: str | None = None
) -> Phone:
    """A phone that Anna, or Bo, let in, under a new drawing right on the card."""
    key, now = ECKey.generate_key("P-256"), world.clock.now()
    client_id = client_id or world.access["child_app"]["client_id"]
    with world.parts.database.transaction("test") as session:
        card = cards.lock(session, ids.parse("card", world.person(grantor)["card_id"]))
        assert card is not None
        limits = RightTerms(Limits(per_payment=20_000))
        right = drawing_rights.grant(session, card, Delegate("Emil"), limits, Ceiling(), policy=POLICY, now=now)
        assert isinstance(right, DrawingRight)
        phone = {"client_id": client_id, "thumbprint": key.thumbprint(), "name": name}
        session_id = phones.let_in(session, card, right, **phone, now=now).session_id
        right_id = ids.to_text("right", right.right_id)
    return Phone(world, "child", client_id, right_id, name, session_id, key, acr=None)


def of_scope(world: World, scope: str) -> Phone | Machine:
    """A caller in good standing."""
    if scope == "wallet":
        return world.phone()
    return childs_phone(world) if scope == "child" else world.machine(scope)


def strangers(world: World) -> dict[str, Call]:
    """Those whom no route may let in."""
    phone, client_id = world.phone(), world.access["machines"]["issuer"]["client_id"]
    good, theirs = world.tokens.issue(Grant(client_id, "issuer", client_id)), phone.access_token()
    world.clock.advance(timedelta(minutes=-10))
    expired = world.tokens.issue(Grant(client_id, "issuer", client_id))
    world.clock.advance(timedelta(minutes=10))
    sent = {
        "nobody": None,
        "a forger": f"Bearer {_signed_by_another_key(good)}",
        "one without a signature": f"Bearer {good.rpartition('.')[0]}.",
        "one who is late": f"Bearer {expired}",
        "one who is nobody's client": f"Bearer {world.tokens.issue(Grant('nobody', 'issuer', 'nobody'))}",
        "a thief of a phone's token": f"Bearer {theirs}",
        "a thief without the phone's key": f"DPoP {theirs}",
        "a machine that calls itself a phone": f"DPoP {good}",
        "one with a password": "Basic aXNzdWVyOmlzc3Vlcg==",
    }
    thief, out = replace(phone, key=ECKey.generate_key("P-256")), _signed_out(world)
    return {who: _sending(world, authorization) for who, authorization in sent.items()} | {
        "a thief with a key of her own": lambda method, path: _with_proof(thief, theirs, method, path),
        "one who has signed out": out.request,
        "a child whose right has ended": _without_right(world).request,
        "a child whose phone was put out": _put_out(world).request,
    }


def suspended(world: World) -> Machine:
    """A merchant whom the bank has suspended, with a token of before."""
    merchant = world.machine("merchant")
    with world.parts.database.transaction("test") as session:
        session.get_one(Requestor, session.get_one(OAuthClient, merchant.client_id).requestor_id).status = "suspended"
    return merchant


def _signed_out(world: World) -> Phone:
    phone = world.phone()
    with world.parts.database.transaction("test") as session:
        sessions.end(session, phone.session_id, reason="signed_out", now=world.clock.now())
    return phone


def _without_right(world: World) -> Phone:
    child = childs_phone(world)
    revoked = world.phone().request("DELETE", f"/v1/drawing-rights/{child.subject}")
    assert revoked.status_code == 200, revoked.text
    return child


def _put_out(world: World) -> Phone:
    child = childs_phone(world)
    unpaired = world.phone().request("POST", f"/v1/drawing-rights/{child.subject}/unpair")
    assert unpaired.status_code == 200, unpaired.text
    return child


def _with_proof(thief: Phone, stolen: str, method: str, path: str) -> httpx.Response:
    url = thief.world.parts.settings.public_url + path
    headers = {"Authorization": f"DPoP {stolen}", "DPoP": thief.proof(method, url, stolen)}
    return thief.world.http.request(method, path, headers=headers)


def _sending(world: World, authorization: str | None) -> Call:
    headers = {"X-Actor": "Mette"} | ({"Authorization": authorization} if authorization else {})
    return lambda method, path: world.http.request(method, path, headers=headers)


def _signed_by_another_key(token: str) -> str:
    claims = jwt.decode(token, options={"verify_signature": False})
    key = ec.generate_private_key(ec.SECP256R1())
    return jwt.encode(claims, key, "ES256", headers=jwt.get_unverified_header(token))


def send(caller: Phone | Machine, method: str, path: str, body: Any = None) -> httpx.Response:
    """As the caller's own `request`, but for a body that no honest client could write."""
    headers = headers_of(caller, method, path) | ({} if body is None else {"Content-Type": "application/json"})
    content = None if body is None else json.dumps(body).encode()
    return caller.world.http.request(method, path, content=content, headers=headers)


def tell(world: World) -> None:
    """What the relay does with what waits: into inboxes, feeds and queues."""
    now = world.clock.now()
    with world.parts.database.transaction("system") as session:
        for event in outbox.claim(session, now, 1_000):
            fan_out(session, event, now)


def headers_of(caller: Phone | Machine, method: str, path: str) -> dict[str, str]:
    """What a caller in good standing sends with a request of its own making."""
    world = caller.world
    if isinstance(caller, Machine):
        token = world.tokens.issue(Grant(caller.client_id, caller.scope, caller.client_id))
        return {"Authorization": f"Bearer {token}"} | ({"X-Actor": STAFF} if caller.scope == "issuer" else {})
    token, dpop = caller.access_token(), DpopClient(world.http, caller.key, lambda: world.clock.now().timestamp())
    return {
        "Authorization": f"DPoP {token}",
        "DPoP": dpop.proof(method, world.parts.settings.public_url + path, token),
    }
