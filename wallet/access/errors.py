"""How access is refused, in one type that carries everything the HTTP answer needs."""


class AccessRefused(Exception):
    """A caller may not do that. `wallet/errors.py` turns it into problem+json.

    `challenges` are the values of `WWW-Authenticate`, one header each; `retry_after` is in seconds (429);
    `field` names the header that was wrong (422).
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        challenges: tuple[str, ...] = (),
        retry_after: int | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.challenges = challenges
        self.retry_after = retry_after
        self.field = field
