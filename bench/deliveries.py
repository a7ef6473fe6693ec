"""New plastics that shops are told of: one card that a thousand shops keep, and very many that ten keep.

From the commit of the replacement to the last byte of the webhook at its receiver, by one clock.
"""

from collections.abc import Iterator
from typing import Final

from bench import letters, processor
from bench.letters import Receiver, Told
from bench.relays import Relays, relays
from bench.shops import Kept, Street, street
from bench.stage import ROUNDS, Failed, Figure, Stage

EACH: Final = 10
PATIENCE_SECONDS: Final = 100  # without any; leases last 60
TEXTS: Final = "/takes/texts"


def measure(stage: Stage) -> list[Figure]:
    """Every webhook must arrive, or there is no figure."""
    figures: list[Figure] = []
    with letters.receiving() as receiver:
        made = street(stage.parts)
        made.open(stage.sizes.shops, receiver.url)
        for count in (1, 2):
            with relays(stage, count, receiver.url(TEXTS)) as running:
                figures += _figures(running, made, receiver)
    return figures


def _figures(running: Relays, made: Street, receiver: Receiver) -> Iterator[Figure]:
    sizes, shops = running.stage.sizes, len(made.shops)
    by = "1 relay" if len(running.pids) == 1 else f"{len(running.pids)} relays"
    tell(made, receiver, made.keep(1, made.shops, shops))  # once for nothing: statements are prepared, caches filled
    rounds = [tell(made, receiver, made.keep(1, made.shops, shops)) for _ in range(ROUNDS)]
    middle = sorted(rounds, key=lambda told: told.milliseconds(99))[ROUNDS // 2]
    yield from _told(f"1 replacement to {shops:,} shops, {by}", middle)
    before = _processor(running)
    many = tell(made, receiver, made.keep(sizes.replacements, made.shops, EACH))
    used = {name: seconds - before[name] for name, seconds in _processor(running).items()}
    yield from _told(f"{sizes.replacements:,} replacements to {EACH} of them each, {by}", many)
    for name, seconds in used.items():
        yield Figure(f"CPU for 1,000 deliveries of these: {name}", 1000 * seconds / len(many.waits), "s")


def _told(name: str, told: Told) -> Iterator[Figure]:
    yield Figure(f"{name}: deliveries", told.per_second, note=f"{len(told.waits):,} webhooks")
    yield Figure("… publish to delivered, p99", told.milliseconds(99), "ms", note=told.note)


def _processor(running: Relays) -> dict[str, float]:
    relays_ = {str(pid): pid for pid in running.pids}
    used = processor.used({"PostgreSQL": processor.postgresql(running.stage), **relays_})
    return {"relays": sum(used[name] for name in relays_), "PostgreSQL": used["PostgreSQL"]}


def tell(made: Street, receiver: Receiver, kept: Kept) -> Told:
    """Publish what has been kept, as fast as one can commit, and see it arrive. Raises Failed where not all does."""
    published = made.publish(kept)
    receiver.wait_for("webhooks", len(published), PATIENCE_SECONDS)
    told = letters.compared(published, receiver.take(made.secrets).webhooks)
    if told.lost or told.twice:
        raise Failed(f"of {len(published):,} webhooks {told.lost} did not arrive, and {told.twice} under two ids")
    return told
