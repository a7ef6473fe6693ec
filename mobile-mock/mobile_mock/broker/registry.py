"""Who the broker knows: people with MitID, and the services that let it sign them in."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Self, TypeVar

from joserfc.errors import JoseError
from joserfc.jwk import KeySet

T = TypeVar("T")

SCOPES = frozenset({"openid", "mitid", "ssn"})


class ConfigurationError(ValueError):
    """The broker's configuration is not usable; the message names the field, never a secret."""


@dataclass(frozen=True)
class Person:
    """Somebody with a MitID. `birthdate` is the one on the person's papers, not read out of the CPR number."""

    mitid_uuid: str
    name: str
    cpr: str = field(repr=False)
    birthdate: date

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read `{"mitid_uuid", "name", "cpr", "birthdate": "YYYY-MM-DD"}`."""
        return cls(_text(data, "mitid_uuid"), _text(data, "name"), _text(data, "cpr"), _date(data, "birthdate"))


@dataclass(frozen=True)
class Client:
    """A service that signs people in. With `keys` it authenticates by `private_key_jwt`, else by its secret."""

    client_id: str
    redirect_uris: tuple[str, ...]
    keys: KeySet | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    scopes: frozenset[str] = SCOPES

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read `{"client_id", "redirect_uris", "jwks" or "secret", "scopes"?}`."""
        jwks, secret = data.get("jwks"), data.get("secret")
        if (jwks is None) == (secret is None):
            raise ConfigurationError("jwks, secret: exactly one of them is needed")
        return cls(
            client_id=_text(data, "client_id"),
            redirect_uris=tuple(_texts(data, "redirect_uris")),
            keys=_keys(jwks) if jwks is not None else None,
            secret=_text(data, "secret") if secret is not None else None,
            scopes=frozenset(_texts(data, "scopes")) if "scopes" in data else SCOPES,
        )


@dataclass(frozen=True)
class BrokerConfig:
    """Everything that a broker is made of. `issuer` is its own address, without a slash at the end."""

    issuer: str
    people: tuple[Person, ...] = ()
    clients: tuple[Client, ...] = ()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read `{"issuer", "people": […], "clients": […]}`; ConfigurationError names the field that is wrong."""
        issuer = _text(data, "issuer")
        if issuer.endswith("/"):
            raise ConfigurationError("issuer: no slash at the end")
        return cls(issuer, _each(data, "people", Person.from_json), _each(data, "clients", Client.from_json))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a configuration file."""
        try:
            data = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            raise ConfigurationError(f"{path.name}: not JSON") from error
        if not isinstance(data, dict):
            raise ConfigurationError(f"{path.name}: not a JSON object")
        return cls.from_json(data)


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{name}: a text is needed")
    return value


def _keys(jwks: Any) -> KeySet:
    try:
        return KeySet.import_key_set(jwks)
    except (JoseError, LookupError, TypeError, ValueError) as error:
        raise ConfigurationError("jwks: not a JSON Web Key Set") from error


def _date(data: Mapping[str, Any], name: str) -> date:
    try:
        return date.fromisoformat(_text(data, name))
    except ValueError as error:
        raise ConfigurationError(f"{name}: a date like 1985-03-29 is needed") from error


def _texts(data: Mapping[str, Any], name: str) -> list[str]:
    value = data.get(name)
    if not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value):
        raise ConfigurationError(f"{name}: a list of texts is needed")
    return value


def _each(data: Mapping[str, Any], name: str, read: Callable[[Mapping[str, Any]], T]) -> tuple[T, ...]:
    items = data.get(name, [])
    if not isinstance(items, list):
        raise ConfigurationError(f"{name}: a list is needed")
    return tuple(_one(f"{name}[{index}]", item, read) for index, item in enumerate(items))


def _one(name: str, item: Any, read: Callable[[Mapping[str, Any]], T]) -> T:
    if not isinstance(item, dict):
        raise ConfigurationError(f"{name}: an object is needed")
    try:
        return read(item)
    except ConfigurationError as error:
        raise ConfigurationError(f"{name}.{error}") from error
