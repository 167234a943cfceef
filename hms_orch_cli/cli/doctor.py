"""`hms-orch doctor`: checks of the installation."""

from __future__ import annotations

import typer

from hms_orch_cli.cli import output
from hms_orch_cli.cli.options import Format, Output
from hms_orch_cli.cli.program import examples, new_app

app = new_app()

SIGNS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}


@app.command(epilog=examples("hms-orch doctor", "hms-orch doctor -o json"))
def doctor(form: Output = Format.TEXT) -> None:
    """Check this installation: Python, SQLite, configuration, store, log, keys, services, traces, clock, terminal.

    Changes nothing. Exit code 1 if a check fails; a warning is no failure.
    """
    from hms_orch_cli.cli.checks import Check, checks
    from hms_orch_cli.config import load
    from hms_orch_cli.errors import ConfigError

    try:
        found = list(checks(load()))
    except ConfigError as error:
        found = [Check("config", "fail", error.message, error.hint)]
    if form is Format.JSON:
        output.as_json([{"name": c.name, "state": c.state, "message": c.said, "fix": c.fix} for c in found])
    else:
        width = max(len(check.name) for check in found)
        for check in found:
            sign, colour = SIGNS[check.state]
            output.result(output.styled(sign, colour), f" {check.name.ljust(width)}  {check.said}")
            if check.fix:
                output.result(" " * (width + 4), output.styled(f"→ {check.fix}", "dim"))
    failed = sum(check.state == "fail" for check in found)
    if failed:
        output.note(f"{failed} of {len(found)} checks failed")
        raise typer.Exit(1)
