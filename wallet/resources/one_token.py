"""What the calls on one token share: the phone that it is on, what stands in its way, and what is shown of it."""

from delegation import drawing_rights
from tokenization import cardholders, life_cycle, token_operations
from tokenization.errors import NotFound
from tokenization.models import Card, Cardholder, Token
from wallet import blocking
from wallet.access import sessions
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


def suspend(token_id: str, *, by: str, reason: str) -> Token:
    """Hold the token back; where the phone is gone, everything on it, and its sessions end (R-10.2).

    The phone may be named by a token that has ended, too: by the bank, and by who has another there now. Who has none
    there any more has no say in what others have on it, and ends no sessions but their own.
    """
    now, by_delegate = current_time(), caller().scope == "child"
    if token_operations.reaches_phone("suspend", reason, by):
        card, token = owned.token(session(), caller(), token_id)
        phone, holder_id = token.device_thumbprint, card.holder_id
        if by == token_operations.ISSUER or blocking.has_card_on(session(), holder_id, phone):
            blocking.suspend_phone(session(), phone, by=by, reason=reason, now=now, by_delegate=by_delegate)
        elif not sessions.end_for_phone(session(), phone, holder_id=holder_id, reason=reason, now=now):
            life_cycle.check("suspend", token.state)
        return token
    card, token = owned.token(session(), caller(), token_id, lock=True)
    life_cycle.suspend(session(), card, token, by=by, reason=reason, now=now, by_delegate=by_delegate)
    return token


def end(token_id: str, *, by: str, reason: str) -> Token:
    """End the token, for good; where the phone is gone, the rest of it is held back, as `suspend` does."""
    _, token = owned.token(session(), caller(), token_id)
    life_cycle.check("deactivate", token.state)  # before any lock: the card is then one of those that `suspend` takes
    if token_operations.reaches_phone("deactivate", reason, by):
        suspend(token_id, by=token_operations.holder(by), reason=reason)
    card, token = owned.token(session(), caller(), token_id, lock=True)
    life_cycle.deactivate(session(), card, token, by=by, reason=reason, now=current_time())
    return token


def right_says(token: Token) -> frozenset[str]:
    """What the token's drawing right puts in its way; nothing where it is its holder's own."""
    return drawing_rights.of_token(session(), token.card_id, token.right_id, current_time())


def require(card: Card, token: Token, operation: str) -> None:
    """Raise IllegalMove unless the token, as it stands, allows that operation: the derived status decides."""
    life_cycle.require(session(), card, token, operation, also=right_says(token), now=current_time())
