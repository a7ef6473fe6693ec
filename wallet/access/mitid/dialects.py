"""How MitID brokers differ, as data: what they want to be asked, and under which names they answer.

A bank chooses one (`TEGNEBOG_BROKER_KIND`) and may set each field of `Dialect` otherwise: `TEGNEBOG_BROKER__SCOPE`,
`TEGNEBOG_BROKER__CLAIMS__UUID`; tables and lists are JSON. Facts as the brokers document them.
"""

import json
import re
from collections.abc import Mapping
from ipaddress import ip_address
from string import Template
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, field_validator

from notifications.addresses import is_loopback
from wallet.access.step_up import NSIS

Kind = Literal["neb", "criipto", "oidc"]
Level = Literal["Low", "Substantial", "High"]
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
Name = Annotated[str, StringConstraints(min_length=1)]

# `$text` is what MitID shows, in base64, and `$language` the one that it is in; `$hint` the words of the app's
# `login_hint` that `hints` lets through.
_PLACES: Final = frozenset({"text", "hint", "language"})
# What we send of our own: state, nonce and PKCE are worth something only if nothing can replace them.
_OUR_OWN: Final = frozenset(
    {"client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce"}
    | {"code_challenge", "code_challenge_method", "prompt", "request", "request_uri"}
)
_NSIS_LEVELS: Final[dict[str, Level]] = {
    f"{NSIS}Low": "Low",
    f"{NSIS}Substantial": "Substantial",
    f"{NSIS}High": "High",
}


class Claims(BaseModel):
    """The names of what we read. Without `cpr` (none) nobody is linked by CPR number: the bank tells us the uuids."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    uuid: Name
    cpr: Name | None
    level: Name
    auth_time: Name


class Dialect(BaseModel):
    """How one broker is spoken to.

    `parameters` go with the request, strings as they are and objects as JSON; null leaves one out. `required` are
    claims that must have one of these values. `levels` translates the broker's into those of NSIS.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    scope: Name
    parameters: dict[Name, JsonValue]
    hints: re.Pattern[str]
    claims: Claims
    required: dict[Name, list[Name]]
    levels: dict[Name, Level]
    algorithms: list[Algorithm] = Field(["RS256", "PS256", "ES256"], min_length=1)
    client_authentication: Literal["private_key_jwt", "client_secret_basic", "client_secret_post"] = "private_key_jwt"
    userinfo: bool = True
    timeout_seconds: float = Field(10, gt=0, le=60)

    @field_validator("scope")
    @classmethod
    def scope_is_openid(cls, scope: str) -> str:
        """Without it the answer holds no ID token."""
        if "openid" not in scope.split():
            raise ValueError("must hold openid")
        return scope

    @field_validator("parameters")
    @classmethod
    def parameters_are_templates(cls, parameters: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """A wrong place would be found only when somebody signs in."""
        if taken := _OUR_OWN & parameters.keys():
            raise ValueError(f"{', '.join(sorted(taken))}: Tegnebog sets that itself")
        for name, value in parameters.items():
            if not all(_is_template(text) for text in _texts(value)):
                raise ValueError(f"{name}: $ stands only in $text, $hint, $language and $$")
        return parameters

    @field_validator("required")
    @classmethod
    def something_is_accepted(cls, required: dict[str, list[str]]) -> dict[str, list[str]]:
        """An empty list would let nobody in."""
        if empty := [name for name, values in required.items() if not values]:
            raise ValueError(f"{', '.join(empty)}: no value is accepted")
        return required

    @field_validator("levels")
    @classmethod
    def some_level_is_enough(cls, levels: dict[str, Level]) -> dict[str, Level]:
        """Only Substantial and High are let in."""
        if not {"Substantial", "High"} & set(levels.values()):
            raise ValueError("none of them is Substantial or High")
        return levels

    @property
    def shows_text(self) -> bool:
        """Whether it tells people what they approve: else nobody can confirm one thing by a sign-in."""
        templates = (Template(text) for value in self.parameters.values() for text in _texts(value))
        return any("text" in template.get_identifiers() for template in templates)

    def request_parameters(self, *, text: str, hint: str | None, language: str = "da") -> dict[str, str]:
        """What this broker is sent besides the standard; `text` is in base64. What stays empty is left out.

        The hint comes from the app, and so from anybody: only words that `hints` knows go through, or it could change
        the text that MitID shows.
        """
        words = [word for word in (hint or "").split(" ") if self.hints.fullmatch(word)]
        values = {"text": text, "hint": " ".join(words), "language": language}
        filled = {name: _filled(value, values) for name, value in self.parameters.items()}
        sent = {name: value for name, value in filled.items() if value not in (None, "")}
        return {name: value if isinstance(value, str) else json.dumps(value) for name, value in sent.items()}

    def acr(self, level: object) -> str | None:
        """The broker's word for a level -> the NSIS level. None: not one that we know."""
        known = self.levels.get(level) if isinstance(level, str) else None
        return NSIS + known if known else None


# Nets / Signaturgruppen: idp_params as JSON, the text inside; a session is taken up again unless prompt=login.
_NEB: Final[dict[str, Any]] = {
    "scope": "openid mitid ssn",
    "parameters": {
        "idp_values": "mitid",
        "idp_params": {"mitid": {"reference_text": "$text", "loa_value": "substantial"}},
        "language": "$language",
        "login_hint": "$hint",
    },
    "hints": ".*",
    "claims": {"uuid": "mitid.uuid", "cpr": "dk.cpr", "level": "loa", "auth_time": "auth_time"},
    "required": {"idp": ["mitid"], "identity_type": ["private"]},
    "levels": _NSIS_LEVELS,
}
# Criipto / Idura Verify: level and kind in acr_values, the text among the words of login_hint, all claims in the ID
# token, the time as text. Its keys of clients are RSA, and ours is not, so it gets a secret.
_CRIIPTO: Final[dict[str, Any]] = {
    "scope": "openid ssn",
    "parameters": {
        "acr_values": "urn:grn:authn:dk:mitid:substantial",
        "login_hint": "message:$text $hint",
        "ui_locales": "$language",
    },
    "hints": "uuid:[0-9A-Fa-f-]{36}|appswitch:(android|ios)",
    "claims": {"uuid": "uuid", "cpr": "cprNumberIdentifier", "level": "loA", "auth_time": "authenticationinstant"},
    "required": {"identityscheme": ["dkmitid"]},
    "levels": {
        **{level.upper(): level for level in _NSIS_LEVELS.values()},
        **{f"urn:grn:authn:dk:mitid:{level.lower()}": level for level in _NSIS_LEVELS.values()},
    },
    "client_authentication": "client_secret_basic",
    "userinfo": False,
}
# Any other: OpenID Connect Core 1.0 and nothing else. max_age makes auth_time a must (section 3.1.2.1). No parameter of
# the standard tells people what they approve: a bank whose provider has one sets it to $text.
_OIDC: Final[dict[str, Any]] = {
    "scope": "openid",
    "parameters": {
        "acr_values": f"{NSIS}Substantial",
        "max_age": "0",
        "login_hint": "$hint",
        "ui_locales": "$language",
    },
    "hints": ".*",
    "claims": {"uuid": "sub", "cpr": None, "level": "acr", "auth_time": "auth_time"},
    "required": {},
    "levels": _NSIS_LEVELS,
}
DIALECTS: Final[Mapping[Kind, Mapping[str, Any]]] = {"neb": _NEB, "criipto": _CRIIPTO, "oidc": _OIDC}


def fields_of(kind: Kind, changed: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a Dialect: that kind's, some of them changed; of claims and parameters one by one."""
    fields = {**DIALECTS[kind], **changed}
    for name in ("claims", "parameters"):
        if isinstance(fields[name], Mapping):
            fields[name] = {**DIALECTS[kind][name], **fields[name]}
    return fields


def is_private(url: str) -> bool:
    """Whether nobody on the way reads or changes what is sent there: TLS, or plain HTTP that stays on this machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port  # which raises for 99999
        local = parts.scheme == "http" and (host == "localhost" or is_loopback(ip_address(host)))
    except ValueError:
        return False
    return local or (parts.scheme == "https" and bool(host))


def _is_template(text: str) -> bool:
    template = Template(text)
    return template.is_valid() and _PLACES.issuperset(template.get_identifiers())


def _texts(value: JsonValue) -> list[str]:
    """Every text within a JSON value."""
    if isinstance(value, str):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in items for text in _texts(item)]


def _filled(value: JsonValue, values: Mapping[str, str]) -> JsonValue:
    """The value with every place in its texts filled in; objects stay objects, so that no text can end one early."""
    if isinstance(value, str):
        return Template(value).substitute(values).strip()
    if isinstance(value, dict):
        return {name: _filled(item, values) for name, item in value.items()}
    return [_filled(item, values) for item in value] if isinstance(value, list) else value
