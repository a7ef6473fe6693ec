"""OAuth requests as Authlib reads them, made from the one place where each parameter belongs, and checked first."""

import re
from collections.abc import Mapping
from typing import Any, Final

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError, OAuth2Request
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from flask import request
from werkzeug.datastructures import MultiDict

from tokenization import numbers
from wallet.access import dpop
from wallet.access.oauth.consents import Consent
from wallet.services import services

_FORM: Final = "application/x-www-form-urlencoded"
_CHARACTERS_MAX: Final = 4096
# Authlib repeats these in its error texts, and raises ValueError where RFC 6749 doesn't allow one of the characters.
_REPEATED: Final = ("client_id", "redirect_uri", "response_type", "grant_type", "scope")
_ALLOWED: Final = re.compile(r"[ !#-\[\]-~]*", re.ASCII)


class OAuthRequest(OAuth2Request):
    """One request. `parameters` are its own alone; `proof` is the DPoP proof that came with it, spent, or None;
    `consent` is what it asks its person to confirm, once it was looked up.
    """

    proof: dpop.Proof | None = None
    consent: Consent | None = None

    def __init__(self, method: str, path: str, parameters: Mapping[str, str]) -> None:
        super().__init__(method, services().settings.public_url + path, headers=dict(request.headers))
        self.parameters = dict(parameters)
        self.payload: Any = BasicOAuth2Payload(self.parameters)

    @property
    def args(self) -> dict[str, str]:
        """The parameters."""
        return self.parameters

    @property
    def form(self) -> dict[str, str]:
        """The parameters: never those of the query and the body mixed, as Flask's `values` would have them."""
        return self.parameters


class InvalidProofError(OAuth2Error):
    """RFC 9449 section 5: the proof is missing or does not hold; or it wants a nonce (section 8)."""

    error = "invalid_dpop_proof"


def from_query() -> OAuthRequest:
    """The request of a browser at the authorization endpoint."""
    return OAuthRequest("GET", request.path, checked(request.args))


def from_form() -> OAuthRequest:
    """The request of an app or a machine, in the one form that RFC 6749 appendix B has for it.

    Nobody has a password here; who tries one must hear of it in the scheme that was tried (section 5.2).
    """
    if request.headers.get("Authorization", "").lower().startswith("basic "):
        raise InvalidClientError("no client authenticates by HTTP Basic here", status_code=401)
    if request.mimetype not in ("", _FORM):
        raise InvalidRequestError(f"the body must be {_FORM}")
    return OAuthRequest("POST", request.path, checked(request.form))


def with_proof() -> OAuthRequest:
    """The same where a key may be bound, with its DPoP proof if it sent one: then that is spent. Raises RedisError."""
    asked = from_form()
    try:
        asked.proof = dpop.of_request()
        if asked.proof and not dpop.spend(services().redis, asked.proof):
            raise dpop.InvalidProof("this DPoP proof was used before")
    except dpop.InvalidProof as error:
        raise InvalidProofError(str(error), error=error.error) from error
    return asked


def checked(parameters: MultiDict[str, str]) -> dict[str, str]:
    """Each parameter once (RFC 6749 section 3.1), not too long, and without what an error text couldn't repeat."""
    for name, values in parameters.lists():
        if len(values) > 1:
            raise InvalidRequestError("a parameter stands there more than once")
        if len(values[0]) > _CHARACTERS_MAX or "\x00" in values[0]:
            raise InvalidRequestError("a parameter is too long, or holds a zero byte")
        if any(numbers.stands_in(part, services().settings.bins) for part in (name, values[0])):
            raise InvalidRequestError("a parameter holds a card number, which would be kept, and passed on")
        if name in _REPEATED and not _ALLOWED.fullmatch(values[0]):
            raise InvalidRequestError(f"{name} holds a character that cannot stand there")
    return {name: value for name, value in parameters.items() if value}
