"""Participants with a ledger of their own: what really took effect and what was really undone, whoever asks how often.

They keep the barrier of docs/participants.md: an answer is given once for each idempotency key, an undo for a call
that never came is taken, and a call whose undo was seen is refused. How a call goes is told by its event, its step
and the round of its key, so that it goes the same way however often the orchestrator is killed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any
from zlib import crc32

from tests.acceptance.services import ok, problem
from tests.participant.fake_service import Recorded, Reply

Effect = tuple[str, str]
"""(saga id, step)"""

POLLS = 2
"""Questions after a 202 until it is done."""

FAILING_UNDOS = 4
"""Failures of an undo that works in the end: a person is asked at the third."""


def luck(*names: object) -> int:
    """A number from 0 to 99, the same for the same names."""
    return crc32(":".join(map(str, names)).encode()) % 100


class Ledger:
    """Everything that the participants know."""

    def __init__(self) -> None:
        self.calls = 0
        self.applied: Counter[Effect] = Counter()
        self.undone: Counter[Effect] = Counter()
        self.keys: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
        self.stale: list[str] = []
        """calls that came with a fence below one that was seen before under the same lock"""
        self.early: list[str] = []
        """calls of which the undo had been seen"""
        self._answers: dict[str, Reply] = {}
        self._undo_seen: set[Effect] = set()
        self._undo_attempts: Counter[str] = Counter()
        self._jobs: dict[str, int] = {}
        self._fences: dict[Any, int] = {}

    def answer(self, request: Recorded) -> Reply:
        """What a participant says to a request."""
        self.calls += 1
        if request.method == "GET":
            return self._poll(request.path)
        told, key = request.json, request.headers["idempotency-key"].strip('"')
        effect = told["sagaId"], told["step"]
        self.keys[(*effect, told["op"])].add(key)
        self._watch_fence(request, key)
        if told["op"] == "compensate":
            return self._undo(effect, key, told["event"]["id"])
        return self._call(effect, key, told["event"]["id"])

    def stands(self, saga_id: str, step: str) -> int:
        """How often the effect of a step stands."""
        return self.applied[saga_id, step] - self.undone[saga_id, step]

    def _call(self, effect: Effect, key: str, event: str) -> Reply:
        if effect in self._undo_seen:
            self.early.append(key)
            return problem(409, "its undo was seen before")
        if key in self._answers:
            return self._answers[key]
        chance = luck(event, effect[1], _round(key))
        if chance < 6:
            self._answers[key] = problem(422, "not this one")
            return self._answers[key]
        self.applied[effect] += 1
        self._answers[key] = ok(step=effect[1])
        if chance < 14:
            return Reply(500)
        if chance < 20:
            return Reply(act="drop")
        if chance < 35:
            job = f"/jobs/{len(self._jobs)}"
            self._jobs[job] = POLLS
            return Reply(202, headers={"location": job})
        return self._answers[key]

    def _undo(self, effect: Effect, key: str, event: str) -> Reply:
        self._undo_attempts[key] += 1
        chance = luck(event, effect[1], "undo", _round(key))
        if chance < 15 and self._undo_attempts[key] <= FAILING_UNDOS:
            return Reply(500)
        if chance > 92:
            return problem(422, "not by this key")
        if effect not in self._undo_seen:
            self._undo_seen.add(effect)
            self.undone[effect] = self.applied[effect]
        return ok()

    def _poll(self, job: str) -> Reply:
        self._jobs[job] -= 1
        return Reply(202) if self._jobs[job] > 0 else ok(job=job)

    def _watch_fence(self, request: Recorded, key: str) -> None:
        if (fence := request.headers.get("hms-fence")) is not None:
            account = request.json["data"]["account"]
            if int(fence) < self._fences.get(account, 0):
                self.stale.append(key)
            self._fences[account] = max(int(fence), self._fences.get(account, 0))


def _round(key: str) -> str:
    return key.split(":", 3)[3] if key.count(":") == 3 else "1"
