"""What the log tells of locks: from where to where each run held one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import orjson

from hms_orch_cli.ports.store import Event

ENDS = ("saga.completed", "saga.failed", "saga.cancelled", "saga.abandoned", "saga.lock.released")


class Held(NamedTuple):
    """A run held a lock between two positions of the log; `until` is None while it does."""

    key: str
    saga_id: str
    fence: int
    since: int
    until: int | None


def lock_story(events: Iterable[Event]) -> list[Held]:
    """Every time that a lock was held, in order. Asserts that never two runs held one at once, and that fences rose."""
    story: list[Held] = []
    holders: dict[str, int] = {}
    for event in events:
        if not event.stream.startswith("run/"):
            continue
        saga_id = event.stream.removeprefix("run/")
        if event.type == "saga.lock.acquired":
            data = orjson.loads(event.data or "{}")
            other = holders.get(data["key"])
            assert other is None, (
                f"{saga_id} got {data['key']} at {event.seq} while {story[other or 0].saga_id} held it"
            )
            assert all(held.fence < data["fence"] for held in story), f"the fence at {event.seq} did not rise"
            holders[data["key"]] = len(story)
            story.append(Held(data["key"], saga_id, data["fence"], event.seq, None))
        elif event.type in ENDS:
            for key, place in list(holders.items()):
                if story[place].saga_id == saga_id:
                    story[place] = story[place]._replace(until=event.seq)
                    del holders[key]
    return story
