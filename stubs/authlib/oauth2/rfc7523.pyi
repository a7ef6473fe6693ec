from typing import ClassVar

class JWTBearerClientAssertion:
    CLIENT_AUTH_METHOD: ClassVar[str]
