"""Services that are called without TLS although they are not on this machine or its network. HMS115."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from hms_orch_cli.ports.services import Service
from hms_orch_cli.sagafile import catalogue
from hms_orch_cli.sagafile.lint.subject import Subject
from hms_orch_cli.sagafile.places import targets_of

_LOCAL: Final = re.compile(r"[^.]+|.*\.(localhost|local|internal|intranet|lan|corp|home|private|test|svc|home\.arpa)")
"""Names without a dot are of a network of one's own (Compose, Kubernetes); the endings are kept for such networks."""


def check_hosts(subject: Subject, services: Mapping[str, Service]) -> None:
    """Notes the first call of each service whose URL is http and leads elsewhere."""
    told: set[str] = set()
    for part in subject.parts.values():
        for target in targets_of(part.path, part.written):
            if isinstance(target.written, str):
                name, path = target.written.partition(":")[0], target.path
            else:
                name, path = target.written["service"], (*target.path, "service")
            service = services.get(name)
            if service is None or name in told or is_private(service.url):
                continue
            told.add(name)
            message = f"'{name}' is called over plain http ({service.url[:120]}): token and data can be read on the way"
            fix = f"Run 'hms-orch service set {name} https://…'."
            subject.note(catalogue.PLAIN_HTTP, message, fix, path, word=len(name))


@lru_cache(maxsize=256)
def is_private(url: str) -> bool:
    """Whether what goes to a URL cannot be read on the way: over TLS, or within one's own network."""
    from urllib.parse import urlsplit

    if not url.startswith("http://"):
        return True
    host = (urlsplit(url).hostname or "").removesuffix(".")
    if ":" not in host and not host.rpartition(".")[2].isdigit():
        return _LOCAL.fullmatch(host) is not None
    from ipaddress import ip_address, ip_network

    try:
        address = ip_address(host)
    except ValueError:
        return True  # no address that a call could go to
    shared = ip_network("100.64.0.0/10")
    return address.is_private or (address.version == 4 and address in shared)
