"""What a run asked of participants, against what was expected: which requests, in which order, then each closely."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from hms_orch_cli.ports.participants import CallRequest
from hms_orch_cli.rehearsal.matching import compared, differences
from hms_orch_cli.rehearsal.record import Sent

LISTS: Final[Mapping[str, Callable[[str], bool]]] = {
    "calls": lambda target: "." not in target,
    "undo": lambda target: target.endswith(".undo"),
    "requests": lambda target: True,
}
"""Key of what is expected -> which targets are on its list."""


class Asked(NamedTuple):
    """All attempts of a call, an undo, a check or a poll; it stands where the first of them was made."""

    name: str
    first: Sent
    attempts: int


class Expected(NamedTuple):
    """One entry of a list: its name, and what is expected of it besides."""

    name: str
    more: Mapping[str, Any]


def all_asked(sent: Sequence[Sent], key: str) -> list[Asked]:
    """What is on the list `key`, in order. In `undo` a step stands for its undo."""
    on_it = LISTS[key]
    found: dict[str, list[Sent]] = {}
    for each in sent:
        if on_it(each.target):
            found.setdefault(each.target, []).append(each)
    return [
        Asked(target.removesuffix(".undo") if key == "undo" else target, attempts[0], len(attempts))
        for target, attempts in found.items()
    ]


def objections(written: Sequence[Any], asked: Sequence[Asked]) -> Iterator[str]:
    """What is not as expected, in lines: the order, or if that is right what the requests hold."""
    groups = [each if isinstance(each, list) else [each] for each in written]
    wanted = [_in_order(group, asked, at) for group, at in zip(groups, _starts(groups), strict=True)]
    entries = [entry for group in wanted for entry in group]
    names, found = [entry.name for entry in entries], [each.name for each in asked]
    if names != found:
        yield from compared(names, found)
        return
    for entry, each in zip(entries, asked, strict=True):
        yield from (f"{entry.name}: {said}" for said in _closer(entry.more, each))


def _starts(groups: Sequence[Sequence[Any]]) -> Iterator[int]:
    at = 0
    for group in groups:
        yield at
        at += len(group)


def _in_order(group: Sequence[Any], asked: Sequence[Asked], at: int) -> list[Expected]:
    """What may come in any order, in the order in which it came; what did not come stands last."""
    entries = [Expected(each, {}) if isinstance(each, str) else _expected(each) for each in group]
    places = {each.name: place for place, each in enumerate(asked[at : at + len(group)])}
    return sorted(entries, key=lambda entry: places.get(entry.name, len(group)))


def _expected(written: Mapping[str, Any]) -> Expected:
    return Expected(written["step"], {key: value for key, value in written.items() if key != "step"})


def _closer(more: Mapping[str, Any], asked: Asked) -> Iterator[str]:
    if not more:
        return
    found = {"attempts": asked.attempts, "atMs": asked.first.at_ms}
    request = asked.first.request
    if request is not None:
        found |= _parts(request)
    wanted = dict(more)
    if "headers" in wanted:
        wanted["headers"] = {name.lower(): value for name, value in wanted["headers"].items()}
    yield from differences(wanted, found)


def _parts(request: CallRequest) -> dict[str, Any]:
    return {
        "service": request.service,
        "method": request.method,
        "path": request.url or request.path,
        "query": dict(request.query),
        "headers": {name.lower(): value for name, value in request.headers.items()},
        "body": None if request.body is None else orjson.loads(request.body),
    }
