"""`wallet demo`: everything on loopback, with made-up people; `--check` runs the whole story and stops."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import click
import httpx
from rich.console import Console
from sqlalchemy import create_engine, text

from mobile_mock import story
from tokenization import ids, keys
from wallet import app, database, embedded, migrations, people
from wallet.services import Services
from wallet.settings import Settings

DATA: Final = Path("var/demo")
READY_SECONDS: Final = 30
console: Final = Console(highlight=False)


class DemoError(click.ClickException):
    """The demo cannot run."""


@click.command()
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(1, 65534), help="the broker takes the next"
)
@click.option("--data", default=None, type=click.Path(path_type=Path), help=f"data folder  [default: {DATA}]")
@click.option("--check", is_flag=True, help="run the whole story against a fresh data folder, then stop")
def demo(port: int, data: Path | None, check: bool) -> None:
    """Start everything on loopback with made-up people, and stay up."""
    with ExitStack() as stack:
        folder = _folder(stack, data, fresh=check)
        access, parts = stack.enter_context(running(folder, port))
        if check:
            report = story.run(access, console.print, tamper=lambda card_id: tampered(parts, card_id))
            sys.exit(0 if report else 1)
        _say_where(access, folder)
        _wait_to_be_stopped()


def _folder(stack: ExitStack, data: Path | None, *, fresh: bool) -> Path:
    if not fresh:
        return data or DATA
    if data is None:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tegnebog-check-")))
    if data.exists() and any(data.iterdir()):
        raise DemoError(f"--check wants a fresh data folder, and {data} is not empty")
    return data


@contextmanager
def running(data: Path, port: int) -> Iterator[tuple[dict[str, Any], Services]]:
    """The whole demo: PostgreSQL, Redis, broker, service, relay. Yields access.json and the parts; stops everything."""
    data.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            servers = stack.enter_context(embedded.running(data))
        except embedded.EmbeddedServerError as error:
            raise DemoError(str(error)) from error
        settings = _settings(data, servers, port)
        _prepare(settings)
        parts = app.wire(settings)
        access = _access(data, parts, port)
        environment = os.environ | _environment(settings)
        broker = ("-m", "mobile_mock.broker", "--config", str(data / "broker.json"), "--port", str(port + 1))
        service = ("-m", "wallet", "serve", "--with-parent", "--port", str(port))
        for name, command in (
            ("broker", broker),
            ("service", service),
            ("relay", ("-m", "wallet", "relay", "--with-parent")),
        ):
            stack.enter_context(_process(data, name, command, environment))
        _wait_until_ready(settings.public_url + "/readyz", data / "service.log")
        _wait_until_ready(settings.broker_url + "/.well-known/openid-configuration", data / "broker.log")
        yield access, parts


def _settings(data: Path, servers: embedded.Servers, port: int) -> Settings:
    return Settings(
        database_url=servers.database_url,
        redis_url=servers.redis_url,
        key_ring=data / "keys",
        public_url=f"http://127.0.0.1:{port}",
        broker_url=f"http://127.0.0.1:{port + 1}",
        loopback_allowed=True,
    )


def _environment(settings: Settings) -> dict[str, str]:
    """The same settings for the processes that are started."""
    plain = ("key_ring", "public_url", "broker_url", "loopback_allowed")
    secret = {name: getattr(settings, name).get_secret_value() for name in ("database_url", "redis_url")}
    values = secret | {name: str(getattr(settings, name)) for name in plain}
    return {f"TEGNEBOG_{name.upper()}": value for name, value in values.items()}


def _prepare(settings: Settings) -> None:
    keys.create(settings.key_ring)
    engine = database.connect(settings)
    with engine.begin() as connection:
        migrations.upgrade(connection)
    engine.dispose()


def _access(data: Path, parts: Services, port: int) -> dict[str, Any]:
    """What an outside program needs; made once per data folder, after that only the addresses follow the port."""
    path = data / "access.json"
    known = json.loads(path.read_text()) if path.exists() else people.fill_in(parts)
    known |= {"base_url": parts.settings.public_url, "broker_url": parts.settings.broker_url}
    write_private(path, known)
    write_private(data / "broker.json", people.broker_config(parts, known))
    return known


def write_private(path: Path, content: dict[str, Any]) -> None:
    """Write JSON that only its owner can read, all of it or nothing."""
    draft = path.with_name(path.name + ".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file, indent=2, ensure_ascii=False)
    draft.replace(path)


@contextmanager
def _process(data: Path, name: str, arguments: tuple[str, ...], environment: dict[str, str]) -> Iterator[None]:
    """A process in a session of its own, its output in a log; ended, with its workers, when we are done."""
    with (data / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield
        finally:
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_until_ready(url: str, log: Path) -> None:
    deadline, never = time.monotonic() + READY_SECONDS, threading.Event()
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        never.wait(0.1)
    raise DemoError(f"{url} does not answer: read {log}")


@contextmanager
def tampered(parts: Services, card_id: str) -> Iterator[None]:
    """Change one row of a card's journal behind everybody's back, and put it back afterwards."""
    row = {"card_id": ids.parse("card", card_id)}
    with create_engine(parts.settings.database_url.get_secret_value()).connect() as connection:
        before = connection.execute(text(_SECOND_ENTRY), row).scalar_one()
        for payload in (before | {"amount": 1}, before):
            connection.execute(text(_CHANGE), row | {"payload": json.dumps(payload)})
            connection.commit()
            if payload is not before:
                yield


_SECOND_ENTRY: Final = "SELECT payload FROM tokenization.journal_entries WHERE card_id = :card_id AND seq = 2"
_CHANGE: Final = """
    UPDATE tokenization.journal_entries SET payload = CAST(:payload AS jsonb) WHERE card_id = :card_id AND seq = 2
"""


def _say_where(access: dict[str, Any], data: Path) -> None:
    people_ = ", ".join(who["name"] for who in access["people"].values())
    console.print(f"""
[bold]Tegnebog is up.[/bold] Made-up people: {people_}

  API          {access["base_url"]}/v1
  its docs     {access["base_url"]}/docs
  mock MitID   {access["broker_url"]}
  everything   {data / "access.json"} (client ids, keys and made-up cards for your own programs)
  logs         {data}/*.log

Try:  curl -H "Authorization: Bearer $(wallet token issuer)" -H "X-Actor: me" \\
        {access["base_url"]}/v1/issuer/policies
Ctrl-C stops it; the data stays in {data}.
""")


def _wait_to_be_stopped() -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
