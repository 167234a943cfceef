"""Random sagas of the whole language, and walks through them: any answer, any delay, any crash, any wish of a person,
as a shell would bring them."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from hms_orch_cli.saga.attention import DECISIONS
from hms_orch_cli.saga.commands import Acquire, Begin, Check, Command, Expire, Listen, Poll, Send, Wake
from hms_orch_cli.saga.decide import advance
from hms_orch_cli.saga.definition import Saga
from hms_orch_cli.saga.due import due, is_announced
from hms_orch_cli.saga.encoding import from_data, to_data
from hms_orch_cli.saga.event_types import TYPES
from hms_orch_cli.saga.events import Compensate, Decided, Redriven, RunFact, StepStarted
from hms_orch_cli.saga.inputs import (
    Abandon,
    Answered,
    Asked,
    Attempt,
    Cancel,
    Checked,
    CutOff,
    Decide,
    Expired,
    Granted,
    Heard,
    Input,
    Mismatched,
    Pause,
    Redrive,
    Released,
    Resume,
    Tick,
    Trigger,
)
from hms_orch_cli.saga.machine import begin, fold
from hms_orch_cli.saga.outcome import Op, Verdict
from hms_orch_cli.saga.people import REDRIVABLE, objection
from hms_orch_cli.saga.state import Phase, Run, Status

from ..specs import EVENT, KEY, NOW, approval, content_of, group, saga_of, sequence, step, wait

CALL_VERDICTS = (*[Verdict.SUCCESS] * 9, *Verdict)
UNDO_VERDICTS = (*[Verdict.SUCCESS] * 6, *(verdict for verdict in Verdict if verdict is not Verdict.UNAUTHORIZED))
CHECK_VERDICTS = (Verdict.SUCCESS, Verdict.FAILED, Verdict.UNKNOWN)
MOST_TURNS = 3_000
MOST_CRASHES = 8
MOST_REDRIVES = 2
MOST_SECOND_CHANCES = 6
"""Decisions to try again; then a person decides something else."""


def random_content(rng: Random) -> dict[str, Any]:
    """The content of a saga: one to eight steps of any kind, sequences and groups up to three deep."""
    names = iter("abcdefgh")
    left = rng.randint(1, 8)

    def one() -> dict[str, Any]:
        keys: dict[str, Any] = {"timeoutMs": rng.choice((500, 5_000))}
        keys["compensate"] = rng.choice(("svc:/undo", "svc:/undo", {"service": "svc", "path": "/u", "retry": {}}, None))
        if rng.random() < 0.15:
            keys["compensate"] = "event"
        if isinstance(keys["compensate"], dict):
            keys["compensate"]["retry"] = {"attempts": rng.randint(1, 3)}
        if rng.random() < 0.2:
            keys["onExhausted"] = "hitl"
        kind = rng.random()
        if kind < 0.1:
            return wait(next(names), rng.choice((None, 400, 5_000)), **uncalled(keys))
        if kind < 0.2:
            ttl, then = rng.choice((None, 400, 5_000)), rng.choice(("compensate", "continue"))
            return approval(next(names), ttl, then, **uncalled(keys))
        if rng.random() < 0.3:
            keys["check"] = "svc:/check"
        if rng.random() < 0.5:
            keys["retry"] = {"attempts": rng.randint(1, 4)}
            if rng.random() < 0.3:
                keys["retry"]["budgetMs"] = rng.randint(0, 4_000)
        return step(next(names), **keys)

    def several(depth: int) -> list[dict[str, Any]]:
        nonlocal left
        found = []
        for _ in range(rng.randint(1, 4)):
            if left <= 0:
                break
            if depth < 3 and rng.random() < 0.4:
                inner = several(depth + 1)
                mode = rng.choice(("drain", "cancel"))
                if inner:
                    found.append(group(*inner, on_sibling_failure=mode) if rng.random() < 0.7 else sequence(*inner))
            else:
                left -= 1
                found.append(one())
        return found

    items = several(0) or [one()]
    retry = {"attempts": 3, "backoffMs": rng.choice((0, 100, 1_000)), "jitter": rng.choice((0, 0.5))}
    keys: dict[str, Any] = {"retry": retry}
    if rng.random() < 0.2:
        keys["deadlineMs"] = rng.randint(1, 20_000)
    if rng.random() < 0.3:
        keys["lock"] = {"key": "data.id", "onConflict": rng.choice(("wait", "wait", "abort"))}
        if rng.random() < 0.5:
            keys["lock"]["waitMs"] = rng.randint(0, 3_000)
    return content_of(*items, **keys)


def uncalled(keys: dict[str, Any]) -> dict[str, Any]:
    """The keys that a step without a call may have."""
    return {key: value for key, value in keys.items() if value is not None and key != "timeoutMs"}


def random_saga(rng: Random) -> Saga:
    """A definition."""
    content = random_content(rng)
    items = content.pop("steps")
    return saga_of(*items, **{key: content[key] for key in ("retry", "deadlineMs", "lock") if key in content})


class Walk:
    """One run from its trigger to its rest, driven by chance. `log` holds its facts as the event log would."""

    def __init__(self, saga: Saga, rng: Random) -> None:
        self.saga = saga
        self.rng = rng
        self.now = NOW
        self.run = begin(saga, "run-1")
        self.log: list[RunFact] = []
        self.appends: list[list[RunFact]] = []
        """the same, by what comes into the log at once"""
        self.begun: set[tuple[str, Op]] = set()
        """what this process has begun: all else that is under way was cut off"""
        self.told: list[Input] = []
        self.crashes = 0
        self.turns = 0
        self.attended = rng.random() < 0.8
        """whether a person decides and resumes; else the run may rest for want of one"""
        self.key_error = rng.choice(("", "", "", "", "the key is null"))
        self.fence = 0
        self.seq = EVENT.seq
        self.tell(Trigger(EVENT))

    def to_its_end(self) -> Walk:
        """Turns until nothing moves it any more."""
        while not self.rests:
            self.turn()
        return self

    @property
    def rests(self) -> bool:
        """Whether nothing is owed, and nobody is left who could move it."""
        if due(self.run, self.now):
            return False
        if self.run.status in REDRIVABLE:
            return self.run.replaced_by is not None or self.redrives >= MOST_REDRIVES or not self.attended
        if self.run.status.ended or self._in_line():
            return self.run.status.ended
        return not self.attended

    @property
    def redrives(self) -> int:
        """How often it was let go on after an end."""
        return sum(isinstance(fact, Redriven) for fact in self.log)

    def tell(self, happened: Input) -> list[RunFact]:
        """An input meets the run, and what follows is in the log at once."""
        run, facts = advance(self.run, happened, self.now)
        self.run = run
        self.log += facts
        self.appends.append(facts)
        self.begun |= {(fact.step, "call") for fact in facts if isinstance(fact, StepStarted)}
        self.begun |= {(fact.step, "compensate") for fact in facts if isinstance(fact, Compensate)}
        self.told.append(happened)
        assert self.refolded() == self.run, "evolve of the log equals the live state"
        return facts

    def wish(self, happened: Input) -> None:
        """A person wants something: it is done, or refused in words."""
        refused = objection(self.run, happened, self.now)
        assert bool(self.tell(happened)) is not bool(refused), (happened, refused)

    def refolded(self) -> Run:
        """The run as a new process reads it from the log."""
        written = [(TYPES[type(fact)], json.dumps(to_data(fact, "run-1", self.saga.id)), fact.at) for fact in self.log]
        return fold(begin(self.saga, "run-1"), [from_data(kind, json.loads(data), at) for kind, data, at in written])

    def turn(self) -> None:
        """One thing happens."""
        self.turns += 1
        assert self.turns < MOST_TURNS, "it never comes to rest"
        chance = self.rng.random()
        if chance < 0.05 and self.crashes < MOST_CRASHES:
            self.crash()
        elif chance < 0.15:
            self.tell_again()
        elif chance < 0.19:
            self.wish(self.any_wish())
        elif self.attended and chance < 0.25 and (self.run.items or self.run.paused):
            self.attend()
        elif not due(self.run, self.now) or (self._in_line() and chance < 0.5):
            self.wait_for_others()
        else:
            self.go_on()

    def crash(self) -> None:
        """The process ends; the next one knows the log alone."""
        self.crashes += 1
        self.begun.clear()
        self.run = self.refolded()
        self.now += self.rng.choice((0, 1, 60_000))

    def tell_again(self) -> None:
        """An answer comes twice, or late. What fits by chance may count; what does not must change nothing."""
        happened = self.rng.choice(self.told)
        if not isinstance(happened, Attempt | CutOff | Cancel | Abandon | Redrive | Asked | Granted):
            self.tell(happened)

    # -- people

    def any_wish(self) -> Input:
        """What a person wants at any time, in any state."""
        often = [Pause("ann", "later"), Resume("ann"), Released("ann", "it hangs"), self.decision(), Redrive("ann")]
        seldom = [Cancel("a person asked", "ann"), Abandon("by hand", "ann"), Redrive("ann", by="run-2")]
        wish = self.rng.choice(often if self.rng.random() < 0.8 else seldom)
        if isinstance(wish, Redrive) and self.redrives >= MOST_REDRIVES:
            return Resume("ann")
        return wish

    def attend(self) -> None:
        """A person lets a paused run go on, or decides what is open."""
        if self.run.paused and (not self.run.items or self.rng.random() < 0.5):
            self.wish(Resume("ann"))
        else:
            self.wish(self.decision())

    def decision(self) -> Input:
        """What a person decides, of what is open or of what is not."""
        if not self.run.items:
            return Decide("run-1.1", self.rng.choice(("retry", "approve")), "ann", "too late")
        item = self.rng.choice(list(self.run.items.values()))
        chances = sum(isinstance(fact, Decided) and fact.decision == "retry" for fact in self.log)
        some = [each for each in DECISIONS[item.kind] if each != "retry" or chances < MOST_SECOND_CHANCES]
        decision = self.rng.choice(some)
        error = self._unreadable() if decision in ("done", "approve") else ""
        return Decide(item.id, decision, "ann", "by chance", {"n": 1} if decision == "done" else None, error=error)

    def wait_for_others(self) -> None:
        """Nothing is owed: the lock's turn comes, or a person does something about it."""
        if self._in_line():
            self.fence += 1
            self.now += self.rng.choice((0, 1, 2_000))
            assert self.tell(Granted(self.fence)), "a lock that was given is taken, or the run is over"
        elif self.run.status in REDRIVABLE:
            self.wish(Redrive("ann", by="run-2" if self.run.has_undone else None))
        elif self.run.items or self.run.paused:
            self.attend()
            self.now += self.rng.choice((0, 1, 300))
        else:
            raise AssertionError(f"nobody can move it: {self.run}")

    # -- what is owed

    def go_on(self) -> None:
        """Does something that is owed, or lets time pass."""
        owed = due(self.run, self.now)
        wakes = [command.at for command in owed if isinstance(command, Wake)]
        acts = [command for command in owed if not isinstance(command, Wake)]
        if wakes and min(wakes) <= self.now:
            assert self.tell(Tick()), "a time that has come moves the run, or alarms would ring for ever"
            return
        acts += [Send(name, "compensate", undo.attempt) for name, undo in self.run.undos.items() if self._hears(name)]
        if not acts or self.rng.random() < 0.05:
            self.now = min(wakes, default=self.now + 10)
            return
        command = self.rng.choice(acts)
        self.now += self.rng.choice((0, 1, 300))
        self.tell(self.answer_to(command))

    def answer_to(self, command: Command) -> Input:
        """What comes of a command, by chance."""
        match command:
            case Acquire():
                return self._asked()
            case Begin(name, op):
                error = "an expression failed" if self.rng.random() < 0.03 else ""
                return Attempt(name, op, skip=op == "call" and self.rng.random() < 0.1, error=error, prompt="Go on?")
            case Send(name, "call", attempt) if (name, "call") not in self.begun and self.saga.steps[name].check:
                return CutOff(name, attempt)
            case Send(name, op, _) if (name, op) not in self.begun and not self._hears(name):
                return Attempt(name, op)
            case Send(name, op, attempt) | Poll(name, op, attempt, _, _):
                return self._answered(name, op, attempt, poll=isinstance(command, Poll))
            case Check(name, attempt):
                return Checked(name, attempt, self.rng.choice(CHECK_VERDICTS), "checked", error=self._unreadable())
            case Listen(name, _):
                return self._heard(name)
            case Expire(name):
                return Expired(name, {"expired": True}, error=self._unreadable())
        raise AssertionError(command)

    def _asked(self) -> Asked:
        if self.key_error and self.run.status is Status.RUNNING:
            return Asked(error=self.key_error)
        if self.rng.random() < 0.4:
            return Asked(KEY, holder="run-0")
        self.fence += 1
        return Asked(KEY, self.fence)

    def _heard(self, name: str) -> Input:
        self.seq += self.rng.choice((0, 0, 1))
        seq = self.rng.randint(EVENT.seq - 1, self.seq)
        if self.rng.random() < 0.3:
            return Mismatched(name, seq, "no such key")
        return Heard(name, seq, {"seq": seq}, error=self._unreadable())

    def _answered(self, name: str, op: Op, attempt: int, *, poll: bool) -> Answered:
        verdict = self.rng.choice(CALL_VERDICTS if op == "call" else UNDO_VERDICTS)
        status, location = 500, None
        if verdict in (Verdict.IN_PROGRESS, Verdict.AGAIN):
            status = 202 if verdict is Verdict.IN_PROGRESS else 425
            location = self.rng.choice((None, "/1", "/2"))
            self.now += 300 if poll else 0
        retry_after = self.rng.choice((None, None, 2_000)) if verdict is Verdict.RETRY else None
        error = self._unreadable() if verdict is Verdict.SUCCESS and op == "call" else ""
        return Answered(name, op, attempt, verdict, status, "by chance", retry_after, location, error=error)

    def _unreadable(self) -> str:
        return "output n: no such key" if self.rng.random() < 0.05 else ""

    def _hears(self, name: str) -> bool:
        undo = self.run.undos.get(name)
        return undo is not None and undo.phase is Phase.RUNNING and is_announced(self.saga.steps[name], "compensate")

    def _in_line(self) -> bool:
        claim = self.run.claim
        return claim is not None and claim.waits and not self.run.status.ended
