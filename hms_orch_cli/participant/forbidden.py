"""Addresses and names that no call may go to: where clouds keep the credentials of the machine.

Link-local addresses are never a participant; every cloud's metadata service is at one, or at one of the few others
below. An IPv4 address also hides in IPv6: mapped (::ffff:0:0/96), NAT64 (RFC 6052, 8215), 6to4, Teredo, compatible.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

_NETWORKS: Final = (
    IPv4Network("169.254.0.0/16"),  # link-local; AWS, Azure, Google, Oracle, DigitalOcean, OpenStack
    IPv4Network("100.100.100.200/32"),  # Alibaba
    IPv4Network("168.63.129.16/32"),  # Azure's host agent
    IPv4Network("192.0.0.192/32"),  # Oracle, older
    IPv6Network("fe80::/10"),  # link-local
    IPv6Network("fd00:ec2::/32"),  # AWS
    IPv6Network("fd20:ce::254/128"),  # Google
)
_NAMES: Final = frozenset({"metadata.google.internal", "metadata.goog", "metadata", "instance-data"})
_LAST_32_BITS: Final = tuple(map(IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "::/96")))


def is_forbidden_address(address: IPv4Address | IPv6Address) -> bool:
    """Whether no call may go there, in whatever spelling."""
    return any(
        meant in network for meant in _meant_by(address) for network in _NETWORKS if meant.version == network.version
    )


def is_forbidden_name(host: str) -> bool:
    """Whether a lower-case host name is a metadata service's, whatever it resolves to."""
    return host in _NAMES


def _meant_by(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address | IPv6Address]:
    yield address
    if isinstance(address, IPv4Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if any(address in network for network in _LAST_32_BITS):
        yield IPv4Address(int(address) & 0xFFFFFFFF)
