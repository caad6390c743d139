"""Where a webhook may point: the form of its address, and which machines behind a name may be spoken to.

Whoever makes a webhook makes this site send requests. They must not reach what only this site's own network reaches,
so the name is looked up here, every machine it leads to is checked, and the sender speaks to a checked one only.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from django.conf import settings

from classifier.errors import Refused

Machine = ipaddress.IPv4Address | ipaddress.IPv6Address

MOST_CHARACTERS: Final = 500
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
FIRST_FREE_PORT: Final = 1024
INSIDE: Final = (
    "leads to a machine of a private network, where this site sends nothing. Whoever runs the site can allow it in "
    "WEBHOOK_ALLOWED_NETWORKS."
)
# Everything that is no place on the public internet, as the registries of IANA list it, written out because Python's
# own `is_global` differs between its versions. Of IPv6 only 2000::/3 is public at all; what stands for an IPv4 address
# (mapped, compatible, translated by NAT64, 6to4, Teredo) could stand for a private one.
_PUBLIC_V6: Final = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC: Final = [
    ipaddress.ip_network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # public in form; within Azure it is the host that hands out settings
        *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
]
_KEPT_IN_PATHS: Final = "/%:@!$&'()*+,;=~?"


class UndeliverableError(Exception):
    """Nothing can be sent there, said in a sentence for whoever looks at the delivery."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address taken apart: `host` in ASCII, `path` as in a request line."""

    is_secure: bool
    host: str
    port: int
    path: str


def clean_url(text: str) -> str:
    """The address in its one proper form. Raises Refused with what to do."""
    url = text.strip()
    if not url or len(url) > MOST_CHARACTERS or any(c <= " " or c in "\\\x7f" for c in url):
        raise _refuse(f"Enter one address without blanks, of at most {MOST_CHARACTERS} characters.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _refuse("This address cannot be read. Enter it as your browser shows it.") from None
    if parts.scheme not in DEFAULT_PORTS:
        raise _refuse("The address must begin with https:// or http://.")
    if parts.username is not None or parts.password is not None:
        raise _refuse("Leave name and password out of the address; messages are signed instead.")
    host = _clean_host(parts.hostname or "")
    if port is not None and port not in DEFAULT_PORTS.values() and port < FIRST_FREE_PORT:
        raise _refuse(f"Port {port} belongs to another service. Use 80, 443, or one from {FIRST_FREE_PORT} on.")
    shown_host = f"[{host}]" if ":" in host else host
    place = shown_host if port in (None, DEFAULT_PORTS[parts.scheme]) else f"{shown_host}:{port}"
    path, query = quote(parts.path or "/", safe=_KEPT_IN_PATHS), quote(parts.query, safe=_KEPT_IN_PATHS)
    cleaned = urlunsplit(SplitResult(parts.scheme, place, path, query, ""))
    if len(cleaned) > MOST_CHARACTERS:
        raise _refuse(f"This address is too long: more than {MOST_CHARACTERS} characters.")
    return cleaned


def read_target(url: str) -> Target:
    """A stored address taken apart."""
    parts = urlsplit(url)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return Target(
        parts.scheme == "https", parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme, 443), path
    )


def find_machines(target: Target) -> list[Machine]:
    """The machines the name leads to just now, without those that may not be spoken to.

    Raises UndeliverableError where none is left. May take as long as the system's resolver does.
    """
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError):
        raise UndeliverableError(f"The name {target.host} could not be found.") from None
    machines = [ipaddress.ip_address(entry[4][0]) for entry in found]
    allowed = [machine for machine in dict.fromkeys(machines) if is_allowed(machine)]
    if not allowed:
        raise UndeliverableError(f"The name {target.host} {INSIDE}")
    return allowed


def is_allowed(machine: Machine) -> bool:
    """On the public internet, or in a network that the site's operator named."""
    if any(machine in network for network in settings.WEBHOOK_ALLOWED_NETWORKS):
        return True
    if isinstance(machine, ipaddress.IPv6Address) and machine not in _PUBLIC_V6:
        return False
    return not any(machine in network for network in _NOT_PUBLIC)


def _clean_host(text: str) -> str:
    """A name in ASCII or an address; one that is private for sure is refused here, others at each delivery."""
    host = text.rstrip(".").lower()
    try:
        machine = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        return _clean_name(host)
    if "%" in host or not is_allowed(machine):
        raise _refuse(f"The address {host} {INSIDE}")
    return host


def _clean_name(host: str) -> str:
    try:
        name = host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        name = ""
    if not name or not all(part and set(part) <= _NAME_CHARACTERS for part in name.split(".")):
        raise _refuse("This address has no name of a machine that can be used. Check what stands after “//”.")
    return name


_NAME_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")


def _refuse(sentence: str) -> Refused:
    return Refused("unusable_address", sentence)
