"""Authorisations by tokens with PIN over HTTP: how many a second, how soon, and at what cost.

What is compared is measured by turns: our groups, our own path with a transaction for each request, PostgreSQL alone.
"""

import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench import crowd, generator, pgbench, processor, rows
from bench.cards import CardFile
from bench.generator import Run
from bench.stage import ROUNDS, Figure, Stage, another_service

ABLE = 10_000  # of the cards; they pay at random
MOST_CONNECTIONS = 32
CONNECTIONS = (1, 8, MOST_CONNECTIONS)
FIRST = 100
RATE, IN_FLIGHT = 500, 64
GENERATOR = "load generator"
ALONE = {"TEGNEBOG_PAYMENTS_IN_A_GROUP": "1"}


@dataclass
class Till:
    """Where cards are shown, as fast as is asked for; what it finds out about that is what next time will do."""

    stage: Stage
    cards: Sequence[CardFile]
    connections: int
    port: int
    per_second: float = 0

    def pay(self, count: int, rate: float | None = None) -> Run:
        """So many payments. The cryptograms are made before the clock starts."""
        bodies = [card.payment() for card in random.choices(self.cards, k=count)]  # noqa: S311 - any will do
        return generator.send(self.stage, bodies, self.connections, rate=rate, port=self.port)

    def pay_for(self, seconds: float) -> Run:
        """As many as are done in about that time."""
        if not self.per_second:
            self.per_second = self.pay(FIRST).per_second
        run = self.pay(max(FIRST, round(self.per_second * seconds)))
        self.per_second = run.per_second
        return run


@dataclass
class Turns:
    """What was seen, turn by turn; `postgres` are transactions a second, `processor` seconds for 1,000 payments."""

    closed: dict[int, list[Run]] = field(default_factory=lambda: {each: [] for each in CONNECTIONS})
    alone: list[Run] = field(default_factory=list)
    steady: list[Run] = field(default_factory=list)
    postgres: list[float] = field(default_factory=list)
    processor: list[dict[str, float]] = field(default_factory=list)

    @property
    def most(self) -> list[float]:
        """How many a second over the most connections."""
        return [run.per_second for run in self.closed[MOST_CONNECTIONS]]


def measure(stage: Stage) -> list[Figure]:
    """All of them must be approved, or there is no figure."""
    able = min(ABLE, stage.sizes.cards // 2)  # pgbench pays by as many others
    cards = crowd.fill(stage.parts, stage.sizes.cards, able)
    tills = {each: Till(stage, cards, each, stage.port) for each in CONNECTIONS}
    with another_service(stage, stage.port + 2, ALONE) as port:
        alone, steady = Till(stage, cards, MOST_CONNECTIONS, port), Till(stage, cards, IN_FLIGHT, stage.port)
        for till in (*tills.values(), alone):
            till.pay_for(stage.sizes.seconds)
        pgbench.run(stage, able, stage.sizes.seconds)
        same = _compared(stage, tills[MOST_CONNECTIONS], able)
        turns = Turns()
        for _ in range(ROUNDS):
            _add_turn(turns, tills, alone, steady, able)
    return [*_rates(turns, same), *_processor(turns)]


def _add_turn(turns: Turns, tills: dict[int, Till], alone: Till, steady: Till, able: int) -> None:
    for connections, till in tills.items():
        if connections == MOST_CONNECTIONS:
            turns.processor.append(_with_processor(till, turns.closed[connections]))
        else:
            turns.closed[connections].append(till.pay_for(till.stage.sizes.seconds))
    turns.alone.append(alone.pay_for(alone.stage.sizes.seconds))
    turns.postgres.append(pgbench.run(alone.stage, able, alone.stage.sizes.seconds)[0])
    turns.steady.append(steady.pay(RATE * steady.stage.sizes.seconds, RATE))


def _with_processor(till: Till, runs: list[Run]) -> dict[str, float]:
    """Pay, and say how many seconds of which processes it took for 1,000 payments."""
    pids = processor.roots(till.stage, till.port)
    before = processor.used(pids)
    run = till.pay_for(till.stage.sizes.seconds)
    runs.append(run)
    used = {name: seconds - before[name] for name, seconds in processor.used(pids).items()}
    return {name: 1000 * each / len(run.took) for name, each in {**used, GENERATOR: run.cpu}.items()}


def _compared(stage: Stage, till: Till, able: int) -> str:
    """Whether pgbench reads and writes the same, by what PostgreSQL counted."""
    before = rows.settled(stage)
    ours = till.pay(FIRST)
    between = rows.counted(stage, before, len(ours.took))
    _, theirs = pgbench.run(stage, able, stage.sizes.seconds)
    after = rows.counted(stage, between, theirs)
    return rows.compared(rows.between(before, between, len(ours.took)), rows.between(between, after, theirs))


def _rates(turns: Turns, same: str) -> list[Figure]:
    p99s, middle = (
        [run.milliseconds(99) for run in turns.steady],
        _middle(turns.steady, lambda run: run.milliseconds(99)),
    )
    return [
        *(_closed(f"authorisations over HTTP, {each} connections", turns.closed[each]) for each in CONNECTIONS),
        _closed("… one transaction for each request", turns.alone),
        Figure("pgbench, the same reads and writes", statistics.median(turns.postgres), note=same),
        _ratio("authorisations : pgbench", turns.most, turns.postgres, "at least 0.6"),
        _ratio("in groups : one by one", turns.most, [run.per_second for run in turns.alone], "at least 2.2"),
        Figure(
            f"p99 at a constant {RATE}/s",
            statistics.median(p99s),
            "ms",
            note=f"{middle.note}; {middle.punctuality}; p99 of each turn: {_each(p99s)}",
            reach="below 25",
        ),
    ]


def _closed(name: str, runs: Sequence[Run]) -> Figure:
    middle = _middle(runs, lambda run: run.per_second)
    return Figure(name, middle.per_second, note=middle.note)


def _middle(runs: Sequence[Run], by: Callable[[Run], float]) -> Run:
    """The run whose figure is the median."""
    return sorted(runs, key=by)[len(runs) // 2]


def _ratio(name: str, ours: Sequence[float], theirs: Sequence[float], reach: str) -> Figure:
    turns = [mine / its for mine, its in zip(ours, theirs, strict=True)]
    return Figure(name, statistics.median(turns), "×", note=f"of each turn: {_each(turns)}", reach=reach)


def _each(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


def _processor(turns: Turns) -> list[Figure]:
    """CPU seconds for 1,000 authorisations over the most connections."""
    return [
        Figure(f"CPU for 1,000 authorisations: {name}", statistics.median(turn[name] for turn in turns.processor), "s")
        for name in turns.processor[0]
    ]
