"""`hms-orch token`: who may ask the server for what. The file keeps hashes; a token itself is shown once."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from hms_orch_cli.cli import output
from hms_orch_cli.cli.options import Format, Output
from hms_orch_cli.cli.program import examples, new_app

app = new_app("Tokens: who may ask the server for what.", noun=True)

PREFIX = "hms_"
"""So that people, and programs that look for secrets in files, know one when they see it."""

SECRET_BYTES = 32


class Role(StrEnum):
    """What a token lets its owner do."""

    VIEWER = "viewer"
    PUBLISHER = "publisher"
    OPERATOR = "operator"


Name = Annotated[
    str, typer.Argument(metavar="NAME", help="Who has it: the actor of what it decides.", show_default=False)
]


@app.command(
    epilog=examples(
        "hms-orch token add ann --role operator",
        "hms-orch token add grafana --role viewer",
        "export HMS_TOKEN=$(hms-orch token add billing --role publisher --type 'invoice.*')",
        "hms-orch token add night-shift --role operator --saga 'dol.*'",
    )
)
def add(
    name: Name,
    role: Annotated[
        Role,
        typer.Option(help="viewer sees; publisher publishes events, and follows the log; operator does everything."),
    ],
    sagas: Annotated[
        list[str] | None, typer.Option("--saga", metavar="ID", help="Acts on these definitions only; may end in *.")
    ] = None,
    types: Annotated[
        list[str] | None, typer.Option("--type", metavar="TYPE", help="Publishes these types only; may end in *.")
    ] = None,
) -> None:
    """Make a token, print it once, and keep its hash in hms-orch.toml."""
    import secrets

    from hms_orch_cli.config import load
    from hms_orch_cli.config.tokens import hash_of, token_from, token_name
    from hms_orch_cli.errors import UsageError

    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    value: dict[str, str | list[str]] = {"role": role.value, "hash": hash_of(secret)}
    value |= {key: patterns for key, patterns in (("sagas", sagas), ("types", types)) if patterns}
    token_from(token_name(name, ""), value, name)
    if not _edit(name, value):
        raise UsageError(f"there is a token {name} already", f"hms-orch token rm {name} takes it away")
    output.result(secret)
    output.note(f"{name} is {'an' if role is Role.OPERATOR else 'a'} {role.value}. The token is not shown again.")
    now = load()
    if len(now.named_tokens) + len(now.tokens) > 1:
        output.note("A running up knows it at once.")
    else:
        output.note("It is the first: a running up asks everybody for a token now.")


@app.command("rm", epilog=examples("hms-orch token rm night-shift"))
def remove(name: Name) -> None:
    """Take a token away. A running up refuses it at once, its browsers and streams too."""
    from hms_orch_cli.config import load
    from hms_orch_cli.config.words import nearest
    from hms_orch_cli.errors import NotFound

    known = load().named_tokens
    if not _edit(name, None):
        where = "it comes from HMS_TOKENS" if name in known else nearest(name, known) if known else "there is none"
        raise NotFound(f"there is no token {name} in the file", where)
    output.result(f"removed {name}")
    left = load()
    if name in left.named_tokens:
        output.warning(f"HMS_TOKENS names {name} too, and opens what it says there", "take it out, and start up again")
    elif left.tokens or left.named_tokens:
        output.note("A running up refuses it at once.")
    else:
        output.note("That was the last: a running up refuses everybody now, until there is another.")


@app.command("list", epilog=examples("hms-orch token list", "hms-orch token list -o json"))
def list_tokens(form: Output = Format.TEXT) -> None:
    """Show who has a token, and what it opens; never the token."""
    from hms_orch_cli.config import load

    config = load()
    tokens = sorted(config.named_tokens.values())
    if form is Format.JSON:
        output.as_json(
            [{"name": it.name, "role": it.role, "sagas": list(it.sagas), "types": list(it.types)} for it in tokens]
        )
    elif tokens:
        rows = [(it.name, it.role, ", ".join(it.sagas) or "all", ", ".join(it.types) or "all") for it in tokens]
        output.table(("NAME", "ROLE", "SAGAS", "TYPES"), rows)
    else:
        output.note("no token has a name")
    if config.tokens:
        output.note(f"{len(config.tokens)} without a name in [server] tokens, which open everything")


def _edit(name: str, value: dict[str, str | list[str]] | None) -> bool:
    """Adds a token to the file, which is made if there is none, or takes it out; whether that could be done."""
    from hms_orch_cli.cli import config_file
    from hms_orch_cli.config import FILE_NAME, load
    from hms_orch_cli.config.written import read

    config = load()
    file = config.file or config.root / FILE_NAME
    with config_file.alone(file.parent):
        written = read(file) if config.file else None
        is_there = name in (written.tables.get("tokens", {}) if written else {})
        if is_there == (value is not None):
            return False
        text = config_file.with_entry(written.text if written else "", file, "tokens", name, value)
        config_file.replace(file, text)
    return True
