"""What a group of decisions changed, written by one statement, however many payments."""

from typing import Any, Final

from delegation import usage
from tokenization.models import Plastic, Token
from tokenization.pipeline import changing, inserting, pipeline, together
from wallet.payments import accounts, references
from wallet.payments.group import Group
from wallet.payments.models import Payment

_COUNTED: Final = ("payments_without_pin", "minor_without_pin")
_OF_TOKEN: Final = ("atc_seen", "atc_window", "pin_tries_left", *_COUNTED)
_OF_PLASTIC: Final = ("wrong_cvcs", "wrong_cvcs_on", *_COUNTED)
_ALL: Final = together(
    inserting(Payment),
    accounts.MOVE,
    usage.CHARGE,
    changing(Token, ["card_id", "token_id"], _OF_TOKEN),
    changing(Plastic, ["card_id", "plastic_id"], _OF_PLASTIC),
    references.KEEP,
)


def write(group: Group) -> None:
    """Send it all."""
    changes = group.changes
    with pipeline(group.session) as pipe:
        pipe.write(
            _ALL,
            map(vars, changes.payments),
            accounts.rows_of(changes.accounts.values()),
            usage.buckets_of(changes.charges),
            [_columns(token, "token_id", _OF_TOKEN) for token in changes.tokens.values()],
            [_columns(plastic, "plastic_id", _OF_PLASTIC) for plastic in changes.plastics.values()],
            references.rows_of(changes.answers),
        )


def _columns(record: Any, row_id: str, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(record, name) for name in ("card_id", row_id, *names)}
