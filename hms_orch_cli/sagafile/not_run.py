"""What the language has and this version does not run: refused, since a key that is accepted is a key that is kept.

The day the orchestrator learns one of these, its line goes away here and the tests of that key come.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hms_orch_cli.sagafile import catalogue
from hms_orch_cli.sagafile.findings import Path
from hms_orch_cli.sagafile.places import steps_of
from hms_orch_cli.sagafile.reader import Tree
from hms_orch_cli.sagafile.source import Source


def check_not_run(tree: Tree, source: Source) -> None:
    """Notes what a document, otherwise without an error, asks for in vain."""
    for path, what, fix in _asked_in_vain(tree.value):
        message = f"{what} is not run by this version yet"
        source.add(catalogue.NOT_RUN, message, fix, tree.key_place(path), path)


def _asked_in_vain(content: Mapping[str, Any]) -> Iterator[tuple[Path, str, str]]:
    """Path, name and fix of each."""
    if "lock" in content:
        yield ("lock",), "'lock'", "Remove it, and let the participants refuse what comes at the wrong time."
    if "hitlAfter" in content:
        yield ("hitlAfter",), "'hitlAfter'", "Remove it; saga_fail_total in /metrics counts failed runs."
    if content.get("onExhausted") == "hitl":
        yield ("onExhausted",), "'onExhausted: hitl'", "Remove it: the run is undone."
    for path, step in steps_of(content["steps"], ("steps",)):
        yield from _in_a_step(path, step)


def _in_a_step(path: Path, step: Mapping[str, Any]) -> Iterator[tuple[Path, str, str]]:
    if "await" in step:
        yield (*path, "await"), "'await'", "Call a participant that answers 202, and let it call back."
    if "approval" in step:
        yield (*path, "approval"), "'approval'", "Call a participant that answers 202, and let it call back."
    if step.get("onExhausted") == "hitl":
        yield (*path, "onExhausted"), "'onExhausted: hitl'", "Remove it: the run is undone."
    undo = step.get("compensate")
    if undo == "event" or (isinstance(undo, Mapping) and "event" in undo):
        yield (*path, "compensate"), "'compensate: event'", "Write the undo as service:/path."
