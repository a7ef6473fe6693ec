"""What can go wrong with drawing rights. What a rule merely declines is a value: `Refused`, `ExceedsCeiling`."""

from tokenization.errors import Conflict, NotFound


class RightNotFound(NotFound):
    """There is no such drawing right, or it is not yours."""


class RequestNotFound(NotFound):
    """There is no such request, or it is not yours."""


class TooManyRequests(Conflict):
    """Too many requests wait for an answer already."""

    code = "too-many-open-requests"
