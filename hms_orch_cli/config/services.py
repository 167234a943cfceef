"""The address book: [services] of the file, then HMS_SERVICES, then HMS_SERVICES_<NAME>."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import SplitResult, urlsplit

from hms_orch_cli.config.words import CONTROL, json_object, kind, nearest
from hms_orch_cli.config.written import Written
from hms_orch_cli.errors import ConfigError
from hms_orch_cli.ports.services import Service

_EXAMPLE = {"payment-svc": "http://…"}

SERVICE_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?")


def service_from(value: object, where: str) -> Service:
    """A service from a URL or a table {url, audience}. `where` begins the message of the ConfigError."""
    if isinstance(value, str):
        value = {"url": value}
    if not isinstance(value, dict):
        raise ConfigError(
            f"{where} must be a URL or a table with url and audience, not {kind(value)}",
            'write it as { url = "http://…" }',
        )
    for key in value:
        if key not in ("url", "audience"):
            raise ConfigError(f"{where}: {key!a} is no key of a service", nearest(key, ("url", "audience")))
    if "url" not in value:
        raise ConfigError(f"{where} has no url", 'write it as { url = "http://…" }')
    url, audience = value["url"], value.get("audience")
    if not isinstance(url, str) or not isinstance(audience, str | None):
        raise ConfigError(f"{where}: url and audience must be texts", 'write it as { url = "http://…" }')
    if audience is not None and (not audience or CONTROL.search(audience)):
        raise ConfigError(
            f"{where}: the audience is empty or holds a control character", 'write it as { url = "http://…" }'
        )
    return Service(http_url(url, where).geturl().rstrip("/"), audience)


def service_name(name: str, where: str) -> str:
    """`name`, if a service can have it. `where` begins the message of the ConfigError."""
    if not SERVICE_NAME.fullmatch(name):
        raise ConfigError(f"{where}{name!a} is no name of a service", "use letters, digits, - . and _, at most 128")
    return name


def http_url(text: str, where: str) -> SplitResult:
    """An http or https URL with a host, without credentials, query or fragment. Raises ConfigError."""
    try:
        url = urlsplit(text)
        usable = url.scheme in ("http", "https") and url.hostname and (url.port is None or url.port > 0)
    except ValueError:
        usable = False
    if not usable or CONTROL.search(text) or " " in text or "\\" in text:
        raise ConfigError(f"{where}: {text[:200]!a} is no http or https URL", "write it as http://HOST:PORT")
    if "@" in url.netloc or url.query or url.fragment:
        hint = "write only http://HOST:PORT/PATH; a secret belongs into a header of the saga file"
        raise ConfigError(f"{where}: the URL has a user, a query or a fragment", hint)
    return url


def services_from(written: Written, environ: Mapping[str, str]) -> dict[str, Service]:
    """The whole address book. Raises ConfigError with the place."""
    services: dict[str, Service] = {}
    for name, value in written.tables.get("services", {}).items():
        where = f"{written.place('services', name)}: "
        services[service_name(name, where)] = service_from(value, f"{where}services.{name}")
    if text := environ.get("HMS_SERVICES"):
        for name, value in json_object(text, "HMS_SERVICES", _EXAMPLE).items():
            services[service_name(name, "HMS_SERVICES: ")] = service_from(value, f"HMS_SERVICES: {name}")
    for twin, text in environ.items():
        if twin.startswith("HMS_SERVICES_") and text:
            value = json_object(text, twin, _EXAMPLE) if text.lstrip().startswith("{") else text
            services[_named_by(twin, services)] = service_from(value, twin)
    return services


def _named_by(twin: str, services: Iterable[str]) -> str:
    """The service that HMS_SERVICES_<NAME> means: a known one that is written so in capitals, else a new one with -."""
    spelt = twin.removeprefix("HMS_SERVICES_")
    matches = [name for name in services if re.sub(r"[^A-Z0-9]", "_", name.upper()) == spelt]
    if len(matches) > 1:
        raise ConfigError(f"{twin} can mean {' and '.join(sorted(matches))}", "use HMS_SERVICES with a JSON object")
    return matches[0] if matches else service_name(spelt.lower().replace("_", "-"), f"{twin}: ")
