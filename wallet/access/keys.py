"""Our own keys as others see them: one signs access tokens, one opens card data, one is our name at the broker."""

from functools import lru_cache
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_der_private_key
from joserfc.jwk import ECKey, KeyParameters, KeySet

from tokenization.keys.ring import KeyRing, Purpose
from tokenization.secret import Key

# How each key is published. A key of one use is refused for the other by every JOSE library.
_ABOUT: Final[dict[Purpose, KeyParameters]] = {
    Purpose.ACCESS_TOKEN: {"use": "sig", "alg": "ES256"},
    Purpose.CARD_TRANSPORT: {"use": "enc", "alg": "ECDH-ES"},
    Purpose.BROKER_CLIENT: {"use": "sig", "alg": "ES256"},
}


class AccessKeys:
    """The asymmetric keys of a key ring, as it stands whenever one is asked for. `kid` is the thumbprint (RFC 7638)."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    @property
    def access_token(self) -> ECKey:
        """What signs access tokens now."""
        return _key(self._ring.current(Purpose.ACCESS_TOKEN).key, Purpose.ACCESS_TOKEN)

    @property
    def broker_client(self) -> ECKey:
        """What signs our assertions at the MitID broker now."""
        return _key(self._ring.current(Purpose.BROKER_CLIENT).key, Purpose.BROKER_CLIENT)

    @property
    def card_transport(self) -> KeySet:
        """The private keys that open `encrypted_card`: the older ones too, as apps keep our JWKS for a while."""
        return KeySet(list(self._all(Purpose.CARD_TRANSPORT)))

    def access_token_verifier(self, kid: str) -> EllipticCurvePublicKey | None:
        """The public key of that id, of any version that is not retired; None if there is none.

        Another process may sign with a version that we have not noticed yet: so an unknown one is looked for at once.
        """
        found = self._verifier(kid)
        if found is None:
            self._ring.refresh()
            found = self._verifier(kid)
        return found

    @property
    def published(self) -> dict[str, Any]:
        """`/oauth/jwks`, public halves only: all that verify, the next one too, and the one to encrypt to now."""
        transport = _key(self._ring.current(Purpose.CARD_TRANSPORT).key, Purpose.CARD_TRANSPORT)
        return _jwks([*self._all(Purpose.ACCESS_TOKEN), transport])

    @property
    def broker_client_published(self) -> dict[str, Any]:
        """The JWKS that our MitID broker is given, with the next version, so that it can rotate without a pause."""
        return _jwks(self._all(Purpose.BROKER_CLIENT))

    def _verifier(self, kid: str) -> EllipticCurvePublicKey | None:
        return next((key.public_key for key in self._all(Purpose.ACCESS_TOKEN) if key.kid == kid), None)

    def _all(self, purpose: Purpose) -> list[ECKey]:
        return [_key(version.key, purpose) for version in self._ring.usable(purpose)]


def native(key: ECKey) -> EllipticCurvePrivateKey:
    """The private key as `cryptography` has it."""
    if key.private_key is None:
        raise TypeError("this key has no private half")
    return key.private_key


def _jwks(keys: list[ECKey]) -> dict[str, Any]:
    return {"keys": [key.as_dict(private=False) for key in keys]}


@lru_cache(64)  # Parsing takes as long as signing.
def _key(der: Key, purpose: Purpose) -> ECKey:
    private = load_der_private_key(der.reveal(), password=None)
    if not isinstance(private, EllipticCurvePrivateKey):
        raise TypeError(f"{purpose} wants an EC key")
    key = ECKey.import_key(private, _ABOUT[purpose].copy())
    key.ensure_kid()
    return key
