"""Where in a document what kind of text stands, and which names its CEL may use (SPEC section 1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

from hms_orch_cli.sagafile.findings import Path

START: Final = ("data", "event", "saga")
"""Before the first step there is no context."""
STEP: Final = ("data", "event", "context", "saga")
ANSWER: Final = (*STEP, "response")
SENT: Final = (*STEP, "secret")


class Text(NamedTuple):
    """A text that holds CEL: as a whole (`cel`, `condition`) or inside `${…}` (`template`)."""

    path: Path
    text: str
    kind: Literal["cel", "condition", "template"]
    names: tuple[str, ...]


class Target(NamedTuple):
    """A request of a step. `key` is call, compensate or check; `written` its short form or its map."""

    path: Path
    key: str
    written: str | Mapping[str, Any]


def steps_of(items: Any, path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The named steps, in the order of the file, whatever the shape of the rest."""
    if not isinstance(items, list):
        return
    for index, item in enumerate(items):
        if not isinstance(item, Mapping):
            continue
        if "steps" in item or "parallel" in item:
            yield from steps_of(item.get("steps"), (*path, index, "steps"))
        else:
            yield (*path, index), item


def sequences_of(items: Any, path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The items that hold steps one after another, whatever the shape of the rest."""
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, Mapping) and "steps" in item:
            if item.get("parallel", False) is False:
                yield (*path, index), item
            yield from sequences_of(item["steps"], (*path, index, "steps"))


def targets_of(path: Path, step: Mapping[str, Any]) -> Iterator[Target]:
    """The requests of one step."""
    for key in ("call", "compensate", "check"):
        written = step.get(key)
        if key == "compensate" and (written == "event" or (isinstance(written, Mapping) and "event" in written)):
            continue
        if isinstance(written, str | Mapping):
            yield Target((*path, key), key, written)


def texts_of(content: Mapping[str, Any]) -> Iterator[Text]:
    """Every text of a saga that holds CEL, in the order of the table."""
    yield from texts_of_start(content)
    for path, step in steps_of(content.get("steps"), ("steps",)):
        yield from texts_of_step(path, step)


def texts_of_start(content: Mapping[str, Any]) -> Iterator[Text]:
    """Those that decide whether there is a run."""
    yield from _texts((), content, {"filter": "condition"}, START)
    lock = content.get("lock")
    if isinstance(lock, Mapping):
        yield from _texts(("lock",), lock, {"key": "cel"}, START)
    else:
        yield from _texts((), content, {"lock": "cel"}, START)


def texts_of_step(path: Path, step: Mapping[str, Any]) -> Iterator[Text]:
    """Those of one step."""
    yield from _texts(path, step, {"when": "condition"}, STEP)
    for target in targets_of(path, step):
        yield from _of_target(target)
    yield from _texts(path, step, {"summary": "template"}, ANSWER)
    output = step.get("output")
    if isinstance(output, Mapping):
        yield from _texts((*path, "output"), output, dict.fromkeys(output, "cel"), ANSWER)
    waits, approval = step.get("await"), step.get("approval")
    if isinstance(waits, Mapping):
        yield from _texts((*path, "await"), waits, {"match": "condition"}, STEP)
    if isinstance(approval, Mapping):
        yield from _texts((*path, "approval"), approval, {"prompt": "template"}, STEP)


def _of_target(target: Target) -> Iterator[Text]:
    if isinstance(target.written, str):
        yield Text(target.path, target.written, "template", STEP)
        return
    for key, names in (("path", STEP), ("query", STEP), ("headers", SENT), ("body", SENT)):
        for path, text in strings_of((*target.path, key), target.written.get(key)):
            yield Text(path, text, "template", names)


def _texts(path: Path, owner: Mapping[str, Any], kinds: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[Text]:
    for key, kind in kinds.items():
        text = owner.get(key)
        if isinstance(text, str):
            yield Text((*path, key), text, kind, names)


def strings_of(path: Path, value: Any) -> Iterator[tuple[Path, str]]:
    """The texts inside a value; the reader's limit of depth bounds the recursion."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from strings_of((*path, key), item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from strings_of((*path, index), item)
