"""What our apps send besides the standard: `purpose`, `dpop_jkt`, `device_name`. Pure checks, errors as RFC 6749."""

import re
from collections.abc import Mapping
from typing import Final

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError
from marshmallow import ValidationError

from wallet.access.step_up import PURPOSES, token_in
from wallet.schemas.fields import Text

_THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_DEVICE_NAME: Final = Text(60)  # in any script: a family of emoji is held together by what `isprintable` refuses
# Of these an authorization request consists here. What an app may choose freely is short: anybody may send a request,
# and we remember it for minutes.
_STANDARD: Final = ("response_type", "client_id", "redirect_uri", "scope", "code_challenge", "code_challenge_method")
_OUR_OWN: Final = ("dpop_jkt", "purpose")
_CHOSEN_CHARACTERS_MAX: Final = {"state": 1024, "login_hint": 256}
_KEPT: Final = frozenset((*_STANDARD, *_OUR_OWN, *_CHOSEN_CHARACTERS_MAX))


def to_keep(parameters: Mapping[str, str]) -> dict[str, str]:
    """An authorization request without what we don't know and ignore (RFC 6749 section 3.1)."""
    return {name: value for name, value in parameters.items() if name in _KEPT}


def check_authorization(parameters: Mapping[str, str]) -> None:
    """`purpose` is one that we know, `dpop_jkt` a SHA-256 thumbprint (RFC 9449 section 10), if they are given; `state`
    and `login_hint` are not too long. Raises OAuth2Error.
    """
    _check_modes(parameters)
    purpose = parameters.get("purpose")
    if purpose is not None and purpose not in PURPOSES and token_in(purpose) is None:
        raise InvalidRequestError(f"purpose must be one of {', '.join(sorted(PURPOSES))}, or verify:<token>:<version>")
    if parameters.get("dpop_jkt") is not None:
        thumbprint(parameters)
    for name, most in _CHOSEN_CHARACTERS_MAX.items():
        if len(parameters.get(name, "")) > most:
            raise InvalidRequestError(f"{name} must have at most {most} characters")


def _check_modes(parameters: Mapping[str, str]) -> None:
    """What asks for another kind of answer is not ignored as other parameters are: the app would misread ours.

    `acr_values`, `max_age` and `prompt=login`, by which an app follows a step-up challenge (RFC 9470 section 4), need
    no look: each sign-in is made anew, at Substantial or better.
    """
    if "request" in parameters:
        raise OAuth2Error("push the request, or send its parameters", error="request_not_supported")
    if parameters.get("response_mode", "query") != "query":
        raise InvalidRequestError("response_mode must be query")
    if "none" in parameters.get("prompt", "").split():
        raise OAuth2Error("each sign-in asks the person", error="login_required")


def thumbprint(parameters: Mapping[str, str]) -> str:
    """`dpop_jkt`. Raises InvalidRequestError."""
    if not _THUMBPRINT.fullmatch(parameters.get("dpop_jkt", "")):
        raise InvalidRequestError("dpop_jkt must be the SHA-256 thumbprint of a key, in base64url")
    return parameters["dpop_jkt"]


def device_name(parameters: Mapping[str, str]) -> str:
    """`device_name`, exactly as the phone wrote it, which is what the parent will see. Raises InvalidRequestError."""
    try:
        name: str = _DEVICE_NAME.deserialize(parameters.get("device_name", ""))
    except ValidationError as error:
        raise InvalidRequestError(f"device_name {error.messages[0]}") from error
    return name
