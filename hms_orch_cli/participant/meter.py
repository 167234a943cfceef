"""How long participants take to answer, and what they answer: counted at every request, for /metrics."""

from __future__ import annotations

from time import perf_counter
from typing import Final

from hms_orch_cli.ports.participants import CallRequest, Participants
from hms_orch_cli.saga.outcome import Answer, Wire
from hms_orch_cli.views.histogram import Histogram

BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Seconds, up to the longest that an attempt takes by default."""

_NO_ANSWER: Final = {Wire.NOT_SENT: "not_sent", Wire.LOST: "lost"}


class Meter:
    """Participants with a watch: implements `ports.Participants` over another one."""

    def __init__(self, participants: Participants) -> None:
        self._participants = participants
        self.seconds: dict[tuple[str, str], Histogram] = {}
        """(service, answer): 2xx to 5xx, `not_sent` or `lost`"""

    async def call(self, request: CallRequest) -> Answer:
        """See `ports.Participants.call`."""
        began = perf_counter()
        answer = await self._participants.call(request)
        told = f"{answer.status // 100}xx" if answer.wire is Wire.ANSWERED else _NO_ANSWER[answer.wire]
        histogram = self.seconds.get((request.service, told))
        if histogram is None:
            histogram = self.seconds[request.service, told] = Histogram(BOUNDS)
        histogram.observe(perf_counter() - began)
        return answer

    async def close(self) -> None:
        """See `ports.Participants.close`."""
        await self._participants.close()
