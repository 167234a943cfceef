"""What a new revision of a definition means: steps added, removed, renamed or moved, and each key that holds another
value than before. How a file is written does not matter, only what it says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from hms_orch_cli.application.definition_keys import DOES, Keys, owner, saga_keys, step_keys
from hms_orch_cli.application.definition_order import moved
from hms_orch_cli.saga.definition import Group, Item, Saga, Step, saga_from, walk

Kind = Literal["added", "removed", "renamed", "moved", "changed", "rewritten"]

SHOWN: Final = 100
"""Characters of a value that a sentence shows."""

NAMES: Final = 3
"""Steps that a sentence names."""


class Change(NamedTuple):
    """One difference. `steps` are those that it is about, none if it is about the saga; a renamed one has its old name
    in `before`. `key` is that of the file, dotted; `before` and `after` are the values that held and hold, None for
    nothing. Of a step that is added or removed they are all its keys; of one that is moved, what it runs after and
    beside. `rewritten`: the file is another, and says the same."""

    kind: Kind
    steps: tuple[str, ...] = ()
    key: str | None = None
    before: Any = None
    after: Any = None

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {**self._asdict(), "steps": list(self.steps), "sentence": self.sentence()}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Change:
        """What `to_json` wrote."""
        return cls(told["kind"], tuple(told["steps"]), told["key"], told["before"], told["after"])

    def sentence(self, quote: Callable[[str], str] = str) -> str:
        """The difference in words; `quote` is applied to each piece that comes from a file."""
        step = "" if not self.steps else f"step{'s' if len(self.steps) > 1 else ''} {_names(self.steps, quote)}"
        match self.kind:
            case "added":
                return f"{step} added: {_does(self.after, quote)}"
            case "removed":
                return f"{step} removed: {_does(self.before, quote)}"
            case "renamed":
                return f"step {quote(self.before)} is now called {quote(self.after)}"
            case "moved":
                return f"{step} moved: it runs {_place(self.after, quote)}"
            case "changed":
                return f"{step}{': ' if step else ''}{self._key(quote)}"
        return "written in another way, the meaning is the same"

    def _key(self, quote: Callable[[str], str]) -> str:
        key = self.key or ""
        name = quote(key)
        if key == "compensate":
            name = "undo"
        elif key.startswith("compensate."):
            name = f"undo {quote(key.removeprefix('compensate.'))}"
        if self.before is None:
            return f"{name} added: {_value(self.after, quote)}"
        if self.after is None:
            return f"{name} removed, was {_value(self.before, quote)}"
        return f"{name} {_value(self.before, quote)} → {_value(self.after, quote)}"


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """What changes from one content of a definition to another one under the same id; never empty, if they are not
    the same text for text."""
    old, new = saga_from(before, ""), saga_from(after, "")
    found = list(_compare(saga_keys(old, before), saga_keys(new, after), {}))
    of_saga = {each.key: (each.before, each.after) for each in found if each.key}
    was, now = ({name: step_keys(step) for name, step in saga.steps.items()} for saga in (old, new))
    names = _renamed(was, now)
    old_name = {name: name for name in now if name in was} | {new: old for old, new in names.items()}
    found += [Change("removed", (name,), before=keys) for name, keys in was.items() if name not in old_name.values()]
    for name, keys in now.items():
        if name not in old_name:
            found.append(Change("added", (name,), after=keys))
            continue
        if old_name[name] != name:
            found.append(Change("renamed", (name,), before=old_name[name], after=name))
        found += _compare(was[old_name[name]], keys, of_saga, name)
    order = moved(old, new, old_name)
    found += [Change("moved", (each.step,), before=each.before, after=each.after) for each in order]
    found += _groups(old, new, old_name)
    return tuple(found) or (Change("rewritten"),)


def _compare(before: Keys, after: Keys, handed_down: Mapping[str, tuple[Any, Any]], *steps: str) -> Iterator[Change]:
    """The keys that differ. Nothing is told twice: not the parts of what has come or gone as a whole, nor what a step
    only takes over from its saga, or an undo from its step."""
    for key in dict.fromkeys((*before, *after)):
        was, now = before.get(key), after.get(key)
        above = owner(key) if steps else key.partition(".")[0]
        if _same(was, now) or (above != key and (above in before) != (above in after)):
            continue
        if handed_down.get(key.removeprefix("compensate.")) == (was, now):
            continue
        if key == "timeoutMs":  # the one key that an undo takes over from its step
            handed_down = {**handed_down, key: (was, now)}
        yield Change("changed", steps, key, was, now)


def _same(one: Any, other: Any) -> bool:
    """As JSON: in Python true is 1."""
    return one == other and json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _renamed(was: Mapping[str, Keys], now: Mapping[str, Keys]) -> dict[str, str]:
    """Old name -> new name of steps that go and come and look like the same: in all that they say, or at least in what
    they do, and no other step does that."""
    gone = {name: keys for name, keys in was.items() if name not in now}
    come = {name: keys for name, keys in now.items() if name not in was}
    found: dict[str, str] = {}
    looks: tuple[Callable[[Keys], str], ...] = (lambda keys: json.dumps(keys, sort_keys=True), _deed)
    for look in looks:
        left, right = _alone(gone, look), _alone(come, look)
        for deed in left.keys() & right.keys():
            found[left[deed]] = right[deed]
            del gone[left[deed]], come[right[deed]]
    return {old: found[old] for old in was if old in found}


def _alone(steps: Mapping[str, Keys], look: Callable[[Keys], str]) -> dict[str, str]:
    """Look -> the one step that has it."""
    found: dict[str, list[str]] = {}
    for name, keys in steps.items():
        found.setdefault(look(keys), []).append(name)
    return {deed: names[0] for deed, names in found.items() if len(names) == 1}


def _deed(keys: Keys) -> str:
    return " ".join(f"{key} {keys[key]}" for key in DOES if key in keys)


def _groups(old: Saga, new: Saga, old_name: Mapping[str, str]) -> Iterator[Change]:
    """Groups of the same steps whose failure means something else for the others."""
    before = {frozenset(step.name for step in walk(group)): group for group in _groups_of(old.body)}
    for group in _groups_of(new.body):
        names = tuple(step.name for step in walk(group))
        was = before.get(frozenset(old_name.get(name, "") for name in names))
        if was is not None and was.on_sibling_failure != group.on_sibling_failure:
            yield Change("changed", names, "onSiblingFailure", was.on_sibling_failure, group.on_sibling_failure)


def _groups_of(item: Item) -> Iterator[Group]:
    if isinstance(item, Step):
        return
    if isinstance(item, Group):
        yield item
    for inner in item.items:
        yield from _groups_of(inner)


def _does(keys: Mapping[str, Any], quote: Callable[[str], str]) -> str:
    """What a step does and how it is undone."""
    words = {"call": "calls", "await": "waits for", "approval": "asks a person"}
    does = "".join(f"{words[key]} {_value(keys[key], quote)}" for key in DOES if key in keys)
    undo = keys.get("compensate")
    return f"{does}, {'without undo' if undo is None else f'undone by {_value(undo, quote)}'}"


def _place(place: Mapping[str, Sequence[str]], quote: Callable[[str], str]) -> str:
    first = f"after {_names(place['after'], quote)}" if place["after"] else "first"
    return first + (f", beside {_names(place['beside'], quote)}" if place["beside"] else "")


def _names(names: Iterable[str], quote: Callable[[str], str]) -> str:
    every = list(names)
    more = f" and {len(every) - NAMES} more" if len(every) > NAMES else ""
    return ", ".join(map(quote, every[:NAMES])) + more


def _value(value: Any, quote: Callable[[str], str]) -> str:
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return quote(text if len(text) <= SHOWN else text[: SHOWN - 1] + "…")
