"""Which addresses webhooks may have, and which machines behind a name are spoken to."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest

from classifier.errors import Refused
from classifier.webhook_addresses import (
    UndeliverableError,
    clean_url,
    find_machines,
    is_allowed,
    read_target,
)

PUBLIC = ("93.184.215.14", "1.1.1.1", "2606:4700:4700::1111", "172.32.0.1", "11.0.0.1")
PRIVATE = {
    "0.0.0.0": "this host",
    "10.1.2.3": "private",
    "172.16.0.1": "private",
    "192.168.0.1": "private",
    "100.64.0.1": "a provider's own",
    "127.0.0.1": "loopback",
    "127.8.8.8": "loopback",
    "169.254.169.254": "link-local, settings of clouds",
    "168.63.129.16": "the host of Azure's machines",
    "192.0.0.8": "of protocols",
    "192.0.2.1": "of examples",
    "198.18.0.1": "of measurements",
    "224.0.0.1": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "broadcast",
    "::": "unspecified",
    "::1": "loopback",
    "::127.0.0.1": "compatible with IPv4",
    "::ffff:10.0.0.1": "mapped",
    "::ffff:93.184.215.14": "mapped, whatever it maps",
    "::ffff:0:10.0.0.1": "translated",
    "64:ff9b::a00:1": "NAT64",
    "64:ff9b:1::a00:1": "NAT64 of a local prefix",
    "2002:a00:1::": "6to4",
    "2001:0:1:2::": "Teredo",
    "2001:db8::1": "of examples",
    "fc00::1": "unique local",
    "fd00:ec2::254": "settings of clouds",
    "fe80::1": "link-local",
    "fec0::1": "site-local",
    "ff02::1": "multicast",
}
CLEANED = {
    "https://example.org": "https://example.org/",
    " https://Example.ORG./a b".replace("a b", "a"): "https://example.org/a",
    "https://example.org:443/x": "https://example.org/x",
    "http://example.org:80": "http://example.org/",
    "https://example.org:8443/x?y=1&z=é#part": "https://example.org:8443/x?y=1&z=%C3%A9",
    "https://bücher.example/": "https://xn--bcher-kva.example/",
    "https://example.org/caf%C3%A9/ü": "https://example.org/caf%C3%A9/%C3%BC",
    "https://[2606:4700:4700::1111]:8443": "https://[2606:4700:4700::1111]:8443/",
}
REFUSED = {
    "": "one address",
    "https://example.org/" + "a" * 500: "at most 500",
    "https://exa mple.org/": "without blanks",
    "https://example.org/\r\nHost: x": "without blanks",
    "https://example.org\\@10.0.0.1/": "without blanks",
    "ftp://example.org/": "https://",
    "file:///etc/passwd": "https://",
    "gopher://example.org": "https://",
    "//example.org": "https://",
    "https://user@example.org/": "name and password",
    "https://user:secret@example.org/": "name and password",
    "https://:@example.org/": "name and password",
    "https://example.org:22/": "Port 22",
    "https://example.org:0/": "Port 0",
    "https://example.org:65536/": "cannot be read",
    "https://example.org:x/": "cannot be read",
    "https://[::1/": "cannot be read",
    "https:///path": "no name",
    "https://a..b/": "no name",
    "https://exam%70le.org/": "no name",
    "https://" + "a" * 70 + ".org/": "no name",
    "http://localhost:8000/": "private network",
    "http://127.0.0.1/": "private network",
    "http://[::ffff:127.0.0.1]/": "private network",
    "http://[fe80::1%25eth0]/": "private network",
    "http://169.254.169.254/latest/meta-data": "private network",
}


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_machine_may_be_spoken_to(address: str) -> None:
    assert is_allowed(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_machine_may_not(address: str) -> None:
    assert not is_allowed(ipaddress.ip_address(address))


def test_an_allowed_network_opens_itself_and_no_other(settings: Any) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = [ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("fd00::/8")]
    opened = [is_allowed(ipaddress.ip_address(each)) for each in ("10.1.2.3", "fd12::1", "10.2.0.1", "::ffff:10.1.2.3")]
    assert opened == [True, True, False, False]


@pytest.mark.parametrize("url", CLEANED)
def test_an_address_gets_its_one_proper_form(url: str) -> None:
    assert clean_url(url) == CLEANED[url]
    assert clean_url(CLEANED[url]) == CLEANED[url]


@pytest.mark.parametrize("url", REFUSED)
def test_what_cannot_be_an_address_is_refused_in_a_sentence(url: str) -> None:
    with pytest.raises(Refused) as refused:
        clean_url(url)
    assert REFUSED[url] in refused.value.message
    assert refused.value.message.endswith(".")


def test_an_address_is_taken_apart_for_sending() -> None:
    target = read_target("https://example.org:8443/a?b=c")
    assert (target.is_secure, target.host, target.port, target.path) == (True, "example.org", 8443, "/a?b=c")
    assert read_target("http://[2606:4700::1]/").host == "2606:4700::1"


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    found = [
        (socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 443))
        for each in addresses
    ]
    monkeypatch.setattr("socket.getaddrinfo", lambda *arguments, **options: found)


def test_of_a_names_machines_only_public_ones_are_spoken_to(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, "10.0.0.1", "1.1.1.1", "1.1.1.1", "::1")
    assert [str(each) for each in find_machines(read_target("https://example.org/"))] == ["1.1.1.1"]


def test_a_name_that_leads_inside_is_refused_without_telling_where(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, "10.0.0.1")
    with pytest.raises(UndeliverableError, match="leads to a machine of a private network") as refused:
        find_machines(read_target("https://intranet.example/"))
    assert "10.0.0.1" not in str(refused.value)


@pytest.mark.parametrize("spelling", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1"])
def test_other_spellings_of_a_private_address_are_refused_when_looked_up(spelling: str) -> None:
    with pytest.raises(UndeliverableError):
        find_machines(read_target(f"http://{spelling}/"))


def test_a_name_that_nobody_knows_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **options: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr("socket.getaddrinfo", fail)
    with pytest.raises(UndeliverableError, match=r"The name nowhere\.example could not be found\."):
        find_machines(read_target("https://nowhere.example/"))
