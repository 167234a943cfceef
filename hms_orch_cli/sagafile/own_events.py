"""Whether a filter lets the events of a saga's runs in, so that each of these runs would start one."""

from __future__ import annotations

import re
from typing import Final

from hms_orch_cli.errors import ExpressionError
from hms_orch_cli.ports.expressions import Expressions
from hms_orch_cli.saga.reserved import is_reserved
from hms_orch_cli.sagafile.places import START, STEP

_RUN: Final = "00000000-0001-8000-8000-000000000000"
_NEXT_RUN: Final = "00000000-0002-8000-8000-000000000000"

_LOOP: Final = re.compile(r"\b(?:all|exists|exists_one|map|filter)\s*\(")


def is_of_a_run(kind: str) -> bool:
    """Whether runs record events of this type."""
    if not is_reserved(kind):
        return False  # mostly: the facts themselves are a good part of what a short command imports
    from hms_orch_cli.saga.event_types import RUN_FACTS

    return kind in RUN_FACTS


def takes_long(text: str) -> bool:
    """Whether trying an expression out may take a while: it is long, or has a loop."""
    return len(text) > 1024 or _LOOP.search(text) is not None


def lets_runs_in(text: str, trigger: str, saga: str, expressions: Expressions, *, of: str) -> bool:
    """Tries the filter of `saga` on what every event of type `trigger` of a run of the saga `of` has. False also where
    that is not enough to tell, or where the filter is no expression: that is another finding."""
    if not is_of_a_run(trigger) or "has(" in text:  # what is left out here may be there in a run
        return False
    event, data = _event(trigger), {"sagaId": _RUN, "saga": of}
    try:
        given = {"data": data, "event": event, "saga": _saga(saga)}
        return expressions.compile(text, START, boolean=True).evaluate(given) is True
    except ExpressionError:
        return False


def may_match_runs(text: str, kind: str, saga: str, expressions: Expressions, *, of: str) -> bool:
    """Whether the `match` of a step of `saga` may be true of an event of type `kind` of a run of the saga `of`; what
    it reads of its own run is not known here."""
    event = {**_event(kind), "data": {"sagaId": _RUN, "saga": of}}
    try:
        given = {"data": {}, "event": event, "context": {}, "saga": _saga(saga)}
        return expressions.compile(text, STEP, boolean=True).evaluate(given) is not False
    except ExpressionError:
        return True


def _event(kind: str) -> dict[str, str]:
    return {"id": f"{_RUN}.9", "source": "hms-orch", "type": kind, "time": "2026-01-01T00:00:00.000Z"}


def _saga(definition: str) -> dict[str, str]:
    return {"id": _NEXT_RUN, "definition": definition}
