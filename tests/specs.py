"""Given, when, then for the machine: tests that read like prose.

    given(order, started, done("pay"), begun("ship")).when(answers("ship", 409)).then(
        fact(StepFailed, step="ship", outcome="failed"), fact(Compensating, cause="step"),
    )

A happening is an input, a fact, or a function from the run to an input (so that an answer finds its attempt by
itself); lists of happenings are told one after the other. Time stands still unless `later` moves it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from hms_orch_cli.saga.commands import Command
from hms_orch_cli.saga.decide import advance
from hms_orch_cli.saga.definition import Saga, saga_from
from hms_orch_cli.saga.due import due
from hms_orch_cli.saga.event_types import TYPES
from hms_orch_cli.saga.events import EventRef, RunFact
from hms_orch_cli.saga.inputs import (
    Answered,
    Asked,
    Attempt,
    Cancel,
    Checked,
    Decide,
    Expired,
    Granted,
    Heard,
    Input,
    Pause,
    Redrive,
    Resume,
    Tick,
    Trigger,
)
from hms_orch_cli.saga.machine import begin, evolve, fold
from hms_orch_cli.saga.outcome import Answer, Op, Verdict, Wire, classify, classify_check, classify_poll
from hms_orch_cli.saga.state import PENDING, Phase, Progress, Run

NOW = 1_800_000_000_000
"""When every story begins."""

EVENT = EventRef(7, "e-1", "hms-bus", "order.placed", "2027-01-15T08:00:00.000Z")
FIXED = {"factor": 1, "jitter": 0, "backoffMs": 1_000}
"""A fixed pause of a second."""

KEY = '"p-1"'
"""The key of every lock, as canonical JSON."""

ARRIVAL = "stock.arrived"
"""The type of the events that steps wait for."""


class Later(NamedTuple):
    """Time passes; nothing else."""

    ms: int


Happening = Any  # Input | RunFact | Later | Callable[[Run], Input] | list of them


# -- sagas


def step(name: str, **keys: Any) -> dict[str, Any]:
    """A step that calls `svc:/<name>` and is undone by `svc:/undo/<name>`; `compensate=None` for none."""
    written = {"name": name, "call": f"svc:/{name}", "compensate": f"svc:/undo/{name}", **keys}
    return {key: value for key, value in written.items() if value is not None}


def wait(name: str, timeout_ms: int | None = None, **keys: Any) -> dict[str, Any]:
    """A step that waits for an event."""
    awaited = {"event": ARRIVAL, "timeoutMs": timeout_ms}
    return {"name": name, "await": {key: value for key, value in awaited.items() if value is not None}, **keys}


def approval(name: str, ttl_ms: int | None = None, on_expire: str = "compensate", **keys: Any) -> dict[str, Any]:
    """A step that waits for a person."""
    asked = {"prompt": "Ship it?", "ttlMs": ttl_ms, "onExpire": on_expire}
    return {"name": name, "approval": {key: value for key, value in asked.items() if value is not None}, **keys}


def group(*items: dict[str, Any], on_sibling_failure: str = "drain") -> dict[str, Any]:
    """Items side by side."""
    return {"parallel": True, "steps": list(items), "onSiblingFailure": on_sibling_failure}


def sequence(*items: dict[str, Any]) -> dict[str, Any]:
    """Items one after another, as one item."""
    return {"steps": list(items)}


def content_of(*items: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """The content of a saga file, with fixed pauses of a second."""
    return {"id": "shop.order.v1", "trigger": EVENT.type, "steps": list(items), "retry": FIXED, **keys}


def saga_of(*items: dict[str, Any], **keys: Any) -> Saga:
    """A definition of these items."""
    return saga_from(content_of(*items, **keys), "r" * 64)


# -- what happens


started = Trigger(EVENT)


def later(ms: int) -> Later:
    """Time passes."""
    return Later(ms)


def tick(ms: int) -> list[Happening]:
    """Time passes, and somebody looks at the clock."""
    return [Later(ms), Tick()]


def begun(*names: str, op: Op = "call") -> list[Happening]:
    """These steps begin an attempt each."""
    return [Attempt(name, op) for name in names]


def answers(name: str, status: int | Answer, op: Op = "call", **members: Any) -> Callable[[Run], Input]:
    """The participant answers the attempt that is under way (a poll, if it has said 202)."""

    answer = status if isinstance(status, Answer) else Answer(Wire.ANSWERED, status)
    answer = answer._replace(**{key: members.pop(key) for key in Answer._fields if key in members})

    def happened(run: Run) -> Input:
        progress = progress_of(run, name, op)
        if progress.phase is Phase.ACCEPTED and progress.status == 202:
            verdict = classify_poll(answer)
        else:
            unknown = op == "compensate" and run.calls[name].phase is Phase.UNKNOWN
            verdict = classify(op, answer, _outcomes(run, name, op), call_unknown=unknown)
        return Answered(
            name,
            op,
            progress.attempt,
            verdict,
            answer.status,
            answer.reason or f"answer {answer.status}",
            answer.retry_after_ms,
            answer.location,
            **({"answer": answer.body} if verdict is Verdict.SUCCESS and op == "call" else {}),
            **members,
        )

    return happened


def undo_answers(name: str, status: int | Answer, **members: Any) -> Callable[[Run], Input]:
    """The participant answers the undo that is under way."""
    return answers(name, status, "compensate", **members)


def check_answers(name: str, status: int | Answer, **members: Any) -> Callable[[Run], Input]:
    """The step's check is answered."""

    def happened(run: Run) -> Input:
        answer = status if isinstance(status, Answer) else Answer(Wire.ANSWERED, status)
        verdict = classify_check(answer)
        return Checked(
            name, progress_of(run, name).attempt, verdict, f"check {answer.status}", answer.status, **members
        )

    return happened


def done(*names: str) -> list[Happening]:
    """These steps begin and succeed, one after the other."""
    return [[Attempt(name, "call"), answers(name, 200)] for name in names]


def undone(*names: str) -> list[Happening]:
    """These steps are undone, one after the other."""
    return [[Attempt(name, "compensate"), undo_answers(name, 200)] for name in names]


def locked(fence: int = 8) -> Input:
    """The lock is free, and the run's from now on."""
    return Asked(KEY, fence)


def in_line(holder: str = "run-0") -> Input:
    """Another run holds the lock."""
    return Asked(KEY, holder=holder)


def granted(fence: int = 9) -> Input:
    """The run's turn has come."""
    return Granted(fence)


def asked(*names: str) -> list[Happening]:
    """These steps begin to wait, for an event or for a person."""
    return [Attempt(name, "call", prompt="Ship it?") for name in names]


def heard(name: str, seq: int = 9, **members: Any) -> Input:
    """An event comes that matches what the step waits for."""
    return Heard(name, seq, **members)


def expires(name: str, **members: Any) -> Input:
    """The step has waited long enough."""
    return Expired(name, **members)


def decides(decision: str, about: str = "", **members: Any) -> Callable[[Run], Input]:
    """Ann decides the item that is open (about this step, if there are several)."""

    def happened(run: Run) -> Input:
        (item,) = [item.id for item in run.items.values() if about in ("", item.step)]
        return Decide(item, decision, "ann", "by phone", **members)

    return happened


cancels = Cancel("wrong order", "ann")
pauses = Pause("ann", "the bank is closed")
resumes = Resume("ann", "the bank is open")
redrives = Redrive("ann", "the bank is open")


LOST = Answer(Wire.LOST, reason="connection reset")
NOT_SENT = Answer(Wire.NOT_SENT, reason="connection refused")


# -- the three words


class Story:
    """A run, what led to it, and the time it has come to."""

    def __init__(self, saga: Saga) -> None:
        self.run = begin(saga, "run-1")
        self.now = NOW
        self.facts: list[RunFact] = []
        self.latest: list[RunFact] = []

    def tell(self, happening: Happening) -> Story:
        """One thing after the other; `latest` are the facts of the last one."""
        if isinstance(happening, list):
            for each in happening:
                self.tell(each)
        elif isinstance(happening, Later):
            self.now += happening.ms
        elif type(happening) in TYPES:
            self._take(evolve(self.run, happening), [happening])
        else:
            happened = happening(self.run) if callable(happening) else happening
            self._take(*advance(self.run, happened, self.now))
        return self

    def when(self, *happenings: Happening) -> Story:
        """What happens now: `then` looks at the facts of the last of these."""
        return self.tell(list(happenings))

    def then(self, *expected: Fact | RunFact) -> Story:
        """Exactly these facts followed, in this order."""
        assert [_shown(fact, told) for fact, told in _aligned(self.latest, expected)] == list(expected), self.latest
        return self

    def then_nothing(self) -> Story:
        """It changed nothing."""
        return self.then()

    def owes(self, *commands: Command) -> Story:
        """Exactly this is owed to the world now."""
        assert due(self.run, self.now) == list(commands)
        return self

    def _take(self, run: Run, facts: list[RunFact]) -> None:
        assert fold(self.run, facts) == run, "what is decided is what is folded"
        self.run, self.latest = run, facts
        self.facts += facts


class Fact(NamedTuple):
    """A fact of which only some members matter."""

    kind: type[RunFact]
    members: Mapping[str, Any]


def fact(kind: type[RunFact], /, **members: Any) -> Fact:
    """A fact of this kind with these members, whatever the others are."""
    return Fact(kind, members)


def given(saga: Saga, *happenings: Happening) -> Story:
    """A run to which these things have happened."""
    return Story(saga).tell(list(happenings))


def progress_of(run: Run, name: str, op: Op = "call") -> Progress:
    """How far the call, or the undo, of a step has come."""
    return (run.calls if op == "call" else run.undos).get(name, PENDING)


def _outcomes(run: Run, name: str, op: Op) -> Mapping[int, Any]:
    found = run.saga.steps[name].call if op == "call" else run.saga.steps[name].compensate
    call = found if op == "call" else found and found.call  # type: ignore[union-attr]
    return call.outcomes if call else {}  # type: ignore[union-attr]


def _aligned(facts: list[RunFact], expected: tuple[Any, ...]) -> list[tuple[RunFact, Any]]:
    padded = [*expected, *[None] * (len(facts) - len(expected))]
    return list(zip(facts, padded, strict=False))


def _shown(told: RunFact, expected: Any) -> Any:
    """A fact in the words of what is expected of it."""
    if isinstance(expected, Fact) and type(told) is expected.kind:
        return Fact(expected.kind, {name: getattr(told, name) for name in expected.members})
    return told
