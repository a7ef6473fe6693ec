"""Operations on tokens and their reasons, as a table: for the bank, and for wallet providers."""

from typing import Any

from flask.views import MethodView

from tokenization import token_operations
from tokenization.token_operations import Rule
from wallet.access.guard import requires
from wallet.api import Blueprint, nothing_else
from wallet.schemas import tokens as schemas

blueprint = Blueprint(
    "token_operations", __name__, url_prefix="/v1", description="Operations on tokens, and their reasons"
)


def _table() -> dict[str, Any]:
    return {"data": [_row(rule) for rule in token_operations.RULES], "next_cursor": None}


def _row(rule: Rule) -> dict[str, Any]:
    names = token_operations.NAMES[rule.operation, rule.reason]
    row = {name: getattr(rule, name) for name in ("operation", "reason", "by", "reaches", "undone_by")}
    return row | {"mastercard": {"code": names.mastercard_code, "event": names.mastercard_event}, "visa": names.visa}


@blueprint.route("/issuer/token-operations")
class ForTheBank(MethodView):
    """What may be done to tokens, and why."""

    @requires("issuer")
    @nothing_else
    @blueprint.response(200, schemas.TokenOperationList)
    def get(self) -> Any:
        """Each operation, reason and party; whom it reaches, who undoes it, and what the schemes call it."""
        return _table()


@blueprint.route("/provider/token-operations")
class ForProviders(MethodView):
    """What may be done to tokens, and why."""

    @requires("provider")
    @nothing_else
    @blueprint.response(200, schemas.TokenOperationList)
    def get(self) -> Any:
        """Each operation, reason and party; whom it reaches, who undoes it, and what the schemes call it."""
        return _table()
