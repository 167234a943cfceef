"""The participants of a test: they say what the script says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from hms_orch_cli.ports.participants import CallRequest
from hms_orch_cli.rehearsal.replies import OK, TIMED_OUT, Reply
from hms_orch_cli.saga.outcome import Answer, Op, Verdict, Wire

ACCEPTED: Final = 202


class Cast:
    """`ports.Participants`. `sent` hears of each request, (run, target, request); `report` brings what a participant
    reports by itself, (run, step, op, verdict, answer), to the orchestrator; `after` calls in so many milliseconds."""

    def __init__(
        self,
        replies: Mapping[str, tuple[Reply, ...]],
        after: Callable[..., None],
        sent: Callable[[str, str, CallRequest | None], None],
        report: Callable[..., None],
    ) -> None:
        self._replies = replies
        self._after = after
        self._sent = sent
        self._report = report
        self.given: dict[str, int] = {}
        """target -> how many answers it has given"""

    async def call(self, request: CallRequest) -> Answer:
        """See `ports.Participants.call`."""
        target = target_of(request)
        self._sent(request.saga_id, target, request)
        reply = self._next(target)
        pause_ms = reply.comes_after(request.timeout_ms)
        if pause_ms is None:
            await asyncio.sleep(request.timeout_ms / 1000)
            return TIMED_OUT
        await asyncio.sleep(
            pause_ms / 1000
        )  # also of none at all: requests side by side go out before the first answer
        if reply.answer.status != ACCEPTED:
            return reply.answer
        if reply.report is not None:
            self._report_after(reply.report.after_ms, request.saga_id, request.step, request.op, *reply.report[1:])
        if reply.answer.location is None and f"{target}.poll" in self._replies:
            return reply.answer._replace(location=f"/polls/{target}")
        return reply.answer

    def hear(self, saga_id: str, step: str) -> None:
        """The event `saga.compensate` is on the bus, for a participant that undoes by itself: it acknowledges, or it
        does not."""
        target = f"{step}.undo"
        self._sent(saga_id, target, None)
        reply = self._next(target)
        if reply.answer.wire is Wire.ANSWERED and reply.after_ms is not None:
            done = Answer(Wire.ANSWERED)
            self._report_after(reply.after_ms, saga_id, step, "compensate", Verdict.SUCCESS, done)

    async def close(self) -> None:
        """Nothing to close."""

    def _next(self, target: str) -> Reply:
        count = self.given[target] = self.given.get(target, 0) + 1
        replies = self._replies.get(target)
        return OK if replies is None else replies[min(count, len(replies)) - 1]

    def _report_after(self, ms: int, saga_id: str, step: str, op: Op, *told: Any) -> None:
        self._after(ms, self._report, saga_id, step, op, *told)


def target_of(request: CallRequest) -> str:
    """How a test names what is asked: the step, `step.undo`, `step.check`, `step.poll`, `step.undo.poll`."""
    if request.purpose == "check":
        return f"{request.step}.check"
    asked = request.step if request.op == "call" else f"{request.step}.undo"
    return f"{asked}.poll" if request.purpose == "poll" else asked
