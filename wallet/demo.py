"""`wallet demo`: everything on loopback, with made-up people; `--check` runs the whole story and stops."""

import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any, Final

import click
from rich.console import Console
from sqlalchemy import create_engine, text

from mobile_mock import story
from tokenization import ids, new_files
from tokenization.clock import SystemClock, local_date
from tokenization.errors import Conflict
from tokenization.keys import ceremonies
from wallet import app, database, embedded, people
from wallet.processes import PortTaken, ProcessEnded, Processes, check_free
from wallet.services import Services
from wallet.settings import Settings

DATA: Final = Path("var/demo")
RATES_FILE: Final = "rates.csv"
LOOPBACK: Final = "127.0.0.1"
# Two people are everybody here and one shop is all, and programs play them as fast as they can.
OF_TWO_PEOPLE: Final = {
    f"rate_limits__{name}_per_{whom}": "600 per minute"
    for whom, names in {
        "person": ("sign_in", "pin", "code", "provision"),
        "address": ("pairing",),
        "token": ("resuming",),
    }.items()
    for name in names
} | {f"rate_limits__{name}_per_client": "6000 per minute" for name in ("register", "registering", "endpoint", "replay")}
READY_SECONDS: Final = 120
console: Final = Console(highlight=False)
# Never broken by rich: a path or an id is copied whole.
say: Final = partial(console.print, soft_wrap=True)


class DemoError(click.ClickException):
    """The demo cannot run, or did not do what it should."""


@click.command()
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(1, 65534), help="the broker takes the next"
)
@click.option("--data", default=None, type=click.Path(path_type=Path), help=f"data folder  [default: {DATA}]")
@click.option("--check", is_flag=True, help="run the whole story against a fresh data folder, then stop")
def demo(port: int, data: Path | None, check: bool) -> None:
    """Start everything on loopback with made-up people, and stay up."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stop in order, as for Ctrl-C
    try:
        _check(port, data) if check else _stay_up(port, data or DATA)
    except (PortTaken, ProcessEnded, embedded.EmbeddedServerError) as error:
        raise DemoError(str(error)) from error


def _stay_up(port: int, data: Path) -> None:
    with suppress(KeyboardInterrupt), running(data, port) as (access, _, processes):
        _say_where(access, data)
        processes.wait()


def _check(port: int, data: Path | None) -> None:
    with _fresh(data) as folder, running(folder, port) as (access, parts, _):
        report = story.run(access, say, tamper=lambda card_id: tampered(parts, card_id))
        if not report:
            raise DemoError(f"the story does not hold; data and logs are in {folder}")


@contextmanager
def _fresh(data: Path | None) -> Iterator[Path]:
    """An empty folder: the one that was named, which stays, or a temporary one, which stays only after a failure."""
    if data is not None:
        if data.exists() and (not data.is_dir() or any(data.iterdir())):
            raise DemoError(f"--check wants a fresh data folder, and {data} is not empty")
        yield data
        return
    folder = Path(tempfile.mkdtemp(prefix="tegnebog-check-"))
    try:
        yield folder
    except Exception:
        with suppress(OSError):
            folder.rmdir()  # where nothing was put into it
        raise
    except BaseException:
        shutil.rmtree(folder)
        raise
    shutil.rmtree(folder)


@contextmanager
def running(data: Path, port: int) -> Iterator[tuple[dict[str, Any], Services, Processes]]:
    """The whole demo: PostgreSQL, Redis, broker with SMS gateway, service, relay. Yields access.json and the parts, and
    stops everything.

    Raises DemoError, EmbeddedServerError, PortTaken and ProcessEnded.
    """
    check_free(LOOPBACK, port, port + 1)
    say(f"PostgreSQL and Redis start in [bold]{data}[/bold].")
    with embedded.running(data) as servers, ExitStack() as stack:
        settings = _settings(data, servers, port)
        say("The key ring and the database are brought up to date.")
        ceremonies.create(settings.key_ring, SystemClock().now())
        _write(data / RATES_FILE, people.rates(local_date(SystemClock().now())))
        database.migrate(settings)
        parts = app.wire(settings)
        stack.callback(parts.database.close)
        access = _access(data, parts)
        environment = _environment(settings)
        _write(data / "environment", "".join(f"{name}={quote(value)}\n" for name, value in environment.items()))
        say("The mock MitID broker and SMS gateway, the service and the relay start.")
        with Processes(data, os.environ | environment) as processes:
            _start(processes, data, port)
            processes.wait_for(f"{settings.broker_url}/.well-known/openid-configuration", READY_SECONDS)
            processes.wait_for(f"{settings.public_url}/readyz", READY_SECONDS)
            yield access, parts, processes


def _start(processes: Processes, data: Path, port: int) -> None:
    parent = str(os.getpid())
    broker = ("--config", str(data / "broker.json"), "--port", str(port + 1), "--parent", parent)
    processes.start("broker", "mobile_mock.broker", *broker)
    processes.start("service", "wallet", "serve", "--port", str(port), "--parent", parent)
    processes.start("relay", "wallet", "relay", "--parent", parent)


def _settings(data: Path, servers: embedded.Servers, port: int) -> Settings:
    return Settings(
        database_url=servers.database_url,
        redis_url=servers.redis_url,
        key_ring=data / "keys",
        public_url=f"http://{LOOPBACK}:{port}",
        broker_url=f"http://{LOOPBACK}:{port + 1}",
        rates=data / RATES_FILE,
        sms_gateway_url=f"http://{LOOPBACK}:{port + 1}/sms",
        loopback_allowed=True,
    )


def _environment(settings: Settings) -> dict[str, str]:
    """The same settings for the processes that are started, and for commands in other folders."""
    plain = ("public_url", "broker_url", "sms_gateway_url", "loopback_allowed")
    secret = {name: getattr(settings, name).get_secret_value() for name in ("database_url", "redis_url")}
    values = secret | {name: str(getattr(settings, name)) for name in plain} | OF_TWO_PEOPLE
    paths = {"key_ring": settings.key_ring, "rates": settings.rates}
    values |= {name: str(path.absolute()) for name, path in paths.items() if path}
    return {f"TEGNEBOG_{name.upper()}": value for name, value in values.items()}


def _access(data: Path, parts: Services) -> dict[str, Any]:
    """What an outside program needs; made once per data folder, after that only the addresses follow the port."""
    path = data / "access.json"
    try:
        known = json.loads(path.read_text()) if path.exists() else _everybody(parts)
    except Conflict as error:
        raise DemoError(f"{data} was left half made: remove it, and start again") from error
    settings = parts.settings
    known |= {"base_url": settings.public_url, "broker_url": settings.broker_url, "sms_url": settings.sms_gateway_url}
    write_json(path, known)
    write_json(data / "broker.json", people.broker_config(parts, known))
    return known


def _everybody(parts: Services) -> dict[str, Any]:
    people.let_two_be_everybody(parts)
    return people.fill_in(parts)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON that only its owner can read, all of it or nothing."""
    _write(path, json.dumps(content, indent=2, ensure_ascii=False))


def _write(path: Path, content: str) -> None:
    with new_files.draft(path) as (file, finish):
        file.write(content)
        finish(replace=True)


@contextmanager
def tampered(parts: Services, card_id: str) -> Iterator[None]:
    """Change one row of a card's journal behind everybody's back, and put it back afterwards."""
    row = {"card_id": ids.parse("card", card_id)}
    engine = create_engine(parts.settings.database_url.get_secret_value(), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        before = connection.execute(text(_SECOND_ENTRY), row).scalar_one()
        connection.execute(text(_CHANGE), row | {"payload": json.dumps(before | {"amount": 1})})
        try:
            yield
        finally:
            connection.execute(text(_CHANGE), row | {"payload": json.dumps(before)})
    engine.dispose()


_SECOND_ENTRY: Final = "SELECT payload FROM tokenization.journal_entries WHERE card_id = :card_id AND seq = 2"
_CHANGE: Final = """
    UPDATE tokenization.journal_entries SET payload = CAST(:payload AS jsonb) WHERE card_id = :card_id AND seq = 2
"""


def _say_where(access: dict[str, Any], data: Path) -> None:
    people_ = ", ".join(who["name"] for who in access["people"].values())
    wallet = Path(sys.executable).with_name("wallet")
    if wallet.is_relative_to(Path.cwd()):
        wallet = wallet.relative_to(Path.cwd())
    of_data = "" if data == DATA else f" --data {data}"
    say(f"""
[bold green]Tegnebog is up.[/bold green] Made-up people: {people_}

  API          {access["base_url"]}/v1
  its docs     {access["base_url"]}/docs
  mock MitID   {access["broker_url"]}
  their SMS    {access["sms_url"]}
  everything   {data / "access.json"} (client ids, keys and made-up cards for your own programs)
  logs         {data}/*.log

Try:  curl -H "Authorization: Bearer $({wallet} token issuer{of_data})" -H "X-Actor: me" \\
        {access["base_url"]}/v1/issuer/policies

      set -a; . {data / "environment"}; set +a    # then, for instance: {wallet} keys list

Ctrl-C stops it; the data stays in {data}.
""")
