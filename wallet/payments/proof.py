"""Checking a cryptogram: this device, for this payment, once; and the person whose PIN or biometric it is."""

from datetime import date, datetime
from typing import Any

from tokenization import countries, cryptogram, money, payment_keys, tokens
from tokenization.clock import local_date
from tokenization.cryptogram import AtcWindow
from tokenization.keys.ring import KeyRingError
from tokenization.secret import Key
from tokenization.vault import VaultError
from wallet.payments.group import Group
from wallet.payments.requests import Authorization, Cryptogram
from wallet.payments.situation import Proof


def prove(group: Group, asked: Authorization, shown: Cryptogram, token: Any) -> tuple[Proof, AtcWindow | None]:
    """What the cryptogram shows; the window is there to be kept exactly when the MAC verifies over an unused ATC."""
    key_version = group.key_versions.get((token.card_id, token.token_id, shown.atc))
    if key_version is None:
        return Proof(device=False), None
    try:
        key = cryptogram.atc_key(payment_keys.token_key(group.vault.ring, key_version, token.token_id), shown.atc)
    except KeyRingError:
        return Proof(device=False, readable=False), None
    signed = signed_input(asked, shown)
    if not cryptogram.matches(cryptogram.mac(key, signed), shown.mac):
        return Proof(device=False), None
    window = AtcWindow(token.atc_seen, int.from_bytes(token.atc_window)).use(shown.atc)
    fresh = window is not None and _is_in_time(shown.date, group.now)
    try:
        return Proof(device=fresh, person=_prove_person(group, token, shown, key, signed)), window
    except VaultError:
        return Proof(device=fresh, readable=False), window


def _prove_person(group: Group, token: Any, shown: Cryptogram, key: Key, signed: cryptogram.Input) -> bool | None:
    if shown.cvm == "none":
        return None
    cvm_key = tokens.cvm_key(lambda: group.data_key(group.cards[token.card_id]), token, shown.cvm)
    if cvm_key is None or shown.cvm_mac is None:
        return False
    expected = cryptogram.mac(cryptogram.cvm_session_key(key, cvm_key), signed)
    return cryptogram.matches(expected, shown.cvm_mac)


def _is_in_time(shown: date, now: datetime) -> bool:
    """The phone's day may differ from ours by one: midnight, time zones."""
    return abs((shown - local_date(now)).days) <= 1


def signed_input(asked: Authorization, shown: Cryptogram) -> cryptogram.Input:
    """What the phone signed, put together from what the acquirer says."""
    return cryptogram.Input(
        amount_minor=asked.amount_minor,
        country=countries.numeric(asked.merchant.country),
        currency=money.numeric(asked.currency),
        on=shown.date,
        kind=asked.kind,
        unpredictable_number=shown.unpredictable_number,
        atc=shown.atc,
        cvm=shown.cvm,
    )
