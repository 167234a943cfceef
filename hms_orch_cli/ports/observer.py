"""Whoever hears of what was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from hms_orch_cli.saga.events import RunFact
    from hms_orch_cli.saga.state import Run


class Observer(Protocol):
    """Hears of each fact once it is durable: the console, the metrics, the live page."""

    def on_facts(self, run: Run, facts: Sequence[RunFact]) -> None:
        """`facts` of one run, in the order of the log; `run` is the state after them."""
