"""What the schema of saga tests cannot say: names, and what can be asked of a step at all.

Every rule looks at a document of any shape, so that all mistakes of a file come at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from hms_orch_cli.saga.definition import Saga, Step
from hms_orch_cli.sagafile import catalogue
from hms_orch_cli.sagafile.findings import Path
from hms_orch_cli.sagafile.reader import Tree
from hms_orch_cli.sagafile.schema import nearest
from hms_orch_cli.sagafile.source import Source

_NAMED: Final = ("steps", "context")
"""Maps of what is expected whose keys are steps."""

_ACCEPTED: Final = ("location", "callback")
"""What only a 202 has."""


def check_case_rules(tree: Tree, source: Source, sagas: Sequence[Saga] | None) -> None:
    """Notes where a test file breaks a rule. `sagas` are those that it is about, None to leave out what needs them."""
    rules = _Rules(tree, source, sagas)
    rules.names()
    rules.given(tree.value.get("given"), ("given",))
    for path, case in _cases(tree.value):
        rules.expects(case, path)
        rules.given(case.get("given"), (*path, "given"))
        if sagas and isinstance(case.get("expect"), Mapping):
            rules.run(case["expect"], (*path, "expect"), sagas[0])


def _cases(content: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    tests = content.get("tests")
    for place, case in enumerate(tests if isinstance(tests, list) else ()):
        if isinstance(case, Mapping):
            yield ("tests", place), case


class _Rules:
    def __init__(self, tree: Tree, source: Source, sagas: Sequence[Saga] | None) -> None:
        self._tree = tree
        self._source = source
        self._sagas = sagas
        self._steps: dict[str, list[Step]] = {}
        for saga in sagas or ():
            for name, step in saga.steps.items():
                self._steps.setdefault(name, []).append(step)

    def names(self) -> None:
        """No two tests have the same name."""
        lines: dict[str, int] = {}
        for path, case in _cases(self._tree.value):
            name = case.get("name")
            if not isinstance(name, str):
                continue
            place = self._tree.place((*path, "name"))
            if name in lines:
                message = f"a test '{name[:80]}' is there already, on line {lines[name]}"
                self._source.add(catalogue.TEST_TWICE, message, "Give it another name.", place, (*path, "name"))
            lines.setdefault(name, place.line)

    def expects(self, case: Mapping[str, Any], path: Path) -> None:
        """A test expects something."""
        if case.get("expect") == {}:
            place, path = self._tree.place((*path, "expect")), (*path, "expect")
            self._source.add(catalogue.NOTHING_EXPECTED, "the test expects nothing", "Add 'state: …'.", place, path)

    # -- what is given

    def given(self, given: Any, path: Path) -> None:
        """Answers to what is asked, decisions about steps that there are, events that somebody hears."""
        if not isinstance(given, Mapping):
            return
        answers, decisions, events = given.get("answers"), given.get("decisions"), given.get("events")
        if isinstance(answers, Mapping):
            for target, written in answers.items():
                self._answers(target, written, (*path, "answers", target))
        for place, decision in enumerate(decisions if isinstance(decisions, list) else ()):
            if isinstance(decision, Mapping) and isinstance(decision.get("step"), str) and self._sagas:
                self._known(decision["step"], self._steps, (*path, "decisions", place, "step"))
        if self._sagas:
            triggers = {trigger for saga in self._sagas for trigger in saga.triggers}
            awaited = {step.awaits.event for saga in self._sagas for step in saga.steps.values() if step.awaits}
            self._heard(given.get("event"), triggers, "is no trigger, so the event starts no run", (*path, "event"))
            for place, event in enumerate(events if isinstance(events, list) else ()):
                message = "starts no run, and no step waits for it"
                self._heard(event, triggers | awaited, message, (*path, "events", place))

    def _heard(self, event: Any, known: Collection[str], message: str, path: Path) -> None:
        kind, path = event.get("type") if isinstance(event, Mapping) else None, (*path, "type")
        if isinstance(kind, str) and kind not in known:
            place = self._tree.place(path)
            self._source.add(catalogue.UNHEARD, f"'{kind[:80]}' {message}", nearest(kind, known), place, path)

    def _answers(self, target: str, written: Any, path: Path) -> None:
        self._target(target, path, key=True)
        many = isinstance(written, list)
        for place, answer in enumerate(written if many else [written]):
            where = (*path, place) if many else path
            if isinstance(answer, Mapping) and answer.get("status") != 202:
                for key in _ACCEPTED:
                    if key in answer:
                        message = f"'{key}' goes with a 202 alone"
                        spot = self._tree.key_place((*where, key))
                        self._source.add(catalogue.BAD_ANSWER, message, "Add 'status: 202'.", spot, (*where, key))
            self._acknowledgement(target, answer, where)

    def _acknowledgement(self, target: str, answer: Any, path: Path) -> None:
        """An undo by event is acknowledged, or it is not: nobody answers."""
        name, _, asked = target.partition(".")
        undos = [step.compensate for step in self._steps.get(name, ()) if step.compensate]
        if asked != "undo" or not undos or any(undo.mode != "event" for undo in undos):
            return
        status = answer.get("status", 200) if isinstance(answer, Mapping) else answer
        if status not in (200, "timeout"):
            message = f"the undo of '{name}' is an event: it is acknowledged (200), or it is not (timeout)"
            self._source.add(catalogue.BAD_ANSWER, message, "", self._tree.place(path), path)

    # -- what is expected

    def run(self, expected: Mapping[str, Any], path: Path, saga: Saga) -> None:
        """What is expected of a run names steps of its saga."""
        for key in ("calls", "undo", "requests"):
            seen: set[str] = set()
            for where, target in _targets(expected.get(key), (*path, key)):
                if target in seen:
                    message, fix = (
                        f"'{target}' is in the list already",
                        f"Write '{{step: {target}, attempts: 2}}' once.",
                    )
                    self._source.add(catalogue.ASKED_TWICE, message, fix, self._tree.place(where), where)
                seen.add(target)
                self._target(f"{target}.undo" if key == "undo" and "." not in target else target, where, saga=saga)
        for key in _NAMED:
            written = expected.get(key)
            for name in written if isinstance(written, Mapping) else ():
                self._known(name, saga.steps, (*path, key, name), key=True)
        for key in ("skipped", "hitl"):
            written = expected.get(key)
            for place, item in enumerate(written if isinstance(written, list) else ()):
                name = item.get("step") if isinstance(item, Mapping) else item
                where = (*path, key, place, "step") if isinstance(item, Mapping) else (*path, key, place)
                if isinstance(name, str):
                    self._known(name, saga.steps, where)
        self._others(expected.get("runs"), (*path, "runs"))

    def _others(self, runs: Any, path: Path) -> None:
        ids = {saga.id: saga for saga in self._sagas or ()}
        for place, run in enumerate(runs if isinstance(runs, list) else ()):
            if not isinstance(run, Mapping) or not isinstance(run.get("saga"), str):
                continue
            if run["saga"] in ids:
                self.run(run, (*path, place), ids[run["saga"]])
            else:
                where = (*path, place, "saga")
                message = f"no saga of this test is called '{run['saga'][:80]}'"
                fix = nearest(run["saga"], ids) or f"Known here: {', '.join(ids)}."
                self._source.add(catalogue.UNKNOWN_NAME, message, fix, self._tree.place(where), where)

    # -- what there is

    def _target(self, target: str, path: Path, *, saga: Saga | None = None, key: bool = False) -> None:
        """A step that there is, and that is asked this."""
        if self._sagas is None:
            return
        steps = self._steps if saga is None else {name: [step] for name, step in saga.steps.items()}
        name, _, asked = target.partition(".")
        if not self._known(name, steps, path, key=key):
            return
        lacking = [_lacking(step, asked) for step in steps[name]]
        if all(lacking):
            place = self._tree.key_place(path) if key else self._tree.place(path)
            self._source.add(catalogue.NEVER_ASKED, f"step '{name}' {lacking[0]}", "Remove it.", place, path)

    def _known(self, name: str, steps: Mapping[str, Any], path: Path, *, key: bool = False) -> bool:
        if name in steps:
            return True
        place = self._tree.key_place(path) if key else self._tree.place(path)
        fix = nearest(name, steps) or f"Known here: {', '.join(steps)}."[:300]
        self._source.add(catalogue.UNKNOWN_NAME, f"the saga has no step '{name[:80]}'", fix, place, path)
        return False


def _lacking(step: Step, asked: str) -> str:
    """Why a step is never asked this; empty if it may be."""
    match asked:
        case "undo" if step.compensate is None:
            return "has no 'compensate': it is never undone"
        case "undo.poll" if step.compensate is None or step.compensate.mode == "event":
            return "has no undo that could be polled"
        case "check" if step.check is None:
            return "has no 'check'"
        case "" | "poll" if step.call is None:
            return "calls nobody: it waits"
        case _:
            return ""


def _targets(written: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """What requests name, each with its place, those side by side as well."""
    for place, item in enumerate(written if isinstance(written, list) else ()):
        if isinstance(item, list):
            yield from _targets(item, (*path, place))
        elif isinstance(item, str):
            yield (*path, place), item
        elif isinstance(item, Mapping) and isinstance(item.get("step"), str):
            yield (*path, place, "step"), item["step"]
