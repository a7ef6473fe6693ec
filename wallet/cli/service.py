"""What runs: the service, the relay; and the database's schema, which they want up to date."""

from typing import Final

import click

from wallet import database, lifeline, serving
from wallet.cli import environment
from wallet.processes import PortTaken, check_free


def _end_with(_: click.Context, __: click.Parameter, parent: int | None) -> None:
    if parent is not None:
        lifeline.end_with(parent)


of_parent: Final = click.option(
    "--parent",
    type=int,
    expose_value=False,
    callback=_end_with,
    hidden=True,
    help="end when this process, our parent, does",
)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64))
@click.option(
    "--threads",
    default=512,
    show_default=True,
    type=click.IntRange(1, 4096),
    help="most of each worker; a stream holds one",
)
@click.option("--relay", is_flag=True, help="with a relay beside it, which tells people and merchants")
@of_parent
def serve(host: str, port: int, workers: int, threads: int, relay: bool) -> None:
    """Serve the API."""
    environment.long_lived()
    try:
        check_free(host, port)
    except (PortTaken, OSError) as error:
        raise click.ClickException(str(error)) from None
    serving.serve(serving.Serving(host, port, workers, threads, relay))


@click.command()
@click.option("--metrics-port", type=click.IntRange(1, 65535), help="serve what it counts, for Prometheus")
@click.option("--metrics-host", default="127.0.0.1", show_default=True)
@of_parent
def relay(metrics_port: int | None, metrics_host: str) -> None:
    """Tell people and merchants what happened. Any number may run."""
    parts = environment.long_lived()
    if metrics_port is not None:
        try:
            serving.expose(metrics_host, metrics_port)
        except OSError as error:
            where = f"{metrics_host}, port {metrics_port}"
            raise click.ClickException(f"--metrics-port: {where} cannot be used ({error.strerror})") from None
    serving.relay(parts)


@click.group()
def db() -> None:
    """The database."""


@db.command()
def upgrade() -> None:
    """Bring the schema up to this version of Tegnebog, and let the database know its key ring, if there is one yet."""
    settings = environment.settings()
    database.migrate(settings)
    click.echo("the database is up to date")
    if settings.key_ring.exists():
        with environment.opened() as parts:
            environment.remember_keys(parts)
