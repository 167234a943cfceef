"""What a person may do to runs, definitions and locks. Commands and the API do the same: `Hands` is either a running
orchestrator, or a command that holds the store alone (`alone.py`)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple, Protocol

import orjson
import rfc8785

from hms_orch_cli.application.deploy import standing
from hms_orch_cli.errors import NotAllowed, NoteMissing, NotFound
from hms_orch_cli.orchestrator.answers import KEPT_BYTES, mapped
from hms_orch_cli.orchestrator.live_run import LiveRun
from hms_orch_cli.ports.store import LogReader
from hms_orch_cli.saga.attention import REASON_LIMIT
from hms_orch_cli.saga.identity import redrive_id
from hms_orch_cli.saga.inputs import Abandon, Cancel, Decide, Input, Pause, Redrive, Released, Resume
from hms_orch_cli.saga.people import objection
from hms_orch_cli.saga.state import Run

MISSING: Final = object()
"""No output was given; `null` is one."""

_HINTS: Final[dict[type[Input], str]] = {
    Cancel: "hms-orch explain SAGA_ID says what it does; abandon closes a run without undo",
    Abandon: "hms-orch status SAGA_ID shows how it ended",
    Pause: "hms-orch explain SAGA_ID says how it stands",
    Resume: "hms-orch explain SAGA_ID says how it stands",
    Redrive: "hms-orch explain SAGA_ID says how it stands",
    Released: "hms-orch lock list shows holders and lines",
    Decide: "hms-orch hitl list shows the open items",
}


def possible(run: Run, now_ms: int) -> list[str]:
    """What a person may do to the run as it stands: of cancel, abandon, pause, resume, redrive."""
    wishes: dict[str, Input] = {
        "pause": Pause("", ""),
        "resume": Resume("", ""),
        "redrive": Redrive("", "", redrive_id(run) if run.has_undone else None),
        "cancel": Cancel(""),
        "abandon": Abandon("", ""),
    }
    return [verb for verb, wish in wishes.items() if not objection(run, wish, now_ms)]


class Hands(Protocol):
    """What carries a wish out."""

    def run(self, saga_id: str) -> LiveRun:
        """A run as it stands now. Raises NotFound."""

    async def tell(self, run: LiveRun, happened: Input) -> Run:
        """Brings an input to a run; returns the run after it, once durable."""

    def start_anew(self, run: LiveRun, saga_id: str) -> None:
        """Starts a run in the place of an ended one; durable with what is told next."""

    def exists(self, saga_id: str) -> bool:
        """Whether there is a run of this id."""

    def holder(self, key: str) -> str:
        """The run that holds a lock, empty if none does."""

    async def decide_about_definition(self, item: str, decision: str, actor: str, note: str) -> None:
        """Decides an item that is about a definition. Raises NotAllowed."""

    async def pause(self, saga: str, actor: str, note: str) -> None:
        """Lets the events of a definition wait. Raises NotFound, NotAllowed."""

    async def resume(self, saga: str, actor: str, note: str) -> None:
        """Lets them go. Raises NotAllowed."""


class Redriven(NamedTuple):
    """The run that goes on, and the run whose place it takes (None if it is the same)."""

    saga_id: str
    redrive_of: str | None


class Operations:
    """Each verb is durable when it returns, and changes nothing when it raises."""

    def __init__(self, hands: Hands, reader: LogReader, now: Callable[[], int]) -> None:
        self._hands = hands
        self._reader = reader
        self._now = now

    async def cancel(self, saga_id: str, actor: str, note: str = "") -> Run:
        """Undoes a run that has not turned back. Raises NotFound, NotAllowed."""
        said = f"cancelled by {actor}" + (f": {note}" if note else "")
        return await self._wish(saga_id, Cancel(said[:REASON_LIMIT], actor))

    async def abandon(self, saga_id: str, actor: str, note: str) -> Run:
        """Closes a run as it stands, without undo. Raises NotFound, NotAllowed, NoteMissing."""
        _need(note, "abandon")
        return await self._wish(saga_id, Abandon(note, actor))

    async def pause(self, saga_id: str, actor: str, note: str = "") -> Run:
        """Lets a run begin nothing any more. Raises NotFound, NotAllowed."""
        return await self._wish(saga_id, Pause(actor, note[:REASON_LIMIT]))

    async def resume(self, saga_id: str, actor: str, note: str = "") -> Run:
        """Lets a run go on. Raises NotFound, NotAllowed."""
        return await self._wish(saga_id, Resume(actor, note[:REASON_LIMIT]))

    async def pause_definition(self, saga: str, actor: str, note: str = "") -> None:
        """Lets the events of a definition wait. Raises NotFound, NotAllowed."""
        await self._hands.pause(saga, actor, note[:REASON_LIMIT])

    async def resume_definition(self, saga: str, actor: str, note: str = "") -> None:
        """Lets the definition meet the events that have waited. Raises NotAllowed."""
        await self._hands.resume(saga, actor, note[:REASON_LIMIT])

    async def redrive(self, saga_id: str, actor: str, note: str = "", *, keep_revision: bool = False) -> Redriven:
        """Lets an ended run go on, or starts it anew if it has undone something. Raises NotFound, NotAllowed: also if
        another revision is deployed by now, unless `keep_revision`."""
        run = self._hands.run(saga_id)
        anew = redrive_id(run.state) if run.state.has_undone else None
        wish = Redrive(actor, note[:REASON_LIMIT], anew)
        self._object(run, wish)
        self._same_revision(run.state, keep_revision)
        if anew is not None and not self._hands.exists(anew):
            self._hands.start_anew(run, anew)
        await self._hands.tell(run, wish)
        return Redriven(saga_id, None) if anew is None else Redriven(anew, saga_id)

    async def release(self, key: str, actor: str, note: str, held_by: str | None = None) -> Run:
        """Takes a lock from the run that holds it; `key` is JSON, or, if it is none, the text that is the key. Raises
        NotFound, NoteMissing, NotAllowed: also if it is not `held_by` this run any more, so that nobody takes it from
        the next one who looked at the one before."""
        _need(note, "release")
        canonical = _canonical(key)
        if holder := self._hands.holder(canonical):
            if held_by not in (None, holder):
                raise NotAllowed(f"the lock is held by run {holder} by now, not by {held_by[:100]}", _HINTS[Released])
            return await self._wish(holder, Released(actor, note[:REASON_LIMIT]))
        raise NotFound(
            f"no run holds the lock {canonical[:100]}",
            """hms-orch lock list shows the keys; the text "5" is typed with its quotes: '"5"'""",
        )

    async def decide(self, item: str, decision: str, actor: str, note: str, output: Any = MISSING) -> Run | None:
        """Decides an open item; the run after it, None for an item about a definition. Raises NotFound,
        NotAllowed, NoteMissing."""
        _need(note, "decide")
        note = note[:REASON_LIMIT]
        saga_id = item.rpartition(".")[0]
        if output is not MISSING and decision not in ("done", "approve"):
            raise NotAllowed(f"{decision!r} takes no output", "only done and approve do")
        if not self._hands.exists(saga_id):
            self._refuse_closed(f"hitl/{saga_id}", item)
            await self._hands.decide_about_definition(item, decision, actor, note)
            return None
        run = self._hands.run(saga_id)
        if item not in run.state.items:
            self._refuse_closed(f"run/{saga_id}", item)
        wish = Decide(item, decision, actor, note)
        self._object(run, wish)
        return await self._hands.tell(run, _decision(run, wish, output))

    async def _wish(self, saga_id: str, wish: Input) -> Run:
        run = self._hands.run(saga_id)
        self._object(run, wish)
        return await self._hands.tell(run, wish)

    def _object(self, run: LiveRun, wish: Input) -> None:
        if said := objection(run.state, wish, self._now()):
            raise NotAllowed(said, _HINTS[type(wish)])

    def _same_revision(self, run: Run, keep: bool) -> None:
        now = standing(self._reader, run.saga.id).revision
        if keep or now == run.saga.revision:
            return
        stands = "is not deployed any more" if now is None else f"has changed since: revision {now[:12]} is deployed"
        raise NotAllowed(
            f"run {run.id} is of revision {run.saga.revision[:12]}, and {run.saga.id} {stands}",
            "--keep-revision lets it go on as it was; publishing the event under a new id starts the new revision",
        )

    def _refuse_closed(self, stream: str, item: str) -> None:
        """Says what became of an item that is not open. Raises NotFound, NotAllowed."""
        queued = False
        for event in self._reader.read(stream):
            data = orjson.loads(event.data or "{}") if event.type.startswith("hitl.") else {}
            if data.get("id") != item:
                continue
            queued = True
            if event.type == "hitl.decided":
                raise NotAllowed(
                    f"item {item} is decided already: {data['decision']} by {data['actor']}, {event.time}",
                    _HINTS[Decide],
                )
            if event.type == "hitl.closed":
                raise NotAllowed(f"item {item} is closed: {data['reason']}", _HINTS[Decide])
        if not queued:
            raise NotFound(f"there is no item {item}", _HINTS[Decide])


def _decision(run: LiveRun, wish: Decide, output: Any) -> Decide:
    """The decision with what it makes of the step's output."""
    if wish.decision not in ("done", "approve"):
        return wish
    item = run.state.items[wish.item]
    answer = output
    if output is MISSING:
        approval = {"decision": wish.decision, "actor": wish.actor, "note": wish.note}
        answer = approval if item.kind == "approval" else None
    kept, mapping, summary, error = mapped(run.state, run.trigger, run.compiled.steps[item.step], answer)
    if error:
        raise NotAllowed(f"the output does not fit step {item.step}: {error}", "give what the step reads with --output")
    if answer is not None and kept is None and mapping is None:
        raise NotAllowed(
            f"the output is too large for the log: it keeps {KEPT_BYTES} bytes",
            "give what later steps read, and no more",
        )
    given = None if output is MISSING else kept
    return wish._replace(given=given, answer=kept, output=mapping, summary=summary)


def _canonical(told: str) -> str:
    """The key that a person means: the JSON that was typed, else the text itself."""
    with suppress(ValueError, rfc8785.CanonicalizationError):  # no JSON: then it is the text of the key
        return rfc8785.dumps(orjson.loads(told)).decode()
    return rfc8785.dumps(told).decode()


def _need(note: str, verb: str) -> None:
    if not note.strip():
        raise NoteMissing(f"{verb} needs a note: who reads the log later wants to know why", "give note (--note TEXT)")
