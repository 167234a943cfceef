"""A saga as the lint rules see it: what the file says, the definition that it makes, and where it says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

from hms_orch_cli.saga.definition import Saga, Step, saga_from
from hms_orch_cli.sagafile.findings import Path, Rule
from hms_orch_cli.sagafile.places import steps_of
from hms_orch_cli.sagafile.reader import Tree
from hms_orch_cli.sagafile.source import Source

Relation = Literal["earlier", "later", "beside", "itself"]

READING: Final = ("GET", "HEAD")
"""Methods that change nothing."""


class Part(NamedTuple):
    """A step with its place: `path` leads to it, `written` is what the file says of it."""

    step: Step
    path: Path
    written: Mapping[str, Any]

    @property
    def writes(self) -> bool:
        """Whether its call changes something."""
        return self.step.call is not None and self.step.call.request.method not in READING

    @property
    def stays(self) -> bool:
        """Whether nothing takes back what it does, and the file says so."""
        return self.step.irreversible and self.step.compensate is None

    @property
    def may_turn_back(self) -> bool:
        """Whether its failure turns the run back without a person being asked before: a call that may be refused, a
        wait that ends, a person who rejects."""
        step = self.step
        if step.approval is not None:
            return True
        if step.on_exhausted == "hitl":
            return False
        return step.call is not None or (step.awaits is not None and step.awaits.timeout_ms is not None)


class Subject:
    """What the rules of one saga share."""

    def __init__(self, tree: Tree, source: Source) -> None:
        self.content: Mapping[str, Any] = tree.value
        self.saga: Saga = saga_from(tree.value, "")
        self.parts: dict[str, Part] = {
            written["name"]: Part(self.saga.steps[written["name"]], path, written)
            for path, written in steps_of(tree.value["steps"], ("steps",))
        }
        self._tree = tree
        self._source = source

    def note(self, rule: Rule, message: str, fix: str, path: Path, *, key: bool = False, word: int = 0) -> None:
        """A finding at a value, or at its key; the first `word` characters of the value."""
        place = self._tree.key_place(path) if key else self._tree.place(path)
        self._source.add(rule, message, fix, place.inside(1, word) if word else place, path)

    def note_inside(self, rule: Rule, message: str, fix: str, path: Path, column: int, length: int) -> None:
        """A finding at characters of a text; `column` counts from 1."""
        self._source.add(rule, message, fix, self._tree.place(path).inside(column, length), path)

    def relation(self, one: str, other: str) -> Relation:
        """When `one` is done, seen from `other`: earlier, later, or beside it in a group."""
        here, there = self.parts[one].path, self.parts[other].path
        for depth, (mine, its) in enumerate(zip(here, there, strict=False)):
            if mine != its:
                if self._is_group(here[: depth - 1]):
                    return "beside"
                return "earlier" if mine < its else "later"  # type: ignore[operator]  # positions in one list
        return "itself"

    def in_groups(self) -> Iterator[list[tuple[int, Part]]]:
        """For each group its steps, each with the number of its branch; the outermost of nested groups first."""
        groups: dict[Path, list[tuple[int, Part]]] = {}
        for part in self.parts.values():
            for depth in range(2, len(part.path), 2):
                if self._is_group(part.path[:depth]):
                    branch = part.path[depth + 1]
                    groups.setdefault(part.path[:depth], []).append((int(branch), part))
        yield from groups.values()

    def _is_group(self, path: Path) -> bool:
        """Whether the item at a path runs its items side by side."""
        item: Any = self.content
        for key in path:
            item = item[key]
        return bool(item.get("parallel"))
