"""Why a run does not move, in one sentence: what it waits for, since when, until when, and who can move it."""

from __future__ import annotations

from itertools import takewhile
from typing import Any

from hms_orch_cli.application.overview import claimed, one_run
from hms_orch_cli.application.run_list import Reader
from hms_orch_cli.saga.due import deadline_of, holds_lock, lock_wait_ends, patience
from hms_orch_cli.saga.moment import rfc3339
from hms_orch_cli.saga.outcome import Op
from hms_orch_cli.saga.state import Claim, HitlItem, Phase, Progress, Run, Status
from hms_orch_cli.views.runs import state_of


def explain(reader: Reader, saga_id: str, now_ms: int) -> dict[str, Any]:
    """`{"sagaId", "saga", "state", "explanation", "items"}`; `items` are the ids that a person can decide. Raises
    NotFound."""
    run = one_run(reader, saga_id).run
    return {
        "sagaId": run.id,
        "saga": run.saga.id,
        "state": state_of(run),
        "explanation": _sentence(reader, run, now_ms),
        "items": list(run.items),
    }


def _sentence(reader: Reader, run: Run, now_ms: int) -> str:
    if run.status.ended:
        return _ended(run)
    if run.status is Status.STUCK:
        return f"It is stuck, {run.stuck}; nothing is called again until a person decides{_items(run)}."
    if run.paused:
        return f"It is paused: nothing begins until somebody types: hms-orch resume {run.id}."
    if not holds_lock(run):
        return _in_line(reader, run, run.claim)
    if run.status is Status.COMPENSATING:
        parts = [_of_step(run, name, "compensate", undo, now_ms) for name, undo in run.undos.items()]
        parts += [_of_step(run, name, "call", call, now_ms) for name, call in run.calls.items()]
        why = f"It undoes what was done, because of this: {run.reason}"
    else:
        parts = [_of_step(run, name, "call", call, now_ms) for name, call in run.calls.items()]
        why = "It moves"
    waits = [part for part in parts if part]
    if not waits:
        return f"{why}; its next call is about to be made by whoever runs hms-orch up."
    said = "; ".join(waits) if run.status is Status.RUNNING else f"{why}; " + "; ".join(waits)
    return f"{said[0].upper()}{said[1:]}{_deadline(run)}."


def _ended(run: Run) -> str:
    because = f": {run.reason}" if run.reason else ""
    when = f" at {rfc3339(run.ended_at)}" if run.ended_at is not None else ""
    instead = f"; run {run.replaced_by} took its place" if run.replaced_by else ""
    return f"It does not move because it has ended, {run.status.value}{when}{because}{instead}."


def _in_line(reader: Reader, run: Run, claim: Claim | None) -> str:
    if claim is None:
        return "It is about to ask for its lock; whoever runs hms-orch up does that."
    line = [row for row in claimed(reader) if row.lock_key == claim.key]
    holder = next((row.saga_id for row in line if row.fence), "")
    ahead = len(list(takewhile(lambda row: row.saga_id != run.id, (row for row in line if not row.fence))))
    held = f", held by run {holder}" if holder else ", which is free: the next hms-orch up gives it on"
    ends = lock_wait_ends(run)
    until = f", at most until {rfc3339(ends)}" if ends is not None else ""
    before = f", behind {ahead} other{'s' if ahead > 1 else ''} in line" if ahead else ""
    return f"It waits for lock {claim.key}{held}{before}, since {rfc3339(claim.since)}{until}{_deadline(run)}."


def _of_step(run: Run, name: str, op: Op, step: Progress, now_ms: int) -> str:
    """What one step is about, empty if nothing comes of it any more."""
    what = f"step {name}" if op == "call" else f"the undo of step {name}"
    match step.phase:
        case Phase.RUNNING if op == "compensate" and _is_event(run, name):
            until = rfc3339(step.sent_at + patience(run.saga.steps[name], op).timeout_ms)
            return f"{what} waits until {until} for the participant to acknowledge saga.compensate"
        case Phase.RUNNING:
            return f"{what} is being called since {rfc3339(step.sent_at)} (attempt {step.attempt})"
        case Phase.CHECKING:
            return f"{what} is in doubt ({step.reason}), its check is asked"
        case Phase.RETRYING:
            said = f"{step.status} {step.reason}".strip() if step.status else step.reason
            when = "now" if step.due_at <= now_ms else f"at {rfc3339(step.due_at)}"
            return f"{what} is tried again {when} after attempt {step.attempt}: {said}{_item(run, name)}"
        case Phase.ACCEPTED:
            until = rfc3339(step.sent_at + patience(run.saga.steps[name], op).timeout_ms)
            how = "is polled" if step.location else "waits for the participant's callback"
            return f"{what} was taken with {step.status} and {how}, until {until}"
        case Phase.WAITING:
            awaits = run.saga.steps[name].awaits
            until = f" until {rfc3339(step.due_at)}" if step.due_at else ""
            if awaits is not None:
                return f"{what} waits for an event {awaits.event}{until}"
            return f"{what} waits for a person{until}{_item(run, name)}"
        case Phase.HELD:
            return f"{what} has failed ({step.reason}) and is held until a person decides{_item(run, name)}"
        case Phase.STUCK:
            return f"{what} is stuck ({step.reason}){_item(run, name)}"
        case _:
            return ""


def _is_event(run: Run, name: str) -> bool:
    undo = run.saga.steps[name].compensate
    return undo is not None and undo.mode == "event"


def _deadline(run: Run) -> str:
    deadline = deadline_of(run)
    if deadline is None or run.status is not Status.RUNNING:
        return ""
    return f"; not done by {rfc3339(deadline)}, it is undone"


def _item(run: Run, step: str) -> str:
    found: HitlItem | None = next((item for item in run.items.values() if item.step == step), None)
    return f" (hms-orch hitl decide {found.id})" if found is not None else ""


def _items(run: Run) -> str:
    return f" (hms-orch hitl decide {' or '.join(run.items)})" if run.items else ""
