"""What the calls on one token share: the phone that it is on, what stands in its way, and what is shown of it."""

from tokenization import cardholders
from tokenization.errors import IllegalMove, NotFound
from tokenization.models import Card, Cardholder, Token
from wallet.access.errors import AccessRefused
from wallet.access.guard import caller
from wallet.api import session
from wallet.resources import owned, shown
from wallet.services import current_time


def answer(token: Token) -> shown.Shown:
    """The token as the caller may see it."""
    return shown.token(session(), token, current_time(), to_child=caller().scope == "child")


def lock_holder() -> Cardholder:
    """Whose card the caller's tokens are on, locked: before the card, never after."""
    holder_id = caller().holder_id
    if holder_id is None:
        raise NotFound
    return cardholders.get(session(), holder_id, lock=True)


def on_its_device(token_id: str) -> tuple[Card, Token]:
    """The token, its card locked, for a call that only its own phone may make. Raises AccessRefused `wrong-device`."""
    card, token = owned.token(session(), caller(), token_id, lock=True)
    if token.device_thumbprint != caller().thumbprint:
        raise AccessRefused(403, "wrong-device", "only the phone that the token is on may do that")
    return card, token


def require(token: Token, because: str | None) -> None:
    """Raise IllegalMove unless that is what stands in the token's way: the derived status decides, not the stored."""
    now = answer(token)
    if now["because"] != because:
        raise IllegalMove(f"the token is {now['status']}" + (f": {now['because']}" if now["because"] else " already"))
