"""Which neighbours are our own proxies: their word about a client's address and https counts, nobody else's."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Final

from django.conf import settings

FORWARDED: Final = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_FORWARDED")
Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


def is_own_proxy(address: str) -> bool:
    """True for an address within TRUSTED_PROXIES."""
    return bool(settings.TRUSTED_PROXIES) and _is_within(address, tuple(settings.TRUSTED_PROXIES))


@lru_cache(maxsize=1024)
def _is_within(address: str, networks: Networks) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks)
