"""The console of `up` for machines: the same lines as `narration.py`, each as one JSON object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from hms_orch_cli.cli.narration import lines_of
from hms_orch_cli.safe import safe
from hms_orch_cli.saga.encoding import to_data
from hms_orch_cli.saga.event_types import TYPES
from hms_orch_cli.saga.events import RunFact, StepStuck, Stuck
from hms_orch_cli.saga.identity import trace_id
from hms_orch_cli.saga.moment import rfc3339
from hms_orch_cli.saga.state import Run

TEXT_LIMIT: Final = 500

_KEPT_BACK: Final = ("answer", "output", "context", "step", "sagaId", "saga")
"""Members of a fact that no line repeats as they are: what participants answer belongs into the log of events alone."""

_STANDS_STILL: Final = (StepStuck, Stuck)
"""Nothing goes on without a person."""


def entries_of(run: Run, facts: Sequence[RunFact]) -> Iterator[dict[str, Any]]:
    """The lines of these facts. `message` is what the console says, and safe for a terminal once it is decoded."""
    for fact in facts:
        for line in lines_of(run, (fact,)):
            data = to_data(fact, run.id, run.saga.id)
            entry = {
                "time": rfc3339(fact.at),
                "level": _level(fact, line.style),
                "message": safe(f"{line.name}: {line.text}", TEXT_LIMIT),
                "event": TYPES[type(fact)],
                "sagaId": run.id,
                "saga": run.saga.id,
                "traceId": trace_id(run.id),
            }
            if "step" in data:
                entry["step"] = data["step"]["name"]
            yield entry | {name: _bounded(value) for name, value in data.items() if name not in (*entry, *_KEPT_BACK)}


def _level(fact: RunFact, style: str) -> str:
    if isinstance(fact, _STANDS_STILL):
        return "error"
    return "warning" if style.startswith(("red", "yellow")) else "info"


def _bounded(value: Any) -> Any:
    return value[:TEXT_LIMIT] if isinstance(value, str) else value
