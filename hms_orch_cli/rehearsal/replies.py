"""What participants answer in a test: read once for each test, in the words of the adapter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import orjson

from hms_orch_cli.participant.answers import MAX_REASON, answer_of
from hms_orch_cli.saga.outcome import Answer, Verdict, Wire
from hms_orch_cli.saga.words import words_of

TIMED_OUT: Final = Answer(Wire.LOST, reason="no whole answer within the attempt's time")


class Report(NamedTuple):
    """How a participant reports the end of a 202 by itself, so many milliseconds after it."""

    after_ms: int
    verdict: Verdict
    answer: Answer


class Reply(NamedTuple):
    """What the adapter says of a request, after so many milliseconds; None: not within the attempt's time, -1: just
    within it."""

    answer: Answer
    after_ms: int | None = 0
    report: Report | None = None

    def comes_after(self, timeout_ms: int) -> int | None:
        """Milliseconds until it comes, in an attempt that has this time; None if it comes too late."""
        if self.after_ms is None or self.after_ms >= timeout_ms:
            return None
        return timeout_ms - 1 if self.after_ms < 0 else self.after_ms


OK: Final = Reply(Answer(Wire.ANSWERED, 200, {}))
"""What is not named."""

WORDS: Final[Mapping[str, Reply]] = {
    "timeout": Reply(TIMED_OUT, None),
    "lost": Reply(Answer(Wire.LOST, reason="connection lost")),
    "refused": Reply(Answer(Wire.NOT_SENT, reason="not sent, no connection: refused")),
    "slow": Reply(OK.answer, -1),
}


def replies_from(written: Any) -> tuple[Reply, ...]:
    """The replies of one target: an answer, or a list of them."""
    return tuple(map(_reply, written)) if isinstance(written, list) else (_reply(written),)


def _reply(written: Any) -> Reply:
    if isinstance(written, str):
        return WORDS[written]
    told: Mapping[str, Any] = {"status": written} if isinstance(written, int) else written
    status: int = told.get("status", 200)
    body = told.get("body", {} if status == 200 else None)
    answer = _answer(status, body, told.get("location"))
    if "retryAfterMs" in told:
        answer = answer._replace(retry_after_ms=told["retryAfterMs"])
    return Reply(answer, told.get("afterMs", 0), _report(told.get("callback")))


def _answer(status: int, body: Any, location: str | None) -> Answer:
    if body is None:
        return answer_of(status, b"", None, location=location)
    is_problem = status >= 400 and isinstance(body, Mapping) and bool(body.keys() & {"type", "title"})
    media = "application/problem+json" if is_problem else "application/json"
    return answer_of(status, orjson.dumps(body), media, location=location)


def _report(written: Mapping[str, Any] | None) -> Report | None:
    if written is None:
        return None
    result = written.get("result")
    if written.get("outcome", "success") == "success":
        return Report(written.get("afterMs", 0), Verdict.SUCCESS, Answer(Wire.ANSWERED, body=result))
    reason = words_of(result)[:MAX_REASON] or "the participant reported failed"
    return Report(written.get("afterMs", 0), Verdict.FAILED, Answer(Wire.ANSWERED, body=result, reason=reason))
