"""Only our own proxies are believed."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from webapp.proxies import is_own_proxy
from webapp.wsgi_environ import build_environ


@pytest.fixture(autouse=True)
def proxies(settings: Any) -> None:
    settings.TRUSTED_PROXIES = [ipaddress.ip_network(text) for text in ("10.1.0.0/16", "2001:db8::/32", "192.0.2.7")]


@pytest.mark.parametrize("address", ["10.1.2.3", "2001:db8:1::1", "192.0.2.7", "::ffff:10.1.2.3"])
def test_an_address_of_a_named_network_is_ours(address: str) -> None:
    assert is_own_proxy(address)


@pytest.mark.parametrize("address", ["10.2.0.1", "192.0.2.8", "127.0.0.1", "::1", "", "unknown", "10.1.2.3, 1.1.1.1"])
def test_any_other_is_not(address: str) -> None:
    assert not is_own_proxy(address)


def test_nobody_is_where_none_is_named(settings: Any) -> None:
    settings.TRUSTED_PROXIES = []
    assert not is_own_proxy("10.1.2.3")


@pytest.mark.parametrize(("peer", "arrives"), [("10.1.2.3", True), ("203.0.113.9", False)])
def test_what_a_stranger_forwards_does_not_reach_the_site(peer: str, arrives: bool) -> None:
    scope = {
        "method": "GET",
        "path": "/",
        "http_version": "1.1",
        "client": (peer, 1234),
        "headers": [(b"x-forwarded-proto", b"https"), (b"x-forwarded-for", b"198.51.100.1"), (b"accept", b"*/*")],
    }
    environ = build_environ(scope)
    assert ("HTTP_X_FORWARDED_PROTO" in environ) is arrives
    assert ("HTTP_X_FORWARDED_FOR" in environ) is arrives
    assert environ["HTTP_ACCEPT"] == "*/*"
