"""What a person may decide, in words: the question, each decision, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

KINDS: Final[Mapping[str, str]] = {
    "undo": "An undo fails",
    "hold": "A step has failed",
    "approval": "An approval",
    "failures": "Runs fail in a row",
    "depth": "A chain of sagas was cut",
}
"""Kind of an item -> what it is about."""

ABOUT: Final[Mapping[str, str]] = {
    "undo": "Until somebody decides, the run keeps its lock, and what came earlier is not undone.",
    "hold": "Nothing is undone yet. The run waits, and keeps its lock.",
    "approval": "The run waits at this step.",
    "failures": "No run waits for this; it asks for a look at the definition and at its services.",
    "depth": "More than ten sagas led to an event: that is taken for a loop, and no run was started.",
}


class Choice(NamedTuple):
    """A decision: its word on a button, and what follows. `undoes`: the calls of an undo are shown before."""

    word: str
    follows: str
    undoes: bool = False
    grave: bool = False
    output: bool = False


CHOICES: Final[Mapping[tuple[str, str], Choice]] = {
    ("undo", "retry"): Choice(
        "Try the undo again", "At once, with all its attempts; if it was refused, with a new key."
    ),
    ("undo", "undone"): Choice("It is undone by hand", "It counts as done, and what came earlier is undone next."),
    ("undo", "abandon"): Choice("Abandon the run", "It ends as it stands; nothing more is undone.", grave=True),
    ("hold", "retry"): Choice(
        "Try the step again", "At once, with all its attempts; if it was refused, with a new key."
    ),
    ("hold", "done"): Choice(
        "It is done by hand",
        "The step has succeeded, and the run goes on. Later steps read what you give.",
        output=True,
    ),
    ("hold", "skip"): Choice(
        "Go on without it", "The step counts as skipped. If it was in doubt, a later undo includes it."
    ),
    ("hold", "compensate"): Choice(
        "Undo the run", "Everything that may have taken effect is undone in reverse:", undoes=True, grave=True
    ),
    ("approval", "approve"): Choice("Approve", "The step has succeeded, and the run goes on.", output=True),
    ("approval", "reject"): Choice("Reject", "The step has failed, and the rest is undone:", undoes=True, grave=True),
    ("failures", "done"): Choice("I have looked at it", "The count begins anew."),
    ("depth", "done"): Choice("I have looked at it", "The next chain that is too deep is asked about again."),
}
"""(kind, decision) -> how it is offered. A test holds it equal to what can be decided."""


def question(item: Mapping[str, Any]) -> str:
    """What the person is asked, as a title."""
    step, kind = item["step"], item["kind"]
    if kind == "approval":
        return str(item["reason"]) or f"Approve {step}?"
    if kind == "undo":
        return f"The undo of {step} fails"
    if kind == "hold":
        return f"{step} has failed: undo, or go on?"
    return f"{KINDS.get(kind, kind)}: {item['saga']}"
