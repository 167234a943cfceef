"""The judge: sees each event as it comes into the log, each request as it leaves, each fact that is announced.

It compares three things that do not know each other: what the log says, what the participants' ledger says, and what
the process believes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from hms_orch_cli.application.replay import Rebuilt, differences
from hms_orch_cli.errors import LogTampered
from hms_orch_cli.event_store.chain import Anchor, verify
from hms_orch_cli.orchestrator.dispatcher import MOST_DEPTH
from hms_orch_cli.orchestrator.history import fact_of
from hms_orch_cli.orchestrator.projection import row_of
from hms_orch_cli.ports.participants import CallRequest
from hms_orch_cli.ports.store import Derived, Event
from hms_orch_cli.saga import events as said
from hms_orch_cli.saga.definition import Saga, saga_from
from hms_orch_cli.saga.event_types import DEPLOYED, UNDEPLOYED
from hms_orch_cli.saga.events import RunFact
from hms_orch_cli.saga.machine import begin, evolve
from hms_orch_cli.saga.outcome import Op
from hms_orch_cli.saga.state import Run

from .invariants import CHECKS
from .sagas import Unreadable, condition, matches, steps_of
from .told import Attempts, Story

if TYPE_CHECKING:
    from .simulation import Simulation

Violated = Callable[[str, str], None]

ON_ITS_WAY_S = 2.0
"""A call whose intent was durable when its run was ended by a person may still go out for so long."""


class Oracle:
    """Everything that is checked while the simulation goes on, and at its end."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._violated = simulation.violated
        self.stories: dict[str, Story] = {}
        self._seen: list[Event] = []
        self._versions: Counter[str] = Counter()
        self._ids: set[tuple[str, str]] = set()
        self._definitions: dict[tuple[str, str], tuple[Saga, dict[str, Any]]] = {}
        self._held: list[tuple[int, str, str | None]] = []
        self._folded: dict[str, Run] = {}
        self._sends: Counter[tuple[str, str, Op, int]] = Counter()
        self.acknowledged: dict[tuple[str, str], int] = {}
        """(source, id) -> position that somebody was told"""
        self.holders: dict[str, str] = {}
        """lock -> the run that holds it"""
        self._lines: dict[str, list[tuple[int, str]]] = {}
        self._next: dict[str, tuple[int, str] | None] = {}
        """lock that is free -> who stood first in line when it became so"""
        self._fences: dict[str, int] = {}
        self.questions: dict[str, tuple[str, str]] = {}
        """open item about a definition -> (definition, kind)"""
        self._asked: set[str] = set()
        self._in_a_row: Counter[str] = Counter()
        self.unfolded: dict[str, int] = {}
        """run with facts that no derived row has yet -> position of the last of them"""

    # -- as the log grows

    def committed(self, events: list[Event], derived: Derived | None, before: int) -> None:
        """The log has grown, or (first) derived rows go along with a commit behind `before`."""
        if derived is not None:
            self._rows(derived, before if derived.folded_to is None else derived.folded_to)
        for event in events:
            self._grown(event)

    def _rows(self, derived: Derived, folded_to: int) -> None:
        """L5: incrementally built projections equal the fold, at the position that they say."""
        for row in derived.runs:
            if self.unfolded.get(row.saga_id, 0) > folded_to:
                continue  # it has moved on since, and gets another row for that
            run = self._folded.get(row.saga_id)
            if run is None or row_of(run) != row:
                self._violated("L5", f"a derived row of {row.saga_id} is not what the log says at {folded_to}")
            self.unfolded.pop(row.saga_id, None)
        missing = [saga_id for saga_id, seq in self.unfolded.items() if seq <= folded_to]
        if missing:
            self._violated("L5", f"folded to {folded_to}, and without {missing}")

    def tables_lost(self) -> None:
        """The derived tables are gone: everything is to be folded again."""
        refused = ("Skipped", "FilterFailed")
        self.unfolded = {story.id: story.last_seq for story in self.runs if story.end not in refused}

    def _grown(self, event: Event) -> None:
        """L1: for each saga `seq` = 1..n without gap or repeat. L6: no event id occurs twice."""
        self._seen.append(event)
        self._simulation.note("log", event.seq, event.type, event.hash[:4].hex())
        if event.seq != len(self._seen):
            self._violated("L1", f"position {event.seq} follows {len(self._seen) - 1}")
        self._versions[event.stream] += 1
        if event.version != self._versions[event.stream]:
            self._violated(
                "L1", f"{event.stream} has version {event.version} at its event {self._versions[event.stream]}"
            )
        if (event.source, event.id) in self._ids:
            self._violated("L6", f"the event {event.source} {event.id} is in the log twice")
        self._ids.add((event.source, event.id))
        if event.stream.startswith("run/"):
            self._told(event, event.stream[4:])
        elif event.type in (DEPLOYED, UNDEPLOYED):
            self._deployed(event)
        elif event.stream.startswith("hitl/"):
            self._asked_about(event)

    def _deployed(self, event: Event) -> None:
        data = orjson.loads(event.data or "{}")
        revision = data.get("revision")
        self._held.append((event.seq, data["saga"], revision))
        if revision is not None:
            known = self._definitions.get((data["saga"], revision))
            content = data["content"]
            self._definitions[data["saga"], revision] = known or (saga_from(content, revision), content)

    def _told(self, event: Event, saga_id: str) -> None:
        fact: Any = fact_of(event)
        story = self.stories.get(saga_id)
        if story is None:
            data = orjson.loads(event.data or "{}")
            if "revision" not in data:
                self._violated("G1", f"{saga_id} begins with {event.type}")
                return
            saga, content = self._definitions[data["saga"], data["revision"]]
            story = self.stories[saga_id] = Story(saga, content, saga_id)
            written = self._simulation.world.written
            for name, step in steps_of(content).items():
                written[saga_id, name] = step
            self._folded[saga_id] = begin(saga, saga_id)
        for name, check in CHECKS[type(fact)]:
            if (wrong := check(story, fact)) is not None:
                self._violated(name, f"{saga_id}: {type(fact).__name__}: {wrong}")
        self._lock(story, fact)
        if isinstance(fact, said.StepSucceeded) and fact.event_seq is not None:
            self._heard(story, fact)
        if isinstance(fact, said.Decided) and fact.id in story.items:
            self._simulation.world.by_hand(saga_id, story.items[fact.id].step, fact.decision)
        if isinstance(fact, said.Failed) and fact.cause != "lock":
            self._in_a_row[story.saga.id] += 1
        elif isinstance(fact, said.Completed):
            self._in_a_row[story.saga.id] = 0
        story.tell(fact)
        story.last_seq = event.seq
        if story.end:
            story.ended_s = self._simulation.agenda.now
        try:
            self._folded[saga_id] = evolve(self._folded[saga_id], fact)
        except Exception as error:
            self._violated("L5", f"{saga_id}: the log cannot be folded: {error}")
        if not isinstance(fact, said.Skipped | said.FilterFailed):
            self.unfolded[saga_id] = event.seq
        if isinstance(fact, said.Compensate) and fact.mode == "event":
            self._simulation.world.hear(saga_id, fact.step)

    def _lock(self, story: Story, fact: Any) -> None:
        """N1: holding intervals of one lock key never overlap in the log; its token rises strictly. First come, by the
        position of the triggering event, is first served."""
        match fact:
            case said.LockQueued():
                line = self._lines.setdefault(fact.key, [])
                if fact.key not in self.holders and not line:
                    self._violated("N1", f"{story.id} stands in line for {fact.key}, and nobody holds it")
                line.append((story.event_seq, story.id))
            case said.LockAcquired():
                line = self._lines.get(fact.key, [])
                holder = self.holders.get(fact.key)
                if holder is not None:
                    self._violated("N1", f"{story.id} has the lock {fact.key}, and {holder} holds it")
                if fact.fence <= self._fences.get(fact.key, 0) or fact.fence in self._fences.values():
                    self._violated("N1", f"{story.id} has the fence {fact.fence}, there were {self._fences}")
                # Whoever came into the line when the lock had been given away already came too late.
                first = (self._next.pop(fact.key, None), min(line, default=None))
                if line and (story.event_seq, story.id) not in first:
                    self._violated("N1", f"{story.id} has the lock {fact.key} before others in line")
                self._fences[fact.key] = fact.fence
                self.holders[fact.key] = story.id
                self._leave(story.id, fact.key)
            case said.LockReleased() | said.Completed() | said.Failed() | said.Cancelled() | said.Abandoned():
                if self.holders.get(story.lock) == story.id:
                    del self.holders[story.lock]
                    self._next[story.lock] = min(self._lines.get(story.lock, ()), default=None)
                self._leave(story.id, story.lock)

    def _leave(self, saga_id: str, key: str) -> None:
        if key in self._lines:
            self._lines[key] = [place for place in self._lines[key] if place[1] != saga_id]

    def _heard(self, story: Story, fact: said.StepSucceeded) -> None:
        """G9: the first event that matches is heard, and each at most once in a run."""
        awaits = story.saga.steps[fact.step].awaits
        seq = fact.event_seq or 0
        if awaits is None or not story.event_seq < seq < len(self._seen):
            self._violated("G9", f"{story.id} {fact.step} has heard the event at {seq}")
            return
        taken = {call.heard for call in story.calls.values() if call.heard}
        first = self.first_heard(story, fact.step, taken)
        if first != seq:
            self._violated("G9", f"{story.id} {fact.step} has heard the event at {seq}, the first was at {first}")

    def first_heard(self, story: Story, step: str, taken: set[int]) -> int:
        """Position of the first event that a step that waits would take, 0 if there is none."""
        awaits = story.saga.steps[step].awaits
        assert awaits is not None
        data = _data_of(self._seen[story.event_seq - 1])
        for event in self._seen[story.event_seq :]:
            if event.type == awaits.event and event.seq not in taken:
                try:
                    if matches(awaits.match, _data_of(event), data):
                        return event.seq
                except Unreadable:
                    continue
        return 0

    def _asked_about(self, event: Event) -> None:
        """G12: exactly one open item of a kind for a definition, and each is decided once."""
        data = orjson.loads(event.data or "{}")
        about = (data["saga"], data["kind"])
        if event.type == "hitl.queued":
            if data["id"] in self._asked or about in self.questions.values():
                self._violated("G12", f"item {data['id']} is not the only one about {about}")
            if data["kind"] == "failures" and self._in_a_row[data["saga"]] < self._least(data["saga"]):
                self._violated("G12", f"item {data['id']} after {self._in_a_row[data['saga']]} failures")
            self._asked.add(data["id"])
            self.questions[data["id"]] = about
        elif self.questions.pop(data["id"], None) is None:
            self._violated("G12", f"item {data['id']} is decided, and it is not open")
        elif data["kind"] == "failures":
            self._in_a_row[data["saga"]] = 0

    def _least(self, saga: str) -> int:
        return min(each.hitl_after for (name, _), (each, _) in self._definitions.items() if name == saga)

    # -- what the process says

    def on_facts(self, run: Run, facts: Sequence[RunFact]) -> None:
        """An observer of the process. L5: `fold(log)` equals the live state."""
        live = self._folded.get(run.id)
        if live is None or live.version < run.version:
            self._violated("L4", f"{run.id}: announced before it was in the log")
            return
        if live.version > run.version:  # the log has gone on meanwhile
            live = begin(run.saga, run.id)
            for event in self._simulation.disk.store.read(f"run/{run.id}")[: run.version]:
                live = evolve(live, fact_of(event))
        if live != run:
            self._violated("L5", f"{run.id}: the live state is not what the log says at version {run.version}")

    def sending(self, request: CallRequest) -> None:
        """A request leaves the process."""
        name = f"{request.saga_id}:{request.step}:{request.op}"
        story = self.stories.get(request.saga_id)
        if story is None:
            self._violated("L4", f"{name} is sent, and the run is not in the log")
            return
        column = story.calls if request.op == "call" else story.undos
        step = column.get(request.step, Attempts())
        if request.purpose == "send":
            # L4: when a service receives key K, an intent event with K is already durable.
            if step.attempt < request.attempt or request.key not in step.keys:
                self._violated("L4", f"{name} attempt {request.attempt} is sent, and its intent is not in the log")
            if story.end and self._simulation.agenda.now > story.ended_s + ON_ITS_WAY_S:
                self._violated("G1", f"{name} is sent, and the run is {story.end}")
            # N1: with a lock, every request carries the fence.
            fence = None if story.released or not story.fence else str(story.fence)
            if request.headers.get("HMS-Fence") not in (fence, str(story.fence)):
                self._violated("N1", f"{name} carries the fence {request.headers.get('HMS-Fence')}, and it has {fence}")
        # G10: each call matches the definition pinned in `saga.started`, whatever is deployed meanwhile.
        written = steps_of(story.content)[request.step]
        wanted = written[
            "check" if request.purpose == "check" else request.op if request.op == "call" else "compensate"
        ]
        where = wanted if isinstance(wanted, str) else f"{wanted['service']}:{wanted['path']}"
        if request.purpose != "poll" and where != f"{request.service}:{request.path}":
            self._violated("G10", f"{name} goes to {request.path}, and its revision says {where}")

    # -- at the end

    def at_rest(self) -> None:
        """What has to hold when the faults are healed and nothing moves any more."""
        self._all_ended()
        self._nobody_waits()
        self._everybody_asked()
        self._ledger()
        self._each_event_once()
        self._acknowledged()
        self._same_log()

    def _all_ended(self) -> None:
        """G2: faults healed ⇒ each saga is terminal or in HITL."""
        for story in self.stories.values():
            if not story.end:
                self._violated("G2", f"{story.id} has not ended: {self._folded[story.id].status.value}")

    def _nobody_waits(self) -> None:
        """N2: terminal sagas hold no lock; no set of sagas waits for ever."""
        if self.holders or any(self._lines.values()):
            self._violated("N2", f"held: {self.holders}, in line: {self._lines}")
        process = self._simulation.process
        if process is not None and (held := process.orchestrator.waits.locks._holders):
            self._violated("N2", f"the process holds {held}")

    def _everybody_asked(self) -> None:
        """G12: as many failures in a row as the definition says ⇒ exactly one open HITL item."""
        for saga, failures in self._in_a_row.items():
            # A start goes by the revision that holds then, a run by its own.
            said_so = [each.hitl_after for (name, _), (each, _) in self._definitions.items() if name == saga]
            most = said_so[0] if sum(name == saga for _, name, _ in self._held) == 1 else max(3, *said_so)
            if failures >= most and (saga, "failures") not in self.questions.values():
                self._violated("G12", f"{failures} runs of {saga} have failed in a row, and nobody is asked")

    def _ledger(self) -> None:
        """G7: with barrier services: completed saga ⇒ net effect 1 per step; failed saga ⇒ 0."""
        ledger = self._simulation.world.ledger
        for story in self.stories.values():
            for name, step in story.saga.steps.items():
                entry = ledger.get((story.id, name))
                effect = entry.effect if entry is not None else 0
                if story.end == "Completed":
                    wanted = int(self._is_wanted(story, name))
                    if effect != wanted:
                        self._violated("G7", f"{story.id} is completed, and {name} has taken effect {effect} times")
                elif story.end in ("Failed", "Cancelled") and step.compensate is not None and effect:
                    self._violated("G7", f"{story.id} is {story.end}, and {name} has an effect")

    def _is_wanted(self, story: Story, name: str) -> bool:
        decided = self._simulation.world.decided.get((story.id, name))
        if decided is not None or story.saga.steps[name].call is None:
            return decided == "done"
        event = self._seen[story.event_seq - 1]
        try:
            return condition(story.saga.steps[name].when, _data_of(event))
        except Unreadable:
            self._violated("G7", f"{story.id} is completed, and the condition of {name} cannot be evaluated")
            return False

    def _each_event_once(self) -> None:
        """G9: N deliveries of one (source, event id) to any nodes ⇒ exactly one saga per matching definition."""
        begun: Counter[tuple[int, str]] = Counter()
        for story in self.stories.values():
            if not story.redrive_of:
                begun[story.event_seq, story.saga.id] += 1
            elif self.stories[story.redrive_of].replaced_by not in ("", story.id):
                self._violated("G9", f"{story.id} takes the place of {story.redrive_of}, and so does another")
        held: dict[str, str] = {}
        changes = iter([*self._held, (1 << 60, "", None)])
        change = next(changes)
        wanted: set[tuple[int, str]] = set()
        for event in self._seen:
            while change[0] <= event.seq:
                held.pop(change[1], None)
                if change[2] is not None:
                    held[change[1]] = change[2]
                change = next(changes)
            for saga_id, revision in held.items():
                saga, _ = self._definitions[saga_id, revision]
                if event.type in saga.triggers and self._lets_in(saga, event):
                    wanted.add((event.seq, saga_id))
        for key in wanted - set(begun):
            self._violated("G9", f"the event at {key[0]} has started no run of {key[1]}")
        for key, times in begun.items():
            if times != 1 or key not in wanted:
                self._violated("G9", f"the event at {key[0]} has started {times} runs of {key[1]}")

    def _lets_in(self, saga: Saga, event: Event) -> bool:
        """Whether an event leaves a trace: a run, or the refusal of one."""
        if event.type == "saga.skipped" and self._depth(event) > MOST_DEPTH:
            return False
        try:
            return condition(saga.filter, _data_of(event))
        except Unreadable:
            return True

    def _depth(self, event: Event) -> int:
        depth = 0
        while event.stream.startswith("run/"):
            depth += 1
            event = self._seen[self.stories[event.stream[4:]].event_seq - 1]
        return depth

    def _acknowledged(self) -> None:
        """L3: every trigger acked is in the log after any kill."""
        for (source, name), position in self.acknowledged.items():
            event = self._seen[position - 1] if 0 < position <= len(self._seen) else None
            if event is None or (event.source, event.id) != (source, name):
                self._violated("L3", f"the event {source} {name} was acknowledged at {position} and is not there")

    def _same_log(self) -> None:
        """L1: any prefix once read by an outside reader stays byte-equal for ever."""
        if list(self._simulation.disk.store.scan()) != self._seen:
            self._violated("L1", "what was read is not what stands there now")

    def tables(self) -> None:
        """L5: the derived tables, once everything is written, are what the log folds to."""
        store = self._simulation.disk.store
        rebuilt = Rebuilt()
        try:
            rebuilt.fold((e.seq, e.stream, e.type, e.time, e.data) for e in self._seen)
        except LogTampered as error:
            self._violated("L5", error.message)
            return
        found = differences(rebuilt, store)
        if found:
            self._violated("L5", f"the tables differ from the log: {found[0]}")

    def chain(self, place: int) -> None:
        """L2: `verify` passes on untouched logs; a change is found, and its position named."""
        events = list(self._seen)
        head = verify(events)
        if not events:
            return
        at = place % len(events)
        for name, changed in _tampered(events, at):
            try:
                verify(changed, Anchor(head.seq, head.hash))
            except LogTampered as error:
                if error.position != at + 1:
                    self._violated("L2", f"{name} at {at + 1} is found at {error.position}")
            else:
                self._violated("L2", f"{name} at {at + 1} is not found")

    @property
    def runs(self) -> Iterable[Story]:
        """Every run."""
        return self.stories.values()


def _tampered(events: list[Event], at: int) -> list[tuple[str, list[Event]]]:
    event = events[at]
    changed = [*events[:at], event._replace(data=(event.data or "") + " "), *events[at + 1 :]]
    return [("a changed byte", changed), ("a removed row", [*events[:at], *events[at + 1 :]]), ("a cut", events[:at])]


def _data_of(event: Event) -> Any:
    return None if event.data is None else orjson.loads(event.data)
