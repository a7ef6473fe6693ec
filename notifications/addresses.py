"""Where we may call: a guard against being sent to our own network (server-side request forgery).

The list is our own: Python's `is_global` calls `64:ff9b::7f00:1` global, which a NAT64 gateway turns into 127.0.0.1.
"""

import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

# IANA's registry of special-purpose IPv4 addresses, multicast, and where a cloud's machines find their host.
_NOT_PUBLIC_V4: Final = tuple(
    map(
        IPv4Network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24"),
            *("192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
            *("224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32"),
        ),
    )
)
# What IANA has given out for use by everybody is all within this; mapped, NAT64, local and multicast lie outside.
_PUBLIC_V6: Final = IPv6Network("2000::/3")
_NOT_PUBLIC_V6: Final = tuple(
    map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"))
)
_LOOPBACK_V4: Final = IPv4Network("127.0.0.0/8")
_LOOPBACK_V6: Final = IPv6Address("::1")

_URL: Final = re.compile(r"[!-\[\]-~]{1,2048}")  # visible ASCII without the backslash
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME: Final = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")
# Names that are nobody's on the internet (RFC 6761, 6762, 8375; ICANN's .internal).
_NOT_PUBLIC_NAME: Final = re.compile(r".*\.(?:localhost|local|internal|home\.arpa)")
_ENDS_IN_NUMBER: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")  # what resolvers may read as an IPv4 address

_IPV6_AND_PORT: Final = re.compile(r"\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\](?::[0-9]+)?")
_PORTS: Final = {"https": 443, "http": 80}

Address = IPv4Address | IPv6Address


class AddressRefused(ValueError):
    """We do not call that address. The text says why, for whoever entered the URL."""


class NotResolved(AddressRefused):
    """That host has no address that we call: now, at least. Whether it has others is not told, or whoever sets URLs
    would learn which names the network inside knows.
    """


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, asked of the system's resolver."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@dataclass(frozen=True, slots=True)
class Destination:
    """A URL in parts: those that were looked at are those that are called, as another parser might find others."""

    scheme: str
    host: str  # an IPv6 address without its brackets
    port: int
    target: str

    @property
    def authority(self) -> str:
        """What stands in Host (RFC 9110, 7.2): the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Guard:
    """What may be called. `loopback_allowed` is for the demo, which lives on loopback, and lets nothing else in."""

    loopback_allowed: bool = False
    resolver: Callable[[str, int], list[str]] = resolve
    ports: frozenset[int] = frozenset({443, 8443})

    def check(self, url: str) -> Destination:
        """Look at a URL without asking the network: where it leads. Raises AddressRefused."""
        parts = _split(url)
        host = parts.hostname or ""
        loopback = self._is_loopback_host(host)
        if parts.scheme != "https" and not (loopback and parts.scheme == "http"):
            raise AddressRefused("the URL must begin with https://")
        if not loopback and (parts.port or 443) not in self.ports:
            raise AddressRefused(f"the port must be one of {', '.join(map(str, sorted(self.ports)))}")
        if not loopback:
            self._check_host(host)
        return Destination(parts.scheme, host, parts.port or _PORTS[parts.scheme], _target(url, parts))

    def address(self, host: str, port: int) -> str:
        """Resolve a host, once: the address to connect to. Raises NotResolved unless all of them are public."""
        found = self._found(host, port)
        if not found or not all(map(self.permits, found)):
            raise NotResolved("the host name has no address that we call")
        return str(found[0])

    def _found(self, host: str, port: int) -> list[Address]:
        try:
            return [ip_address(address) for address in self.resolver(host, port)]
        except (OSError, ValueError) as error:
            raise NotResolved("the host name does not resolve") from error

    def permits(self, address: Address) -> bool:
        """Whether that address is public, or loopback where that is allowed."""
        return is_public(address) or (self.loopback_allowed and is_loopback(address))

    def _is_loopback_host(self, host: str) -> bool:
        if not self.loopback_allowed:
            return False
        literal = _literal(host)
        return host == "localhost" or (literal is not None and is_loopback(literal))

    def _check_host(self, host: str) -> None:
        literal = _literal(host)
        if literal is not None and not is_public(literal):
            raise AddressRefused("the address is not on the public internet")
        if literal is None and (_ENDS_IN_NUMBER.fullmatch(host) or not _NAME.fullmatch(host) or len(host) > 253):
            raise AddressRefused("the URL needs a full host name, such as shop.example")
        if _NOT_PUBLIC_NAME.fullmatch(host):
            raise AddressRefused("the host is not on the public internet")


def is_public(address: Address) -> bool:
    """Whether anybody on the internet could be reached there."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_V4)
    is_elsewhere = address not in _PUBLIC_V6 or address.scope_id is not None
    return not is_elsewhere and not any(address in network for network in _NOT_PUBLIC_V6)


def is_loopback(address: Address) -> bool:
    """127.0.0.0/8 or ::1, and no other way of writing them."""
    return address in _LOOPBACK_V4 if isinstance(address, IPv4Address) else address == _LOOPBACK_V6


def _split(url: str) -> SplitResult:
    if not _URL.fullmatch(url):
        raise AddressRefused("the URL must be 1 to 2048 visible ASCII characters")
    try:
        parts = urlsplit(url)
        well_formed = parts.port != 0 and "%" not in parts.netloc and _is_plain(parts.netloc)
    except ValueError as error:
        raise AddressRefused("the URL is not well-formed") from error
    if not parts.hostname or not well_formed:
        raise AddressRefused("the URL is not well-formed")
    if "@" in parts.netloc:
        raise AddressRefused("the URL must not hold a user name or password")
    if "#" in url:
        raise AddressRefused("the URL must not have a fragment")
    return parts


def _is_plain(netloc: str) -> bool:
    # Python passes over what stands beside the brackets, and takes more in them than an IPv6 address.
    return "[" not in netloc or _IPV6_AND_PORT.fullmatch(netloc) is not None


def _target(url: str, parts: SplitResult) -> str:
    """Path and query as they were written: put together anew, `;` or an empty query would be lost."""
    written = url[len(parts.scheme) + len("://") + len(parts.netloc) :]
    return written if written.startswith("/") else f"/{written}"


def _literal(host: str) -> Address | None:
    """An address in its one canonical form; decimal, octal, hexadecimal and short forms are none."""
    try:
        return ip_address(host)
    except ValueError:
        return None
