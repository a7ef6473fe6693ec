from collections.abc import Mapping

class BasicOAuth2Payload:
    def __init__(self, payload: Mapping[str, str]) -> None: ...
