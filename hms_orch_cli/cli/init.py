"""`hms-orch init`: a configuration and an example saga to start from."""

from __future__ import annotations

from pathlib import Path

from hms_orch_cli.cli.program import examples, new_app

app = new_app()

FILES = {"hms-orch.toml": Path("hms-orch.toml"), "benefit-increase.yaml": Path("sagas/benefit-increase.yaml")}
"""Name of the template -> where it goes, below the working folder."""


@app.command(epilog=examples("hms-orch init", "mkdir shop && cd shop && hms-orch init"))
def init() -> None:
    """Write hms-orch.toml and the example sagas/benefit-increase.yaml into the working folder.

    Nothing is overwritten: if one of them is there, nothing is written.
    """
    from importlib.resources import files

    from hms_orch_cli.cli import output
    from hms_orch_cli.config.environment import working_folder
    from hms_orch_cli.errors import HmsError, NotAllowed

    here = working_folder()
    for path in FILES.values():
        if (here / path).exists():
            raise NotAllowed(
                f"{path} is there already; nothing was written", "move it away, or change into a new folder"
            )
    made: list[Path] = []
    templates = files("hms_orch_cli.cli") / "templates"
    try:
        for name, path in FILES.items():
            (here / path).parent.mkdir(exist_ok=True)
            with (here / path).open("xb") as file:
                made.append(here / path)
                file.write((templates / name).read_bytes())
    except OSError as error:
        for path in made:
            path.unlink(missing_ok=True)
        hint = "check that the folder is yours and has space left"
        raise HmsError(f"{error.filename or here} cannot be written: {error.strerror}", hint) from error
    for path in FILES.values():
        output.result(f"wrote {path}")
    output.note("next: hms-orch validate sagas/ and hms-orch service list, then hms-orch deploy sagas/ and hms-orch up")
