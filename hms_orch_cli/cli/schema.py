"""`hms-orch schema`: the JSON Schema of saga files, for editors."""

from __future__ import annotations

from hms_orch_cli.cli.program import examples, new_app

app = new_app()


@app.command(
    epilog=examples(
        "hms-orch schema > sagas/saga.schema.json",
        "",
        "# then, as the first line of a file in sagas/, for editors with the YAML language server:",
        "# yaml-language-server: $schema=saga.schema.json",
    )
)
def schema() -> None:
    """Print the JSON Schema (draft 2020-12) of saga files."""
    from hms_orch_cli.cli import output
    from hms_orch_cli.sagafile.schema import schema_text

    output.text(schema_text())
