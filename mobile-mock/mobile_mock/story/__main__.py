"""`python -m mobile_mock.story var/demo/access.json`: play the story against a demo that runs."""

import json
from pathlib import Path

import click
from rich.console import Console

from mobile_mock.story import run


@click.command()
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(path: Path) -> None:
    """Play the eight steps; the exit code is 0 only if every one of them held."""
    report = run(json.loads(path.read_text("utf-8")), Console(highlight=False).print)
    raise SystemExit(0 if report else 1)


if __name__ == "__main__":
    main()
