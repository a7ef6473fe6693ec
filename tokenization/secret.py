"""Secrets are types: printing one shows nothing, reading one says so in the code."""

import hmac
from typing import Generic, Never, TypeVar

Raw = TypeVar("Raw", str, bytes)


class Secret(Generic[Raw]):
    """A value that must not be shown. `reveal()` is the only way to it; equality takes constant time."""

    __slots__ = ("_value",)

    def __init__(self, value: Raw) -> None:
        self._value: Raw = value

    def reveal(self) -> Raw:
        """The value itself."""
        return self._value

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret) or type(other) is not type(self):
            return NotImplemented
        return hmac.compare_digest(_as_bytes(self._value), _as_bytes(other._value))

    def __hash__(self) -> int:
        return hash((type(self), self._value))

    def __reduce__(self) -> Never:
        raise TypeError("a secret cannot be pickled")


def _as_bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


class Number(Secret[str]):
    """A card number or a token number: shown as BIN and last 4 at most."""

    __slots__ = ()

    @property
    def bin(self) -> str:
        """The first six digits."""
        return self._value[:6]

    @property
    def last4(self) -> str:
        """The last four digits."""
        return self._value[-4:]

    def __repr__(self) -> str:
        return f"Number({self.bin}******{self.last4})"


class Cvc(Secret[str]):
    """A card verification code."""

    __slots__ = ()


class Key(Secret[bytes]):
    """Key material."""

    __slots__ = ()
