"""What only shows when sagas are seen side by side: an id twice, runs that start one another, a wait for a run that
waits for the same lock. HMS111 to HMS113."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Final

from hms_orch_cli.ports.expressions import Expressions
from hms_orch_cli.safe import safe
from hms_orch_cli.sagafile import catalogue
from hms_orch_cli.sagafile.outline import Awaited, Outline, Point
from hms_orch_cli.sagafile.own_events import lets_runs_in, may_match_runs, takes_long
from hms_orch_cli.sagafile.source import Source

Placed = tuple[Source, Outline]

MOST_TRIED: Final = 2_000
"""How often a filter or a match is tried on an event of another saga; with more sagas than that the rest is not."""

_WITHOUT_LOCK: Final = frozenset(
    (
        *("saga.started", "saga.skipped", "saga.filter.failed", "saga.lock.queued", "saga.compensating", "saga.failed"),
        *("saga.cancelled", "saga.abandoned", "saga.paused", "saga.resumed", "saga.redriven", "saga.replaced"),
    )
)
"""Events of a run that come although it has not got its lock."""


def check_together(sagas: Sequence[Placed], expressions: Expressions) -> None:
    """Notes what is wrong between sagas, each with the file where it stands."""
    _ids(sagas)
    _loops(sagas, expressions)
    _locks(sagas, expressions)


def _ids(sagas: Sequence[Placed]) -> None:
    first: dict[str, str] = {}
    for source, saga in sagas:
        file = first.setdefault(saga.id, source.name)
        if file != source.name:
            message = f"'{saga.id}' is the id of a saga in {safe(file, 200)}, too"
            source.add(catalogue.ID_ELSEWHERE, message, "Give one of them another id.", *saga.at)


def _loops(sagas: Sequence[Placed], expressions: Expressions) -> None:
    chained = [
        (source, saga) for source, saga in sagas if saga.triggers and saga.filter and not takes_long(saga.filter)
    ]
    starts: dict[str, dict[str, Point]] = {saga.id: {} for _, saga in chained}
    tries = (
        (other.id, saga, kind, at)
        for _, other in chained
        for _, saga in chained
        if other.id != saga.id
        for kind, at in saga.triggers
    )
    for other, saga, kind, at in islice(tries, MOST_TRIED):
        if saga.id not in starts[other] and lets_runs_in(saga.filter, kind, saga.id, expressions, of=other):
            starts[other][saga.id] = at
    for source, saga in chained:
        if circle := _circle(saga.id, starts):
            message = f"a run of '{saga.id}' starts it anew: {' → '.join(circle)}"
            fix = 'Let one of the filters keep the others out: data.saga == "…".'
            source.add(catalogue.TRIGGER_LOOP, message, fix, *starts[circle[-2]][saga.id])


def _circle(start: str, starts: Mapping[str, Iterable[str]]) -> list[str]:
    """The shortest way from a saga back to it, empty if there is none."""
    came_from: dict[str, str] = {}
    reached = [start]
    for saga in reached:
        for following in starts[saga]:
            if following == start:
                way = [start]
                while saga != start:
                    way.append(saga)
                    saga = came_from[saga]
                return [start, *reversed(way)]
            if following not in came_from:
                came_from[following] = saga
                reached.append(following)
    return []


def _locks(sagas: Sequence[Placed], expressions: Expressions) -> None:
    by_key: dict[str, list[str]] = {}
    for _, saga in sagas:
        if saga.lock:
            by_key.setdefault(saga.lock, []).append(saga.id)
    tries = (
        (source, saga, awaited, other)
        for source, saga in sagas
        for awaited in (saga.awaits if saga.lock else ())
        if awaited.event not in _WITHOUT_LOCK and not takes_long(awaited.match)
        for other in by_key[saga.lock]
    )
    told: set[tuple[str, Point]] = set()
    for source, saga, awaited, other in islice(tries, MOST_TRIED):
        here = (source.name, awaited.at)
        if here not in told and _means(awaited, other, saga.id, expressions):
            message = (
                f"'{awaited.step}' waits for a run of '{other}', which takes the lock '{safe(saga.lock, 60)}' "
                "that this run holds: about the same object it never comes"
            )
            fix = "Let one of them do without the lock, or take it for a key of its own."
            source.add(catalogue.WAITS_FOR_OWN_LOCK, message, fix, *awaited.at)
            told.add(here)


def _means(awaited: Awaited, other: str, saga: str, expressions: Expressions) -> bool:
    """Whether a wait is for runs of the saga `other`: its match names it, and does not keep its events out."""
    named = f'"{other}"' in awaited.match or f"'{other}'" in awaited.match
    if other == saga:
        named = named or "saga.definition" in awaited.match
    return named and may_match_runs(awaited.match, awaited.event, saga, expressions, of=other)
