"""Our own keys as others see them: one signs access tokens, one opens card data, one is our name at the broker."""

from functools import cached_property
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_der_private_key
from joserfc.jwk import ECKey, KeyParameters, KeySet

from tokenization.keys import KeyRing, Purpose

# How each key is published. A key of one use is refused for the other by every JOSE library.
_ABOUT: Final[dict[Purpose, KeyParameters]] = {
    Purpose.ACCESS_TOKEN: {"use": "sig", "alg": "ES256"},
    Purpose.CARD_TRANSPORT: {"use": "enc", "alg": "ECDH-ES"},
    Purpose.BROKER_CLIENT: {"use": "sig", "alg": "ES256"},
}


class AccessKeys:
    """The asymmetric keys of a key ring, read once. `kid` is the thumbprint (RFC 7638)."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    @cached_property
    def access_token(self) -> ECKey:
        """What signs access tokens now."""
        return self._all(Purpose.ACCESS_TOKEN)[-1]

    @cached_property
    def broker_client(self) -> ECKey:
        """What signs our assertions at the MitID broker now."""
        return self._all(Purpose.BROKER_CLIENT)[-1]

    @cached_property
    def card_transport(self) -> KeySet:
        """The private keys that open `encrypted_card`, by `kid`."""
        return KeySet(list(self._all(Purpose.CARD_TRANSPORT)))

    @cached_property
    def access_token_verifiers(self) -> dict[str, EllipticCurvePublicKey]:
        """kid -> public key, the older versions too: what they signed stays valid until it expires."""
        return {str(key.kid): key.public_key for key in self._all(Purpose.ACCESS_TOKEN)}

    @cached_property
    def published(self) -> dict[str, Any]:
        """`/oauth/jwks`: public halves only."""
        keys = self._all(Purpose.ACCESS_TOKEN) + self._all(Purpose.CARD_TRANSPORT)[-1:]
        return {"keys": [key.as_dict(private=False) for key in keys]}

    @cached_property
    def broker_client_published(self) -> dict[str, Any]:
        """The JWKS that our MitID broker is given, with every version, so that it can be rotated without a pause."""
        return {"keys": [key.as_dict(private=False) for key in self._all(Purpose.BROKER_CLIENT)]}

    def _all(self, purpose: Purpose) -> list[ECKey]:
        return [_key(self._ring.get(purpose, version).reveal(), purpose) for version in self._ring.versions(purpose)]


def native(key: ECKey) -> EllipticCurvePrivateKey:
    """The private key as `cryptography` has it."""
    if key.private_key is None:
        raise TypeError("this key has no private half")
    return key.private_key


def _key(der: bytes, purpose: Purpose) -> ECKey:
    private = load_der_private_key(der, password=None)
    if not isinstance(private, EllipticCurvePrivateKey):
        raise TypeError(f"{purpose} wants an EC key")
    key = ECKey.import_key(private, _ABOUT[purpose].copy())
    key.ensure_kid()
    return key
