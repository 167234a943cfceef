"""Which questions stand open to a person. The state itself asks for them, whatever brought it about: `advance` adds
the item that is missing and closes the one that nobody needs any more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from hms_orch_cli.saga.events import Closed, Queued, RunFact
from hms_orch_cli.saga.state import PENDING, HitlItem, Phase, Progress, Run, Status

DECISIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "undo": ("retry", "undone", "abandon"),
    "hold": ("retry", "done", "skip", "compensate"),
    "approval": ("approve", "reject"),
    "failures": ("done",),
    "depth": ("done",),
}
"""Kind of an item -> what a person may decide. The last two are about a definition, see `saga/watch.py`."""

FAILURES_IN_A_ROW: Final = 3
"""Failures of an undo, one after another, at which a person is asked while it is still tried."""

REASON_LIMIT: Final = 500
"""Characters of a reason that are kept."""


class _Wanted(NamedTuple):
    kind: str
    step: str
    reason: str
    expires_at: int | None = None


def next_question(run: Run, now: int) -> RunFact | None:
    """The item to be closed or queued next, None if the open ones are those that the state asks for."""
    for item in run.items.values():
        if not _stands(run, item):
            return Closed(now, item.id, item.kind, _why(run, item))
    if run.status in (Status.RUNNING, Status.COMPENSATING):
        open_ = {(item.kind, item.step) for item in run.items.values()}
        for wanted in _wanted(run):
            if (wanted.kind, wanted.step) not in open_:
                id_, decisions = f"{run.id}.{run.asked + 1}", list(DECISIONS[wanted.kind])
                return Queued(now, wanted.step, id_, wanted.kind, wanted.reason, decisions, wanted.expires_at)
    return None


def close_all(run: Run, now: int, reason: str) -> list[RunFact]:
    """Every open item is closed."""
    return [Closed(now, item.id, item.kind, reason) for item in run.items.values()]


def reason_of_step(step: str, progress: Progress) -> str:
    """The step, the status and the participant's own words."""
    status = f"{progress.status} " if progress.status else ""
    return f"{step}: {status}{progress.reason}".rstrip(": ")[:REASON_LIMIT]


def _wanted(run: Run) -> Iterator[_Wanted]:
    for name, call in run.calls.items():
        if call.phase is Phase.HELD:
            yield _Wanted("hold", name, reason_of_step(name, call))
        elif call.phase is Phase.WAITING and run.saga.steps[name].approval is not None:
            yield _Wanted("approval", name, call.reason[:REASON_LIMIT], call.due_at or None)
    for name, undo in run.undos.items():
        if undo.phase is Phase.STUCK or (undo.phase.moving and undo.failures >= FAILURES_IN_A_ROW):
            yield _Wanted("undo", name, f"undo of {reason_of_step(name, undo)}"[:REASON_LIMIT])


def _stands(run: Run, item: HitlItem) -> bool:
    """Whether the state still asks this question."""
    if item.kind == "undo":
        return run.undos.get(item.step, PENDING).phase is not Phase.SUCCEEDED
    return run.calls.get(item.step, PENDING).phase is (Phase.HELD if item.kind == "hold" else Phase.WAITING)


def _why(run: Run, item: HitlItem) -> str:
    if item.kind == "undo":
        return "a later attempt has undone it"
    if run.status is not Status.RUNNING:
        return "the run turned back"
    return "nobody decided in time" if item.kind == "approval" else "settled"
