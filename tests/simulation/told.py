"""What the log has told of each run so far, in the plainest words: the oracle's own fold, made of names and numbers.

It shares no rule with the machine. Invariants look at it before the fact at hand is told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from hms_orch_cli.saga import events as said
from hms_orch_cli.saga.definition import Group, Item, Saga, Step

ENDS: Final = (said.Completed, said.Failed, said.Cancelled, said.Abandoned, said.Skipped, said.FilterFailed)


@dataclass(slots=True)
class Attempts:
    """How far the call or the undo of a step has come."""

    attempt: int = 0
    key: str = ""
    intents: int = 0
    keys: set[str] = field(default_factory=set)
    outcome: str = ""
    """success, failed, skipped, stuck; empty while it is open"""
    undo: bool = False
    """it failed, and the log says that it has to be undone"""
    unknown: bool = False
    """an attempt's outcome is unknown and nothing has settled it"""
    due_at: int = 0
    sent_at: int = 0
    checking: bool = False
    """its `check` is being asked: only then a definite no settles what was unknown"""


@dataclass(slots=True)
class Story:
    """One run."""

    saga: Saga
    content: dict[str, Any]
    id: str
    event_seq: int = 0
    started_at: int = 0
    cause: str = ""
    """why it turned back; empty while it goes forward"""
    end: str = ""
    stuck: bool = False
    calls: dict[str, Attempts] = field(default_factory=dict)
    undos: dict[str, Attempts] = field(default_factory=dict)
    facts: int = 0

    def of(self, fact: Any) -> Attempts:
        """What a fact about a step is about."""
        undo = isinstance(fact, said.Compensate | said.StepCompensated | said.StepStuck) or (
            getattr(fact, "op", "call") == "compensate"
        )
        column = self.undos if undo else self.calls
        found = column.get(fact.step)
        if found is None:
            found = column[fact.step] = Attempts()
        return found

    def tell(self, fact: Any) -> None:
        """One fact more."""
        self.facts += 1
        match fact:
            case said.Started():
                self.event_seq, self.started_at = fact.event.seq, fact.at
            case said.Skipped() | said.FilterFailed():
                self.event_seq, self.end = fact.event.seq, type(fact).__name__
            case said.StepStarted() | said.Compensate():
                step = self.of(fact)
                step.unknown = step.unknown or bool(fact.interrupted)
                step.attempt, step.key, step.sent_at = fact.attempt, fact.key, fact.at
                step.intents += 1
                step.keys.add(fact.key)
                step.checking = False
            case said.StepDoubted():
                step = self.of(fact)
                step.unknown = step.checking = True
            case said.StepRetrying():
                step = self.of(fact)
                step.due_at = fact.due_at
                step.unknown = fact.outcome == "unknown" or (step.unknown and fact.outcome != "absent")
            case said.StepSucceeded() | said.StepCompensated():
                step = self.of(fact)
                step.outcome, step.unknown = "success", False
            case said.StepFailed():
                step = self.of(fact)
                step.outcome, step.undo = "failed", fact.undo
                step.unknown = fact.outcome == "unknown" or (step.unknown and not step.checking)
            case said.StepSkipped():
                self.of(fact).outcome = "skipped"
            case said.StepStuck():
                self.of(fact).outcome = "stuck"
            case said.Compensating():
                self.cause = fact.cause
            case said.Stuck():
                self.stuck = True
            case said.Completed() | said.Failed() | said.Cancelled() | said.Abandoned():
                self.end = type(fact).__name__


def cancelled_groups(item: Item, name: str) -> list[frozenset[str]]:
    """For each group with `onSiblingFailure: cancel` around a step: the steps of its other branches."""
    if isinstance(item, Step):
        return []
    for inner in item.items:
        names = names_in(inner)
        if name in names:
            deeper = cancelled_groups(inner, name)
            if isinstance(item, Group) and item.on_sibling_failure == "cancel":
                return [names_in(item) - names, *deeper]
            return deeper
    return []


def names_in(item: Item) -> frozenset[str]:
    """The steps of an item."""
    if isinstance(item, Step):
        return frozenset({item.name})
    return frozenset().union(*(names_in(inner) for inner in item.items))
