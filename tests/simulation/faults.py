"""Which faults a seed has, how often they strike, and whether they have struck.

Swarm: each seed picks a subset and its own rates, so that some seeds are quiet, some have one fault only, and some are
storms. A fault of the subset strikes at the latest at its n-th opportunity, and it counts when it takes effect: a seed
in which one of its faults never did is not counted as passed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from random import Random
from typing import Final

PROCESS: Final = (
    "crash before append",
    "crash after append",
    "crash any time",
    "crash in recovery",
    "stop in good order",
    "clock forward",
    "clock back",
    "tables lost",
)
DISK: Final = ("disk slow", "disk full", "fsync failed, kept", "fsync failed, lost")
WIRE: Final = (
    "not sent",
    "request lost",
    "request late",
    "request twice",
    "answer lost",
    "answer late",
    "slow",
)
CALL: Final = (
    "call refused",
    "call throttled",
    "call failed, done",
    "call failed, not done",
    "call unreadable",
    "call broken JSON",
    "call unauthorized",
    "call accepted, poll",
    "call accepted, callback",
    "call too early",
)
UNDO: Final = (
    "undo refused",
    "undo throttled",
    "undo failed, done",
    "undo failed, not done",
    "undo accepted, poll",
    "undo accepted, callback",
    "undo too early",
    "undo gone",
)
LATER: Final = (
    "job failed",
    "job slow",
    "callback lost",
    "callback twice",
    "callback early",
    "poll in doubt",
    "check in doubt",
    "acknowledged twice",
    "acknowledgement lost",
)
EVENTS: Final = ("event twice", "event in conflict", "event while down")
PEOPLE: Final = (
    "cancel",
    "abandon",
    "deploy",
    "undeploy",
    "gate narrow",
    "pause",
    "pause definition",
    "redrive",
    "release lock",
    "decide",
    "decide twice",
    "decide alone",
)

GROUPS: Final = {
    "process": PROCESS,
    "disk": DISK,
    "wire": WIRE,
    "call": CALL,
    "undo": UNDO,
    "later": LATER,
    "events": EVENTS,
    "people": PEOPLE,
}
ALL: Final = tuple(kind for kinds in GROUPS.values() for kind in kinds)

NEEDS: Final = {
    "job failed": ("call accepted, poll", "call accepted, callback"),
    "job slow": ("call accepted, poll", "call accepted, callback"),
    "callback lost": ("call accepted, callback",),
    "callback twice": ("call accepted, callback",),
    "callback early": ("call accepted, callback",),
    "poll in doubt": ("call accepted, poll",),
    "clock forward": ("crash any time",),
    "clock back": ("crash any time",),
    "tables lost": ("crash any time",),
    "crash in recovery": ("crash any time",),
    "event while down": ("crash any time",),
    "decide alone": ("crash any time",),
    "undo gone": ("request lost",),
}
"""A fault that can strike only where another one has: one of these is then in the plan as well."""

REACH: Final = {
    **dict.fromkeys(("disk full", "fsync failed, kept", "fsync failed, lost"), 20),
    **dict.fromkeys(("crash before append", "crash after append"), 25),
    **dict.fromkeys(WIRE, 4),
    **dict.fromkeys(CALL, 2),
}
"""The opportunity at which a fault strikes at the latest is drawn from 1 to this, 1 for those that are not named."""


class Plan:
    """The faults of one seed."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.healed = False
        self.fired: Counter[str] = Counter()
        chosen = dict.fromkeys(rng.sample(ALL, rng.choice((0, 1, 2, 3, 4, 6, 9))))
        for kind in tuple(chosen):
            if kind in NEEDS and not any(needed in chosen for needed in NEEDS[kind]):
                chosen[rng.choice(NEEDS[kind])] = None
        strength = rng.choice((0.02, 0.1, 0.3))
        self.rates = {kind: strength * rng.random() for kind in chosen}
        self._first = {kind: rng.randint(1, REACH.get(kind, 1)) for kind in chosen}
        if any(kind.startswith(("undo ", "acknowledge")) or kind == "redrive" for kind in chosen):
            # An undo can fail only where something is undone.
            self.rates["call refused"], self._first["call refused"] = rng.uniform(0.2, 0.4), 3
        if "undo gone" in chosen:
            self.rates["request lost"] = 0.3
        self._seen: Counter[str] = Counter()

    @property
    def undoes(self) -> bool:
        """Whether a fault can strike only where something is undone by a request."""
        return any(kind.startswith("undo ") for kind in self.rates)

    def __contains__(self, kind: str) -> bool:
        return kind in self.rates

    def wants(self, kind: str) -> bool:
        """Whether the fault is to strike at this opportunity; whoever lets it take effect says `fire`."""
        rate = self.rates.get(kind)
        if rate is None or self.healed:
            return False
        self._seen[kind] += 1
        if self._rng.random() < rate:
            return True
        return not self.fired[kind] and self._seen[kind] >= self._first[kind]

    def fire(self, kind: str) -> None:
        """It has taken effect."""
        self.fired[kind] += 1

    def strikes(self, kind: str) -> bool:
        """Both at once."""
        if not self.wants(kind):
            return False
        self.fired[kind] += 1
        return True

    def pick(self, kinds: Iterable[str]) -> str:
        """The first of several faults that wants to strike here, empty if none does."""
        if not self.healed:
            for kind in kinds:
                if kind in self.rates and self.wants(kind):
                    return kind
        return ""

    @property
    def unreached(self) -> list[str]:
        """Faults of the plan that never took effect."""
        return [kind for kind in self.rates if not self.fired[kind]]
