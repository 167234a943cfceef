"""Deploying: a definition holds from the position of its `saga.deployed` on; the same content again changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import orjson

from hms_orch_cli.application.definition_diff import Change, difference
from hms_orch_cli.errors import NotFound
from hms_orch_cli.ports.store import Append, Event, LogReader, NewEvent
from hms_orch_cli.saga.event_types import DEPLOYED, UNDEPLOYED
from hms_orch_cli.saga.moment import rfc3339
from hms_orch_cli.saga.reserved import SOURCE


class Deployment(NamedTuple):
    """What a deploy did, or would do. `change`: new, changed, unchanged; `difference` is what that means. `in_flight`
    is the number of runs that have not ended, by revision: each keeps its own."""

    saga: str
    revision: str
    change: str
    previous: str | None
    difference: tuple[Change, ...] = ()
    in_flight: Mapping[str, int] = {}

    def to_json(self) -> dict[str, Any]:
        """As `deploy -o json` and the API show it."""
        return {
            "saga": self.saga,
            "revision": self.revision,
            "change": self.change,
            "previous": self.previous,
            "changes": [change.sentence() for change in self.difference],
            "difference": [change.to_json() for change in self.difference],
            "inFlight": dict(self.in_flight),
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Deployment:
        """What `to_json` wrote, here or at a server."""
        difference = tuple(map(Change.from_json, told.get("difference", ())))
        in_flight = dict(told.get("inFlight", {}))
        return cls(told["saga"], told["revision"], told["change"], told.get("previous"), difference, in_flight)


class Standing(NamedTuple):
    """Where a definition stands in the log: its stream's version, and what holds now (None if nothing does)."""

    version: int
    revision: str | None
    content: Mapping[str, Any] | None


NOTHING: Final = Standing(0, None, None)
"""Where a definition stands that was never deployed."""


def standing(reader: LogReader, saga: str) -> Standing:
    """What holds of a definition at the end of the log."""
    events = reader.read(f"definition/{saga}")
    if not events or events[-1].type != DEPLOYED:
        return Standing(len(events), None, None)
    data = orjson.loads(events[-1].data or "{}")
    return Standing(len(events), data["revision"], data["content"])


def plan(
    now: Standing, saga: str, revision: str, content: Mapping[str, Any], in_flight: Mapping[str, int]
) -> Deployment:
    """What deploying this content would change where `now` holds; `in_flight` as in `Deployment`."""
    if now.revision == revision:
        return Deployment(saga, revision, "unchanged", revision, (), in_flight)
    if now.content is None:
        return Deployment(saga, revision, "new", None, (), in_flight)
    return Deployment(saga, revision, "changed", now.revision, difference(now.content, content), in_flight)


def deploy_append(saga: str, revision: str, content: dict[str, Any], version: int, now_ms: int) -> Append:
    """The append that makes a revision hold."""
    data = {"saga": saga, "revision": revision, "content": content}
    return Append(f"definition/{saga}", (_event(saga, version + 1, DEPLOYED, data, now_ms),), version)


def undeploy_append(reader: LogReader, saga: str, now_ms: int) -> Append:
    """The append after which a definition starts no run. Raises NotFound."""
    now = standing(reader, saga)
    if now.revision is None:
        raise NotFound(f"no definition {saga} is deployed", "hms-orch status lists what has run")
    event = _event(saga, now.version + 1, UNDEPLOYED, {"saga": saga}, now_ms)
    return Append(f"definition/{saga}", (event,), now.version)


def deployed(reader: LogReader, known: Iterable[str], after: int) -> list[tuple[Event, dict[str, Any]]]:
    """Every definition that holds at the end of the log, with the event that made it hold, by id; `known` are those
    that held at position `after`."""
    ids = set(known)
    while events := reader.read_all(after, 1_000, arrivals=True):
        ids.update(orjson.loads(event.data or "{}")["saga"] for event in events if event.type == DEPLOYED)
        after = events[-1].seq
    last = (events[-1] for saga in sorted(ids) if (events := reader.read(f"definition/{saga}")))
    return [(event, orjson.loads(event.data or "{}")) for event in last if event.type == DEPLOYED]


def revisions_json(reader: LogReader, saga: str, in_flight: Mapping[str, int]) -> list[dict[str, Any]]:
    """What was ever deployed of a definition, the newest first, and what each changed: `[{"revision", "deployedAt",
    "undeployedAt", "changes", "inFlight"}]`; `undeployedAt` is None unless nothing followed. Raises NotFound."""
    told: list[dict[str, Any]] = []
    before: Mapping[str, Any] | None = None
    for event in reader.read(f"definition/{saga}"):
        if event.type == DEPLOYED:
            data = orjson.loads(event.data or "{}")
            changes = [] if before is None else [change.sentence() for change in difference(before, data["content"])]
            told.append({"revision": data["revision"], "deployedAt": event.time, "undeployedAt": None})
            told[-1] |= {"changes": changes, "inFlight": in_flight.get(data["revision"], 0)}
            before = data["content"]
        elif event.type == UNDEPLOYED and told:
            told[-1]["undeployedAt"] = event.time
    if not told:
        raise NotFound(f"no definition {saga} was ever deployed", "hms-orch deploy records one")
    return told[::-1]


def definition_json(reader: LogReader, saga: str, revision: str | None = None) -> dict[str, Any]:
    """A definition as it holds at the end of the log, or any revision that ever did: `{"id", "revision", "content"}`.
    Raises NotFound."""
    events = [event for event in reader.read(f"definition/{saga}") if event.type in (DEPLOYED, UNDEPLOYED)]
    for event in reversed(events if revision is not None else events[-1:]):
        data = orjson.loads(event.data or "{}")
        if event.type == DEPLOYED and revision in (None, data["revision"]):
            return {"id": saga, "revision": data["revision"], "content": data["content"]}
    which = "" if revision is None else f" of revision {revision[:12]}"
    raise NotFound(f"no definition {saga}{which} is deployed", "deploy a file, or look for the id with hms-orch status")


def _event(saga: str, version: int, kind: str, data: dict[str, Any], now_ms: int) -> NewEvent:
    return NewEvent(
        id=f"{saga}.{version}", source=SOURCE, type=kind, time=rfc3339(now_ms), data=orjson.dumps(data).decode()
    )
