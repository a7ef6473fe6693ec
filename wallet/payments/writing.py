"""What a group of decisions changed, and the statements that write it: one for each table, however many payments."""

from typing import Any, Final

from delegation import usage
from tokenization.models import Plastic, Token
from tokenization.pipeline import Pipeline, as_json, changing, inserting, pipeline
from wallet.payments import accounts, references
from wallet.payments.group import Group
from wallet.payments.models import Payment

_PAYMENTS: Final = inserting(Payment)
_COUNTED: Final = ("payments_without_pin", "minor_without_pin")
_OF_TOKEN: Final = ("atc_seen", "atc_window", "pin_tries_left", *_COUNTED)
_OF_PLASTIC: Final = ("wrong_cvcs", "wrong_cvcs_on", *_COUNTED)
_TOKENS: Final = changing(Token, ["card_id", "token_id"], _OF_TOKEN)
_PLASTICS: Final = changing(Plastic, ["card_id", "plastic_id"], _OF_PLASTIC)


def write(group: Group) -> None:
    """Send it all, in one round trip."""
    changes = group.changes
    with pipeline(group.session) as pipe:
        _send(pipe, _PAYMENTS, [vars(payment) for payment in changes.payments])
        accounts.write(pipe, changes.accounts.values())
        usage.charge_many(pipe, changes.charges)
        _send(pipe, _TOKENS, [_columns(token, "token_id", _OF_TOKEN) for token in changes.tokens.values()])
        _send(pipe, _PLASTICS, [_columns(each, "plastic_id", _OF_PLASTIC) for each in changes.plastics.values()])
        references.keep_many(pipe, changes.answers)


def _columns(record: Any, row_id: str, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(record, name) for name in ("card_id", row_id, *names)}


def _send(pipe: Pipeline, statement: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        pipe.send(statement, rows=as_json(rows))
