"""A definition with its expressions compiled: once, when it is deployed or first needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from hms_orch_cli.ports.expressions import Expression, Expressions, Template
from hms_orch_cli.saga.definition import Call, Request, Saga, Step

_FILTER_NAMES = ("data", "event", "saga")
_REQUEST_NAMES = ("data", "event", "context", "saga")
_SECRET_NAMES = (*_REQUEST_NAMES, "secret")
_RESPONSE_NAMES = (*_REQUEST_NAMES, "response")


class CompiledRequest(NamedTuple):
    """Where a request goes, and how its texts are filled in. A part without `${…}` is kept as it is written."""

    request: Request
    timeout_ms: int
    path: Template | None
    query: Callable[[Mapping[str, Any]], Any] | None
    headers: Callable[[Mapping[str, Any]], Any] | None
    body: Callable[[Mapping[str, Any]], Any] | None
    secrets: frozenset[str]

    @property
    def is_plain(self) -> bool:
        """Whether nothing has to be filled in."""
        return self.path is None and self.query is None and self.headers is None and self.body is None


class CompiledStep(NamedTuple):
    """The expressions of one step."""

    step: Step
    requests: Mapping[str, CompiledRequest]
    """`call`, `compensate` and `check`, those that the step has as a request"""
    when: Expression | None
    summary: Template | None
    output: Mapping[str, Expression] | None
    match: Expression | None
    prompt: Template | None


class CompiledSaga(NamedTuple):
    """A definition, ready to run."""

    saga: Saga
    filter: Expression | None
    lock: Expression | None
    steps: Mapping[str, CompiledStep]


def compile_saga(saga: Saga, expressions: Expressions) -> CompiledSaga:
    """Compiles every expression of a definition. Raises ExpressionError."""
    return CompiledSaga(
        saga=saga,
        filter=None if saga.filter is None else expressions.compile(saga.filter, _FILTER_NAMES, boolean=True),
        lock=None if saga.lock is None else expressions.compile(saga.lock.key, _FILTER_NAMES),
        steps={name: _compile_step(step, expressions) for name, step in saga.steps.items()},
    )


def _compile_step(step: Step, expressions: Expressions) -> CompiledStep:
    requests: dict[str, CompiledRequest] = {}
    if step.call is not None:
        requests["call"] = _compile_request(step.call.request, step.call.timeout_ms, expressions)
        if step.check is not None:
            requests["check"] = _compile_request(step.check, step.call.timeout_ms, expressions)
    undo: Call | None = step.compensate.call if step.compensate is not None else None
    if undo is not None:
        requests["compensate"] = _compile_request(undo.request, undo.timeout_ms, expressions)
    return CompiledStep(
        step=step,
        requests=requests,
        when=None if step.when is None else expressions.compile(step.when, _REQUEST_NAMES, boolean=True),
        summary=None if step.summary is None else expressions.template(step.summary, _RESPONSE_NAMES),
        output=None if step.output is None else _compile_output(step.output, expressions),
        match=_compile_match(step, expressions),
        prompt=None if step.approval is None else expressions.template(step.approval.prompt, _REQUEST_NAMES),
    )


def _compile_output(written: Mapping[str, str], expressions: Expressions) -> dict[str, Expression]:
    return {name: expressions.compile(text, _RESPONSE_NAMES) for name, text in written.items()}


def _compile_match(step: Step, expressions: Expressions) -> Expression | None:
    if step.awaits is None or step.awaits.match is None:
        return None
    return expressions.compile(step.awaits.match, _REQUEST_NAMES, boolean=True)


def _compile_request(request: Request, timeout_ms: int, expressions: Expressions) -> CompiledRequest:
    secrets: set[str] = set()
    return CompiledRequest(
        request=request,
        timeout_ms=timeout_ms,
        path=expressions.template(request.path, _REQUEST_NAMES),
        query=_compile_value(dict(request.query), _REQUEST_NAMES, expressions, secrets),
        headers=_compile_value(dict(request.headers), _SECRET_NAMES, expressions, secrets),
        body=_compile_value(request.body, _SECRET_NAMES, expressions, secrets),
        secrets=frozenset(secrets),
    )


def _compile_value(
    value: Any, names: tuple[str, ...], expressions: Expressions, secrets: set[str]
) -> Callable[[Mapping[str, Any]], Any] | None:
    """A function that fills in a JSON value, None if it holds no `${…}` anywhere."""
    if isinstance(value, str):
        template = expressions.template(value, names)
        if template is None:
            return None
        secrets |= template.secrets
        return template.render
    if isinstance(value, dict):
        members = {name: _compile_value(part, names, expressions, secrets) for name, part in value.items()}
        if not any(members.values()):
            return None
        return lambda given: {n: render(given) if render else value[n] for n, render in members.items()}
    if isinstance(value, list):
        items = [_compile_value(part, names, expressions, secrets) for part in value]
        if not any(items):
            return None
        return lambda given: [render(given) if render else value[i] for i, render in enumerate(items)]
    return None


def encode_path_part(text: str) -> str:
    """An inserted part of a path, percent-encoded so that it stays one part."""
    return quote(text, safe="")
