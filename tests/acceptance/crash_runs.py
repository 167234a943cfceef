"""The five runs of the crash proof: what is deployed, what is published, and how the services behave."""

from __future__ import annotations

from typing import NamedTuple

from tests.acceptance.services import problem
from tests.participant.fake_service import Reply

SAGA = """
id: {id}
trigger: {trigger}
steps:
  - name: reserve
    call: svc:/{id}/reserve
    compensate: svc:/{id}/unreserve
  - name: charge
    call: svc:/{id}/charge
    compensate: svc:/{id}/refund
  - name: ship
    call: svc:/{id}/ship
    compensate: svc:/{id}/recall
retry: {{attempts: 2, backoffMs: 10, factor: 1, jitter: 0}}
timeoutMs: 20000
"""

NO = problem(422, "no")


class Story(NamedTuple):
    """A run, or several at once: `sagas` are deployed, one event starts them all. `ends` is the state of each saga
    at its end, `steps` the state of each of its steps; `calls` is how often each path is asked without a crash."""

    name: str
    replies: dict[str, tuple[Reply, ...]]
    ends: dict[str, str]
    steps: dict[str, tuple[str, str, str]]
    calls: dict[str, int]

    @property
    def sagas(self) -> list[str]:
        """The ids of its definitions."""
        return list(self.ends)

    def text(self, saga: str) -> str:
        """The saga file of one of them."""
        return SAGA.format(id=saga, trigger=f"{self.name}.go")


STORIES = [
    Story(
        "completed",
        {},
        {"whole": "COMPLETED"},
        {"whole": ("SUCCEEDED", "SUCCEEDED", "SUCCEEDED")},
        {"/whole/reserve": 1, "/whole/charge": 1, "/whole/ship": 1},
    ),
    Story(
        "refused",
        {"/no/ship": (NO,)},
        {"no": "FAILED"},
        {"no": ("COMPENSATED", "COMPENSATED", "FAILED")},
        {"/no/reserve": 1, "/no/charge": 1, "/no/ship": 1, "/no/refund": 1, "/no/unreserve": 1},
    ),
    Story(
        "unknown",
        {"/doubt/ship": (Reply(500),)},
        {"doubt": "FAILED"},
        {"doubt": ("COMPENSATED", "COMPENSATED", "COMPENSATED")},
        {
            "/doubt/reserve": 1, "/doubt/charge": 1, "/doubt/ship": 2,
            "/doubt/recall": 1, "/doubt/refund": 1, "/doubt/unreserve": 1,
        },
    ),
    Story(
        "undo-failing",
        {"/held/ship": (NO,), "/held/refund": (NO,)},
        {"held": "STUCK"},
        {"held": ("SUCCEEDED", "STUCK", "FAILED")},
        {"/held/reserve": 1, "/held/charge": 1, "/held/ship": 1, "/held/refund": 1},
    ),
    Story(
        "two-at-once",
        {"/right/charge": (NO,)},
        {"left": "COMPLETED", "right": "FAILED"},
        {"left": ("SUCCEEDED", "SUCCEEDED", "SUCCEEDED"), "right": ("COMPENSATED", "FAILED", "PENDING")},
        {
            "/left/reserve": 1, "/left/charge": 1, "/left/ship": 1,
            "/right/reserve": 1, "/right/charge": 1, "/right/unreserve": 1,
        },
    ),
]  # fmt: skip
