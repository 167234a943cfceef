"""Turning back: what ends at once when a run begins no forward step any more. HTTP attempts in flight are never cut
off, they settle; waits for people and events end, retries and 202s as the cause and the group say."""

from __future__ import annotations

from collections.abc import Iterator

from hms_orch_cli.saga.definition import Group, Item, Step
from hms_orch_cli.saga.events import Compensating, RunFact, StepFailed
from hms_orch_cli.saga.machine import evolve
from hms_orch_cli.saga.state import Phase, Progress, Run

_TURNED_BACK = "given up: the run turned back"
_ON_THE_WAY = (Phase.RETRYING, Phase.ACCEPTED, Phase.CHECKING)


def turn_back(run: Run, turn: Compensating) -> list[RunFact]:
    """The turn back, and the end of the forward waits that end with it."""
    return [turn, *end_waits(evolve(run, turn), turn.at)]


def end_waits(run: Run, now: int) -> Iterator[RunFact]:
    """The forward waits that end in a run that has turned back, as it stands now."""
    for name, call in run.calls.items():
        if call.phase is Phase.WAITING:
            yield let_go(name, call._replace(undo=call.unknown, status=0, reason=_TURNED_BACK), now)
        elif call.phase is Phase.HELD:
            yield let_go(name, call, now)
        elif call.phase in _ON_THE_WAY and (hurries(run, name) or not call.attempt):
            if run.cause == "step" and call.phase is Phase.CHECKING:
                continue  # a question under way, no wait: it settles
            unknown = call.unknown or call.phase is not Phase.RETRYING
            yield let_go(name, call._replace(unknown=unknown, undo=unknown, reason=call.reason or _TURNED_BACK), now)


def let_go(name: str, call: Progress, now: int) -> StepFailed:
    """The step is over as it stands."""
    outcome = "unknown" if call.unknown else "failed"
    return StepFailed(
        now, name, call.attempt, outcome, call.undo, call.reason, call.status or None, call.refused or None
    )


def hurries(run: Run, name: str) -> bool:
    """Whether a forward step begins no further attempt: the run turned back for something else than a step, or a
    sibling failed in a group that says `cancel`."""
    return _is_cancelled(run, name) if run.cause == "step" else bool(run.cause)


def _is_cancelled(run: Run, name: str) -> bool:
    """Whether a group around the step says `cancel` and another of its branches has failed."""
    failed = {other for other, call in run.calls.items() if call.phase in (Phase.FAILED, Phase.UNKNOWN)}
    return any(
        group.on_sibling_failure == "cancel" and failed & others for group, others in _around(run.saga.body, name)
    )


def _around(item: Item, name: str) -> list[tuple[Group, frozenset[str]]]:
    """The groups that contain a step, outermost first, each with the steps of its other branches."""
    if isinstance(item, Step):
        return []
    for inner in item.items:
        names = _names(inner)
        if name in names:
            around = _around(inner, name)
            return [(item, _names(item) - names), *around] if isinstance(item, Group) else around
    return []


def _names(item: Item) -> frozenset[str]:
    if isinstance(item, Step):
        return frozenset({item.name})
    return frozenset().union(*(_names(inner) for inner in item.items))
