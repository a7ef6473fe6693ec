"""`wallet cards`: many cards at once get new plastics, and who embosses them is told what to emboss."""

import re
import shlex
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import click

from tokenization import due, ids
from tokenization.clock import local_date
from tokenization.due import Listed, OfBin, Recall, Renewal, Run
from tokenization.events import rfc3339
from tokenization.keys.ring import KeyRingError
from tokenization.number_space import NumbersExhausted
from wallet import replacing
from wallet.cli import card_lists, emboss, environment
from wallet.cli.progress import progress, stoppable
from wallet.services import Services

LONGEST_DAYS: Final = 365
# What becomes of the old numbers, and of what hangs on them.
CONSEQUENCES: Final = {
    "misused": "the old numbers end now, and the tokens on all phones with them",
    "stolen": "the old numbers end now; tokens and cards on file pay on",
    "lost": "the old numbers end now; tokens and cards on file pay on",
    "bank": "the old numbers end now; tokens and cards on file pay on",
    "damaged": "the old numbers go on until the new plastics are activated",
}
dry_run_: Final = click.option("--dry-run", is_flag=True, help="only say how many cards it would be")


@click.group()
def cards() -> None:
    """Many cards at once: renew, replace, have embossed."""


cards.add_command(emboss.emboss)


def _days(_: click.Context, __: click.Parameter, text: str) -> timedelta:
    found = re.fullmatch(r"([0-9]{1,3})d", text, re.ASCII)
    if found is None or int(found[1]) > LONGEST_DAYS:
        raise click.BadParameter(f"must be like 30d, and at most {LONGEST_DAYS}d")
    return timedelta(days=int(found[1]))


@cards.command()
@click.option("--within", callback=_days, required=True, metavar="DAYS", help="which cards: 30d")
@dry_run_
def renew(within: timedelta, *, dry_run: bool) -> None:
    """Give each active card that expires within so many days its new plastic; its cardholder and the shops are told.

    A job for every night. A card that was renewed is so no more, so it may be broken off, run again, and run twice.
    Cards that are blocked or closed are passed over and counted, and those that have expired are not looked at.
    """
    with environment.opened() as parts:
        today = local_date(parts.clock.now())
        _carry_out(parts, Renewal(today, today + within), "run it again", dry_run=dry_run)


def _prefix(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    if text is not None and not re.fullmatch(r"[0-9]{6,8}", text, re.ASCII):
        raise click.BadParameter("must be 6 to 8 digits")
    return text


def _moment(_: click.Context, __: click.Parameter, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise click.BadParameter("must be like 2026-11-22T10:00:00Z")
    return at


@cards.command()
@click.option("--bin", "prefix", callback=_prefix, help="all cards whose number begins so: 6 to 8 digits")
@click.option("--file", "path", type=click.Path(), help="a card id or a card number in each line; - is the pipe")
@click.option("--reason", type=click.Choice(list(CONSEQUENCES)), required=True)
@click.option("--with-blocked", is_flag=True, help="also what is blocked: a block for loss, theft or misuse ends")
@click.option("--begun", callback=_moment, metavar="TIME", help="go on with the run that began then")
@dry_run_
@click.option("--yes", is_flag=True, help="do not ask")
def replace(
    prefix: str | None,
    path: str | None,
    reason: str,
    begun: datetime | None,
    *,
    with_blocked: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Replace the plastics of many cards: after a leak, or where a series was badly made.

    A run is known by the moment at which it began: what got a new plastic since then is done. So one that was broken
    off goes on with --begun, and no card is replaced twice. How to go on is said before the first card is replaced.
    """
    if (prefix is None) == (path is None):
        raise click.UsageError("either --bin or --file")
    if path == "-" and not (yes or dry_run):
        raise click.UsageError("with --file - there is nobody to ask: --yes")
    with environment.opened() as parts:
        now = parts.clock.now()
        if begun is not None and begun > now:
            raise click.BadParameter("is in the future", param_hint="--begun")
        how = Recall(reason, begun or now, with_blocked)
        run = OfBin(how.reason, how.begun, how.with_blocked, prefix) if prefix else _listed(parts, how, str(path))
        if not (yes or dry_run):
            _ask(parts, run)
        chosen = ["--bin", prefix] if prefix else ["--file", str(path)]
        _carry_out(parts, run, f"go on with: {_again(how, chosen)}", dry_run=dry_run)


def _listed(parts: Services, how: Recall, path: str) -> Listed:
    try:
        with click.open_file(path, encoding="utf-8", errors="replace") as file:
            entries = card_lists.read(file)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}") from None
    with parts.database.reading() as session:
        listed = card_lists.find(session, parts.vault, entries)
    if listed.ended:
        click.echo(f"numbers that have been replaced before: {listed.ended:,}")
    return Listed(how.reason, how.begun, how.with_blocked, listed.card_ids)


def _again(how: Recall, chosen: Sequence[str]) -> str:
    blocked = ["--with-blocked"] if how.with_blocked else []
    begun = ["--begun", rfc3339(how.begun), "--yes"]
    return shlex.join(["wallet", "cards", "replace", *chosen, "--reason", how.reason, *blocked, *begun])


def _ask(parts: Services, run: Run) -> None:
    with parts.database.reading() as session:
        total = due.count(session, run)
    consequence = CONSEQUENCES[run.reason]
    click.confirm(f"Replace the plastics of up to {total:,} cards ({run.reason})? {consequence}.", abort=True)


def _carry_out(parts: Services, run: Run, go_on: str, *, dry_run: bool) -> None:
    """Do it, show how far it has come, and say what became of the cards; what failed is named."""
    tally: Counter[tuple[str, str | None]] = Counter()
    with parts.database.reading() as session:
        total = due.count(session, run)
    if not dry_run:
        click.echo(f"if it is broken off, {go_on}", err=True)
    try:
        with stoppable(), progress("cards looked at", total) as shown:
            for outcome in replacing.outcomes(parts, run, f"cli:{environment.operator()}", dry_run=dry_run):
                tally[outcome.what, outcome.why if outcome.what == "passed over" else None] += 1
                shown.advance()
                if outcome.what == "failed":
                    shown.say(f"{ids.to_text('card', outcome.card_id)}: {outcome.why}")
    except KeyboardInterrupt:
        raise click.ClickException(f"broken off. {_said(tally, dry_run=dry_run)}; {go_on}") from None
    except (NumbersExhausted, KeyRingError, replacing.TooManyFailures) as error:
        raise click.ClickException(f"{error}. {_said(tally, dry_run=dry_run)}; {go_on}") from None
    click.echo(_said(tally, dry_run=dry_run))
    if tally["failed", None]:
        raise click.ClickException(f"failed, as named above: {tally['failed', None]:,}; {go_on}")


def _said(tally: Counter[tuple[str, str | None]], *, dry_run: bool) -> str:
    """`replaced: 1,997; passed over: 3 (blocked 2, closed 1)`."""
    done = f"to be replaced: {tally['due', None]:,}" if dry_run else f"replaced: {tally['replaced', None]:,}"
    over = {why: times for (what, why), times in sorted(tally.items(), key=str) if what == "passed over"}
    why = ", ".join(f"{why} {times:,}" for why, times in over.items())
    return done + (f"; passed over: {sum(over.values()):,} ({why})" if over else "")
