"""Where a call may go."""

from ipaddress import ip_address

import pytest

from hms_orch_cli.errors import ConfigError
from hms_orch_cli.participant.address_book import AddressBook
from hms_orch_cli.participant.forbidden import is_forbidden_address
from hms_orch_cli.ports.services import Service


def book(url: str, audience: str | None = None) -> AddressBook:
    return AddressBook({"svc": Service(url, audience)})


@pytest.mark.parametrize(
    ("url", "origin", "base"),
    [
        ("http://127.0.0.1:9001", "http://127.0.0.1:9001", "http://127.0.0.1:9001"),
        ("http://127.0.0.1:80/", "http://127.0.0.1", "http://127.0.0.1"),
        ("https://notices.example/v1/", "https://notices.example", "https://notices.example/v1"),
        ("HTTPS://Notices.Example:443/v1", "https://notices.example", "https://notices.example/v1"),
        ("http://[::1]:9001", "http://[::1]:9001", "http://[::1]:9001"),
        ("http://10.0.0.7", "http://10.0.0.7", "http://10.0.0.7"),
        ("http://payment_svc:80", "http://payment_svc", "http://payment_svc"),
    ],
)
def test_a_configured_url_is_taken(url: str, origin: str, base: str) -> None:
    target = book(url).find("svc")
    assert (target.origin, target.base, target.audience) == (origin, base, "svc")


def test_the_audience_of_the_config_wins() -> None:
    assert book("http://localhost", "notices").find("svc").audience == "notices"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "payment-svc",
        "ftp://host/",
        "http://",
        "http://user:s3cret@host/",
        "ftp://user:s3cret@host:x/",
        "http://@host/",
        "http://host/?a=1",
        "http://host/#a",
        "http://host/a/../b",
        "http://host/%2e%2e/",
        "http://host:99999",
        "http://host:abc",
        "http://ho st/",
        "http://host/a b",
        "http://[::1",
        "http://host\r\nX: y/",
        "http://127.1",
        "http://0x7f000001",
        "http://2130706433",
        "http://0177.0.0.1",
        "http://127.0.0.1.",
        "http://１２７.0.0.1",
        "http://host%2eevil/",
        "http://[fe80::1%25eth0]/",
        "http://169.254.169.254/latest",
        "http://[::ffff:169.254.169.254]/",
        "http://[::169.254.169.254]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[2002:a9fe:a9fe::1]/",
        "http://[fe80::1]/",
        "http://[fd00:ec2::254]/",
        "http://100.100.100.200",
        "http://metadata.google.internal/",
        "http://Metadata.Google.Internal/",
    ],
)
def test_a_configured_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        book(url)
    assert "svc" in caught.value.message and caught.value.hint
    assert "s3cret" not in caught.value.message, "a password is not printed"


@pytest.mark.parametrize("name", ["payment-svc", "payment_svc", "payments.prod.svc.cluster.local", "a", "svc2", "PAY"])
def test_a_name_outside_the_book_is_a_host(name: str) -> None:
    target = book("http://localhost").find(name)
    assert (target.origin, target.audience) == (f"http://{name.lower()}", name)
    assert target.needs_resolution


@pytest.mark.parametrize(
    "name",
    [
        "127.0.0.1",
        "127.1",
        "0x7f000001",
        "0x7f.1",
        "0x",
        "2130706433",
        "017700000001",
        "::1",
        "[::1]",
        "127.0.0.1.",
        "host.",
        ".host",
        "a..b",
        "host:80",
        "user@host",
        "host/path",
        "host#",
        "host?",
        "a b",
        "",
        "１２７.0.0.1",
        "ho\u00adst",
        "host%2e",
        "host\n",
        "a" * 64,
        "a." * 130 + "a",
        "metadata.google.internal",
        "metadata",
    ],
)
def test_what_could_be_read_as_an_address_is_no_name(name: str) -> None:
    with pytest.raises(ConfigError):
        book("http://localhost").find(name)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.0.1",
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "fe80::1",
        "febf::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "::ffff:100.100.100.200",
        "2001:0:a9fe:a9fe::1",
    ],
)
def test_a_forbidden_address_is_seen_in_every_spelling(address: str) -> None:
    assert is_forbidden_address(ip_address(address))


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "10.0.0.1", "169.253.1.1", "8.8.8.8", "fd00::1", "::ffff:10.0.0.1", "2002:808:808::"],
)
def test_other_addresses_are_allowed(address: str) -> None:
    assert not is_forbidden_address(ip_address(address))
