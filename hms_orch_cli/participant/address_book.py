"""Where a participant is: the `[services]` of the config, and beyond them plain host names.

A name that is not in the book is a host (`http://payment-svc/…`), so a saga file works unchanged under Compose or
Kubernetes. Such names come from saga files, so they are names only: what any URL parser could read as an address is
refused. Configured URLs may be any http or https address that is not forbidden.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from hms_orch_cli.errors import ConfigError
from hms_orch_cli.participant.forbidden import is_forbidden_address, is_forbidden_name
from hms_orch_cli.participant.paths import is_safe_path
from hms_orch_cli.ports.services import Service

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_READ_AS_NUMBER: Final = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)")
"""A host whose last label is a number is an IPv4 address to a browser, to reqwest and to getaddrinfo: 127.1, 0x7f.1"""
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_BOUND: Final = 1_000
"""Host names remembered that are not in the book; a saga file names a handful."""


class Target(NamedTuple):
    """A participant's place: `base` is everything before a step's path, without a slash at its end.

    `host` and `port` are what is connected to; `needs_resolution` says that the host is a name whose addresses have
    to be looked at first.
    """

    service: str
    origin: str
    base: str
    audience: str
    scheme: str
    host: str
    port: int
    needs_resolution: bool


class AddressBook:
    """Service name -> Target. Raises ConfigError for a URL that cannot be used."""

    def __init__(self, services: Mapping[str, Service]) -> None:
        self._known = {name: _configured(name, service) for name, service in services.items()}
        self._hosts: dict[str, Target] = {}

    def __contains__(self, service: str) -> bool:
        """Whether the name stands in the config."""
        return service in self._known

    def find(self, service: str) -> Target:
        """The target of a service. Raises ConfigError for a name that is neither in the book nor a host name."""
        target = self._known.get(service) or self._hosts.get(service)
        if target is None:
            target = _by_host_name(service)
            if len(self._hosts) >= _BOUND:
                self._hosts.clear()
            self._hosts[service] = target
        return target


def _by_host_name(service: str) -> Target:
    host = service.lower()
    advice = f"hms-orch service set {service} URL" if service.isprintable() else "Name it in [services]."
    if not _is_host_name(host):
        raise ConfigError(f"The service {service!r} is not in the address book and is not a host name.", advice)
    if is_forbidden_name(host):
        raise ConfigError(f"{host} is a metadata service; calls never go there.", advice)
    return Target(service, f"http://{host}", f"http://{host}", service, "http", host, 80, host != "localhost")


def _configured(name: str, service: Service) -> Target:
    if "@" in service.url:  # first of all, since the other messages show the URL
        raise ConfigError(
            f"The URL of the service {name} holds an @: a user name and a password have no place in it.",
            "Give the header in the saga file instead, with ${secret.NAME}.",
        )
    try:
        parts = urlsplit(service.url)
        scheme, host, port = parts.scheme, parts.hostname or "", parts.port
    except ValueError as error:
        raise _bad_url(name, service.url, f"it is no URL ({error})") from error
    if scheme not in DEFAULT_PORTS:
        raise _bad_url(name, service.url, "it has to begin with http:// or https://")
    if parts.query or parts.fragment or service.url.endswith(("?", "#")):
        raise _bad_url(name, service.url, "it has a query or a fragment")
    base_path = parts.path.rstrip("/")
    if service.url != service.url.strip() or not is_safe_path(base_path or "/"):
        raise _bad_url(name, service.url, "its path cannot be used as it is")
    is_name = _is_host_name(host)
    if not is_name:
        host = _literal(name, service.url, parts.netloc, host)
    elif is_forbidden_name(host):
        raise _bad_url(name, service.url, "that is a metadata service")
    port = DEFAULT_PORTS[scheme] if port is None else port
    origin = f"{scheme}://{host}" + ("" if port == DEFAULT_PORTS[scheme] else f":{port}")
    return Target(
        service=name,
        origin=origin,
        base=origin + base_path,
        audience=service.audience or name,
        scheme=scheme,
        host=host,
        port=port,
        needs_resolution=is_name and host != "localhost",
    )


def _literal(name: str, url: str, netloc: str, host: str) -> str:
    """The host of a URL that names an address, in brackets if it is IPv6."""
    try:
        address = ip_address(host)
    except ValueError:
        raise _bad_url(name, url, f"{host!r} is neither a host name nor an address") from None
    if "%" in host or (address.version == 6) != netloc.startswith("["):
        raise _bad_url(name, url, f"{host!r} is not a plain address")
    if is_forbidden_address(address):
        raise _bad_url(name, url, "link-local and metadata addresses are always refused")
    return f"[{address}]" if address.version == 6 else str(address)


def _is_host_name(host: str) -> bool:
    if len(host) > 253 or not _HOST_NAME.fullmatch(host):
        return False
    return not _READ_AS_NUMBER.fullmatch(host.rpartition(".")[2])


def _bad_url(name: str, url: str, why: str) -> ConfigError:
    return ConfigError(
        f"The URL of the service {name} cannot be used: {why} ({url!r}).",
        f"hms-orch service set {name} http://HOST:PORT",
    )
