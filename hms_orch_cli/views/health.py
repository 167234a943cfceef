"""How a participant has been answering: a fold of its answers, by minute, for an hour."""

from __future__ import annotations

from typing import Final, NamedTuple

from hms_orch_cli.views.spread import Spread

MINUTE_MS: Final = 60_000
MINUTES: Final = 60
DOWN_AFTER: Final = 3
"""Attempts in a row without an answer, or with one that says that it cannot."""

RECENT: Final = 5
SHARE: Final = 0.05
"""The part of the attempts of the last so many minutes that may fail, and the participant is up all the same."""


class Minute(NamedTuple):
    """Attempts in one minute: answered, and not (or with 5xx, 429)."""

    answered: int
    failed: int


class Health:
    """A refusal (4xx) is an answer: the participant is well, whatever it thinks of the request."""

    def __init__(self) -> None:
        self.minutes: dict[int, Minute] = {}
        self.spread = Spread()
        """how long answers took"""
        self.last_answer_at: int | None = None
        self.last_failure_at: int | None = None
        self.last_failure = ""
        self.failures_in_a_row = 0

    def answered(self, at: int, took_ms: int, status: int, reason: str) -> None:
        """Takes in the end of an attempt; `status` is 0 if there was no answer."""
        well = 0 < status < 500 and status != 429
        number = at // MINUTE_MS
        minute = self.minutes.get(number)
        if minute is None:
            minute = Minute(0, 0)
            for old in [each for each in self.minutes if each <= number - MINUTES]:
                del self.minutes[old]
        self.minutes[number] = Minute(minute.answered + well, minute.failed + (not well))
        if well:
            self.last_answer_at = at
            self.failures_in_a_row = 0
            self.spread.observe(took_ms)
        else:
            self.last_failure_at = at
            self.last_failure = f"{status} {reason}".strip() if status else reason
            self.failures_in_a_row += 1

    def state(self, now: int) -> str:
        """`down`, `unsteady` or `up`."""
        if self.failures_in_a_row >= DOWN_AFTER:
            return "down"
        numbers = range(now // MINUTE_MS - RECENT + 1, now // MINUTE_MS + 1)
        recent = [self.minutes[number] for number in numbers if number in self.minutes]
        failed, all_ = sum(each.failed for each in recent), sum(sum(each) for each in recent)
        return "unsteady" if self.failures_in_a_row or failed > SHARE * all_ else "up"
