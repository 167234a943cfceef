"""A crash between a failed run and the question about its definition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hms_orch_cli.errors import StoreFailed
from hms_orch_cli.ports.store import Append, Derived

from ..specs import step
from .house import SAGA, House, Mains, Services, content, said


class NoQuestions(Mains):
    """The power goes out before a question about a definition is in the log."""

    def append(self, batch: Sequence[Append], derived: Derived | None = None) -> list[int | Exception]:
        if any(member.stream.startswith("hitl/") for member in batch):
            self.die()
            raise StoreFailed("the power is out")
        return super().append(batch, derived)


async def test_a_question_about_a_definition_that_a_crash_prevented_is_asked_at_the_next_start() -> None:
    """How many failures make one is what the definition says, however far it was dispatched."""
    house = House(content(step("pay"), hitlAfter=1), services=Services(lambda request: said(409)))
    house.publish("e1")
    assert not await house.up(mains=NoQuestions(house.store)).until_dead_or_idle()
    house.store.forget_derived()
    await house.run()
    asked: list[Any] = house.store.read(f"hitl/{SAGA}")
    assert [event.type for event in asked] == ["hitl.queued"]
    house.prove()
