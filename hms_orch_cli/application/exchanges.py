"""What was sent to participants for a run, and what was kept of their answers. Requests are not in the log: they are
made again from what is, without what gives a right, so nothing of this is a secret or a permission."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from hms_orch_cli.errors import ConfigError, ExpressionError
from hms_orch_cli.orchestrator.live_run import LiveRun
from hms_orch_cli.orchestrator.requests import RequestWriter
from hms_orch_cli.saga.due import is_announced
from hms_orch_cli.saga.identity import key_of
from hms_orch_cli.saga.outcome import Op
from hms_orch_cli.saga.state import Phase, Progress

HIDDEN: Final = "(not shown)"
HARMLESS: Final = RequestWriter(lambda *_: "(made when it is sent)", lambda name: f"(secret {name})")
"""Writes requests that nobody could use."""

_TELLING: Final = re.compile(r"auth|token|secret|password|cookie|api-?key|signature", re.IGNORECASE)
"""Names of headers whose values are not shown, whatever they are."""


def exchanges(run: LiveRun) -> list[dict[str, Any]]:
    """`[{"step", "op", "attempts", "request", "answer"}]`, in the order of the file, an undo behind its call.

    `request`: `{"service", "method", "path", "query", "headers", "key", "body"}`, with `error` instead of what could
    not be filled in; None for a step that calls nobody. `answer`: `{"status", "reason", "body", "output"}`, None while
    there is none."""
    found: list[dict[str, Any]] = []
    state = run.state
    for name in state.saga.steps:
        for op, progress in (("call", state.calls.get(name)), ("compensate", state.undos.get(name))):
            if progress is not None and progress.phase is not Phase.PENDING:
                found.append(_exchange(run, name, op, progress))  # type: ignore[arg-type]  # the two words are ops
    return found


def _exchange(run: LiveRun, name: str, op: Op, progress: Progress) -> dict[str, Any]:
    return {
        "step": name,
        "op": op,
        "attempts": progress.attempt,
        "request": _request(run, name, op, max(progress.attempt, 1)),
        "answer": _answer(progress),
    }


def _request(run: LiveRun, name: str, op: Op, attempt: int) -> dict[str, Any] | None:
    step = run.state.saga.steps[name]
    compiled = run.compiled.steps[name].requests.get(op)
    if compiled is None or is_announced(step, op):
        return None
    key = key_of(run.state, name, op)
    about = {"service": compiled.request.service, "method": compiled.request.method, "key": key}
    try:
        request = HARMLESS.attempt(run.state, run.trigger, compiled, name, op, attempt)
    except (ExpressionError, ConfigError) as error:
        return {**about, "path": compiled.request.path, "error": error.message}
    body = None if request.body is None else orjson.loads(request.body)
    headers = {**_shown(request.headers), "Idempotency-Key": f'"{key}"', "Authorization": HIDDEN}
    return {**about, "path": request.path, "query": dict(request.query), "headers": headers, "body": body}


def _shown(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: HIDDEN if _TELLING.search(name) else value for name, value in headers.items()}


def _answer(progress: Progress) -> dict[str, Any] | None:
    if not (progress.status or progress.reason or progress.answer is not None or progress.output is not None):
        return None
    return {
        "status": progress.status or None,
        "reason": progress.reason or None,
        "body": progress.answer,
        "output": progress.output,
    }
