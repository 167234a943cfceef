"""Which steps of a definition have moved: the fewest, near enough, after which all others stand to one another as they
did before."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

from hms_orch_cli.saga.definition import Saga


class Move(NamedTuple):
    """A step, by its new name, that stands elsewhere: `after` which step, and `beside` which ones of its group."""

    step: str
    before: dict[str, list[str]]
    after: dict[str, list[str]]


def moved(old: Saga, new: Saga, old_name: Mapping[str, str]) -> list[Move]:
    """The steps that have moved, in the order of the new file. `old_name` has those that are in both, by their new
    name."""
    common = [name for name in new.steps if name in old_name]
    ahead_then = {name: set(old.earlier[old_name[name]]) for name in common}
    ahead_now = {name: set(new.earlier[name]) for name in common}

    def stand_differently(one: str, other: str) -> bool:
        then = (old_name[one] in ahead_then[other], old_name[other] in ahead_then[one])
        return then != (one in ahead_now[other], other in ahead_now[one])

    at_odds: dict[str, set[str]] = {name: set() for name in common}
    for one, other in combinations(common, 2):
        if stand_differently(one, other):
            at_odds[one].add(other)
            at_odds[other].add(one)
    found: set[str] = set()
    while any(at_odds.values()):
        most = max(reversed(common), key=lambda name: len(at_odds[name]))
        found.add(most)
        for other in at_odds.pop(most):
            at_odds[other].discard(most)
        common.remove(most)
    return [Move(name, _place(old, old_name[name]), _place(new, name)) for name in new.steps if name in found]


def _place(saga: Saga, step: str) -> dict[str, list[str]]:
    ahead = saga.earlier[step]
    beside = [name for name in saga.steps if name != step and name not in ahead and step not in saga.earlier[name]]
    return {"after": list(ahead[-1:]), "beside": beside}
