"""Locks and waits that cannot work: a key that is none, an event that never comes, a key without effect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from hms_orch_cli.errors import ExpressionError
from hms_orch_cli.ports.expressions import Expressions
from hms_orch_cli.saga.reserved import is_reserved
from hms_orch_cli.sagafile import catalogue
from hms_orch_cli.sagafile.findings import Path
from hms_orch_cli.sagafile.places import steps_of
from hms_orch_cli.sagafile.reader import Tree
from hms_orch_cli.sagafile.schema import nearest
from hms_orch_cli.sagafile.source import Source


def own_events() -> frozenset[str]:
    """Every reserved type that is ever recorded."""
    from hms_orch_cli.saga.event_types import DEPLOYED, HELD_BACK, LET_GO, RUN_FACTS, UNDEPLOYED

    return frozenset((*RUN_FACTS, DEPLOYED, UNDEPLOYED, HELD_BACK, LET_GO))


def check_waits(tree: Tree, source: Source, expressions: Expressions) -> None:
    """Notes where a document waits in vain, or asks for what has no effect."""
    waits = _Waits(tree, source, expressions)
    waits.lock(tree.value.get("lock"))
    for path, step in steps_of(tree.value.get("steps"), ("steps",)):
        waits.event(step.get("await"), (*path, "await"))
        waits.approval(step.get("approval"), (*path, "approval"))


class _Constant(NamedTuple):
    """What an expression always yields: a value, or None and an error."""

    value: Any
    error: str = ""


class _Waits:
    def __init__(self, tree: Tree, source: Source, expressions: Expressions) -> None:
        self._tree = tree
        self._source = source
        self._expressions = expressions

    def lock(self, written: Any) -> None:
        """A key that is not null, and no longest wait where nobody waits."""
        path: Path = ("lock",)
        key = written
        if isinstance(written, Mapping):
            path, key = ("lock", "key"), written.get("key")
            conflict = written.get("onConflict")
            if "waitMs" in written and conflict in ("abort", "skip"):
                self._no_effect(("lock", "waitMs"), f"with 'onConflict: {conflict}', which does not wait")
        constant = self._constant(key)
        if constant is None or constant.value is not None:
            return
        what = f"fails whatever the event ({constant.error})" if constant.error else "is null whatever the event"
        message = f"the key of the lock {what}, so every run ends FAILED"
        fix = "Take it from the event: data.policyId."
        self._source.add(catalogue.NO_LOCK_KEY, message, fix, self._tree.place(path), path)

    def event(self, written: Any, path: Path) -> None:
        """An event that can come, and a condition that can be true of it."""
        if not isinstance(written, Mapping):
            return
        kind = written.get("event")
        if isinstance(kind, str) and is_reserved(kind) and kind not in own_events():
            message = (
                f"'{kind[:80]}' never comes: saga.* and hitl.* are the orchestrator's own, and it has no such event"
            )
            fix = nearest(kind, sorted(own_events())) or "Await another event."
            self._in_vain((*path, "event"), message, fix)
        constant = self._constant(written.get("match"), boolean=True)
        if constant is not None and constant.value is not True:
            what = f"fails for every event ({constant.error})" if constant.error else "is false for every event"
            fix = "Compare the candidate with the run: event.data.policyId == data.policyId."
            self._in_vain((*path, "match"), f"'match' {what}, so the step waits in vain", fix)

    def approval(self, written: Any, path: Path) -> None:
        """No word on what follows an end that never comes."""
        if isinstance(written, Mapping) and "onExpire" in written and "ttlMs" not in written:
            self._no_effect((*path, "onExpire"), "without 'ttlMs'", "Add ttlMs, or remove it.")

    def _in_vain(self, path: Path, message: str, fix: str) -> None:
        self._source.add(catalogue.WAITS_IN_VAIN, message, fix, self._tree.place(path), path)

    def _no_effect(self, path: Path, why: str, fix: str = "Remove it.") -> None:
        message = f"'{path[-1]}' does nothing {why}"
        self._source.add(catalogue.NO_EFFECT, message, fix, self._tree.key_place(path), path)

    def _constant(self, text: Any, *, boolean: bool = False) -> _Constant | None:
        """What a text of CEL yields without any name; None for one that needs a name, and for one that is not CEL:
        that is another finding."""
        if not isinstance(text, str) or self._expressions.reads(text):
            return None
        try:
            expression = self._expressions.compile(text, (), boolean=boolean)
        except ExpressionError:
            return None
        if not self._source.may_try():
            return None
        try:
            return _Constant(expression.evaluate({}))
        except ExpressionError as error:
            return _Constant(None, error.message)
