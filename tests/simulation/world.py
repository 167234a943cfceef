"""The participants and the wire to them. They keep a ledger of their own and a correct barrier; the wire does not.

What a participant promises (docs/participants.md), and keeps here whatever the wire does: one key takes effect once and
is answered the same from then on; a call whose undo it has seen is refused; an undo of what it never saw is accepted;
who was told by a check that a call had no effect is never made a liar by that call arriving later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from random import Random
from typing import TYPE_CHECKING, Any, Final

from hms_orch_cli.errors import HmsError
from hms_orch_cli.ports.participants import CallRequest
from hms_orch_cli.rehearsal.virtual_time import Agenda, Handle
from hms_orch_cli.saga.identity import round_of
from hms_orch_cli.saga.outcome import Answer, Verdict, Wire

from . import faults
from .faults import Plan

if TYPE_CHECKING:
    from .process import Process

SENT: Final = ("not sent", "request lost", "request late", "request twice", "answer lost", "answer late", "slow")

PLAIN: Final[Mapping[str, tuple[int, ...]]] = {
    "success": (200, 200, 201, 204),
    "failed": (400, 404, 409, 410, 422, 301),
    "unknown": (500, 502, 503, 504, 408, 303),
    "retry": (429, 503),
}
"""What a participant says of a call, and how: its statuses."""

UNDO_PLAIN: Final[Mapping[str, tuple[int, ...]]] = {
    "success": (200, 204, 410),
    "failed": (400, 409, 422, 301),
    "retry": (500, 502, 503, 504, 408, 429, 401, 403, 303),
}

CALLBACK_TRIES: Final = 12
CALLBACK_PAUSE_S: Final = 2.0


class Job:
    """Work that goes on after a 202 or a 425."""

    __slots__ = ("again", "challenged", "done", "fails", "location")

    def __init__(self, location: str | None, fails: bool, again: bool) -> None:
        self.location = location
        self.fails = fails
        self.again = again
        self.challenged = False
        """a token was refused once"""
        self.done = False


class Entry:
    """What a participant remembers of one step of one run."""

    __slots__ = ("by_hand", "effect", "final", "jobs", "undone", "void")

    def __init__(self) -> None:
        self.effect = 0
        self.by_hand = False
        """a person has done it, and told the participant"""
        self.undone = False
        self.final: dict[str, Answer] = {}
        """key -> the answer that it has from now on"""
        self.jobs: dict[str, Job] = {}
        self.void = 0
        """calls up to this attempt never take effect: a check was told that they did not"""


class Message:
    """A request under way."""

    __slots__ = ("bound", "future", "process", "request", "sent_at", "timer")

    def __init__(self, process: Process, request: CallRequest, future: asyncio.Future[Answer], now: float) -> None:
        self.process = process
        self.request = request
        self.future = future
        self.sent_at = now
        self.timer: Handle | None = None
        self.bound: Answer | None = None
        """what this very message was answered, if a copy of it must not be answered otherwise"""


class World:
    """All participants, and the wire."""

    def __init__(
        self,
        agenda: Agenda,
        rng: Random,
        plan: Plan,
        process: Callable[[], Process | None],
        violated: Callable[[str, str], None],
        note: Callable[..., None],
    ) -> None:
        self._agenda = agenda
        self._rng = rng
        self._plan = plan
        self._process = process
        self._violated = violated
        self._note = note
        self.ledger: dict[tuple[str, str], Entry] = {}
        self.written: dict[tuple[str, str], dict[str, Any]] = {}
        """(saga id, step) -> the step as it is written in the definition of the run"""
        self.decided: dict[tuple[str, str], str] = {}
        """(saga id, step) -> done or skip: what a person has seen to"""
        self._jobs: dict[str, tuple[Entry, CallRequest]] = {}

    # -- the wire

    def send(self, process: Process, request: CallRequest) -> asyncio.Future[Answer]:
        """Takes a request from a process; the future has what the adapter would say of it."""
        agenda, rng = self._agenda, self._rng
        future: asyncio.Future[Answer] = process.loop.create_future()
        message = Message(process, request, future, agenda.now)
        timeout = request.timeout_ms / 1000
        travel, back = rng.random() ** 4 * 0.2, rng.random() ** 4 * 0.2
        fault = self._plan.pick(SENT)
        if fault == "not sent":
            self._plan.fire(fault)
            agenda.after(travel, self._settle, message, Answer(Wire.NOT_SENT, reason="connection refused"))
            return future
        message.timer = agenda.after(timeout, self._settle, message, Answer(Wire.LOST, reason="timed out"))
        if fault in ("request lost", "request late"):
            if rng.random() < 0.5:
                agenda.after(travel, self._settle, message, Answer(Wire.LOST, reason="connection reset"))
            if fault == "request lost":
                self._plan.fire(fault)
                return future
            travel = timeout + rng.random() ** 2 * 20
        elif fault == "slow":
            self._plan.fire(fault)
            back = timeout * rng.uniform(0.3, 0.9)
        elif fault == "answer late":
            back = timeout * rng.uniform(1, 3)
        elif fault == "request twice":
            agenda.after(travel + rng.random() ** 2 * 15, self._arrive, message, fault, 0.0)
            fault = ""
        agenda.after(travel, self._arrive, message, fault, back)
        return future

    def _arrive(self, message: Message, fault: str, back: float) -> None:
        request = message.request
        if fault in ("request late", "request twice"):
            self._plan.fire(fault)
        answer = message.bound or self._answer(message)
        self._note(request.purpose, request.key, request.attempt, fault, answer.status)
        if fault == "answer lost":
            self._plan.fire(fault)
            self._settle(message, Answer(Wire.LOST, reason="connection lost"))
        elif fault == "answer late":
            self._agenda.after(back, self._plan.fire, fault)
        elif fault not in ("request late", "request twice"):
            self._agenda.after(back, self._settle, message, answer)

    def _settle(self, message: Message, answer: Answer) -> None:
        if message.timer is not None:
            message.timer.cancel()
        if not message.future.done() and not message.process.loop.dead:
            self._note("settled", message.request.key, message.request.purpose, answer.status, answer.wire.value)
            message.future.set_result(answer)

    # -- the participants

    def _entry(self, saga_id: str, step: str) -> Entry:
        entry = self.ledger.get((saga_id, step))
        if entry is None:
            entry = self.ledger[saga_id, step] = Entry()
        return entry

    def _answer(self, message: Message) -> Answer:
        request = message.request
        entry = self._entry(request.saga_id, request.step)
        if request.purpose == "poll":
            return self._polled(request)
        if request.purpose == "check":
            return self._checked(entry, request)
        if request.op == "call":
            return self._called(entry, message)
        return self._undone(entry, message)

    def _called(self, entry: Entry, message: Message) -> Answer:
        request, key, plan = message.request, message.request.key, self._plan
        if entry.undone or request.attempt <= entry.void:
            return self._say(request, "failed", reason="its undo came first")
        if (known := entry.final.get(key)) is not None:
            return known
        if entry.by_hand:
            return self._say(request, "success", body={"done": 1})
        if (job := entry.jobs.get(key)) is not None:
            return self._in_progress(job)
        fault = plan.pick(faults.CALL)
        if fault == "call unreadable" and "output" not in self._step(request):
            fault = ""
        if fault:
            plan.fire(fault)
        match fault:
            case "call refused":
                entry.final[key] = self._say(request, "failed", reason="refused")
                return entry.final[key]
            case "call throttled":
                message.bound = self._say(request, "retry", reason="busy", pause=True)
                return message.bound
            case "call failed, not done":
                return self._say(request, "unknown", reason="broken down")
            case "call failed, done":
                self._take_effect(entry, request)
                return self._say(request, "unknown", reason="broken down behind it")
            case "call unreadable":
                self._take_effect(entry, request, body={"other": 1})
                return entry.final[key]
            case "call broken JSON":
                self._take_effect(entry, request)
                return Answer(Wire.ANSWERED, 200, reason="declared JSON that is none", broken=True)
            case "call unauthorized":
                message.bound = Answer(Wire.ANSWERED, self._rng.choice((401, 403)), reason="token refused")
                return message.bound
            case "call accepted, poll" | "call accepted, callback" | "call too early":
                return self._accept(entry, request, fault)
        self._take_effect(entry, request)
        return entry.final[key]

    def _undone(self, entry: Entry, message: Message) -> Answer:
        request, key, plan = message.request, message.request.key, self._plan
        if (known := entry.final.get(key)) is not None:
            return known
        if (job := entry.jobs.get(key)) is not None:
            return self._in_progress(job)
        fault = plan.pick(faults.UNDO)
        never_seen = not entry.effect and not entry.jobs and not entry.final and not entry.undone
        if fault == "undo gone" and not never_seen:
            fault = ""
        if fault:
            plan.fire(fault)
        match fault:
            case "undo refused":
                entry.final[key] = self._say(request, "failed", reason="cannot be undone")
                return entry.final[key]
            case "undo throttled":
                message.bound = self._say(request, "retry", reason="busy", pause=True)
                return message.bound
            case "undo failed, not done":
                return self._say(request, "retry", reason="broken down")
            case "undo failed, done":
                self._undo(entry, request)
                return self._say(request, "retry", reason="broken down behind it")
            case "undo gone":
                self._undo(entry, request, Answer(Wire.ANSWERED, self._rng.choice((404, 410)), reason="never seen"))
                return entry.final[key]
            case "undo accepted, poll" | "undo accepted, callback" | "undo too early":
                return self._accept(entry, request, fault)
        self._undo(entry, request)
        return entry.final[key]

    def _accept(self, entry: Entry, request: CallRequest, kind: str) -> Answer:
        plan, rng = self._plan, self._rng
        location = f"http://{request.service}/jobs/{len(self._jobs)}" if kind.endswith("poll") else None
        job = Job(location, request.op == "call" and plan.strikes("job failed"), kind.endswith("early"))
        entry.jobs[request.key] = job
        if location is not None:
            self._jobs[location] = (entry, request)
        work = rng.random() ** 2 * 1.5
        if plan.strikes("job slow"):
            work = request.timeout_ms / 1000 * rng.uniform(0.7, 2.5)
        elif kind.endswith("callback") and plan.strikes("callback early"):
            work = 0.0
        self._agenda.after(work, self._end_job, entry, request, job)
        return self._in_progress(job)

    def _in_progress(self, job: Job) -> Answer:
        pause = self._rng.choice((None, None, 0, 700))
        return Answer(Wire.ANSWERED, 425 if job.again else 202, location=job.location, retry_after_ms=pause)

    def _end_job(self, entry: Entry, request: CallRequest, job: Job) -> None:
        job.done = True
        key = request.key
        if request.op == "compensate":
            self._undo(entry, request)
        elif entry.undone or job.fails or entry.by_hand or request.attempt <= entry.void:
            entry.final.setdefault(key, self._say(request, "failed", reason="the work failed"))
        elif key not in entry.final:
            self._take_effect(entry, request)
        if job.location is None and not job.again:
            self._call_back(entry, request)

    def _take_effect(self, entry: Entry, request: CallRequest, body: Any = None) -> None:
        entry.effect += 1
        if entry.effect > 1:
            self._violated("G7", f"{request.saga_id} {request.step} took effect twice")
        body = {"done": entry.effect, "message": f"{request.step} done"} if body is None else body
        entry.final[request.key] = self._say(request, "success", body=body)

    def _undo(self, entry: Entry, request: CallRequest, answer: Answer | None = None) -> None:
        entry.undone = True
        entry.effect = 0
        entry.final[request.key] = answer or self._say(request, "success")

    def _step(self, request: CallRequest) -> dict[str, Any]:
        return self.written[request.saga_id, request.step]

    def _say(
        self, request: CallRequest, meaning: str, *, body: Any = None, reason: str = "", pause: bool = False
    ) -> Answer:
        """An answer that means this under the contract, the file's own `outcomes` included."""
        step = self._step(request)
        if request.op == "call":
            plain, written = PLAIN, step.get("outcomes", {})
        else:
            undo = step.get("compensate")
            plain, written = UNDO_PLAIN, undo.get("outcomes", {}) if isinstance(undo, dict) else {}
        said = [status for status in plain[meaning] if str(status) not in written]
        said += [int(status) for status, outcome in written.items() if outcome == meaning]
        status = self._rng.choice(said)
        retry_after = None
        if pause and (status != 429 or self._rng.random() < 0.5):
            retry_after = self._rng.choice((0, 500, 2_000))
        if status == 204:
            body = None if "output" not in step else body
            status = 204 if body is None else 200
        return Answer(Wire.ANSWERED, status, body, reason, retry_after)

    def _polled(self, request: CallRequest) -> Answer:
        entry, about = self._jobs[request.url or ""]
        job = entry.jobs[about.key]
        if self._plan.strikes("poll in doubt"):
            status = self._rng.choice((404, 410, 429, 500, 503, 401))
            if status != 401 or not job.challenged:  # a fresh token is taken: refused twice means that it failed
                job.challenged = job.challenged or status == 401
                return Answer(Wire.ANSWERED, status, reason="who knows")
        if not job.done:
            return self._in_progress(job)
        final = entry.final[about.key]
        if about.op == "call" and (job.fails or entry.undone or not entry.effect):
            return Answer(Wire.ANSWERED, 422, reason="the work failed")
        return Answer(Wire.ANSWERED, 200, final.body)

    def _checked(self, entry: Entry, request: CallRequest) -> Answer:
        if self._plan.strikes("check in doubt"):
            return Answer(Wire.ANSWERED, self._rng.choice((500, 503, 401, 400)), reason="who knows")
        if entry.effect:
            known = entry.final.get(request.key)
            return Answer(Wire.ANSWERED, 200, {"done": 1} if known is None else known.body)
        if any(not job.done for job in entry.jobs.values()):
            return Answer(Wire.ANSWERED, self._rng.choice((202, 425)))
        entry.void = max(entry.void, request.attempt)
        return Answer(Wire.ANSWERED, self._rng.choice((404, 410)), reason="it did not")

    # -- what people do there

    def by_hand(self, saga_id: str, step: str, decision: str) -> None:
        """A person who decides so has seen to it that it is so."""
        entry = self._entry(saga_id, step)
        if decision == "done":
            entry.by_hand = True
            entry.effect = 1
        elif decision in ("skip", "undone"):
            entry.undone = True
            entry.effect = 0
        if decision in ("done", "skip"):
            self.decided[saga_id, step] = decision

    # -- what participants say of themselves

    def _call_back(self, entry: Entry, request: CallRequest) -> None:
        if self._plan.strikes("callback lost"):
            return
        final = entry.final[request.key]
        good = request.op == "compensate" or (entry.effect > 0 and not entry.undone)
        verdict = Verdict.SUCCESS if good else Verdict.FAILED
        answer = Answer(Wire.ANSWERED, body=final.body, reason=final.reason)
        word = request.key.removeprefix(f"{request.saga_id}:{request.step}:")  # as in the address of the callback
        if self._plan.strikes("callback twice"):
            self._agenda.after(
                self._rng.random() * 5, self._report, request.saga_id, request.step, word, verdict, answer, 0
            )
        self._report(request.saga_id, request.step, word, verdict, answer, CALLBACK_TRIES)

    def hear(self, saga_id: str, step: str) -> None:
        """The event `saga.compensate` is on the bus, for a participant that undoes by itself."""
        delay = self._rng.random() ** 3 * 2
        self._agenda.after(delay, self._undo_by_event, saga_id, step)
        if self._plan.strikes("acknowledged twice"):
            self._agenda.after(delay + self._rng.random() * 5, self._undo_by_event, saga_id, step)

    def _undo_by_event(self, saga_id: str, step: str) -> None:
        entry = self._entry(saga_id, step)
        entry.undone = True
        entry.effect = 0
        self._note("heard", saga_id, step)
        if not self._plan.strikes("acknowledgement lost"):
            self._report(saga_id, step, "compensate", Verdict.SUCCESS, Answer(Wire.ANSWERED), CALLBACK_TRIES)

    def _report(self, saga_id: str, step: str, word: str, verdict: Verdict, answer: Answer, tries: int) -> None:
        """Reports to whatever process is up, again until it is heard."""
        process = self._process()
        heard: list[bool] = []
        if process is not None:
            process.do(self._reporting(process, saga_id, step, word, verdict, answer, heard))

        def again() -> None:
            if not heard:
                self._report(saga_id, step, word, verdict, answer, tries - 1)

        if tries > 0:
            self._agenda.after(CALLBACK_PAUSE_S, again)

    async def _reporting(
        self, process: Process, saga_id: str, step: str, word: str, verdict: Verdict, answer: Answer, heard: list[bool]
    ) -> None:
        try:
            op, number = round_of(word)
            known = await process.orchestrator.report(saga_id, step, op, verdict, answer, number)
        except HmsError as error:
            self._note("report failed", saga_id, step, type(error).__name__)
            return
        heard.append(known)
        self._note("reported", saga_id, step, word, known)
