"""A definition as flat keys, in the words of the file, with the values that hold: defaults filled in, short forms
spelled out. Two files that say the same in other words are equal here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hms_orch_cli.saga.definition import DEFAULT_TIMEOUT_MS, Call, Request, Retry, Saga, Step

Keys = dict[str, Any]

DOES: Final = ("call", "await", "approval")
"""A step has exactly one of these: what it does."""

_OF_CALL: Final = ("retry", "timeoutMs", "outcomes")
"""Keys of a step that are about its call."""


def saga_keys(saga: Saga, content: Mapping[str, Any]) -> Keys:
    """What a definition says besides its steps. `content` is the file's: what the saga hands down to its steps stands
    there alone."""
    keys: Keys = {"trigger": list(saga.triggers), "filter": saga.filter}
    if saga.lock is not None:
        keys |= {"lock": saga.lock.key, "lock.onConflict": saga.lock.on_conflict, "lock.waitMs": saga.lock.wait_ms}
    keys |= {"deadlineMs": saga.deadline_ms, "hitlAfter": saga.hitl_after}
    keys |= _retry_keys("retry", Retry().but(content.get("retry", {})))
    keys["timeoutMs"] = content.get("timeoutMs", DEFAULT_TIMEOUT_MS)
    keys["onExhausted"] = content.get("onExhausted", "compensate")
    return _said(keys)


def step_keys(step: Step) -> Keys:
    """What a step says, but for its name."""
    keys: Keys = {}
    if step.call is not None:
        keys |= _request_keys("call", step.call.request) | _patience_keys("", step.call)
    if step.awaits is not None:
        wait = step.awaits
        keys |= {"await": wait.event, "await.match": wait.match, "await.timeoutMs": wait.timeout_ms}
    if step.approval is not None:
        asked = step.approval
        keys |= {"approval": asked.prompt, "approval.ttlMs": asked.ttl_ms, "approval.onExpire": asked.on_expire}
    keys |= _undo_keys(step)
    if step.check is not None:
        keys |= _request_keys("check", step.check)
    keys |= {"when": step.when, "summary": step.summary, "onExhausted": step.on_exhausted}
    keys |= {f"output.{name}": expression for name, expression in (step.output or {}).items()}
    keys |= {"irreversible": step.irreversible or None, "redact": list(step.redact) or None}
    return _said(keys)


def owner(key: str) -> str:
    """The key of a step without which this one says nothing; empty if there is none."""
    above, dot, _ = key.partition(".")
    if above in _OF_CALL:
        return "call"
    return above if dot else ""


def _undo_keys(step: Step) -> Keys:
    undo = step.compensate
    if undo is None:
        return {}
    if undo.call is not None:
        return _request_keys("compensate", undo.call.request) | _patience_keys("compensate.", undo.call)
    patience = _retry_keys("compensate.retry", undo.retry)
    return {"compensate": "event saga.compensate", **patience, "compensate.timeoutMs": undo.timeout_ms}


def _request_keys(name: str, request: Request) -> Keys:
    parts = {"headers": request.headers, "query": request.query}
    return {
        name: request.address,
        **{f"{name}.{part}.{key}": value for part, written in parts.items() for key, value in written.items()},
        f"{name}.body": request.body,
    }


def _patience_keys(prefix: str, call: Call) -> Keys:
    outcomes = {f"{prefix}outcomes.{status}": outcome for status, outcome in call.outcomes.items()}
    return {**_retry_keys(f"{prefix}retry", call.retry), f"{prefix}timeoutMs": call.timeout_ms, **outcomes}


def _retry_keys(name: str, retry: Retry) -> Keys:
    return {
        f"{name}.attempts": retry.attempts,
        f"{name}.backoffMs": retry.backoff_ms,
        f"{name}.factor": retry.factor,
        f"{name}.maxBackoffMs": retry.max_backoff_ms,
        f"{name}.jitter": retry.jitter,
        f"{name}.budgetMs": retry.budget_ms,
    }


def _said(keys: Keys) -> Keys:
    return {key: value for key, value in keys.items() if value is not None}
