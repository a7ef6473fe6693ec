"""Whoever is told, in a process of its own: endpoints of merchants and an SMS gateway, all on one port of loopback.

A path says how it answers: `/takes/…` at once, `/waits/50` after so many milliseconds, `/hangs/…` never. What came is
kept with the time of its last byte, by `time.time`, which is the same in all processes of a machine; but for what
hangs, which nobody has. Standard input asks for it, a word a line.
"""

import asyncio
import gc
import json
import os
import sys
from collections.abc import Mapping
from time import time
from typing import Any, Final

SAMPLED: Final = 100  # of so many that came one is kept whole, so that signatures can be verified
_TAKEN: Final = b"HTTP/1.1 204 No Content\r\n\r\n"


def parsed(head: bytes) -> tuple[str, dict[str, str]]:
    """The path and the headers of a request, these in small letters."""
    request_line, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return request_line.split(" ")[1], headers


def about(body: Mapping[str, Any]) -> str:
    """What a webhook is about: its credential; or which text message it is."""
    data = body.get("data", {})
    return str(data.get("credential_id") or body.get("reference", ""))


class Book:
    """What came: time, path, webhook-id and what it was about; and some of the webhooks whole."""

    def __init__(self) -> None:
        self.hanging: list[asyncio.Transport] = []
        self.forget()

    def forget(self) -> None:
        """Nothing came."""
        self.webhooks: list[tuple[float, str, str, str]] = []
        self.texts: list[tuple[float, str]] = []
        self.sample: list[tuple[str, dict[str, str], str]] = []
        self.known: dict[str, set[str]] = {"webhooks": set(), "texts": set()}

    def enter(self, path: str, headers: dict[str, str], content: bytes) -> None:
        """Write down a request that is there to its last byte."""
        at, webhook_id, what = time(), headers.get("webhook-id"), about(json.loads(content))
        self.known["texts" if webhook_id is None else "webhooks"].add(what)
        if webhook_id is None:
            self.texts.append((at, what))
            return
        if len(self.webhooks) % SAMPLED == 0:
            self.sample.append((path, headers, content.decode()))
        self.webhooks.append((at, path, webhook_id, what))

    def answer(self, asked: str) -> Any:
        """`counts`, of what comes again once; or `all`, which is then forgotten; or that it `hang up`, how often."""
        if asked == "counts":
            return {kind: len(known) for kind, known in self.known.items()}
        if asked == "hang up":
            ended, self.hanging = self.hanging, []
            for line in ended:
                line.abort()
            return len(ended)
        everything = {"webhooks": self.webhooks, "texts": self.texts, "sample": self.sample}
        self.forget()
        return everything


class Door(asyncio.Protocol):
    """A keep-alive connection of a relay's; requests come one after the other."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._read = b""

    def connection_made(self, transport: Any) -> None:
        """Keep what is written to."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Put together what arrives."""
        self._read += data
        head, end, rest = self._read.partition(b"\r\n\r\n")
        if not end:
            return
        path, headers = parsed(head)
        length = int(headers.get("content-length", "0"))
        if len(rest) >= length:
            self._read = rest[length:]
            self._take(path, headers, rest[:length])

    def _take(self, path: str, headers: dict[str, str], content: bytes) -> None:
        how, first = path.split("/")[1:3]
        if how == "hangs":
            self._book.hanging.append(self._transport)
            return
        self._book.enter(path, headers, content)
        after = int(first) / 1000 if how == "waits" else 0
        if after:
            asyncio.get_running_loop().call_later(after, self._transport.write, _TAKEN)
        else:
            self._transport.write(_TAKEN)


def _say(what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def _serve() -> None:
    book, over, loop = Book(), asyncio.Event(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: Door(book), "127.0.0.1", 0, backlog=4096)
    asked = os.fdopen(0, "rb", buffering=0)

    def heard() -> None:
        word = asked.readline().decode().strip()
        over.set() if not word else _say(book.answer(word))

    loop.add_reader(asked, heard)
    _say(server.sockets[0].getsockname()[1])
    await over.wait()


if __name__ == "__main__":
    gc.disable()  # its pauses are not the relay's
    asyncio.run(_serve())
