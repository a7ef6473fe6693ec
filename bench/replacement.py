"""New plastics for many cards, each in a transaction of its own, as `wallet cards renew` and `replace` give them."""

from bench.cards import bare_cards
from bench.stage import Figure, Stage, seconds
from tokenization.due import Listed
from wallet import replacing


def measure(stage: Stage) -> list[Figure]:
    """Cards a second, in one process."""
    card_ids = sorted(bare_cards(stage.parts, stage.sizes.renewed))
    run = Listed("expiring", stage.parts.clock.now(), card_ids=card_ids)
    took = seconds(lambda: _replace(stage, run))
    return [Figure("cards renewed", len(card_ids) / took, note=f"{len(card_ids):,} cards")]


def _replace(stage: Stage, run: Listed) -> None:
    for outcome in replacing.outcomes(stage.parts, run, "bench"):
        if outcome.what != "replaced":
            raise LookupError(f"a card was {outcome.what}: {outcome.why}")
