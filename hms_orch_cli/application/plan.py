"""The calls that an undo would make, in order, with what they would carry; none of them is made."""

from __future__ import annotations

from typing import Any

import orjson

from hms_orch_cli.application.exchanges import HARMLESS
from hms_orch_cli.errors import ConfigError, ExpressionError, NotAllowed, NotFound
from hms_orch_cli.orchestrator.live_run import LiveRun
from hms_orch_cli.saga.compensation import next_undos
from hms_orch_cli.saga.definition import Step
from hms_orch_cli.saga.due import is_announced
from hms_orch_cli.saga.identity import key_of
from hms_orch_cli.saga.inputs import Cancel
from hms_orch_cli.saga.people import objection
from hms_orch_cli.saga.state import PENDING, Phase, Progress, Run, Status


def plan_undo(run: LiveRun, fail_at: str | None, now_ms: int) -> list[dict[str, Any]]:
    """The undo of a cancel now, or of step `fail_at` being refused:
    `[{"order", "step", "mode", "certain", "service", "method", "path", "query", "key", "body", "error"}]`. Those of one
    `order` go side by side. Not `certain` is what may still turn out not to have taken effect. Raises NotFound,
    NotAllowed."""
    if said := objection(run.state, Cancel(""), now_ms):
        raise NotAllowed(said, "hms-orch explain SAGA_ID says how it stands")
    calls, doubtful = _settled(run.state) if fail_at is None else _as_far_as(run.state, fail_at)
    state = run.state._replace(calls=calls, undos={}, status=Status.COMPENSATING)
    planned: list[dict[str, Any]] = []
    order = 0
    while steps := list(next_undos(state.saga.body, state.calls, state.undos)):
        order += 1
        planned += [_planned(run, state, step, order, step.name not in doubtful) for step in steps]
        done = {step.name: Progress(Phase.SUCCEEDED) for step in steps}
        state = state._replace(undos={**state.undos, **done})
    return planned


def _settled(run: Run) -> tuple[dict[str, Progress], set[str]]:
    """The calls of a run that is cancelled now: what is in flight may take effect. Those in doubt besides."""
    in_flight = (Phase.RUNNING, Phase.ACCEPTED, Phase.CHECKING)
    doubtful = {n for n, call in run.calls.items() if call.phase in in_flight or (call.phase.moving and call.unknown)}
    return {n: call._replace(undo=True) if n in doubtful else call for n, call in run.calls.items()}, doubtful


def _as_far_as(run: Run, fail_at: str) -> tuple[dict[str, Progress], set[str]]:
    """The calls of a run in which everything before a step has succeeded and that step is refused."""
    step = run.saga.steps.get(fail_at)
    if step is None:
        raise NotFound(f"run {run.id} has no step {fail_at}", f"its steps are {', '.join(run.saga.steps)}")
    if run.calls.get(fail_at, PENDING).phase in (Phase.SUCCEEDED, Phase.SKIPPED):
        raise NotAllowed(f"step {fail_at} is done already: it cannot fail any more", "name a step that is to come")
    calls, doubtful = _settled(run)
    before = run.saga.earlier[fail_at]
    for name in before:
        if calls.get(name, PENDING).phase not in (Phase.SUCCEEDED, Phase.SKIPPED):
            calls[name] = calls.get(name, PENDING)._replace(phase=Phase.SUCCEEDED)
            doubtful.discard(name)
    for name in run.saga.steps:
        beside = name not in before and name != fail_at and fail_at not in run.saga.earlier[name]
        if beside and name not in calls and set(run.saga.earlier[name]) <= set(before):
            calls[name] = Progress(Phase.RUNNING, undo=True)  # it begins at the same time, in another branch
            doubtful.add(name)
    calls[fail_at] = calls.get(fail_at, PENDING)._replace(phase=Phase.FAILED, undo=False)
    doubtful.discard(fail_at)
    return calls, doubtful


def _planned(run: LiveRun, state: Run, step: Step, order: int, certain: bool) -> dict[str, Any]:
    about = {"order": order, "step": step.name, "mode": "http", "certain": certain}
    key = key_of(state, step.name, "compensate")
    if is_announced(step, "compensate"):
        context = state.output_of(step.name)
        return {**about, "mode": "event", "key": key, "body": {"step": {"name": step.name, "context": context}}}
    compiled = run.compiled.steps[step.name].requests["compensate"]
    where = {"service": compiled.request.service, "method": compiled.request.method}
    try:
        request = HARMLESS.attempt(state, run.trigger, compiled, step.name, "compensate", 1)
    except (ExpressionError, ConfigError) as error:
        return {**about, **where, "path": compiled.request.path, "key": key, "error": error.message}
    body = None if request.body is None else orjson.loads(request.body)
    return {**about, **where, "path": request.path, "query": dict(request.query), "key": key, "body": body}
