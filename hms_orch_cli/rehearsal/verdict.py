"""What came of a test, against what was expected of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from hms_orch_cli.rehearsal.asked import LISTS, all_asked, objections
from hms_orch_cli.rehearsal.cases import Case
from hms_orch_cli.rehearsal.matching import compared, differences, filled_in, shown
from hms_orch_cli.rehearsal.record import Played, Ran
from hms_orch_cli.saga.encoding import to_data
from hms_orch_cli.saga.event_types import TYPES
from hms_orch_cli.saga.events import Closed, Decided, Queued, RunFact, StepSkipped
from hms_orch_cli.saga.state import Phase, Run, Status
from hms_orch_cli.sagafile.findings import Path
from hms_orch_cli.views.runs import reason_of, state_of, steps_of

NONE: Final = "NONE"
"""State of a run that there is not: the event passed by."""

NOT_SO: Final = "not as expected"
"""What the lines below show: `-` was expected, `+` is there instead."""

Narrate = Callable[[Run, Sequence[RunFact]], Iterator[str]]
"""The lines of the console about facts of a run."""


class Failure(NamedTuple):
    """Something that is not as expected. `path` is where the test file says so; `lines` show the difference."""

    path: Path
    message: str
    lines: tuple[str, ...] = ()


class View:
    """A run as it is looked at; there may be none."""

    def __init__(self, ran: Ran | None, narrate: Narrate, asked_about: Sequence[Mapping[str, Any]], at_ms: int) -> None:
        self.ran = ran
        self.run = None if ran is None else ran.run
        self.at_ms = at_ms
        self._narrate = narrate
        self._asked_about = asked_about

    @property
    def state(self) -> str:
        """Its state, NONE if there is no run."""
        return NONE if self.run is None else state_of(self.run)

    @property
    def facts(self) -> list[RunFact]:
        """What it recorded."""
        return [] if self.ran is None else self.ran.facts

    @property
    def console(self) -> list[str]:
        """What the console says of it."""
        return [] if self.ran is None else [line for told in self.ran.told for line in self._narrate(*told)]

    @property
    def items(self) -> list[dict[str, Any]]:
        """The questions to people: those of the run, then those about its definition."""
        found: dict[str, dict[str, Any]] = {}
        for fact in self.facts:
            if isinstance(fact, Queued):
                found[fact.id] = {
                    "kind": fact.kind,
                    "step": fact.step,
                    "reason": fact.reason,
                    "decisions": list(fact.decisions),
                    "decided": None,
                    "open": True,
                }
            elif isinstance(fact, Decided):
                found[fact.id] |= {"decided": fact.decision, "open": False}
            elif isinstance(fact, Closed):
                found[fact.id]["open"] = False
        about = [
            {"step": None, "decided": None, "open": True, **item}
            for item in self._asked_about
            if self.run is not None and item["saga"] == self.run.saga.id
        ]
        return [*found.values(), *about]


def failures(case: Case, played: Played, narrate: Narrate) -> list[Failure]:
    """Everything that is not as the test expects, in the order of its keys."""
    path: Path = ("tests", case.number, "expect")
    main = View(played.main, narrate, played.asked_about, played.at_ms)
    found = list(_of_run(case.expect, path, main))
    if "runs" in case.expect:
        others = [View(ran, narrate, played.asked_about, played.at_ms) for ran in played.others]
        found += _of_others(case.expect["runs"], (*path, "runs"), others)
    return [*found, *_of_given(case, played)]


def console(played: Played, narrate: Narrate) -> list[str]:
    """What the console says of all runs of a test."""
    runs = [*([] if played.main is None else [played.main]), *played.others]
    return [line for ran in runs for told in ran.told for line in narrate(*told)]


def _of_run(expect: Mapping[str, Any], path: Path, view: View) -> Iterator[Failure]:
    names = {} if view.run is None else {"${saga.id}": view.run.id}
    for key, wanted in expect.items():
        judge = _JUDGES.get(key)
        if judge is not None and (failure := judge(filled_in(wanted, names), view)) is not None:
            yield Failure((*path, key), *failure)


def _of_others(wanted: Sequence[Mapping[str, Any]], path: Path, found: Sequence[View]) -> Iterator[Failure]:
    sagas = [view.run.saga.id for view in found if view.run is not None]
    expected = [each["saga"] for each in wanted]
    if sagas != expected:
        yield Failure(path, NOT_SO, compared(expected, sagas))
        return
    for place, (each, view) in enumerate(zip(wanted, found, strict=True)):
        yield from _of_run(each, (*path, place), view)


def _of_given(case: Case, played: Played) -> Iterator[Failure]:
    """What a test gives and nobody asks for, or what was not as it was meant: else it may show less than it says."""
    path: Path = ("tests", case.number, "given")
    if played.endless:
        yield Failure(("tests", case.number), "it does not come to an end: the test was broken off")
    for target in sorted(case.own_answers):
        used, there = played.given.get(target, 0), len(case.replies[target])
        if not used:
            yield Failure((*path, "answers", target), f"{target} was never asked")
        elif used < there:
            message = f"{target} has {there} answers, but was asked {used} times"
            yield Failure((*path, "answers", target), message.replace("1 times", "once"))
    for decision in case.decisions:
        if decision.number not in played.taken:
            yield Failure((*path, "decisions", decision.number), "nobody was asked for this decision")
    refused = {(refusal.key, refusal.number): refusal.message for refusal in played.refusals}
    for key, wishes in (("decisions", case.decisions), ("operations", case.operations)):
        for wish in wishes:
            said = refused.get((key, wish.number))
            if said is not None and not wish.refused:
                yield Failure((*path, key, wish.number), f"it was refused: {said}")
            elif said is None and wish.refused:
                yield Failure((*path, key, wish.number), "it was not refused")


# -- one for each key: a message, and lines that show the difference

Said = tuple[str, tuple[str, ...]]


def _state(wanted: str, view: View) -> Said | None:
    if view.state == wanted:
        return None
    if view.run is None:
        return f"expected {wanted}, but there is no run: the event passed by", ()
    reason = reason_of(view.run)
    return f"expected {wanted}, but it is {view.state}{f': {reason}' if reason else ''}", ()


def _reason(wanted: str, view: View) -> Said | None:
    reason = "" if view.run is None else reason_of(view.run)
    return None if wanted in reason else (f"expected {shown(wanted)} in it, but it is {shown(reason)}", ())


def _list_of(key: str) -> Callable[[Any, View], Said | None]:
    def judge(wanted: Sequence[Any], view: View) -> Said | None:
        lines = tuple(objections(wanted, all_asked(() if view.ran is None else view.ran.sent, key)))
        return (NOT_SO, lines) if lines else None

    return judge


def _skipped(wanted: Sequence[str], view: View) -> Said | None:
    found = [fact.step for fact in view.facts if isinstance(fact, StepSkipped)]
    if sorted(found) == sorted(wanted):
        return None
    return NOT_SO, compared(sorted(wanted), sorted(found))


def _steps(wanted: Mapping[str, str], view: View) -> Said | None:
    found = {} if view.run is None else {step["name"]: step["state"] for step in steps_of(view.run)}
    return _values(wanted, found)


def _context(wanted: Mapping[str, Any], view: View) -> Said | None:
    run = view.run
    done = {} if run is None else {name for name, call in run.calls.items() if call.phase is Phase.SUCCEEDED}
    found = {name: run.output_of(name) for name in done} if run is not None else {}
    return _values(wanted, found)


def _hitl(wanted: Sequence[Mapping[str, Any]], view: View) -> Said | None:
    found = view.items
    if len(found) != len(wanted):
        expected = [f"{item.get('kind', 'any')} {item.get('step', '')}".strip() for item in wanted]
        there = [f"{item['kind']} {item['step'] or ''}".strip() for item in found]
        return NOT_SO, compared(expected, there)
    lines = [said for place, item in enumerate(wanted) for said in _item(item, found[place], f"[{place}]")]
    return (NOT_SO, tuple(lines)) if lines else None


def _item(wanted: Mapping[str, Any], found: Mapping[str, Any], where: str) -> Iterator[str]:
    exact = {key: value for key, value in wanted.items() if key != "reason"}
    yield from differences(exact, found, where)
    if "reason" in wanted and wanted["reason"] not in found["reason"]:
        yield f"{where}.reason: expected {shown(wanted['reason'])} in it, but it is {shown(found['reason'])}"


def _events(wanted: Sequence[Any], view: View) -> Said | None:
    run, found = view.run, view.facts
    types = [TYPES[type(fact)] for fact in found]
    at = 0
    for item in wanted:
        kind = item if isinstance(item, str) else item["type"]
        data = {} if isinstance(item, str) else item.get("data", {})
        while at < len(found) and run is not None:
            fact, at = found[at], at + 1
            if types[at - 1] == kind and not any(differences(data, to_data(fact, run.id, run.saga.id))):
                break
        else:
            return f"{kind} {f'with {shown(data)} ' if data else ''}is not recorded, or not in this order", tuple(types)
    return None


def _console(wanted: str | Sequence[str], view: View) -> Said | None:
    found = view.console
    lines = [_words(line) for line in found]
    if isinstance(wanted, str):
        expected = [_words(line) for line in wanted.strip().splitlines()]
        return None if expected == lines else (NOT_SO, compared(expected, lines))
    at = 0
    for part in wanted:
        while at < len(lines) and _words(part) not in lines[at]:
            at += 1
        if at == len(lines):
            return f"{shown(part)} is not said, or not in this order", tuple(found)
        at += 1
    return None


def _words(line: str) -> str:
    return " ".join(line.split())


def _duration(wanted: int | Mapping[str, int], view: View) -> Said | None:
    run = view.run
    if run is None or run.status in (Status.NEW, Status.SKIPPED):
        return "there is no run that could last", ()
    if run.ended_at is None:
        return f"the run has not ended, {view.at_ms} ms after the event", ()
    took = run.ended_at - run.started_at
    if isinstance(wanted, int):
        return None if took == wanted else (f"expected {wanted} ms, but it took {took} ms", ())
    least, most = wanted.get("atLeast", took), wanted.get("atMost", took)
    if least <= took <= most:
        return None
    bound = f"at least {least}" if took < least else f"at most {most}"
    return f"expected {bound} ms, but it took {took} ms", ()


def _values(wanted: Any, found: Any) -> Said | None:
    lines = tuple(differences(wanted, found))
    return (NOT_SO, lines) if lines else None


_JUDGES: Final[Mapping[str, Callable[[Any, View], Said | None]]] = {
    "state": _state,
    "reason": _reason,
    **{key: _list_of(key) for key in LISTS},
    "skipped": _skipped,
    "steps": _steps,
    "context": _context,
    "hitl": _hitl,
    "events": _events,
    "console": _console,
    "durationMs": _duration,
}
