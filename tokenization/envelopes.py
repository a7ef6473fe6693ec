"""Sealed for one reader: compact JWEs to a public key (RFC 7516, RFC 7518)."""

import json
from collections.abc import Mapping
from typing import Any, Final

from joserfc import jwe
from joserfc.jwk import ECKey

# The key's algorithm and the content's. No `zip`: compressing beside a secret leaks it.
ALGORITHMS: Final = ("ECDH-ES", "A256GCM")


def sealed(content: Mapping[str, Any], key: ECKey, **header: str) -> str:
    """What only the holder of the private key reads; `header` is open to everybody."""
    algorithm, encryption = ALGORITHMS
    protected = {"alg": algorithm, "enc": encryption, **header}
    return jwe.encrypt_compact(protected, json.dumps(content), key, algorithms=list(ALGORITHMS))
