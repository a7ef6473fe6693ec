"""What our apps send besides the standard: `purpose`, `dpop_jkt`, `device_name`. Pure checks, errors as RFC 6749."""

import re
from collections.abc import Mapping
from typing import Final

from authlib.oauth2.rfc6749 import InvalidRequestError

from wallet.access.step_up import PURPOSES

_THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
DEVICE_NAME_CHARACTERS_MAX: Final = 60


def check_authorization(parameters: Mapping[str, str]) -> None:
    """`purpose` is one that we know, `dpop_jkt` a SHA-256 thumbprint (RFC 9449 section 10), if they are given."""
    if parameters.get("purpose") is not None and parameters["purpose"] not in PURPOSES:
        raise InvalidRequestError(f"purpose must be one of {', '.join(sorted(PURPOSES))}")
    if parameters.get("dpop_jkt") is not None:
        thumbprint(parameters)


def thumbprint(parameters: Mapping[str, str]) -> str:
    """`dpop_jkt`. Raises InvalidRequestError."""
    if not _THUMBPRINT.fullmatch(parameters.get("dpop_jkt", "")):
        raise InvalidRequestError("dpop_jkt must be the SHA-256 thumbprint of a key, in base64url")
    return parameters["dpop_jkt"]


def device_name(parameters: Mapping[str, str]) -> str:
    """`device_name`, as the parent will see it. Raises InvalidRequestError."""
    name = parameters.get("device_name", "").strip()
    if not 1 <= len(name) <= DEVICE_NAME_CHARACTERS_MAX or not name.isprintable():
        raise InvalidRequestError(f"device_name must be 1 to {DEVICE_NAME_CHARACTERS_MAX} printable characters")
    return name
