"""The sagas that tests are about, made ready once for all tests of a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from hms_orch_cli.application.deploy import deploy_append
from hms_orch_cli.orchestrator.compiled import CompiledSaga, compile_saga
from hms_orch_cli.ports.expressions import Expressions
from hms_orch_cli.ports.store import Append
from hms_orch_cli.rehearsal.cases import START_MS
from hms_orch_cli.saga.definition import Saga, saga_from
from hms_orch_cli.sagafile.check import Document


class Ready(NamedTuple):
    """A definition with its expressions compiled, and the append that deploys it."""

    compiled: CompiledSaga
    deployment: Append

    @property
    def saga(self) -> Saga:
        """The definition."""
        return self.compiled.saga


def make_ready(document: Document, expressions: Expressions) -> Ready:
    """A saga as tests run it: as it is written, but for the jitter of its pauses. That depends on the id of the run,
    and so on every character of the file; without it durations say something."""
    content, revision = document.content, document.revision
    compiled = compile_saga(saga_from(_without_jitter(content), revision), expressions)
    return Ready(compiled, deploy_append(content["id"], revision, content, 0, START_MS))


def _without_jitter(content: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **content,
        "retry": {**content.get("retry", {}), "jitter": 0},
        "steps": [_item_without_jitter(item) for item in content["steps"]],
    }


def _item_without_jitter(item: Mapping[str, Any]) -> Mapping[str, Any]:
    if "steps" in item:
        return {**item, "steps": [_item_without_jitter(inner) for inner in item["steps"]]}
    undo = item.get("compensate")
    if isinstance(undo, Mapping):
        item = {**item, "compensate": _own_without_jitter(undo)}
    return _own_without_jitter(item)


def _own_without_jitter(owner: Mapping[str, Any]) -> Mapping[str, Any]:
    """A step, or an undo, whose own `retry` says nothing of jitter: then the saga's holds."""
    if "jitter" not in owner.get("retry", {}):
        return owner
    return {**owner, "retry": {key: value for key, value in owner["retry"].items() if key != "jitter"}}
