"""Whether an endpoint that hangs delays the others: their times with none, with one, and with twenty that take a
webhook and never answer.

At a constant rate, which is far below what the relay can do: what is measured is waiting, and not a queue of our own
making. The turns are longer than a call may take, so that they have the time before the first failure, when a relay
does not know yet, and some of the time after it.
"""

import statistics
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from bench import letters
from bench.deliveries import TEXTS
from bench.letters import Receiver, Told
from bench.relays import relays
from bench.shops import Street, street
from bench.stage import Failed, Figure, Stage

HEALTHY: Final = 200
EACH: Final = 10  # healthy ones that keep a card; beside them those that hang
PER_SECOND: Final = 3  # replacements
TURN_SECONDS: Final = 25
PATIENCE_SECONDS: Final = 30
TURNS: Final = 3
MANY: Final = 20


def measure(stage: Stage) -> list[Figure]:
    """By turns, each with endpoints that hang and have never failed before."""
    with letters.receiving() as receiver:
        made = street(stage.parts)
        healthy = made.open(HEALTHY, receiver.url)
        with relays(stage, 1, receiver.url(TEXTS)):
            _turn(made, receiver, healthy, [])  # once for nothing
            turns = [
                [_turn(made, receiver, healthy, _hanging(made, receiver, n)) for n in (0, 1)] for _ in range(TURNS)
            ]
            crowd = _turn(made, receiver, healthy, _hanging(made, receiver, MANY))
    p99s = [[told.milliseconds(99) for told in each] for each in turns]
    without, with_one = (statistics.median(column) for column in zip(*p99s, strict=True))
    each = ", ".join(f"{hangs:.0f} : {none:.0f}" for none, hangs in p99s)
    return [
        Figure("publish to delivered, p99, where all endpoints answer", without, "ms", note=turns[0][0].note),
        Figure("… one hangs: p99 of the others", with_one, "ms", note=turns[0][1].note),
        Figure("their ratio", with_one / without, "×", note=f"of each turn: {each} ms", reach="at most 2"),
        Figure(f"… {MANY} hang: p99 of the others", crowd.milliseconds(99), "ms", note=crowd.note),
    ]


def _hanging(made: Street, receiver: Receiver, count: int) -> list[UUID]:
    return made.open(count, receiver.url, "hangs")


def _turn(made: Street, receiver: Receiver, healthy: Sequence[UUID], hanging: Sequence[UUID]) -> Told:
    """Publish at a constant rate, each card's new plastic to ten that answer and to all that hang."""
    kept = made.keep(PER_SECOND * TURN_SECONDS, healthy, EACH)
    if hanging:
        made.keep_too(list(kept), hanging)
    published = made.publish(kept, PER_SECOND)
    receiver.wait_for("webhooks", len(published), PATIENCE_SECONDS)
    made.close(hanging)
    receiver.hang_up()
    told = letters.compared(published, receiver.take(made.secrets).webhooks)
    if told.lost:
        raise Failed(f"{told.lost} of {len(published):,} webhooks did not arrive")
    return told
