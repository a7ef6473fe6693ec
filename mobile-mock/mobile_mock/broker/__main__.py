"""`python -m mobile_mock.broker --config FILE --port N`: the broker as a process of its own, on loopback."""

import os
from pathlib import Path

import click

from mobile_mock.broker.registry import BrokerConfig, ConfigurationError
from mobile_mock.broker.serving import serve


@click.command()
@click.option("--config", "path", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--port", required=True, type=click.IntRange(0, 65535), help="0 takes any free one, and sets the issuer")
@click.option("--parent", type=int, default=os.getppid, hidden=True, help="end when this process, our parent, is gone")
def main(path: Path, port: int, parent: int) -> None:
    """Serve a mock MitID broker until SIGTERM, or until the process that started it is gone."""
    try:
        config = BrokerConfig.read(path)
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from error
    serve(config, port, parent, lambda issuer: click.echo(f"mock MitID broker on {issuer}"))


if __name__ == "__main__":
    main()
