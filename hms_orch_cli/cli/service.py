"""`hms-orch service`: the address book in hms-orch.toml."""

from __future__ import annotations

from typing import Annotated

import typer

from hms_orch_cli.cli import offers, output
from hms_orch_cli.cli.options import Format, Output
from hms_orch_cli.cli.program import examples, new_app
from hms_orch_cli.ports.services import Service

app = new_app("The address book: which service answers where.", noun=True)

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="As saga files write it before the colon.",
        show_default=False,
        autocompletion=offers.services,
    ),
]


@app.command(
    "set",
    epilog=examples(
        "hms-orch service set payment-svc http://127.0.0.1:9001",
        "hms-orch service set notice-svc https://notices.example --audience notices",
    ),
)
def set_service(
    name: Name,
    url: Annotated[str, typer.Argument(metavar="URL", help="http or https, may have a path.", show_default=False)],
    audience: Annotated[str | None, typer.Option(help="The aud of its tokens; default: its name.")] = None,
) -> None:
    """Add a service, or change where it answers. Comments in the file survive."""
    from hms_orch_cli.config.services import service_from, service_name
    from hms_orch_cli.participant.address_book import AddressBook

    service_name(name, "")
    service = service_from({"url": url, "audience": audience} if audience is not None else url, name)
    AddressBook({name: service})  # refuses what no call may reach: link-local and metadata addresses
    before = _edit(name, service)
    if before == service:
        output.result(f"{name} was {service.url} already")
    else:
        was = f" (was {before.url})" if before else ""
        output.result(f"{name} is now {service.url}{was}")


@app.command("rm", epilog=examples("hms-orch service rm notice-svc"))
def remove(name: Name) -> None:
    """Take a service out. Saga files that name it then mean a host of that name."""
    from hms_orch_cli.config.words import nearest
    from hms_orch_cli.errors import NotFound

    before = _edit(name, None)
    if before is None:
        from hms_orch_cli.config import load

        known = load().services
        raise NotFound(f"{name} is not in the address book", nearest(name, known) if known else "it is empty")
    output.result(f"removed {name} (was {before.url})")


@app.command("list", epilog=examples("hms-orch service list", "hms-orch service list -o json"))
def list_services(form: Output = Format.TEXT) -> None:
    """Show the address book as it holds here: the file, and what the environment lays over it."""
    from hms_orch_cli.config import load

    services = sorted(load().services.items())
    if form is Format.JSON:
        output.as_json([{"name": name, "url": it.url, "audience": it.audience or name} for name, it in services])
    elif services:
        output.table(("NAME", "URL", "AUDIENCE"), [(name, it.url, it.audience or name) for name, it in services])
    else:
        output.note("no service is set; a name in a saga file is then a host name")


def written_as(service: Service | None) -> str | dict[str, str] | None:
    """A service as it stands in the file."""
    if service is None:
        return None
    return service.url if service.audience is None else {"url": service.url, "audience": service.audience}


def _edit(name: str, service: Service | None) -> Service | None:
    """Sets or takes out a service in the file, which is made if there is none; returns what the file had before."""
    from hms_orch_cli.cli import config_file
    from hms_orch_cli.config import FILE_NAME, load
    from hms_orch_cli.config.services import service_from
    from hms_orch_cli.config.written import read

    config = load()
    file = config.file or config.root / FILE_NAME
    with config_file.alone(file.parent):
        written = read(file) if config.file else None
        value = written.tables.get("services", {}).get(name) if written else None
        before = None if value is None else service_from(value, name)
        if before != service:
            text = config_file.with_entry(written.text if written else "", file, "services", name, written_as(service))
            config_file.replace(file, text)
    if load().services.get(name) != service:
        output.warning(
            f"the environment says otherwise of {name}, and wins", "see HMS_SERVICES and HMS_SERVICES_<NAME>"
        )
    return before
