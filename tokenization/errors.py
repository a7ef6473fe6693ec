"""What can go wrong in this floor, in its own words; HTTP is nobody's business here."""


class DomainError(Exception):
    """A use case cannot go on. `code` is the stable name that callers may branch on; the text is safe to show."""

    code = "error"

    def __init__(self, message: str = "", **facts: object) -> None:
        super().__init__(message or self.__doc__ or self.code)
        self.facts = facts


class NotFound(DomainError):
    """There is no such thing, or it is not yours."""

    code = "not-found"


class Conflict(DomainError):
    """The state of the thing does not allow that."""

    code = "conflict"


class Invalid(DomainError):
    """A value cannot be accepted; `field` says which."""

    code = "invalid"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class CardBlocked(Conflict):
    """The card is blocked (R-10.1)."""

    code = "card-blocked"


class CardClosed(Conflict):
    """The card is closed."""

    code = "card-closed"


class CardExpired(Conflict):
    """The card has expired (R-13)."""

    code = "card-expired"


class ContactBank(Conflict):
    """Only the bank can undo this."""

    code = "contact-bank"


class IllegalMove(Conflict):
    """The state does not allow that move."""

    code = "illegal-state"


class TooManyRegistrations(Conflict):
    """The cardholder was asked by this merchant as often as the bank allows, and said yes to none of it."""

    code = "too-many-registrations"
