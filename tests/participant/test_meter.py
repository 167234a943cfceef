"""What is counted of each request to a participant."""

from __future__ import annotations

import pytest

from hms_orch_cli.participant.meter import Meter
from hms_orch_cli.ports.participants import CallRequest
from hms_orch_cli.saga.outcome import Answer, Wire

REQUEST = CallRequest("r", "pay", "call", 1, "k", "svc", "POST", "/pay", 1_000)


class Fake:
    """Answers what it is told to."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.closed = False

    async def call(self, request: CallRequest) -> Answer:
        """See `ports.Participants.call`."""
        return self.answer

    async def close(self) -> None:
        """See `ports.Participants.close`."""
        self.closed = True


@pytest.mark.parametrize(
    ("answer", "counted"),
    [
        (Answer(Wire.ANSWERED, 200), "2xx"),
        (Answer(Wire.ANSWERED, 202), "2xx"),
        (Answer(Wire.ANSWERED, 303), "3xx"),
        (Answer(Wire.ANSWERED, 404), "4xx"),
        (Answer(Wire.ANSWERED, 503), "5xx"),
        (Answer(Wire.NOT_SENT), "not_sent"),
        (Answer(Wire.LOST), "lost"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_an_answer_is_counted_by_its_kind_and_given_on(answer: Answer, counted: str) -> None:
    meter = Meter(Fake(answer))
    assert await meter.call(REQUEST) is answer
    ((told, histogram),) = meter.seconds.items()
    assert told == ("svc", counted)
    assert sum(histogram.buckets) == 1
    assert histogram.sum >= 0


async def test_closing_it_closes_what_it_measures() -> None:
    fake = Fake(Answer(Wire.ANSWERED, 200))
    await Meter(fake).close()
    assert fake.closed
