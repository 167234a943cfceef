"""Where a command reads runs and events: the store itself, or, with HMS_URL, the server there. Both answer in the JSON
of the contract."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from hms_orch_cli.cli.remote import Remote
    from hms_orch_cli.config import Config
    from hms_orch_cli.event_store.sqlite_reader import SqliteReader

PAGE = 1_000
LOOK_S = 0.2
"""Seconds between two looks at a server's log that has nothing new."""


class LogSource(Protocol):
    """What commands ask for."""

    def runs(
        self, saga: str | None, states: Sequence[str], limit: int, before: str | None = None
    ) -> list[dict[str, Any]]:
        """The runs that fit, newest first; `before` is an id that all of them are below."""

    def run(self, saga_id: str) -> dict[str, Any]:
        """One run with its `timeline`. Raises NotFound."""

    def runs_of(self, position: int) -> list[dict[str, Any]] | None:
        """The runs that the event at a position has started; None while it has not met the definitions."""

    def items(self) -> list[dict[str, Any]]:
        """The open items, the oldest first."""

    def item(self, item: str) -> dict[str, Any]:
        """One item, and what became of it. Raises NotFound."""

    def locks(self) -> list[dict[str, Any]]:
        """Every lock with its holder and its line."""

    def definitions(self) -> list[str]:
        """The ids of the definitions that hold."""

    def definition(self, saga: str, revision: str | None = None) -> dict[str, Any]:
        """A definition as it holds, or an earlier revision of it: `{"id", "revision", "content"}`. Raises NotFound."""

    def explain(self, saga_id: str) -> dict[str, Any]:
        """Why a run does not move. Raises NotFound."""

    def plan(self, saga_id: str, fail_at: str | None) -> list[dict[str, Any]]:
        """The calls that an undo would make. Raises NotFound, NotAllowed."""

    def last_seq(self) -> int:
        """The last position of the log."""

    def events(self, after: int, types: Collection[str], *, follow: bool) -> Iterator[dict[str, Any]]:
        """Events behind a position."""


@contextmanager
def open_log(config: Config) -> Iterator[LogSource]:
    """The log that this configuration means. Raises StoreMissing, ServerError."""
    if config.url:
        from hms_orch_cli.cli.remote import Remote

        yield _ServersLog(Remote(config.url, config.token))
    else:
        from hms_orch_cli.wiring import open_reader

        with open_reader(config) as reader:
            yield _StoredLog(config, reader)


class _StoredLog:
    def __init__(self, config: Config, reader: SqliteReader) -> None:
        self._config = config
        self._reader = reader

    def runs(
        self, saga: str | None, states: Sequence[str], limit: int, before: str | None = None
    ) -> list[dict[str, Any]]:
        from hms_orch_cli.application.run_list import list_runs, run_json

        rows = list_runs(self._reader, saga=saga, states=states, before=before, limit=limit)
        return [run_json(row) for row in rows]

    def run(self, saga_id: str) -> dict[str, Any]:
        from hms_orch_cli.application.overview import one_run, timeline_json

        return timeline_json(one_run(self._reader, saga_id))

    def runs_of(self, position: int) -> list[dict[str, Any]] | None:
        from hms_orch_cli.application.run_list import is_dispatched, run_json, runs_of

        if not is_dispatched(self._reader, position):
            return None
        return [run_json(row) for row in runs_of(self._reader, position)]

    def items(self) -> list[dict[str, Any]]:
        from hms_orch_cli.application.overview import items_json

        return items_json(self._reader)

    def item(self, item: str) -> dict[str, Any]:
        from hms_orch_cli.application.items import item_json

        return item_json(self._reader, item)

    def locks(self) -> list[dict[str, Any]]:
        from hms_orch_cli.application.overview import locks_json

        return locks_json(self._reader)

    def definitions(self) -> list[str]:
        from hms_orch_cli.application.overview import definitions_that_hold

        return sorted(definitions_that_hold(self._reader))

    def definition(self, saga: str, revision: str | None = None) -> dict[str, Any]:
        from hms_orch_cli.application.deploy import definition_json

        return definition_json(self._reader, saga, revision)

    def explain(self, saga_id: str) -> dict[str, Any]:
        from hms_orch_cli.application.explain import explain

        return explain(self._reader, saga_id, _now_ms())

    def plan(self, saga_id: str, fail_at: str | None) -> list[dict[str, Any]]:
        from hms_orch_cli.application.plan import plan_undo
        from hms_orch_cli.orchestrator.definitions import Definitions
        from hms_orch_cli.orchestrator.history import load_run
        from hms_orch_cli.wiring import expressions

        run = load_run(self._reader, Definitions(self._reader, expressions), saga_id)
        return plan_undo(run, fail_at, _now_ms())

    def last_seq(self) -> int:
        return self._reader.last_seq()

    def events(self, after: int, types: Collection[str], *, follow: bool) -> Iterator[dict[str, Any]]:
        from hms_orch_cli.application.overview import event_json
        from hms_orch_cli.wiring import open_bus

        bus = open_bus(self._config, self._reader)
        return (event_json(event) for event in bus.events(after, types, follow=follow))


class _ServersLog:
    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    def runs(
        self, saga: str | None, states: Sequence[str], limit: int, before: str | None = None
    ) -> list[dict[str, Any]]:
        query: dict[str, str | int] = {} if before is None else {"before": before}
        if saga is not None:
            query["saga"] = saga
        if states:
            query["state"] = ",".join(states)
        found: list[dict[str, Any]] = []
        while len(found) < limit:
            page = self._remote.get("/v1/sagas", {**query, "limit": min(limit - len(found), PAGE)})["sagas"]
            if not page:
                break
            found += page
            query["before"] = page[-1]["sagaId"]
        return found

    def run(self, saga_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self._remote.get(f"/v1/sagas/{quoted(saga_id)}")
        return found

    def items(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._remote.get("/v1/hitl")["items"]
        return found

    def item(self, item: str) -> dict[str, Any]:
        found: dict[str, Any] = self._remote.get(f"/v1/hitl/{quoted(item)}")
        return found

    def locks(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._remote.get("/v1/locks")["locks"]
        return found

    def definitions(self) -> list[str]:
        return [each["id"] for each in self._remote.get("/v1/definitions")["definitions"]]

    def definition(self, saga: str, revision: str | None = None) -> dict[str, Any]:
        query: dict[str, str | int] = {} if revision is None else {"revision": revision}
        found: dict[str, Any] = self._remote.get(f"/v1/definitions/{quoted(saga)}", query)
        return found

    def explain(self, saga_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self._remote.get(f"/v1/sagas/{quoted(saga_id)}/explain")
        return found

    def plan(self, saga_id: str, fail_at: str | None) -> list[dict[str, Any]]:
        query: dict[str, str | int] = {} if fail_at is None else {"failAt": fail_at}
        found: list[dict[str, Any]] = self._remote.get(f"/v1/sagas/{quoted(saga_id)}/plan", query)["calls"]
        return found

    def runs_of(self, position: int) -> list[dict[str, Any]] | None:
        answer = self._remote.get("/v1/sagas", {"event": position, "limit": PAGE})
        return answer["sagas"] if answer["dispatched"] else None

    def last_seq(self) -> int:
        last: int = self._remote.get("/v1/events", {"limit": 1})["last"]
        return last

    def events(self, after: int, types: Collection[str], *, follow: bool) -> Iterator[dict[str, Any]]:
        while True:
            query: dict[str, str | int] = {"after": after, "limit": PAGE}
            page = self._remote.get("/v1/events", query)
            yield from (event for event in page["events"] if not types or event["type"] in types)
            if page["next"] > after:
                after = page["next"]
            elif not follow:
                return
            else:
                time.sleep(LOOK_S)


def quoted(part: str) -> str:
    """A text as one part of a path."""
    from urllib.parse import quote

    return quote(part, safe="", errors="surrogateescape")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
