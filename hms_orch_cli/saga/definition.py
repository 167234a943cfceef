"""A saga definition: what the YAML says, frozen, with every default filled in.

`saga_from` reads content that has passed the JSON Schema and the rules of `sagafile`; it trusts its shape. The content
itself is what is stored and hashed (`saga.deployed`), so a definition is always rebuilt from the log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

DEFAULT_TIMEOUT_MS = 30_000
DEFAULT_HITL_AFTER = 3
UNDO_ATTEMPTS = 10
"""Attempts of a compensation that says nothing else: undo is more patient than the way forward."""

Outcome = Literal["success", "failed", "unknown", "retry"]


class Retry(NamedTuple):
    """When to try again. `attempts` includes the first; all durations are milliseconds."""

    attempts: int = 3
    backoff_ms: int = 1_000
    factor: float = 2
    max_backoff_ms: int = 60_000
    jitter: float = 0.2
    budget_ms: int | None = None

    def but(self, written: Mapping[str, Any]) -> Retry:
        """This policy with the keys that a file writes out laid over it."""
        return Retry(
            attempts=written.get("attempts", self.attempts),
            backoff_ms=written.get("backoffMs", self.backoff_ms),
            factor=written.get("factor", self.factor),
            max_backoff_ms=written.get("maxBackoffMs", self.max_backoff_ms),
            jitter=written.get("jitter", self.jitter),
            budget_ms=written.get("budgetMs", self.budget_ms),
        )

    def for_undo(self) -> Retry:
        """The pauses of this policy with the patience of an undo."""
        return Retry(
            attempts=UNDO_ATTEMPTS,
            backoff_ms=self.backoff_ms,
            factor=self.factor,
            max_backoff_ms=self.max_backoff_ms,
            jitter=self.jitter,
        )


class Request(NamedTuple):
    """Where a call goes and what it carries. Strings may hold `${cel}`; `body` is None for the standard envelope."""

    service: str
    path: str
    method: str = "POST"
    headers: Mapping[str, str] = {}
    query: Mapping[str, Any] = {}
    body: Any = None

    @property
    def own_body(self) -> bool:
        """Whether the file brings its own body, so that the particulars travel as HMS-* headers."""
        return self.body is not None

    @property
    def address(self) -> str:
        """`service:/path` as a file writes it; the method before it if it is not POST."""
        return f"{'' if self.method == 'POST' else f'{self.method} '}{self.service}:{self.path}"


class Call(NamedTuple):
    """A request with its patience. `timeout_ms` is the total time of one attempt."""

    request: Request
    retry: Retry
    timeout_ms: int
    outcomes: Mapping[int, Outcome] = {}


class Undo(NamedTuple):
    """How a step is undone: by a call, or (`mode` event) by a participant that hears `saga.compensate`."""

    mode: Literal["http", "event"]
    call: Call | None
    retry: Retry
    timeout_ms: int


class Await(NamedTuple):
    """Waits for an event. `match` is CEL over the candidate, None for the first of the type."""

    event: str
    match: str | None
    timeout_ms: int | None


class Approval(NamedTuple):
    """Waits for a person."""

    prompt: str
    ttl_ms: int | None
    on_expire: Literal["compensate", "continue"] = "compensate"


class Lock(NamedTuple):
    """One run at a time for each value of `key` (CEL)."""

    key: str
    on_conflict: Literal["wait", "abort", "skip"] = "wait"
    wait_ms: int | None = None


class Step(NamedTuple):
    """One step: exactly one of `call`, `awaits` and `approval` is set."""

    name: str
    call: Call | None = None
    awaits: Await | None = None
    approval: Approval | None = None
    compensate: Undo | None = None
    check: Request | None = None
    when: str | None = None
    summary: str | None = None
    output: Mapping[str, str] | None = None
    irreversible: bool = False
    on_exhausted: Literal["compensate", "hitl"] = "compensate"
    redact: tuple[str, ...] = ()


class Sequence(NamedTuple):
    """Items one after another."""

    items: tuple[Item, ...]


class Group(NamedTuple):
    """Items side by side."""

    items: tuple[Item, ...]
    on_sibling_failure: Literal["drain", "cancel"] = "drain"


Item = Step | Sequence | Group


class Saga(NamedTuple):
    """A whole definition; `revision` is the SHA-256 (hex) of the content as canonical JSON (RFC 8785). `earlier` names
    for each step those that are done before it begins: what is beside it in a group is not among them. `asks_people`:
    some step waits for a person, or is held before it is undone."""

    id: str
    revision: str
    triggers: tuple[str, ...]
    body: Sequence
    steps: Mapping[str, Step]
    earlier: Mapping[str, tuple[str, ...]]
    filter: str | None = None
    lock: Lock | None = None
    deadline_ms: int | None = None
    hitl_after: int = DEFAULT_HITL_AFTER
    asks_people: bool = False


def saga_from(content: Mapping[str, Any], revision: str) -> Saga:
    """The definition that `content` (the YAML as plain values, already validated) describes."""
    trigger = content["trigger"]
    lock = content.get("lock")
    body = Sequence(tuple(_item(item, content) for item in content["steps"]))
    steps = {step.name: step for step in walk(body)}
    return Saga(
        id=content["id"],
        revision=revision,
        triggers=(trigger,) if isinstance(trigger, str) else tuple(trigger),
        body=body,
        steps=steps,
        earlier=dict(_earlier(body, ())),
        filter=content.get("filter"),
        lock=None if lock is None else _lock(lock),
        deadline_ms=content.get("deadlineMs"),
        hitl_after=content.get("hitlAfter", DEFAULT_HITL_AFTER),
        asks_people=any(step.approval or step.on_exhausted == "hitl" for step in steps.values()),
    )


def walk(item: Item) -> Iterator[Step]:
    """The steps of an item in the order of the file."""
    if isinstance(item, Step):
        yield item
    else:
        for inner in item.items:
            yield from walk(inner)


def _earlier(item: Item, before: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    if isinstance(item, Step):
        yield item.name, before
        return
    for inner in item.items:
        yield from _earlier(inner, before)
        if isinstance(item, Sequence):
            before = (*before, *(step.name for step in walk(inner)))


def _lock(written: str | Mapping[str, Any]) -> Lock:
    if isinstance(written, str):
        return Lock(written)
    return Lock(written["key"], written.get("onConflict", "wait"), written.get("waitMs"))


def _item(written: Mapping[str, Any], saga: Mapping[str, Any]) -> Item:
    if "steps" in written:
        items = tuple(_item(inner, saga) for inner in written["steps"])
        if written.get("parallel"):
            return Group(items, written.get("onSiblingFailure", "drain"))
        return Sequence(items)
    return _step(written, saga)


def _step(written: Mapping[str, Any], saga: Mapping[str, Any]) -> Step:
    saga_retry = Retry().but(saga.get("retry", {}))
    timeout = written.get("timeoutMs", saga.get("timeoutMs", DEFAULT_TIMEOUT_MS))
    call = None
    if "call" in written:
        call = Call(
            request=request_from(written["call"]),
            retry=saga_retry.but(written.get("retry", {})),
            timeout_ms=timeout,
            outcomes=_outcomes(written),
        )
    awaits, approval = written.get("await"), written.get("approval")
    return Step(
        name=written["name"],
        call=call,
        awaits=awaits and Await(awaits["event"], awaits.get("match"), awaits.get("timeoutMs")),
        approval=approval
        and Approval(approval["prompt"], approval.get("ttlMs"), approval.get("onExpire", "compensate")),
        compensate=_undo(written.get("compensate"), saga_retry, timeout),
        check=request_from(written["check"], method="GET") if "check" in written else None,
        when=written.get("when"),
        summary=written.get("summary"),
        output=written.get("output"),
        irreversible=written.get("irreversible", False),
        on_exhausted=written.get("onExhausted", saga.get("onExhausted", "compensate")),
        redact=tuple(written.get("redact", ())),
    )


def _undo(written: Any, saga_retry: Retry, timeout: int) -> Undo | None:
    if written is None:
        return None
    if isinstance(written, str):
        own: Mapping[str, Any] = {}
        event = written == "event"
    else:
        own = written
        event = bool(written.get("event"))
    retry = saga_retry.for_undo().but(own.get("retry", {}))
    timeout = own.get("timeoutMs", timeout)
    if event:
        return Undo("event", None, retry, timeout)
    return Undo("http", Call(request_from(written), retry, timeout, _outcomes(own)), retry, timeout)


def _outcomes(written: Mapping[str, Any]) -> Mapping[int, Outcome]:
    return {int(status): outcome for status, outcome in written.get("outcomes", {}).items()}


def request_from(written: str | Mapping[str, Any], method: str = "POST") -> Request:
    """A request from `service:/path` or from its long form."""
    if isinstance(written, str):
        service, _, path = written.partition(":")
        return Request(service, path, method)
    return Request(
        service=written["service"],
        path=written["path"],
        method=written.get("method", method),
        headers=written.get("headers", {}),
        query=written.get("query", {}),
        body=written.get("body"),
    )
