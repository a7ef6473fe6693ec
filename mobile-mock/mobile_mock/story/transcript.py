"""The readable record of the story: what was done, what the service answered, and whether that was right."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from textwrap import fill, indent
from typing import Any

import httpx
from rich.console import RenderableType
from rich.text import Text

from mobile_mock.answers import problem_code

Say = Callable[[RenderableType], object]

WIDTH = 74
# Anything as long as a card number: shown as BIN and last four, whatever it is.
LONG_NUMBER = re.compile(r"(?<![0-9A-Za-z])([0-9]{6})[0-9]{2,9}([0-9]{4})(?![0-9A-Za-z])")


@dataclass(frozen=True)
class Expectation:
    """One thing that had to hold: what it was, what was expected, what came."""

    what: str
    expected: str
    came: str
    held: bool


@dataclass
class Step:
    """One step of the story. `broken` says what stopped it, where something did."""

    title: str
    expectations: list[Expectation] = field(default_factory=list)
    broken: str | None = None

    @property
    def held(self) -> bool:
        """Whether it ran to its end, and all that it expected came true."""
        return self.broken is None and bool(self.expectations) and all(item.held for item in self.expectations)


@dataclass(frozen=True)
class Report:
    """How the story went; true only if every step was played and every expectation held."""

    steps: tuple[Step, ...]
    planned: int

    def __bool__(self) -> bool:
        return len(self.steps) == self.planned and all(step.held for step in self.steps)

    @property
    def failures(self) -> list[str]:
        """What went wrong, a line each."""
        broken = [f"{step.title}: {step.broken}" for step in self.steps if step.broken]
        failed = [
            f"{step.title}: {item.what}: expected {item.expected}, came {item.came}"
            for step in self.steps
            for item in step.expectations
            if not item.held
        ]
        return broken + failed


class Transcript:
    """Writes the story down while it is played. Everything shown goes through `masked`."""

    def __init__(self, say: Say) -> None:
        self.steps: list[Step] = []
        self._say = say

    def begin(self, title: str) -> Step:
        """Start the next step."""
        self.steps.append(Step(title))
        self._show(f"\n{len(self.steps)}. {title}", "bold")
        return self.steps[-1]

    def tell(self, text: str) -> None:
        """Say what is being done."""
        self._show(indent(fill(text, WIDTH), "   "), "")

    def observer(self, who: str) -> Callable[[httpx.Response], None]:
        """Writes each answer that `who` gets: method, path, status; no query and no body."""

        def observe(response: httpx.Response) -> None:
            if response.is_error:
                response.read()
            request = response.request
            said = f"{response.status_code}  {request.method} {request.url.path}  {problem_code(response)}"
            self._show(f"     {who:<16} {said}".rstrip(), "dim")

        return observe

    def expect(self, what: str, came: Any, expected: Any) -> bool:
        """Expect that `came` is `expected`."""
        return self.check(what, came == expected, came, expected)

    def check(self, what: str, held: object, came: Any, expected: Any = "so") -> bool:
        """Expect anything else: that `held` is true of what `came`, which is shown where it is not."""
        item = Expectation(what, masked(expected), masked(came), bool(held))
        self.steps[-1].expectations.append(item)
        if item.held:
            self._show(f"     ✓ {what}", "green")
        else:
            self._show(f"     ✗ {what}: expected {item.expected}, came {item.came}", "bold red")
        return item.held

    def broke(self, problem: str) -> None:
        """The step cannot go on."""
        self.steps[-1].broken = masked(problem)
        self._show(f"     ✗ stopped: {problem}", "bold red")

    def close(self, planned: int) -> Report:
        """Sum up."""
        report = Report(tuple(self.steps), planned)
        held = sum(item.held for step in report.steps for item in step.expectations)
        everything = sum(len(step.expectations) for step in report.steps)
        verdict = f"{sum(step.held for step in report.steps)} of {planned} steps, {held} of {everything} checks held"
        self._show(f"\n{verdict}", "bold green" if report else "bold red")
        return report

    def _show(self, text: str, style: str) -> None:
        self._say(Text(masked(text), style=style))


def masked(value: Any) -> str:
    """A value as text, with no number in it as long as a card's: BIN and last four at most."""
    return LONG_NUMBER.sub(r"\1…\2", str(value))
