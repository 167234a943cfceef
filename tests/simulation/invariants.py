"""The invariants of a run, one function each, named as in docs/reliability.md and with its sentence.

Each is asked about every fact as it comes into the log, before it is told to the story. It returns what is wrong, or
nothing. Those that need the world, the process or the whole log are in `oracle.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from hms_orch_cli.saga import events as said
from hms_orch_cli.saga.event_types import TYPES

from .told import Attempts, Story, cancelled_groups

DONE: Final = ("success", "skipped")
_NONE: Final = Attempts()
_PATIENCE: Final = re.compile(r"no answer within (\d+) ms")
Check = Callable[[Story, Any], str | None]


def g1_one_end(story: Story, fact: Any) -> str | None:
    """At most one terminal event per saga; afterwards only annotations."""
    if not story.end or isinstance(fact, said.Replaced):
        return None
    if isinstance(fact, said.Redriven) and story.end in ("Failed", "Cancelled", "Abandoned"):
        return "it is redriven, and has undone something" if story.undone else None
    return f"it is {story.end} already"


def g1_begins(story: Story, fact: Any) -> str | None:
    """A run begins once, with what triggered it."""
    return "it has begun before" if story.facts else None


def g3_in_order(story: Story, fact: Any) -> str | None:
    """Step i+1 has no intent before step i's success; a parallel group is left only when every branch is decided."""
    for name in story.saga.earlier[fact.step]:
        if story.calls.get(name, _NONE).outcome not in DONE:
            return f"{name} stands before {fact.step} and is not done"
    return None


def g3_completed(story: Story, fact: said.Completed) -> str | None:
    """A run is completed when every step is done."""
    for name in story.saga.steps:
        if story.calls.get(name, _NONE).outcome not in DONE:
            return f"{name} is not done"
    return None


def g4_not_while_paused(story: Story, fact: Any) -> str | None:
    """After `aborting` no new forward intent; nor any new intent at all while it is paused. What was in flight settles:
    an attempt that a crash has cut off is begun again."""
    anew = not getattr(fact, "interrupted", None)
    return f"{fact.step} begins while the run is paused" if story.paused and anew else None


def g4_no_new_wait(story: Story, fact: said.StepWaiting) -> str | None:
    """After `aborting` no new forward intent: no step begins to wait either."""
    return f"{fact.step} begins to wait, and the run has turned back" if story.cause else None


def g4_no_way_forward(story: Story, fact: said.StepStarted) -> str | None:
    """After `aborting` no new forward intent."""
    if not story.cause:
        return None
    call = story.calls.get(fact.step, _NONE)
    if not call.intents:
        return f"{fact.step} begins, and the run has turned back"
    if story.cause != "step":
        return f"{fact.step} is sent again after a {story.cause}"
    for others in cancelled_groups(story.saga.body, fact.step):
        if any(story.calls.get(name, _NONE).outcome == "failed" for name in others):
            return f"{fact.step} is sent again, and a sibling that cancels it has failed"
    return None


def g5_all_undone(story: Story, fact: Any) -> str | None:
    """In a failed saga, compensated set = {steps with a forward outcome success or unknown that define `compensate`},
    each with exactly one compensation success; never-attempted steps: none."""
    for name, step in story.saga.steps.items():
        call = story.calls.get(name, _NONE)
        if call.intents and not call.outcome:
            return f"{name} is still in flight"
        # A step in doubt that a person has left out is in doubt still.
        owed = call.outcome == "success" or (call.outcome in ("failed", "skipped") and (call.undo or call.unknown))
        undone = story.undos.get(name, _NONE).outcome == "success"
        if step.compensate is None:
            owed = False
        if owed and not undone:
            return f"{name} ({call.outcome}, unknown: {call.unknown}) is not undone"
        if undone and not owed:
            return f"{name} ({call.outcome or 'never attempted'}) is undone"
    return None


def g6_reverse(story: Story, fact: said.Compensate) -> str | None:
    """Compensation starts in reverse order of forward completion (reverse topological for groups), one after another
    unless declared parallel."""
    if not story.cause:
        return f"{fact.step} is undone, and the run has not turned back"
    for name, call in story.calls.items():
        if call.intents and not call.outcome:
            return f"{fact.step} is undone while {name} is in flight"
    for name, earlier in story.saga.earlier.items():
        if fact.step not in earlier or story.saga.steps[name].compensate is None:
            continue
        call = story.calls.get(name, _NONE)
        if (call.outcome == "success" or call.undo) and story.undos.get(name, _NONE).outcome != "success":
            return f"{fact.step} is undone before {name}"
    return None


def g8_one_key(story: Story, fact: Any) -> str | None:
    """All attempts of one (saga, step, direction) carry one key; different ones differ."""
    op = "compensate" if isinstance(fact, said.Compensate) else "call"
    before = story.of(fact)
    if before.new_round:
        if fact.key in before.keys:
            return f"{fact.step} {op} was refused, and has the key {fact.key} again"
    elif before.intents and fact.key != before.key:
        return f"{fact.step} {op} had the key {before.key} and now has {fact.key}"
    for column in (story.calls, story.undos):
        for name, other in column.items():
            if other is not before and fact.key in other.keys:
                return f"{fact.step} {op} has the key of {name}"
    return None


def g8_few_attempts(story: Story, fact: Any) -> str | None:
    """Attempts are counted one by one, and an attempt that was cut off is not used up."""
    before = story.of(fact)
    wanted = before.attempt if fact.interrupted else before.attempt + 1
    if fact.attempt != wanted:
        return f"{fact.step}: attempt {fact.attempt} after {before.attempt}"
    step = story.saga.steps[fact.step]
    patience = step.call if isinstance(fact, said.StepStarted) else step.compensate
    if patience is not None and fact.attempt - before.spent > patience.retry.attempts + 1:  # one for a fresh token
        return f"{fact.step}: attempt {fact.attempt}, of {patience.retry.attempts}"
    return None


def g11_of_this_attempt(story: Story, fact: Any) -> str | None:
    """A stale response (older attempt or epoch) leaves `fold` unchanged."""
    step = story.of(fact)
    by_a_person = step.outcome in ("held", "stuck") and not isinstance(fact, said.StepRetrying | said.StepAccepted)
    if step.outcome and not by_a_person:
        return f"{fact.step} is {step.outcome} already"
    return None if fact.attempt == step.attempt else f"{fact.step}: of attempt {fact.attempt}, not {step.attempt}"


def n9_not_early(story: Story, fact: Any) -> str | None:
    """Wall clock jumps change no call set, order or attempt count; no timer fires early."""
    due_at = story.of(fact).due_at if not story.of(fact).waiting else 0
    return f"{fact.step} begins {due_at - fact.at} ms early" if fact.at < due_at and not fact.interrupted else None


def n9_deadline(story: Story, fact: said.Compensating) -> str | None:
    """No deadline comes early."""
    deadline = story.saga.deadline_ms
    if fact.cause == "deadline" and (deadline is None or fact.at < story.clock_from + deadline):
        return "there is no deadline yet"
    lock = story.saga.lock
    if fact.cause != "lock" or lock is None or lock.on_conflict != "wait":
        return None
    may_wait = lock.wait_ms is None or fact.at < story.lock_since + lock.wait_ms
    return "it may wait longer for its lock" if may_wait else None


def n9_not_given_up_early(story: Story, fact: Any) -> str | None:
    """No wait for an event or a person ends early."""
    step = story.of(fact)
    early = step.waiting and not story.cause and fact.reason.startswith("no ")
    return f"{fact.step} is given up early" if early and fact.at < step.due_at else None


def n9_patient(story: Story, fact: Any) -> str | None:
    """No participant that works on it is given up before its time."""
    told = _PATIENCE.match(fact.reason)
    if story.of(fact).outcome == "held":
        return None  # given up before, and a person says so now
    early = told is not None and not story.cause and fact.at < story.of(fact).sent_at + int(told.group(1))
    return f"{fact.step} is given up early: {fact.reason}" if early else None


def g12_asked_once(story: Story, fact: said.Queued) -> str | None:
    """3 consecutive failures ⇒ exactly one open HITL item."""
    if fact.id in story.asked:
        return f"item {fact.id} was there before"
    if any((item.kind, item.step) == (fact.kind, fact.step) for item in story.items.values()):
        return f"there is an item about {fact.step} already"
    step = (story.undos if fact.kind == "undo" else story.calls).get(fact.step, _NONE)
    asks = {"undo": step.outcome == "stuck" or step.failures >= 3, "hold": step.outcome == "held"}
    return None if asks.get(fact.kind, step.waiting) else f"nothing about {fact.step} needs a person"


def g12_decided_once(story: Story, fact: Any) -> str | None:
    """Each decision applied once, also if sent twice or by two people; after its time it is refused."""
    item = story.items.get(fact.id)
    if item is None:
        return f"item {fact.id} is not open"
    if isinstance(fact, said.Decided):
        if fact.decision not in item.decisions:
            return f"item {fact.id} knows no {fact.decision}"
        if item.expires_at is not None and fact.at >= item.expires_at:
            return f"item {fact.id} has expired"
    return None


def g12_no_call_before(story: Story, fact: Any) -> str | None:
    """No automatic call until its decision; at the third failure of an undo in a row a person is asked."""
    step = story.of(fact)
    if step.outcome or story.stuck:
        return f"{fact.step} is {step.outcome or 'of a run that is stuck'}, and is begun without a decision"
    asked = any(item.kind == "undo" and item.step == fact.step for item in story.items.values())
    if isinstance(fact, said.Compensate) and step.failures >= 3 and not asked:
        return f"the undo of {fact.step} has failed {step.failures} times, and nobody is asked"
    return None


def g12_stuck(story: Story, fact: said.Stuck) -> str | None:
    """A run that is stuck has an open item for each undo that is."""
    asked = {item.step for item in story.items.values() if item.kind == "undo"}
    stuck = {name for name, undo in story.undos.items() if undo.outcome == "stuck"}
    return None if stuck and stuck <= asked else f"stuck at {sorted(stuck)}, and asked about {sorted(asked)}"


def g12_end(story: Story, fact: Any) -> str | None:
    """A run that has ended asks nobody anything."""
    return f"it ends with open items: {sorted(story.items)}" if story.items else None


def n1_under_lock(story: Story, fact: Any) -> str | None:
    """Nothing is called, or undone, without the lock."""
    if story.saga.lock is None or story.fence or story.released:
        return None
    return f"{fact.step} begins without the lock"


_OUTCOMES: Final = (
    said.StepAccepted,
    said.StepDoubted,
    said.StepRetrying,
    said.StepSucceeded,
    said.StepFailed,
    said.StepHeld,
    said.StepCompensated,
    said.StepStuck,
)
_INTENTS: Final = (said.StepStarted, said.Compensate)

CHECKS: Final[Mapping[type, tuple[tuple[str, Check], ...]]] = {
    kind: tuple(
        (check.__name__.split("_")[0].upper(), check)
        for check, kinds in (
            (g1_one_end, tuple(TYPES)),
            (g1_begins, (said.Started, said.Skipped, said.FilterFailed)),
            (g3_in_order, (said.StepStarted, said.StepWaiting, said.StepSkipped)),
            (g3_completed, (said.Completed,)),
            (g4_no_way_forward, (said.StepStarted,)),
            (g4_no_new_wait, (said.StepWaiting,)),
            (g4_not_while_paused, (*_INTENTS, said.StepWaiting)),
            (g5_all_undone, (said.Failed, said.Cancelled)),
            (g6_reverse, (said.Compensate,)),
            (g8_one_key, _INTENTS),
            (g8_few_attempts, _INTENTS),
            (g11_of_this_attempt, _OUTCOMES),
            (n9_not_early, _INTENTS),
            (n9_deadline, (said.Compensating,)),
            (n9_patient, (said.StepRetrying, said.StepDoubted, said.StepFailed, said.StepHeld, said.StepStuck)),
            (n9_not_given_up_early, (said.StepFailed, said.StepHeld)),
            (g12_asked_once, (said.Queued,)),
            (g12_decided_once, (said.Decided, said.Closed)),
            (g12_no_call_before, (*_INTENTS, said.StepWaiting)),
            (g12_stuck, (said.Stuck,)),
            (g12_end, (said.Completed, said.Failed, said.Cancelled, said.Abandoned)),
            (n1_under_lock, (*_INTENTS, said.StepWaiting)),
        )
        if kind in kinds
    )
    for kind in TYPES
}
"""What is asked about a fact of each kind: (id, check)."""
