"""What came of a test: its runs, what they told, and what they asked of participants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from hms_orch_cli.ports.participants import CallRequest
from hms_orch_cli.saga.events import RunFact
from hms_orch_cli.saga.state import Run


class Sent(NamedTuple):
    """A request, so many milliseconds after the event; `target` is the step, with what is asked of it behind a dot.
    `request` is None for an undo by event: nobody is called."""

    at_ms: int
    target: str
    request: CallRequest | None


class Ran:
    """One run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        """as it stands in the end"""
        self.told: list[tuple[Run, Sequence[RunFact]]] = []
        self.sent: list[Sent] = []

    @property
    def facts(self) -> list[RunFact]:
        """Everything that it recorded."""
        return [fact for _, facts in self.told for fact in facts]


class Refusal(NamedTuple):
    """What a person wanted and was not let do: `key` and `number` are its place in what is given."""

    key: str
    number: int
    message: str


class Played(NamedTuple):
    """The end of a test. `main` is the run that it is about, None if there is none; the `others` come in the order in
    which they started. `asked_about` are the questions about definitions, as the log has them, `given` counts the
    answers to each target, `taken` names the decisions that somebody was asked for. `endless`: it was broken off."""

    main: Ran | None
    others: Sequence[Ran]
    asked_about: Sequence[dict[str, Any]]
    given: dict[str, int]
    taken: frozenset[int]
    refusals: Sequence[Refusal]
    at_ms: int
    endless: bool
