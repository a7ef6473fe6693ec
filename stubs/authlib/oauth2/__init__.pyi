class OAuth2Error(Exception):
    error: str | None
    status_code: int
    state: str | None
    redirect_uri: str | None
    def __init__(
        self,
        description: str | None = None,
        uri: str | None = None,
        status_code: int | None = None,
        state: str | None = None,
        redirect_uri: str | None = None,
        redirect_fragment: bool = False,
        error: str | None = None,
    ) -> None: ...
