from collections.abc import Sequence
from typing import ClassVar

from authlib.oauth2.rfc6749.endpoint import Endpoint

class RevocationEndpoint(Endpoint):
    CLIENT_AUTH_METHODS: ClassVar[Sequence[str]]
