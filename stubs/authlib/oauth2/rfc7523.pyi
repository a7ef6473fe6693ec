from collections.abc import Callable
from typing import Any, ClassVar

class JWTBearerClientAssertion:
    CLIENT_AUTH_METHOD: ClassVar[str]
    def __call__(self, query_client: Callable[[str], Any], request: Any) -> Any: ...
    def extract_assertion(self, assertion: str) -> tuple[dict[str, Any], dict[str, Any]]: ...
