"""`hms-bus`: events in, events out."""

from __future__ import annotations

from hms_orch_cli.cli.ending import end_with
from hms_orch_cli.cli.program import Verb, Verbs, examples, program

VERBS = {
    "publish": Verb("Put an event into the log.", "publish"),
    "tail": Verb("Follow the log.", "tail"),
}

ABOUT = "The event bus of hms-orch: publish events and follow the log."

EXAMPLES = examples(
    """hms-bus publish policy.changed --data '{"policyId":"dol.unemployment.v3"}'""",
    "hms-bus tail --type policy.changed",
)


def group() -> Verbs:
    """The program as typer knows it."""
    return program("hms-bus", ABOUT, VERBS, EXAMPLES)


def run() -> None:
    """The console script `hms-bus`."""
    end_with(lambda: group().main(prog_name="hms-bus"), VERBS)
