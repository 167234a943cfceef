"""What a run's task does over the network: send an attempt, ask about one that is in progress, settle one in doubt.

Each errand ends with the input that the machine is told, or with None if nobody wants to know any more.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from hms_orch_cli.errors import ConfigError, ExpressionError
from hms_orch_cli.orchestrator.answers import answered, checked
from hms_orch_cli.orchestrator.gate import Gate
from hms_orch_cli.orchestrator.live_run import LiveRun
from hms_orch_cli.orchestrator.polling import Pace, first_pause_ms
from hms_orch_cli.orchestrator.requests import RequestWriter
from hms_orch_cli.ports.clock import Clock
from hms_orch_cli.ports.participants import CallRequest, Participants
from hms_orch_cli.saga.commands import Check, Poll, Send
from hms_orch_cli.saga.inputs import Answered, Checked, Input
from hms_orch_cli.saga.outcome import Answer, Verdict, classify, classify_check, classify_poll
from hms_orch_cli.saga.state import Phase

Act = Send | Poll | Check
"""A command that is carried out over the network."""


class Errands:
    """Carries acts out, until `stop`."""

    def __init__(self, participants: Participants, clock: Clock, gate: Gate, writer: RequestWriter) -> None:
        self._participants = participants
        self._clock = clock
        self._gate = gate
        self._writer = writer
        self._stopping = False

    def stop(self) -> None:
        """No question is asked again."""
        self._stopping = True

    async def carry_out(self, run: LiveRun, act: Act) -> Input | None:
        """Makes the call and says what came of it."""
        if isinstance(act, Send):
            return await self._send(run, act)
        if isinstance(act, Check):
            return await self._check(run, act)
        if act.status == 425:
            return await self._send_again(run, act)
        # Without a location there is nothing to ask: the callback, or the end of the attempt's time, settles it.
        return None if act.location is None else await self._poll(run, act, act.location)

    async def _send(self, run: LiveRun, act: Send) -> Answered | None:
        request = run.requests.get((act.step, act.op))
        if request is None:
            return None  # a callback has settled it before it was sent
        answer = await self._participants.call(request)
        return _told(run, act, _verdict(run, act, answer), answer)

    async def _send_again(self, run: LiveRun, act: Poll) -> Answered | None:
        """The same request again, as a 425 asks for."""
        request = run.requests.get((act.step, act.op))
        if request is None:
            return None  # a callback has settled it meanwhile
        pace = _pace(run, act)
        while await self._pause(run, act, pace):
            answer = await self._ask(request)
            verdict = _verdict(run, act, answer)
            if verdict is not Verdict.AGAIN:
                return _told(run, act, verdict, answer)
            pace.heed(answer.retry_after_ms)
        return None

    async def _poll(self, run: LiveRun, act: Poll, location: str) -> Answered | None:
        """Asks at the location of a 202 until there is an answer."""
        request = self._writer.poll(run.state, run.compiled.steps[act.step].requests[act.op], act, location)
        pace = _pace(run, act)
        refused = False
        while await self._pause(run, act, pace):
            answer = await self._ask(request)
            verdict = classify_poll(answer)
            if verdict is Verdict.UNAUTHORIZED and not refused:
                refused = True  # once more: each question carries a fresh token
                continue
            if verdict is not Verdict.IN_PROGRESS:
                return _told(run, act, verdict, answer)
            pace.heed(answer.retry_after_ms)
            if answer.status == 202 and answer.location not in (None, location):
                return _told(run, act, verdict, answer)
        return None

    async def _check(self, run: LiveRun, act: Check) -> Checked | None:
        """Asks the step's check, again while it says that it does not know yet, for the time of one attempt."""
        step = run.compiled.steps[act.step]
        compiled = step.requests["check"]
        try:
            request = self._writer.check(run.state, run.trigger, compiled, act.step, act.attempt)
        except (ExpressionError, ConfigError) as error:
            return Checked(act.step, act.attempt, Verdict.UNKNOWN, f"check: {error.message}")
        pace = Pace(first_pause_ms(425))
        until = self._clock.now_ms() + compiled.timeout_ms
        while not self._stopping:
            answer = await self._ask(request)
            verdict = classify_check(answer)
            if verdict is not Verdict.AGAIN:
                return checked(run.state, run.trigger, step, act.attempt, verdict, answer)
            pace.heed(answer.retry_after_ms)
            pause_ms = pace.next_pause_ms()
            if self._clock.now_ms() + pause_ms > until:
                return Checked(act.step, act.attempt, Verdict.UNKNOWN, "the check knew no answer in time")
            await asyncio.sleep(pause_ms / 1000)
        return None

    async def _pause(self, run: LiveRun, act: Poll, pace: Pace) -> bool:
        """Waits until it is time to ask again. False, and at once, if nobody wants to know any more."""
        clock = asyncio.get_running_loop().time
        until = clock() + pace.next_pause_ms() / 1000
        if run.stirred is None:
            run.stirred = asyncio.Event()
        while _still_accepted(run, act) and not self._stopping:
            if (left := until - clock()) <= 0:
                return True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await run.stirred.wait()
        return False

    async def _ask(self, request: CallRequest) -> Answer:
        """A question beside the attempts: it takes a place at the gate for its own time only."""
        if not self._gate.enter(request.service):
            admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()

            def admit() -> None:
                if admitted.cancelled():  # a stop took it out of the line
                    self._gate.leave(request.service)
                else:
                    admitted.set_result(None)

            self._gate.wait(request.service, admit)
            await admitted
        try:
            return await self._participants.call(request)
        finally:
            self._gate.leave(request.service)


def _pace(run: LiveRun, act: Poll) -> Pace:
    pace = Pace(first_pause_ms(act.status))
    pace.heed(run.asked_for.pop((act.step, act.op), None))
    return pace


def _told(run: LiveRun, act: Send | Poll, verdict: Verdict, answer: Answer) -> Answered:
    step = run.compiled.steps[act.step]
    if verdict in (Verdict.IN_PROGRESS, Verdict.AGAIN):
        run.asked_for[act.step, act.op] = answer.retry_after_ms
    return answered(run.state, run.trigger, step, act.op, act.attempt, verdict, answer)


def _verdict(run: LiveRun, act: Send | Poll, answer: Answer) -> Verdict:
    call_unknown = act.op == "compensate" and run.progress(act.step, "call").unknown
    return classify(act.op, answer, _outcomes(run, act), call_unknown=call_unknown)


def _outcomes(run: LiveRun, act: Send | Poll) -> Mapping[int, str] | None:
    step = run.state.saga.steps[act.step]
    call = step.call if act.op == "call" else step.compensate and step.compensate.call
    return call.outcomes if call else None


def _still_accepted(run: LiveRun, act: Poll) -> bool:
    progress = run.progress(act.step, act.op)
    return progress.phase is Phase.ACCEPTED and progress.attempt == act.attempt and not run.state.status.ended
