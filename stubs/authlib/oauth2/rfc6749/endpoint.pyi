from typing import Any, ClassVar

class Endpoint:
    ENDPOINT_NAME: ClassVar[str | None]
    server: Any
