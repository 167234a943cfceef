"""From an owed call to the request that goes out: the standard envelope, or the file's own body."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import orjson

from hms_orch_cli.orchestrator.cloud_event import attributes_of
from hms_orch_cli.orchestrator.compiled import CompiledRequest, encode_path_part
from hms_orch_cli.ports.participants import CallRequest
from hms_orch_cli.ports.store import Event
from hms_orch_cli.saga.commands import Poll
from hms_orch_cli.saga.identity import in_round, key_of
from hms_orch_cli.saga.outcome import Op
from hms_orch_cli.saga.state import Run

CallbackUrl = Callable[[str, str, str], str]
"""(saga id, step, op in its round) -> the URL where a participant reports the end of a 202."""


class RequestWriter:
    """Fills in requests. `secret` resolves a `secret.NAME` (raises ConfigError), when a request is about to be sent."""

    def __init__(self, callback_url: CallbackUrl, secret: Callable[[str], str]) -> None:
        self._callback_url = callback_url
        self._secret = secret

    def attempt(
        self, run: Run, trigger: Event, compiled: CompiledRequest, step: str, op: Op, attempt: int
    ) -> CallRequest:
        """The request of one attempt. Raises ExpressionError or ConfigError; then nothing may be sent."""
        request = compiled.request
        path, query, headers, body = self._fill_in(run, trigger, compiled, step, op)
        callback = self._callback_url(run.id, step, in_round(op, run.progress(step, op).round))
        if request.own_body or request.method == "GET":
            headers = {**headers, **_particulars(run, trigger, step, op, attempt, callback)}
            payload = orjson.dumps(body) if request.own_body else None
        else:
            payload = _envelope(run, trigger, step, op, attempt, callback)
        if run.claim is not None and run.claim.fence:
            headers = {**headers, "HMS-Fence": str(run.claim.fence)}
        return CallRequest(
            saga_id=run.id,
            step=step,
            op=op,
            attempt=attempt,
            key=key_of(run, step, op),
            service=request.service,
            method=request.method,
            path=path,
            timeout_ms=compiled.timeout_ms,
            body=payload,
            query=query,
            headers=headers,
        )

    def check(self, run: Run, trigger: Event, compiled: CompiledRequest, step: str, attempt: int) -> CallRequest:
        """The request that asks whether a call took effect."""
        asked = self.attempt(run, trigger, compiled, step, "call", attempt)
        return asked._replace(purpose="check")

    def poll(self, run: Run, compiled: CompiledRequest, about: Poll, url: str) -> CallRequest:
        """The request that asks what became of a 202, at the location that it named."""
        return CallRequest(
            saga_id=run.id,
            step=about.step,
            op=about.op,
            attempt=about.attempt,
            key=key_of(run, about.step, about.op),
            service=compiled.request.service,
            method="GET",
            path=compiled.request.path,
            timeout_ms=compiled.timeout_ms,
            purpose="poll",
            url=url,
        )

    def _fill_in(
        self, run: Run, trigger: Event, compiled: CompiledRequest, step: str, op: Op
    ) -> tuple[str, Mapping[str, Any], Mapping[str, str], Any]:
        request = compiled.request
        if compiled.is_plain:
            return request.path, request.query, request.headers, request.body
        names = names_of(run, trigger, step, op)
        if compiled.secrets:
            names["secret"] = {name: self._secret(name) for name in compiled.secrets}
        path = compiled.path.render(names, encode_path_part) if compiled.path else request.path
        headers = compiled.headers(names) if compiled.headers else request.headers
        return (
            str(path),
            compiled.query(names) if compiled.query else request.query,
            {name: str(value) for name, value in headers.items()},
            compiled.body(names) if compiled.body else request.body,
        )


def names_of(run: Run, trigger: Event, step: str, op: Op = "call") -> dict[str, Any]:
    """What an expression of a step may use."""
    return {
        "data": data_of(trigger),
        "event": attributes_of(trigger),
        "context": run.context(step, op),
        "saga": {"id": run.id, "definition": run.saga.id},
    }


def start_names(saga_id: str, definition: str, event: Event) -> dict[str, Any]:
    """What an expression may use before the first step: a filter, the key of a lock."""
    saga = {"id": saga_id, "definition": definition}
    return {"data": data_of(event), "event": attributes_of(event), "saga": saga}


def data_of(event: Event) -> Any:
    """The event's data as JSON values, None if it has none."""
    return None if event.data is None else orjson.loads(event.data)


def _envelope(run: Run, trigger: Event, step: str, op: Op, attempt: int, callback: str) -> bytes:
    envelope: dict[str, Any] = {
        "sagaId": run.id,
        "saga": run.saga.id,
        "step": step,
        "op": op,
        "attempt": attempt,
        "callback": callback,
        "data": None if trigger.data is None else orjson.Fragment(trigger.data),
        "event": {"id": trigger.id, "source": trigger.source, "type": trigger.type, "time": trigger.time},
        "context": run.context(step, op),
    }
    if op == "compensate":
        envelope["result"] = run.calls[step].answer
    return orjson.dumps(envelope)


def _particulars(run: Run, trigger: Event, step: str, op: Op, attempt: int, callback: str) -> dict[str, str]:
    """What the envelope says, as headers; percent-encoded, since an event's id may hold anything."""
    return {
        "HMS-Saga-Id": run.id,
        "HMS-Saga": run.saga.id,
        "HMS-Step": step,
        "HMS-Op": op,
        "HMS-Attempt": str(attempt),
        "HMS-Event-Id": _header_text(trigger.id),
        "HMS-Event-Source": _header_text(trigger.source),
        "HMS-Event-Type": _header_text(trigger.type),
        "HMS-Callback": callback,
    }


def _header_text(text: str) -> str:
    return quote(text, safe="!#$&'()*+,/:;=?@[]~-._ ")
