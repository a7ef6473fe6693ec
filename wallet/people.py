"""The demo's made-up people, shops and bank: filled in through the same rules as everybody's."""

from dataclasses import asdict
from datetime import date
from typing import Any, Final
from uuid import uuid4

from joserfc.jwk import ECKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from tokenization import card_verification, cardholders, cards, ids, policies
from wallet import approval
from wallet.access.models import OAuthClient
from wallet.access.oauth import clients
from wallet.payments import accounts
from wallet.payments.rates import HEADER
from wallet.services import Services

REDIRECT_URI: Final = "https://app.tegnebog.example/signed-in"
MERCHANT_ID: Final = "DK-FILMFLODEN"
# Nobody has these: no CPR number ends in 0000, and the mobiles are of a range that is not in use.
ANNA: Final = {"name": "Anna Fjordmark", "cpr": "1205890000", "mobile": "+4500000001"}
BO: Final = {"name": "Bo Engdal", "cpr": "2402750000", "mobile": "+4500000002"}
BIRTHDATES: Final = {"anna": date(1989, 5, 12), "bo": date(1975, 2, 24)}
EMIL: Final = {"name": "Emil", "birthdate": "2015-04-02"}
BALANCE_MINOR: Final = 2_500_000
# Made up as well: what one unit costs in kroner.
RATES: Final = {
    "EUR": "7.46",
    "SEK": "0.68",
    "NOK": "0.64",
    "USD": "6.45",
    "GBP": "8.6",
    "JPY": "0.043",
    "KWD": "21",
}


def fill_in(parts: Services) -> dict[str, Any]:
    """Anna and Bo with a card each, Emil, a wallet, a shop, an acquirer and the bank. Answers access.json."""
    keys = {name: ECKey.generate_key("P-256", auto_kid=True) for name in ("issuer", "network", "provider", "merchant")}
    with parts.database.transaction("demo") as session:
        found = _clients(session, parts, keys)
        everybody = {"anna": _cardholder(session, parts, ANNA), "bo": _cardholder(session, parts, BO), "emil": EMIL}
    machines = {
        name: {"client_id": found[name], "private_jwk": key.as_dict(private=True)} for name, key in keys.items()
    }
    machines["merchant"]["merchant_id"] = MERCHANT_ID
    return {
        "people": everybody,
        "wallet_app": {"client_id": found["wallet"], "redirect_uri": REDIRECT_URI},
        "child_app": {"client_id": found["child"]},
        "machines": machines,
    }


def let_two_be_everybody(parts: Services) -> None:
    """Allow a person as many new phones, codes and cards on file as programs want that play all people as these two."""
    now = parts.clock.now()
    more = {
        "tokens": {"new_phones_per_hour": 600, "codes_per_day": 600},
        "cards_on_file": {"pending_per_merchant": 100},
    }
    with parts.database.transaction("demo") as session:
        in_force = policies.load(session, now)
        for name, figures in more.items():
            policies.put(session, name, asdict(getattr(in_force, name)) | figures, now, "demo", now)


def _clients(session: Session, parts: Services, keys: dict[str, ECKey]) -> dict[str, str]:
    """Approve everybody who is to call; scope -> client id."""
    asked: tuple[tuple[str, str, ECKey, dict[str, Any]], ...] = (
        ("wallet", "Lomme", keys["provider"], {"redirect_uris": [REDIRECT_URI]}),
        ("merchant", "Filmfloden", keys["merchant"], {"merchant_ids": [MERCHANT_ID], "may_hold_numbers": True}),
        ("acquirer", "Kortnet", keys["network"], {}),
    )
    now = parts.clock.now()
    for kind, name, key, more in asked:
        approval.approve(session, parts.vault, _terms(kind, name, key) | more, parts.settings, now)
    jwks = _public(keys["issuer"])
    clients.register_client(session, scope="issuer", name="Fjordbanken", jwks=jwks, now=now)
    return dict(session.execute(select(OAuthClient.scope, OAuthClient.client_id)).all())


def _terms(kind: str, name: str, key: ECKey) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": name,
        "contact": None,
        "jwks": _public(key),
        "redirect_uris": [],
        "merchant_ids": [],
        "schemes": ["dankort"],
        "may_hold_numbers": False,
        "app_attestation": "off",
        "status": "active",
    }


def _public(key: ECKey) -> dict[str, Any]:
    return {"keys": [key.as_dict(private=False)]}


def _cardholder(session: Session, parts: Services, who: dict[str, str]) -> dict[str, Any]:
    now, vault = parts.clock.now(), parts.vault
    mitid_uuid = str(uuid4())
    holder = cardholders.register(session, vault, **who, address=None, now=now)
    account = accounts.open_account(
        session,
        holder_id=holder.holder_id,
        currency="DKK",
        balance_minor=BALANCE_MINOR,
        overdraft_limit_minor=0,
        now=now,
    )
    session.flush()
    card = cards.issue(
        session,
        vault,
        parts.settings.number_space,
        holder_id=holder.holder_id,
        account_id=account.account_id,
        scheme="visa_dankort",
        now=now,
    )
    number = cards.reveal_number(session, vault, card.card_id, card.current_plastic_id)
    plastic = cards.current_plastic(session, card)
    cvc = card_verification.of_plastic(vault.ring, plastic, number)
    return {
        "name": who["name"],
        "mitid_uuid": mitid_uuid,
        "cpr": who["cpr"],
        "cardholder_id": ids.to_text("holder", holder.holder_id),
        "account_id": ids.to_text("acct", account.account_id),
        "card_id": ids.to_text("card", card.card_id),
        "card": {"number": number.reveal(), "expiry": cards.month(plastic.expiry), "cvc": cvc.reveal()},
    }


def rates(today: date) -> str:
    """A file of rates as of that day (wallet/payments/rates.py)."""
    return "".join([f"{HEADER}\n", *(f"{currency},{rate},{today}\n" for currency, rate in RATES.items())])


def broker_config(parts: Services, access: dict[str, Any]) -> dict[str, Any]:
    """What the mock MitID broker is told: who there is, and us as its client."""
    grown_ups = {name: access["people"][name] for name in BIRTHDATES}
    settings = parts.settings
    us = {
        "client_id": settings.broker_client_id,
        "redirect_uris": [f"{settings.public_url}/oauth/mitid/callback"],
        "jwks": parts.keys.broker_client_published,
    }
    return {
        "issuer": settings.broker_url,
        "people": [
            {name: who[name] for name in ("mitid_uuid", "name", "cpr")} | {"birthdate": BIRTHDATES[key].isoformat()}
            for key, who in grown_ups.items()
        ],
        "clients": [us],
    }
