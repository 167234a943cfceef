"""The invariants of a run, one function each, named as in docs/reliability.md and with its sentence.

Each is asked about every fact as it comes into the log, before it is told to the story. It returns what is wrong, or
nothing. Those that need the world, the process or the whole log are in `oracle.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from hms_orch_cli.saga import events as said
from hms_orch_cli.saga.event_types import TYPES

from .told import ENDS, Attempts, Story, cancelled_groups

DONE: Final = ("success", "skipped")
_NONE: Final = Attempts()
Check = Callable[[Story, Any], str | None]


def g1_one_end(story: Story, fact: Any) -> str | None:
    """At most one terminal event per saga; afterwards only annotations."""
    return f"it is {story.end} already" if story.end else None


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


def g4_no_way_forward(story: Story, fact: said.StepStarted) -> str | None:
    """After `aborting` no new forward intent."""
    if not story.cause:
        return None
    call = story.calls.get(fact.step, _NONE)
    if not call.intents:
        return f"{fact.step} begins, and the run has turned back"
    if story.cause in ("cancel", "deadline"):
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
        owed = call.outcome == "success" or (call.outcome == "failed" and (call.undo or call.unknown))
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
    if before.intents and fact.key != before.key:
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
    return None if fact.attempt == wanted else f"{fact.step}: attempt {fact.attempt} after {before.attempt}"


def g11_of_this_attempt(story: Story, fact: Any) -> str | None:
    """A stale response (older attempt or epoch) leaves `fold` unchanged."""
    step = story.of(fact)
    if step.outcome:
        return f"{fact.step} is {step.outcome} already"
    return None if fact.attempt == step.attempt else f"{fact.step}: of attempt {fact.attempt}, not {step.attempt}"


def n9_not_early(story: Story, fact: Any) -> str | None:
    """Wall clock jumps change no call set, order or attempt count; no timer fires early."""
    due_at = story.of(fact).due_at
    return f"{fact.step} begins {due_at - fact.at} ms early" if fact.at < due_at and not fact.interrupted else None


def n9_deadline(story: Story, fact: said.Compensating) -> str | None:
    """No deadline comes early."""
    deadline = story.saga.deadline_ms
    if fact.cause == "deadline" and (deadline is None or fact.at < story.started_at + deadline):
        return "there is no deadline yet"
    return None


_OUTCOMES: Final = (
    said.StepAccepted,
    said.StepDoubted,
    said.StepRetrying,
    said.StepSucceeded,
    said.StepFailed,
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
            (g3_in_order, (said.StepStarted, said.StepSkipped)),
            (g3_completed, (said.Completed,)),
            (g4_no_way_forward, (said.StepStarted,)),
            (g5_all_undone, (said.Failed, said.Cancelled)),
            (g6_reverse, (said.Compensate,)),
            (g8_one_key, _INTENTS),
            (g8_few_attempts, _INTENTS),
            (g11_of_this_attempt, _OUTCOMES),
            (n9_not_early, _INTENTS),
            (n9_deadline, (said.Compensating,)),
        )
        if kind in kinds
    )
    for kind in TYPES
}
"""What is asked about a fact of each kind: (id, check)."""

__all__ = ["CHECKS", "ENDS"]
