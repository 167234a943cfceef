"""A run as a trace: one span for the run, within it one for each attempt, each wait and each question to a person.

A fold of the run's facts, so the same trace comes out whoever folds them and whenever. A span is given when it ends.
The id of an attempt's span is the one that its participant was sent (`traceparent`), so what the participant traces
hangs below it. Attributes have the names of OpenTelemetry's semantic conventions where there is one, else `hms.…`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from hms_orch_cli.saga.definition import Saga
from hms_orch_cli.saga.events import (
    Abandoned,
    Cancelled,
    Closed,
    Compensate,
    Compensating,
    Completed,
    Decided,
    Failed,
    LockAcquired,
    LockQueued,
    LockReleased,
    MatchFailed,
    Paused,
    Queued,
    Redriven,
    Resumed,
    RunFact,
    Started,
    StepAccepted,
    StepCompensated,
    StepDoubted,
    StepFailed,
    StepHeld,
    StepRetrying,
    StepSkipped,
    StepStarted,
    StepStuck,
    StepSucceeded,
    StepWaiting,
    Stuck,
)
from hms_orch_cli.saga.identity import attempt_span, span_id

Kind = Literal["run", "call", "announcement", "wait"]
"""`announcement` is an undo by event; `wait` is for a lock, an event or a person."""

Value = str | int | bool
About = Mapping[str, Value]

MOST_MOMENTS: Final = 100
"""Moments that a span keeps: a step may fail to match any number of events."""

_LOCK: Final = ("lock", "")


class Moment(NamedTuple):
    """Something that happened while a span was open. `at` is milliseconds since 1970."""

    at: int
    name: str
    about: About


class Span(NamedTuple):
    """A stretch of a run's time, in milliseconds since 1970. `parent` is None for the run itself. `reason` says why it
    `failed`; an attempt that is tried again has failed as well."""

    id: str
    parent: str | None
    name: str
    kind: Kind
    began: int
    ended: int
    failed: bool
    reason: str
    about: About
    moments: tuple[Moment, ...]


class _Open:
    """A span that has not ended."""

    __slots__ = ("about", "began", "id", "kind", "moments", "name", "parent")

    def __init__(self, id_: str, parent: str | None, name: str, kind: Kind, began: int, about: About) -> None:
        self.id = id_
        self.parent = parent
        self.name = name
        self.kind = kind
        self.began = began
        self.about = dict(about)
        self.moments: list[Moment] = []

    def note(self, at: int, name: str, about: About) -> None:
        if len(self.moments) < MOST_MOMENTS:
            self.moments.append(Moment(at, name, _told(about)))

    def end(self, at: int, failed: bool, reason: str, about: About) -> Span:
        told = {**self.about, **about}
        ended = max(at, self.began)  # between two processes the clock on the wall may have been put back
        return Span(
            self.id, self.parent, self.name, self.kind, self.began, ended, failed, reason, told, tuple(self.moments)
        )


class Trace:
    """The trace of one run as far as its facts have been told, all of them from the first one on."""

    def __init__(self, saga: Saga, saga_id: str) -> None:
        self._saga = saga
        self._saga_id = saga_id
        self.version = 0
        """how many facts have been told: where the run's stream stands behind them"""
        self._run: _Open | None = None
        self._open: dict[tuple[str, str], _Open] = {}

    def add(self, fact: RunFact) -> list[Span]:
        """The spans that end with this fact."""
        self.version += 1
        if isinstance(fact, Started):
            self._begin_run(fact)
        elif isinstance(fact, Redriven):
            self._begin_again(fact)
        elif self._run is not None:
            return self._begun(fact) or self._answered(fact) or self._asked(fact) or self._ended(self._run, fact)
        return []

    # -- the run

    def _begin_run(self, fact: Started) -> None:
        event = fact.event
        about: dict[str, Value | None] = {
            "hms.saga.id": self._saga_id,
            "hms.saga": self._saga.id,
            "hms.revision": fact.revision,
            "hms.depth": fact.depth or None,
            "hms.redrive_of": fact.redrive_of,
            "cloudevents.event_id": event.id,
            "cloudevents.event_source": event.source,
            "cloudevents.event_type": event.type,
        }
        self._run = _Open(span_id("run"), None, self._saga.id, "run", fact.at, _told(about))

    def _begin_again(self, fact: Redriven) -> None:
        """A run that had ended goes on: as a span below the one that it ended with."""
        about = {"hms.saga.id": self._saga_id, "hms.saga": self._saga.id, "hms.actor": fact.actor}
        self._run = _Open(self._numbered("run"), span_id("run"), f"redrive {self._saga.id}", "run", fact.at, about)

    def _ended(self, run: _Open, fact: RunFact) -> list[Span]:
        match fact:
            case Completed():
                state, failed, reason = "COMPLETED", False, ""
            case Failed(reason=reason):
                state, failed = "FAILED", True
            case Cancelled(reason=reason):
                state, failed = "CANCELLED", False
            case Abandoned(reason=reason):
                state, failed = "ABANDONED", True
            case _:
                self._note(fact)
                return []
        given_up = [span.end(fact.at, True, "given up: the run has ended", {}) for span in self._open.values()]
        self._open.clear()
        self._run = None
        told = {"hms.state": state, **({"hms.reason": reason} if reason else {})}
        return [*given_up, run.end(fact.at, failed, reason, told)]

    def _note(self, fact: RunFact) -> None:
        """What happens to the run as a whole."""
        match fact:
            case Compensating():
                self._note_run(fact.at, "turned back", {"hms.cause": fact.cause, "hms.reason": fact.reason})
            case Stuck(reason=reason):
                self._note_run(fact.at, "stuck", {"hms.reason": reason})
            case Paused(actor=actor):
                self._note_run(fact.at, "paused", {"hms.actor": actor})
            case Resumed(actor=actor):
                self._note_run(fact.at, "resumed", {"hms.actor": actor})
            case LockReleased(actor=actor):
                self._note_run(fact.at, "lock taken away", {"hms.actor": actor})
            case StepSkipped(step=step):
                self._note_run(fact.at, f"{step} skipped", {"hms.reason": fact.reason})
            case _:
                pass

    def _note_run(self, at: int, name: str, about: Mapping[str, Value | None]) -> None:
        if self._run is not None:
            self._run.note(at, name, _told(about))

    # -- what begins

    def _begun(self, fact: RunFact) -> list[Span]:
        match fact:
            case StepStarted() | Compensate():
                self._begin_attempt(fact)
            case StepWaiting(step=step, what=what):
                about = {"hms.step": step, "cloudevents.event_type": fact.event_type}
                self._begin(("call", step), self._numbered("wait"), f"{step}: wait for {_for(what)}", fact.at, about)
            case LockQueued(key=key, holder=holder):
                about = {"hms.lock": key, "hms.lock.holder": holder}
                self._begin(_LOCK, self._numbered("lock"), "wait for lock", fact.at, about)
            case Queued(kind=kind, id=item) if kind != "approval":  # the step that waits for it shows that
                about = {"hms.item": item, "hms.item.kind": kind, "hms.step": fact.step, "hms.reason": fact.reason}
                self._begin(("item", item), self._numbered("item"), f"{fact.step}: a person is asked", fact.at, about)
            case _:
                pass
        return []

    def _begin_attempt(self, fact: StepStarted | Compensate) -> None:
        op = "compensate" if isinstance(fact, Compensate) else "call"
        key = (op, fact.step)
        if fact.interrupted:
            # Cut off and begun again: the same attempt. After a redrive of a run that was abandoned with a call under
            # way its span has ended already.
            again = self._open.get(key, self._run)
            if again is not None:
                again.note(fact.at, "cut off and sent again", {"hms.step": fact.step})
            return
        announced = isinstance(fact, Compensate) and fact.mode == "event"
        about: dict[str, Value | None] = {
            "hms.step": fact.step,
            "hms.op": op,
            "hms.attempt": fact.attempt,
            "peer.service": None if announced else self._service(fact.step, op),
        }
        name = fact.step if op == "call" else f"undo {fact.step}"
        identity = attempt_span(fact.step, op, fact.attempt)
        self._begin(key, identity, name, fact.at, about, "announcement" if announced else "call")

    def _begin(
        self,
        key: tuple[str, str],
        identity: str,
        name: str,
        at: int,
        about: Mapping[str, Value | None],
        kind: Kind = "wait",
    ) -> None:
        if self._run is not None and key not in self._open:
            self._open[key] = _Open(identity, self._run.id, name, kind, at, _told(about))

    def _service(self, step: str, op: str) -> str | None:
        known = self._saga.steps[step]
        call = known.call if op == "call" else known.compensate and known.compensate.call
        return call.request.service if call else None

    def _numbered(self, what: str) -> str:
        """An id of its own for what has none: the place of its first fact in the run's stream."""
        return span_id(f"{what}:{self.version}")

    # -- what comes of it

    def _answered(self, fact: RunFact) -> list[Span]:
        match fact:
            case StepAccepted(step=step, op=op, status=status):
                self._note_step((op, step), fact.at, "accepted", {"http.response.status_code": status})
            case StepDoubted(step=step, reason=reason):
                self._note_step(("call", step), fact.at, "in doubt", {"hms.reason": reason})
            case MatchFailed(step=step, reason=reason):
                unmatched: About = {"hms.reason": reason, "hms.event.seq": fact.event_seq}
                self._note_step(("call", step), fact.at, "an event could not be matched", unmatched)
            case StepRetrying(step=step, op=op):
                return self._end_step((op, step), fact.at, fact.outcome, fact.reason, fact.status)
            case StepSucceeded(step=step):
                return self._end_step(("call", step), fact.at, "success", "", fact.status)
            case StepFailed(step=step) | StepHeld(step=step):
                return self._end_step(("call", step), fact.at, fact.outcome, fact.reason, fact.status)
            case StepCompensated(step=step):
                return self._end_step(("compensate", step), fact.at, "success", "", fact.status)
            case StepStuck(step=step):
                return self._end_step(("compensate", step), fact.at, "failed", fact.reason, fact.status)
            case LockAcquired(fence=fence):
                return self._end(_LOCK, fact.at, about={"hms.lock.fence": fence})
            case _:
                pass
        return []

    def _note_step(self, key: tuple[str, str], at: int, name: str, about: About) -> None:
        if (span := self._open.get(key)) is not None:
            span.note(at, name, about)

    def _end_step(self, key: tuple[str, str], at: int, outcome: str, reason: str, status: int | None) -> list[Span]:
        failed = outcome != "success"
        ended = self._end(
            key, at, failed, reason, {"hms.outcome": outcome, "http.response.status_code": status or None}
        )
        if not ended:  # it was reported in the pause between two attempts, or decided, or never begun
            self._note_run(at, f"{key[1]}: {outcome}", {"hms.reason": reason or None})
        return ended

    def _asked(self, fact: RunFact) -> list[Span]:
        match fact:
            case Decided(id=item, decision=decision, actor=actor):
                ended = self._end(("item", item), fact.at, about={"hms.decision": decision, "hms.actor": actor})
                if not ended:
                    self._note_run(fact.at, f"decided: {decision}", {"hms.item": item, "hms.actor": actor})
                return ended
            case Closed(id=item, reason=reason):
                return self._end(("item", item), fact.at, about={"hms.closed": reason})
            case _:
                return []

    def _end(
        self,
        key: tuple[str, str],
        at: int,
        failed: bool = False,
        reason: str = "",
        about: Mapping[str, Value | None] | None = None,
    ) -> list[Span]:
        span = self._open.pop(key, None)
        return [] if span is None else [span.end(at, failed, reason, _told(about or {}))]


def _told(about: Mapping[str, Value | None]) -> About:
    """Without what is not there."""
    return {name: value for name, value in about.items() if value is not None}


def _for(what: str) -> str:
    return "a person" if what == "approval" else "an event"
