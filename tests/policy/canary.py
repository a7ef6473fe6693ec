"""Known secrets sent through everything, and a search of everything that is written, kept, or answered."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

import httpx
from redis import Redis
from sqlalchemy import text

from tests.world import World
from tokenization.models import Base

# The answers that must show a number, once, to the bank that prints it on plastic.
SHOWING = ("/v1/issuer/cards", "/replace", "/renew")


@dataclass
class Birds:
    """The secrets, each under a name; all the ways to write one count as it."""

    written: dict[str, set[str]] = field(default_factory=dict)

    def add(self, name: str, *forms: str) -> None:
        """A secret, and other ways to write it down."""
        self.written.setdefault(name, set()).update(form for form in forms if form)

    def number(self, name: str, number: str) -> None:
        """A card or token number: whole, in groups, as bytes."""
        groups = [number[i : i + 4] for i in range(0, 16, 4)]
        self.add(name, number, " ".join(groups), "-".join(groups), number.encode().hex())

    def key(self, name: str, value: bytes) -> None:
        """32 bytes: in base64url, in hex, as a list of numbers in Python's own way."""
        self.add(name, base64.urlsafe_b64encode(value).rstrip(b"=").decode(), value.hex(), repr(value)[2:-1])

    def cvc(self, name: str, cvc: str) -> None:
        """Three digits stand everywhere by chance: only as the value of something."""
        self.add(name, f'"{cvc}"', f"'{cvc}'", f"={cvc}", f"cvc {cvc}")

    def found_in(self, haystack: str) -> set[str]:
        """The names of those that stand there."""
        return {name for name, forms in self.written.items() if any(form in haystack for form in forms)}


@dataclass
class Answers:
    """Every answer that was given: what was asked for, and all that came back."""

    given: list[tuple[str, str]] = field(default_factory=list)

    def listen(self, http: httpx.Client) -> None:
        """Hear all of what a client gets."""
        http.event_hooks = {"request": [], "response": [self._hear]}

    def _hear(self, response: httpx.Response) -> None:
        response.read()
        shown_on_purpose = response.request.url.path.endswith(SHOWING) and response.is_success
        asked = f"{response.request.method} {response.request.url.path}"
        body = "" if shown_on_purpose and response.request.method == "POST" else response.text
        # A length, or an age, of three digits is a CVC by chance.
        by_chance = ("content-length", "cache-control")
        headers = [item for item in response.headers.multi_items() if item[0] not in by_chance]
        self.given.append((asked, f"{headers}\n{body}"))


def rows(world: World) -> Iterator[tuple[str, str]]:
    """Each row of each table as text, bytes as hex."""
    with world.parts.database.reading() as session:
        for name in Base.metadata.tables:
            for (row,) in session.execute(text(f"SELECT row::text FROM {name} AS row")):  # noqa: S608 - our own tables
                yield name, row


def redis_content(redis: Redis) -> Iterator[tuple[str, str]]:
    """Each key of Redis with what it holds."""
    read: dict[Any, Any] = {
        b"string": redis.get,
        b"hash": redis.hgetall,
        b"set": redis.smembers,
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
    }
    for key in redis.scan_iter():
        yield "redis", f"{key!r} {read[redis.type(key)](key)!r}"


def everything(world: World, out: StringIO, answers: Answers) -> Iterator[tuple[str, str]]:
    """Every place that a secret could have got to: where it is, and what stands there."""
    for line in out.getvalue().splitlines():
        yield f"log: {json.loads(line)['event']}", line
    yield from rows(world)
    yield from redis_content(world.parts.redis)
    yield from answers.given


def escaped(birds: Birds, places: Iterator[tuple[str, Any]]) -> set[tuple[str, str]]:
    """Which secrets were found, and where."""
    return {(name, place) for place, haystack in places for name in birds.found_in(haystack)}
