"""Whether a filter lets the events of the saga's own runs in, so that each run would start the next."""

from __future__ import annotations

from typing import Final

from hms_orch_cli.errors import ExpressionError
from hms_orch_cli.ports import Expressions
from hms_orch_cli.saga.event_types import RUN_FACTS
from hms_orch_cli.sagafile.places import START

_RUN: Final = "00000000-0001-8000-8000-000000000000"
_NEXT_RUN: Final = "00000000-0002-8000-8000-000000000000"


def lets_own_runs_in(text: str, trigger: str, saga: str, expressions: Expressions) -> bool:
    """Tries the filter on what every event of an own run has. False also where that is not enough to tell, or where
    the filter is no expression: that is another finding."""
    if trigger not in RUN_FACTS or "has(" in text:  # what is left out here may be there in a run
        return False
    names = {
        "data": {"sagaId": _RUN, "saga": saga},
        "event": {"id": f"{_RUN}.9", "source": "hms-orch", "type": trigger, "time": "2026-01-01T00:00:00.000Z"},
        "saga": {"id": _NEXT_RUN, "definition": saga},
    }
    try:
        return expressions.compile(text, START, boolean=True).evaluate(names) is True
    except ExpressionError:
        return False
