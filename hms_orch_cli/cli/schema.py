"""`hms-orch schema`: the JSON Schemas of saga files and of their tests, for editors."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from hms_orch_cli.cli.program import examples, new_app

app = new_app()


class Subject(StrEnum):
    """What the schema is of."""

    SAGAS = "sagas"
    TESTS = "tests"


@app.command(
    epilog=examples(
        "hms-orch schema > sagas/saga.schema.json",
        "hms-orch schema --for tests > sagas/saga-test.schema.json",
        "",
        "# then, as the first line of a file in sagas/, for editors with the YAML language server:",
        "# yaml-language-server: $schema=saga.schema.json",
    )
)
def schema(
    subject: Annotated[Subject, typer.Option("--for", help="Saga files, or the tests beside them.")] = Subject.SAGAS,
) -> None:
    """Print the JSON Schema (draft 2020-12) of saga files, or of their tests."""
    from hms_orch_cli.cli import output
    from hms_orch_cli.sagafile.schema import SAGAS, TESTS, schema_text

    output.text(schema_text(TESTS if subject is Subject.TESTS else SAGAS))
