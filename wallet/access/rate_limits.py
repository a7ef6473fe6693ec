"""How often somebody may knock. Counted before anything is done, so that guessing in parallel gains nothing.

Floods are stopped here; guessing is, more strictly, where the codes are (`devices`, `provisioning/verification.py`).
Payments, blocking and all else that must work without Redis are never counted.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from ipaddress import IPv6Address, ip_address
from itertools import count
from typing import Final, NoReturn, ParamSpec, TypeVar

import structlog
from flask import Flask, request
from flask_limiter import Limiter, RequestLimit
from limits import parse_many
from limits.storage import Storage
from redis.exceptions import RedisError

from wallet import metrics
from wallet.access import shelf
from wallet.access.errors import AccessRefused
from wallet.access.guard import caller
from wallet.services import services

P = ParamSpec("P")
R = TypeVar("R")

SCHEME: Final = "request-redis"
KIND: Final = "calls"
# A phone cannot get on here without Redis, as its proof is spent there. Machines can, so that payments go on; and a
# session can be ended; and so that merchants and wallet providers work on, who have no other way to ask.
_OF_ENDPOINTS: Final = ("Endpoint", "RotateSecret", "Test", "Retry", "Replay")
WITHOUT_REDIS: Final = frozenset(
    {"oauth.token", "oauth.revoke", "merchant.BlockedCards", "merchant.Credentials", "provider.Resume"}
    | {f"{audience}.{name}" for audience in ("merchant", "provider") for name in _OF_ENDPOINTS}
)
log = structlog.get_logger()


def _address() -> str:
    """Where a call comes from: an IPv4 address, or an IPv6 network of /64, as who has one address has all of it."""
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or address.exploded[:19])
    return str(address)


def _person() -> str:
    """Who calls: a cardholder, or a child under its drawing right. Not the phone, of which one may have many."""
    return caller().actor


def _client() -> str:
    """Which machine calls."""
    return caller().client_id


def _requestor_and_token() -> str:
    """Which company calls about which token: another's calls about it, which find nothing, are its own."""
    return f"{caller().requestor_id} {(request.view_args or {}).get('token_id')}"


# What a view can be marked with, and whose calls are counted together, for each route apart. The figures are settings
# of the same names; so are those of `sign_in_of` and `token_of`, which are counted once it is known who it is.
LIMITS: Final[dict[str, Callable[[], str]]] = {
    "sign_in_per_address": _address,
    "pairing_per_address": _address,
    "token_per_address": _address,
    "pin_per_person": _person,
    "code_per_person": _person,
    "provision_per_person": _person,
    "register_per_client": _client,
    "registering_per_client": _client,
    "resuming_per_token": _requestor_and_token,
    "endpoint_per_client": _client,
    "replay_per_client": _client,
}


class RequestRedis(Storage):
    """Keeps the counts in the Redis of whichever request runs, under hashed keys."""

    STORAGE_SCHEME = [SCHEME]  # noqa: RUF012 - the base class has it so

    @property
    def base_exceptions(self) -> type[Exception]:
        """What goes wrong there."""
        return RedisError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count one more, and say how many there are; 0 while Redis is away and the route does without. RedisError."""
        try:
            return shelf.count(services().redis, KIND, key, timedelta(seconds=expiry), step=amount)
        except RedisError:
            if request.endpoint in WITHOUT_REDIS:
                return 0
            raise

    def get(self, key: str) -> int:
        """Nobody looks without counting: between the two, many would come through at once."""
        raise NotImplementedError

    def get_expiry(self, key: str) -> float:
        """When the count ends, in seconds since 1970."""
        return services().clock.now().timestamp() + shelf.seconds_left(services().redis, KIND, key)

    def check(self) -> bool:
        """Whether Redis is there."""
        return bool(services().redis.ping())

    def clear(self, key: str) -> None:
        """Begin anew."""
        shelf.forget(services().redis, KIND, key)

    def reset(self) -> int | None:
        """Not for all at once."""
        raise NotImplementedError


# On an app of its own, which serves nothing: on ours it would run before and after every request, payments too, and
# cost each 50 us (measured). So it runs where a view is marked, and nowhere else.
_LIMITER: Final = Limiter(_address, app=Flask(__name__), storage_uri=f"{SCHEME}://", strategy="fixed-window")

_NUMBERS: Final = count()


def limited(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Count the calls of a view before anything else is done; inside of `requires`, which knows who calls.

    `view.limit` is for the tests that read the route table.
    """
    refuse = partial(_refuse_breach, name)
    counting = _LIMITER.limit(partial(_figures, name), key_func=LIMITS[name], on_breach=refuse)

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        # The limiter knows a view by its name, and would count one that is mounted for two audiences twice.
        view.__qualname__ = f"{view.__qualname__} {next(_NUMBERS)}"
        counted = counting(view)
        counted.limit = name  # type: ignore[attr-defined]  # a mark on a function
        return counted

    return decorate


def sign_in_of(mitid_uuid: str) -> None:
    """Count a sign-in of somebody whom MitID has just named, cardholder or not.

    Raises AccessRefused (429), RedisError.
    """
    _count("sign_in_per_person", mitid_uuid)


def token_of(client_id: str) -> None:
    """Count a machine that has just proved who it is: anybody can name one, and would else lock it out.

    Raises AccessRefused (429).
    """
    _count("token_per_client", client_id)


def _count(name: str, who: str) -> None:
    figures = _figures(name)
    for item in parse_many(figures) if figures else ():
        if not _LIMITER.limiter.hit(item, who, name):
            _refuse(name, item.key_for(who, name))


def _figures(name: str) -> str:
    """Like `60 per minute; 600 per hour`; empty where the bank has switched it off."""
    figures: str | None = getattr(services().settings.rate_limits, name)
    return figures or ""


def _refuse_breach(name: str, breach: RequestLimit) -> NoReturn:
    _refuse(name, breach.key)


def _refuse(name: str, key: str) -> NoReturn:
    metrics.RATE_LIMITED.labels(name).inc()
    log.warning("rate_limited", limit=name, route=str(request.url_rule))
    wait = shelf.seconds_left(services().redis, KIND, key)
    raise AccessRefused(429, "too-many-requests", "too many calls: wait a little", retry_after=wait)
