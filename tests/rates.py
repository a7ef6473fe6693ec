"""Made-up rates, in a file as a bank's job writes it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

# By currency: what one unit of it costs in kroner, and on which day. That of the pound is too old on 22 November 2026.
RATES: Final[Mapping[str, tuple[str, str]]] = {
    "EUR": ("7.4605", "2026-11-20"),
    "SEK": ("0.6801", "2026-11-20"),
    "JPY": ("0.0448", "2026-11-20"),
    "KWD": ("21.03", "2026-11-20"),
    "GBP": ("8.4312", "2026-11-14"),
}


def write(path: Path, **changes: tuple[str, str]) -> None:
    """Put a file of rates in its place: those above, but for what is changed."""
    rates = {**RATES, **changes}
    lines = ["currency,rate,date", *(f"{currency},{rate},{day}" for currency, (rate, day) in rates.items())]
    draft = path.with_suffix(".draft")
    draft.write_text("".join(f"{line}\n" for line in lines))
    draft.replace(path)
