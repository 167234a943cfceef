"""When things happened in a run: a line for each call, undo and wait, with its attempts and pauses as stretches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, NamedTuple

from hms_orch_cli.saga.moment import from_rfc3339

Kind = Literal["attempt", "success", "failed", "unknown", "pause", "wait", "undone", "stuck"]
"""`attempt` is one that goes on; `wait` is for a person, an event, a lock or a participant that works on it."""


class Stretch(NamedTuple):
    """From `begin` to `end` (milliseconds since 1970; None: it goes on). `said` is what came of it."""

    begin: int
    end: int | None
    kind: Kind
    said: str = ""


class Line(NamedTuple):
    """What happened to one step. `what`: call, undo, lock. `step` is empty for the lock."""

    step: str
    what: Literal["call", "undo", "lock"]
    stretches: list[Stretch]


_ENDS: Final[Mapping[str, Kind]] = {
    "saga.step.succeeded": "success",
    "saga.step.failed": "failed",
    "saga.step.held": "failed",
    "saga.step.compensated": "undone",
    "saga.step.stuck": "stuck",
}
_OVER: Final = ("saga.completed", "saga.failed", "saga.cancelled", "saga.abandoned")


def timings(timeline: Iterable[Mapping[str, Any]]) -> list[Line]:
    """The lines of a run in the order in which they began; `timeline` as in the JSON of a run."""
    lines: dict[tuple[str, str], Line] = {}
    for event in timeline:
        kind, data, at = str(event["type"]), event["data"], from_rfc3339(event["time"])
        if kind in _OVER:
            for line in lines.values():
                _close(line, at, None, "")
        elif kind.startswith("saga.lock."):
            _lock(lines, kind, at)
        elif isinstance(step := data.get("step"), Mapping):
            undo = kind in ("saga.compensate", "saga.step.compensated", "saga.step.stuck")
            undo = undo or data.get("op") == "compensate"
            _step(_line(lines, str(step["name"]), "undo" if undo else "call"), kind, data, at)
    return [line for line in lines.values() if line.stretches]


def _line(lines: dict[tuple[str, str], Line], step: str, what: Literal["call", "undo", "lock"]) -> Line:
    return lines.setdefault((step, what), Line(step, what, []))


def _lock(lines: dict[tuple[str, str], Line], kind: str, at: int) -> None:
    line = _line(lines, "", "lock")
    if kind == "saga.lock.queued":
        line.stretches.append(Stretch(at, None, "wait"))
    else:
        _close(line, at, None, "")


def _step(line: Line, kind: str, data: Mapping[str, Any], at: int) -> None:
    said = str(data.get("summary") or data.get("reason") or "")
    if status := data.get("status"):
        said = f"{status} {said}".strip()
    if kind in ("saga.step.started", "saga.compensate"):
        _close(line, at, "unknown" if data.get("interrupted") else None, "cut off" if data.get("interrupted") else "")
        line.stretches.append(Stretch(at, None, "attempt"))
    elif kind == "saga.step.waiting":
        line.stretches.append(Stretch(at, None, "wait"))
    elif kind == "saga.step.accepted":
        _close(line, at, "success", said)
        line.stretches.append(Stretch(at, None, "wait", said))
    elif kind == "saga.step.doubted":
        _close(line, at, "unknown", said)
        line.stretches.append(Stretch(at, None, "wait", "its check is asked"))
    elif kind == "saga.step.retrying":
        _close(line, at, "unknown" if data.get("outcome") == "unknown" else "failed", said)
        line.stretches.append(Stretch(at, None, "pause", said))
    elif kind in _ENDS:
        _close(line, at, _ENDS[kind], said)
        if kind == "saga.step.held":
            line.stretches.append(Stretch(at, None, "wait", "a person is asked"))
    elif kind == "saga.step.skipped":
        _close(line, at, None, said)


def _close(line: Line, at: int, kind: Kind | None, said: str) -> None:
    """Ends the stretch that goes on; a pause or a wait stays one."""
    if line.stretches and line.stretches[-1].end is None:
        last = line.stretches[-1]
        ended = kind if kind is not None and last.kind == "attempt" else last.kind
        line.stretches[-1] = last._replace(end=at, kind=ended, said=said or last.said)
