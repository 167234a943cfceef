"""What the log has told of each run so far, in the plainest words: the oracle's own fold, made of names and numbers.

It shares no rule with the machine. Invariants look at it before the fact at hand is told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hms_orch_cli.saga import events as said
from hms_orch_cli.saga.definition import Group, Item, Saga, Step


@dataclass(slots=True)
class Attempts:
    """How far the call or the undo of a step has come."""

    attempt: int = 0
    key: str = ""
    intents: int = 0
    keys: set[str] = field(default_factory=set)
    outcome: str = ""
    """success, failed, skipped, held, stuck; empty while it is open"""
    pausing: bool = False
    """before the next attempt"""
    refused: bool = False
    """the participant gave a definite no"""
    refusals: int = 0
    """how often it did so to the undo"""
    new_round: bool = False
    """a person has another attempt made after that: its key is a new one"""
    spent: int = 0
    """attempts used before a person granted more"""
    failures: int = 0
    """of an undo, in a row since a person last decided"""
    waiting: bool = False
    """for an event or a person, until `due_at` (0: for ever)"""
    heard: int = 0
    """position of the event that it has waited for"""
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
    paused: bool = False
    redrive_of: str = ""
    replaced_by: str = ""
    clock_from: int = 0
    """when its deadline began to run"""
    lock: str = ""
    """key of the lock that it holds or waits for"""
    fence: int = 0
    lock_since: int = 0
    released: bool = False
    items: dict[str, said.Queued] = field(default_factory=dict)
    """open questions"""
    asked: set[str] = field(default_factory=set)
    """every question there ever was"""
    calls: dict[str, Attempts] = field(default_factory=dict)
    undos: dict[str, Attempts] = field(default_factory=dict)
    facts: int = 0
    last_seq: int = 0
    ended_s: float = 0.0
    """time of the agenda at which it ended"""

    @property
    def undone(self) -> bool:
        """Whether an undo may have had an effect: only a no to every single attempt says that none had."""
        return any(
            undo.outcome == "success" or undo.unknown or undo.attempt > undo.refusals for undo in self.undos.values()
        )

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
                self.event_seq, self.started_at, self.clock_from = fact.event.seq, fact.at, fact.at
                self.redrive_of = fact.redrive_of or ""
            case said.Skipped() | said.FilterFailed():
                self.event_seq, self.end = fact.event.seq, type(fact).__name__
            case said.StepStarted() | said.Compensate():
                step = self.of(fact)
                step.unknown = step.unknown or bool(fact.interrupted)
                step.attempt, step.key, step.sent_at = fact.attempt, fact.key, fact.at
                step.intents += 1
                step.keys.add(fact.key)
                step.checking = step.new_round = step.pausing = False
            case said.StepDoubted():
                step = self.of(fact)
                step.unknown = step.checking = True
            case said.StepRetrying():
                step = self.of(fact)
                step.due_at, step.pausing = fact.due_at, True
                step.failures += 1
                step.unknown = fact.outcome == "unknown" or (step.unknown and fact.outcome != "absent")
            case said.StepWaiting():
                step = self.of(fact)
                step.waiting, step.due_at, step.outcome = True, fact.due_at or 0, ""
            case said.StepSucceeded() | said.StepCompensated():
                step = self.of(fact)
                step.outcome, step.unknown, step.waiting = "success", False, False
                step.heard = getattr(fact, "event_seq", None) or 0
            case said.StepFailed() | said.StepHeld():
                step = self.of(fact)
                step.unknown = fact.outcome == "unknown" or (step.unknown and not step.checking)
                step.outcome = "held" if isinstance(fact, said.StepHeld) else "failed"
                step.undo, step.refused, step.waiting = fact.undo, bool(fact.refused), False
            case said.StepSkipped():
                self.of(fact).outcome = "skipped"
            case said.StepStuck():
                step = self.of(fact)
                step.outcome, step.refused = "stuck", bool(fact.refused)
                step.refusals += step.refused
                step.failures += 1
            case said.Compensating():
                self.cause = fact.cause
            case said.Stuck():
                self.stuck = True
            case said.Completed() | said.Failed() | said.Cancelled() | said.Abandoned():
                self.end, self.stuck, self.paused = type(fact).__name__, False, False
            case said.LockQueued():
                self.lock, self.lock_since = fact.key, fact.at
            case said.LockAcquired():
                self.lock, self.fence = fact.key, fact.fence
            case said.LockReleased():
                self.released = True
            case said.Paused() | said.Resumed():
                self.paused = isinstance(fact, said.Paused)
            case said.Queued():
                self.items[fact.id] = fact
                self.asked.add(fact.id)
            case said.Closed():
                self.items.pop(fact.id, None)
            case said.Decided():
                self._decided(fact)
            case said.Redriven():
                self._redriven(fact)
            case said.Replaced():
                self.replaced_by = fact.by

    def _decided(self, fact: said.Decided) -> None:
        item = self.items.pop(fact.id)
        self.stuck = False
        if fact.decision != "retry":
            return
        if item.kind == "hold":
            self._grant(self.calls[item.step], fact.at)
            return
        undo = self.undos[item.step]
        undo.failures, undo.due_at = 0, fact.at
        if undo.outcome == "stuck" or undo.pausing:
            self._grant(undo, fact.at)

    def _grant(self, step: Attempts, at: int) -> None:
        step.new_round = step.new_round or step.refused
        step.unknown = step.unknown or (step.undo and not step.refused)
        step.outcome, step.refused, step.undo = "", False, False
        step.spent, step.due_at, step.failures = step.attempt, at, 0

    def _redriven(self, fact: said.Redriven) -> None:
        self.end, self.cause, self.clock_from = "", "", fact.at
        self.lock, self.fence, self.released = "", 0, False
        for name, call in list(self.calls.items()):
            if call.outcome == "failed" or call.outcome == "held":
                self._grant(call, fact.at)
            elif call.waiting:
                del self.calls[name]
            if not call.intents and call.outcome not in ("success", "skipped"):
                self.calls.pop(name, None)
        self.undos = {name: undo for name, undo in self.undos.items() if undo.intents}
        for undo in self.undos.values():
            self._grant(undo, fact.at)


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
