"""What a service asks for at `/connect/authorize`, read and checked. Pure: no state, no clock."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mobile_mock.broker.registry import Client

NSIS = "https://data.gov.dk/concept/core/nsis/"
LEVELS = ("Low", "Substantial", "High")
PROMPTS = frozenset({"login", "none", "select_account"})
# An S256 challenge is 32 bytes in base64url (RFC 7636 section 4.2).
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
REFERENCE_TEXT_MAX = 130


@dataclass(frozen=True)
class Refused:
    """An answer that is an error: its OAuth code, and what was wrong in words."""

    error: str
    description: str


@dataclass(frozen=True)
class SignInRequest:
    """A valid request for a sign-in. `hint` is the MitID uuid of `login_hint=uuid:…`; `level` what was asked for."""

    client_id: str
    redirect_uri: str
    scopes: frozenset[str]
    state: str | None
    nonce: str | None
    code_challenge: str
    prompts: frozenset[str]
    max_age_seconds: int | None
    hint: str | None
    reference_text: str
    level: str


def read(parameters: Mapping[str, str], clients: Mapping[str, Client]) -> SignInRequest | Refused:
    """Check the parameters of an authorization request.

    An invalid request is answered with a page and never redirected, as the Danish brokers do: nobody knows
    whether its `redirect_uri` is honest.
    """
    client = clients.get(parameters.get("client_id", ""))
    if client is None:
        return Refused("unauthorized_client", "client_id is not registered")
    refused = _refusal(parameters, client)
    if refused:
        return refused
    mitid = _mitid_parameters(parameters.get("idp_params", "{}"))
    if isinstance(mitid, Refused):
        return mitid
    hint = parameters.get("login_hint", "")
    return SignInRequest(
        client_id=client.client_id,
        redirect_uri=parameters["redirect_uri"],
        scopes=frozenset(parameters["scope"].split()),
        state=parameters.get("state"),
        nonce=parameters.get("nonce"),
        code_challenge=parameters["code_challenge"],
        prompts=frozenset(parameters.get("prompt", "").split()),
        max_age_seconds=int(parameters["max_age"]) if "max_age" in parameters else None,
        hint=hint.removeprefix("uuid:") if hint.startswith("uuid:") else None,
        reference_text=mitid[0],
        level=mitid[1],
    )


def _refusal(parameters: Mapping[str, str], client: Client) -> Refused | None:
    """The first thing that is wrong with the plain parameters."""
    scopes = set(parameters.get("scope", "").split())
    prompts = set(parameters.get("prompt", "").split())
    checks = (
        (parameters.get("redirect_uri") in client.redirect_uris, "invalid_request", "redirect_uri is not registered"),
        (parameters.get("response_type") == "code", "unsupported_response_type", "response_type must be code"),
        ("openid" in scopes, "invalid_scope", "scope must hold openid"),
        (scopes <= client.scopes, "invalid_scope", "scope holds one that this client may not ask for"),
        (parameters.get("code_challenge_method") == "S256", "invalid_request", "code_challenge_method must be S256"),
        (CHALLENGE.fullmatch(parameters.get("code_challenge", "")), "invalid_request", "code_challenge is not S256"),
        (prompts <= PROMPTS, "invalid_request", "prompt is not known"),
        ("none" not in prompts or len(prompts) == 1, "invalid_request", "prompt=none stands alone"),
        (re.fullmatch(r"[0-9]{1,9}", parameters.get("max_age", "0")), "invalid_request", "max_age is not a number"),
        ("mitid" in parameters.get("idp_values", "mitid").split(), "invalid_request", "idp_values must hold mitid"),
    )
    return next((Refused(error, description) for holds, error, description in checks if not holds), None)


def _mitid_parameters(idp_params: str) -> tuple[str, str] | Refused:
    """`(reference_text, level)` out of the JSON in `idp_params`, each with its default."""
    try:
        mitid = json.loads(idp_params).get("mitid", {})
        text = _reference_text(mitid.get("reference_text", ""))
        level = _level(mitid.get("loa_value", "substantial"))
    except (AttributeError, TypeError, ValueError):
        return Refused("invalid_request", "idp_params is not an object of identity provider parameters")
    return text, level


def _reference_text(encoded: Any) -> str:
    try:
        text = base64.b64decode(encoded, validate=True).decode("utf-8")
    except binascii.Error as error:
        raise ValueError("not base64") from error
    if len(text) > REFERENCE_TEXT_MAX:
        raise ValueError("too long to be shown")
    return text


def _level(word: Any) -> str:
    """A level is asked for by a word, and told by its NSIS address."""
    if word not in [level.lower() for level in LEVELS]:
        raise ValueError("not low, substantial or high")
    return str(word).capitalize()
