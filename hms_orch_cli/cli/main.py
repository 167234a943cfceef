"""`hms-orch`: the words that people type, and the file that each of them lives in."""

from __future__ import annotations

from hms_orch_cli.cli.ending import end_with
from hms_orch_cli.cli.program import Verb, Verbs, examples, program

VERBS = {
    "demo": Verb("Run the tutorial, its three services included.", "demo"),
    "init": Verb("Write hms-orch.toml and an example saga.", "init"),
    "service": Verb("The address book: which service answers where.", "service"),
    "validate": Verb("Check saga files, offline.", "validate"),
    "test": Verb("Run saga tests, offline and in virtual time.", "test"),
    "deploy": Verb("Validate saga files and record what holds from now on.", "deploy"),
    "undeploy": Verb("Let a definition start no run from now on.", "deploy", "undeploy_app"),
    "up": Verb("Run sagas: dispatcher, dashboard and API.", "up"),
    "publish": Verb("Put an event into the log.", "publish"),
    "status": Verb("The runs, or one run's timeline.", "status"),
    "explain": Verb("Why a run does not move, in one sentence.", "explain"),
    "hitl": Verb("What a person is asked, and the decisions.", "hitl"),
    "cancel": Verb("Undo a run that has not turned back.", "cancel"),
    "abandon": Verb("Close a run as it stands, without undo.", "abandon"),
    "pause": Verb("Let a run, or a definition, begin nothing.", "pause"),
    "resume": Verb("Let a run, or a definition, go on.", "pause", "resume_app"),
    "redrive": Verb("Let runs that failed go on, or start anew.", "redrive"),
    "plan": Verb("The calls that an undo would make.", "plan"),
    "graph": Verb("Draw a saga, or a run on it.", "graph"),
    "lock": Verb("Locks: who holds them, who stands in line.", "lock"),
    "replay": Verb("Rebuild what is derived from the log, or verify the log.", "replay"),
    "export": Verb("Print the log as lines of JSON.", "export"),
    "backup": Verb("Copy the store while it is in use.", "backup"),
    "schema": Verb("Print the JSON Schema of saga files.", "schema"),
    "keys": Verb("The keys that sign the tokens of calls.", "keys"),
    "token": Verb("Tokens: who may ask the server for what.", "token"),
    "doctor": Verb("Check this installation.", "doctor"),
    "completion": Verb("Print the completion script of a shell.", "completion"),
}

ABOUT = "Sagas in YAML: run step by step, durable, and undone in reverse when a step fails."

EXAMPLES = examples(
    "hms-orch init",
    "hms-orch validate sagas/",
    "hms-orch doctor",
)


def group() -> Verbs:
    """The program as typer knows it."""
    return program("hms-orch", ABOUT, VERBS, EXAMPLES)


def run() -> None:
    """The console script `hms-orch`."""
    end_with(lambda: group().main(prog_name="hms-orch"), VERBS)
