"""From what a participant answered to the input of the machine: what is kept, mapped, redacted and summed up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from hms_orch_cli.errors import ExpressionError
from hms_orch_cli.orchestrator.compiled import CompiledStep
from hms_orch_cli.orchestrator.requests import names_of
from hms_orch_cli.ports.store import Event
from hms_orch_cli.saga.attention import REASON_LIMIT
from hms_orch_cli.saga.inputs import Answered, Checked
from hms_orch_cli.saga.outcome import Answer, Op, Verdict
from hms_orch_cli.saga.state import Run
from hms_orch_cli.saga.words import words_of

KEPT_BYTES = 65_536
"""A JSON answer up to this size is kept as it is; a larger one needs `output`."""

Left = tuple[Any, dict[str, Any] | None, str | None, str]
"""(answer, output, summary, error): what a step's success leaves behind."""

_NOTHING: Left = (None, None, None, "")

SUMMARY_LIMIT = 200
REDACTED = "[redacted]"


def answered(
    run: Run, trigger: Event, step: CompiledStep, op: Op, attempt: int, verdict: Verdict, answer: Answer
) -> Answered:
    """The input that an answer of a call or an undo amounts to."""
    left = mapped(run, trigger, step, answer.body) if verdict is Verdict.SUCCESS and op == "call" else _NOTHING
    reason = _reason(step, answer)
    return Answered(
        step.step.name, op, attempt, verdict, answer.status, reason, answer.retry_after_ms, answer.location, *left
    )


def checked(run: Run, trigger: Event, step: CompiledStep, attempt: int, verdict: Verdict, answer: Answer) -> Checked:
    """The input that the answer of a check amounts to."""
    left = mapped(run, trigger, step, answer.body) if verdict is Verdict.SUCCESS else _NOTHING
    return Checked(step.step.name, attempt, verdict, _reason(step, answer), answer.status, *left)


def _reason(step: CompiledStep, answer: Answer) -> str:
    """Why, for people. Words that come from the body are taken from it anew, without what is redacted."""
    if not step.step.redact or not answer.reason or not words_of(answer.body).startswith(answer.reason):
        return answer.reason
    return words_of(redacted(answer.body, step.step.redact))[:REASON_LIMIT]


def mapped(run: Run, trigger: Event, step: CompiledStep, body: Any) -> Left:
    """What a step's success leaves behind, whoever brought `body`. What is redacted is blotted out first, so that
    nothing made of it can carry it into the log."""
    body = redacted(body, step.step.redact)
    output: dict[str, Any] | None = None
    names: dict[str, Any] | None = None
    if step.output is not None:
        names = {**names_of(run, trigger, step.step.name), "response": body}
        output = {}
        for name, expression in step.output.items():
            try:
                output[name] = expression.evaluate(names)
            except ExpressionError as error:
                return None, None, None, f"output {name}: {error.message}"
    summary = _summary(run, trigger, step, body, names)
    if body is not None and len(orjson.dumps(body)) > KEPT_BYTES:
        body = None
    return body, output, summary, ""


def _summary(run: Run, trigger: Event, step: CompiledStep, body: Any, names: dict[str, Any] | None) -> str | None:
    if step.summary is not None:
        try:
            text = step.summary.render(names or {**names_of(run, trigger, step.step.name), "response": body})
        except ExpressionError:
            return None
        return str(text)[:SUMMARY_LIMIT]
    if step.step.summary is not None:
        return step.step.summary[:SUMMARY_LIMIT]
    if isinstance(body, dict):
        for member in ("message", "summary"):
            if isinstance(said := body.get(member), str):
                return said[:SUMMARY_LIMIT]
    return None


def redacted(value: Any, paths: tuple[str, ...]) -> Any:
    """A copy in which what the dotted paths name (`card.number`, `items.*.iban`) is blotted out."""
    for path in paths:
        value = _blot(value, path.split("."))
    return value


def _blot(value: Any, path: list[str]) -> Any:
    if not path:
        return REDACTED
    head, rest = path[0], path[1:]
    if isinstance(value, Mapping):
        return {name: _blot(part, rest) if head in ("*", name) else part for name, part in value.items()}
    if isinstance(value, list):
        return [_blot(part, rest) if head in ("*", str(place)) else part for place, part in enumerate(value)]
    return value
