"""What can go wrong with drawing rights. What a rule merely declines is a value: `Refused`, `ExceedsCeiling`."""

from tokenization.errors import Conflict, NotFound


class RightNotFound(NotFound):
    """There is no such drawing right, or it is not yours."""


class RequestNotFound(NotFound):
    """There is no such request, or it is not yours."""


class PhoneNotFound(NotFound):
    """There is no such phone, or it is not let in."""


class TooManyPhones(Conflict):
    """As many phones are paired as may be: put one out first, or allow more."""

    code = "too-many-phones"


class AlreadyAsked(Conflict):
    """This payment was asked for already: the request waits for an answer, or got a yes."""

    code = "already-asked"


class TooManyOpenRequests(Conflict):
    """Too many requests wait for an answer: let the grantor answer them first."""

    code = "too-many-open-requests"
