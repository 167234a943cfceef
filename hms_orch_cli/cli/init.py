"""`hms-orch init`: a configuration and an example saga to start from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from hms_orch_cli.cli.program import examples, new_app

app = new_app()

FOR_EDITORS: Final = "# yaml-language-server: $schema={}\n"
"""The line by which editors with the YAML language server find the schema of a file, which lies beside it."""


@app.command(epilog=examples("hms-orch init", "mkdir shop && cd shop && hms-orch init"))
def init() -> None:
    """Write hms-orch.toml and the example sagas/benefit-increase.yaml with its tests into the working folder.

    Beside the example lie the schemas by which editors complete and explain keys. Nothing is overwritten: if one of the
    files is there, nothing is written.
    """
    from hms_orch_cli.cli import output
    from hms_orch_cli.config.environment import working_folder
    from hms_orch_cli.errors import HmsError, NotAllowed

    here, contents = working_folder(), _contents()
    for path in contents:
        if os.path.lexists(here / path):
            raise NotAllowed(
                f"{path} is there already; nothing was written", "move it away, or change into a new folder"
            )
    made: list[Path] = []
    try:
        for path, content in contents.items():
            (here / path).parent.mkdir(exist_ok=True)
            with (here / path).open("x", encoding="utf-8", newline="\n") as file:
                made.append(here / path)
                file.write(content)
    except OSError as error:
        for path in made:
            path.unlink(missing_ok=True)
        hint = "check that the folder is yours and has space left"
        raise HmsError(f"{error.filename or here} cannot be written: {error.strerror}", hint) from error
    for path in contents:
        output.result(f"wrote {path}")
    output.note("next: hms-orch validate sagas/ and hms-orch test, then hms-orch deploy sagas/ and hms-orch up")


def _contents() -> dict[Path, str]:
    """What goes where, below the working folder."""
    from importlib.resources import files

    from hms_orch_cli.sagafile.schema import SAGAS, TESTS, schema_text

    def template(name: str) -> str:
        return (files("hms_orch_cli.cli") / "templates" / name).read_text(encoding="utf-8")

    saga, tests = "saga.schema.json", "saga-test.schema.json"
    contents = {
        "hms-orch.toml": template("hms-orch.toml"),
        f"sagas/{saga}": schema_text(SAGAS),
        f"sagas/{tests}": schema_text(TESTS),
        "sagas/benefit-increase.yaml": FOR_EDITORS.format(saga) + template("benefit-increase.yaml"),
        "sagas/benefit-increase.test.yaml": FOR_EDITORS.format(tests) + template("benefit-increase.test.yaml"),
    }
    return {Path(path): content for path, content in contents.items()}
