"""What a payment costs where there are very many cards, against where there are few: two demos beside each other."""

import statistics
import tempfile
from pathlib import Path

from bench import crowd
from bench.authorizations import MOST_CONNECTIONS, Till
from bench.stage import ROUNDS, Figure, Stage, running

FEW = 10_000  # of both as many can pay
NEXT_PORT = 10


def measure(stage: Stage) -> list[Figure]:
    """The time of one payment with `--cards` cards in times of that with few, by turns."""
    sizes = stage.sizes
    with (
        tempfile.TemporaryDirectory(prefix="tegnebog-bench-") as folder,
        running(Path(folder), stage.port + NEXT_PORT, sizes, stage.console) as large,
    ):
        few, many = _till(stage, FEW), _till(large, sizes.cards)
        for till in (few, many):
            till.pay_for(sizes.seconds)
        turns = [(few.pay_for(sizes.seconds), many.pay_for(sizes.seconds)) for _ in range(ROUNDS)]
    ratios = [one.per_second / other.per_second for one, other in turns]
    return [
        *(
            Figure(f"authorisations with {count:,} cards", statistics.median(run.per_second for run in runs))
            for count, runs in zip((FEW, sizes.cards), zip(*turns, strict=True), strict=True)
        ),
        Figure(
            f"cost of a payment at {sizes.cards:,} cards : at {FEW:,}",
            statistics.median(ratios),
            "×",
            note="of each turn: " + ", ".join(f"{each:.2f}" for each in ratios),
            reach="at most 1.2",
        ),
    ]


def _till(stage: Stage, cards: int) -> Till:
    stage.console.print(f"  {cards:,} cards are made")
    return Till(stage, crowd.fill(stage.parts, cards, FEW), MOST_CONNECTIONS, stage.port)
