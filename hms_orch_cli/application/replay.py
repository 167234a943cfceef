"""Folding the whole log anew: the proof that the derived tables say what the log says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import orjson

from hms_orch_cli.errors import LogTampered
from hms_orch_cli.event_store.batch import FOLDED_TO
from hms_orch_cli.orchestrator.projection import DEFINITIONS, DISPATCHED, QUESTIONS, TOLD, TOTALS, row_of
from hms_orch_cli.ports.store import Content, Derived, DerivedTables, RunRow
from hms_orch_cli.saga.changes import IllegalFactError
from hms_orch_cli.saga.definition import Saga, saga_from
from hms_orch_cli.saga.encoding import from_data
from hms_orch_cli.saga.event_types import DEPLOYED, RUN_FACTS, UNDEPLOYED
from hms_orch_cli.saga.machine import begin, evolve
from hms_orch_cli.saga.moment import from_rfc3339
from hms_orch_cli.saga.people import REDRIVABLE
from hms_orch_cli.saga.state import Run, Status
from hms_orch_cli.views.questions import QUEUED, STREAM, Questions
from hms_orch_cli.views.totals import Totals

PAGE: Final = 1_000

_RUN: Final = len("run/")
_HITL: Final = len(STREAM)
_GOING_ON: Final = frozenset(status for status in Status if not status.ended)


class Difference(NamedTuple):
    """A row or a mark that is not what the log says; None where one side has nothing."""

    what: str
    stored: object
    folded: object


class Rebuilt:
    """The derived tables, folded from the log alone. Ended runs are kept as rows; the others, and those that a person
    may redrive, as states."""

    def __init__(self) -> None:
        self.seq = 0
        """position of the last event folded"""
        self.triggered = 0
        """position of the last event that a run, or the refusal of one, is known to follow from"""
        self.totals = Totals()
        self.questions = Questions()
        self._ended: dict[str, RunRow] = {}
        self._moving: dict[str, Run] = {}
        self._sagas: dict[tuple[str, str], Saga] = {}
        self._deployed: list[tuple[int, str, str | None]] = []

    def fold(self, events: Iterable[Content]) -> None:
        """Folds events, the next ones of the log. Raises LogTampered at one that no orchestrator can have written."""
        at, moving, count = self.seq, self._moving, self.totals.add
        try:
            for seq, stream, kind, time, data in events:
                at += 1
                if seq != at:
                    raise missing(at)
                if kind in RUN_FACTS and stream[:_RUN] == "run/":
                    members = orjson.loads(data or "{}")
                    fact = from_data(kind, members, from_rfc3339(time))
                    run = evolve(moving.get(stream) or self._begun(stream, kind, members), fact)
                    count(run.saga.id, fact)
                    if run.status in _GOING_ON:
                        moving[stream] = run
                    else:
                        self.questions.add(run.saga.id, fact)
                        self._end(stream, run)
                elif stream[:_HITL] == STREAM:
                    members = orjson.loads(data or "{}")
                    self.totals.count_item(members["saga"], members["kind"], queued=kind == QUEUED)
                    self.questions.add_event(kind, time, members)
                elif kind in (DEPLOYED, UNDEPLOYED):
                    self._fold_definition(seq, kind, orjson.loads(data or "{}"))
        except UnicodeDecodeError:
            raise _not_ours(at + 1, "it holds bytes that are not text") from None
        except (IllegalFactError, LookupError, ValueError, TypeError, AttributeError) as error:
            raise _not_ours(at, str(error) or type(error).__name__) from error
        self.seq = at

    @property
    def runs(self) -> int:
        """How many rows there are."""
        return len(self._ended) + len(self._moving)

    def rows(self) -> dict[str, RunRow]:
        """Every row by saga id, those of unfinished runs as well."""
        return {**self._ended, **{run.id: row_of(run) for run in self._moving.values()}}

    def definitions_at(self, seq: int) -> dict[str, str]:
        """id -> revision of the definitions that hold at a position."""
        held: dict[str, str] = {}
        for at, saga, revision in self._deployed:
            if at <= seq:
                held.pop(saga, None)
                if revision is not None:
                    held[saga] = revision
        return held

    def _begun(self, stream: str, kind: str, data: dict[str, Any]) -> Run:
        """A run before the fact that `data` tells, which has to be one that begins a run."""
        saga = self._sagas.get((data["saga"], data.get("revision", "")))
        if saga is None:
            raise IllegalFactError(f"{kind} begins no run")
        self.triggered = max(self.triggered, data["event"]["seq"])
        return begin(saga, stream[_RUN:])

    def _end(self, stream: str, run: Run) -> None:
        """A run that has ended for good is a row from now on; one that was refused is nothing."""
        if run.status in REDRIVABLE and not run.replaced_by:
            self._moving[stream] = run
            return
        self._moving.pop(stream, None)
        if run.status is not Status.SKIPPED:
            self._ended[run.id] = row_of(run)

    def _fold_definition(self, seq: int, kind: str, data: dict[str, Any]) -> None:
        saga = data["saga"]
        if kind == UNDEPLOYED:
            self._deployed.append((seq, saga, None))
            return
        self._deployed.append((seq, saga, data["revision"]))
        self._sagas[saga, data["revision"]] = saga_from(data["content"], data["revision"])


def differences(rebuilt: Rebuilt, tables: DerivedTables) -> list[Difference]:
    """Where the stored tables are not what was folded to the same position."""
    found = [*_row_differences(rebuilt, tables), *_mark_differences(rebuilt, tables)]
    if (stored := tables.mark(FOLDED_TO)) != str(rebuilt.seq) and (stored is not None or rebuilt.seq):
        found.append(Difference("folded_to", stored, rebuilt.seq))
    return found


def folded_to(tables: DerivedTables, last_seq: int) -> int:
    """The position that the stored tables say they are folded to, as far as the log goes."""
    stored = tables.mark(FOLDED_TO) or "0"
    return min(int(stored), last_seq) if stored.isascii() and stored.isdecimal() else last_seq


def rewritten(rebuilt: Rebuilt, tables: DerivedTables | None = None) -> Derived:
    """What takes the place of the derived tables, those of a new store if None."""
    stored = None if tables is None else _dispatched(rebuilt, tables.mark(DISPATCHED))
    # All before the last event that a run follows from has been looked at, whatever an older mark says. From there on
    # the dispatcher looks again: a run that exists is not started twice.
    dispatched = max(stored or 0, rebuilt.triggered - 1)
    marks = {
        DISPATCHED: str(dispatched),
        DEFINITIONS: orjson.dumps({"current": rebuilt.definitions_at(dispatched)}).decode(),
        TOTALS: orjson.dumps(rebuilt.totals.to_json()).decode(),
        QUESTIONS: orjson.dumps(rebuilt.questions.to_json()).decode(),
    }
    if tables is not None and (told := tables.mark(TOLD)) is not None:
        marks[TOLD] = told  # what the webhook has told leaves nothing in the log
    return Derived(list(rebuilt.rows().values()), marks, rebuilt.seq)


def _row_differences(rebuilt: Rebuilt, tables: DerivedTables) -> Iterator[Difference]:
    expected = rebuilt.rows()
    before: str | None = None
    while rows := tables.run_rows(before=before, limit=PAGE):
        for row in rows:
            folded = expected.pop(row.saga_id, None)
            if folded != row:
                yield Difference(f"run {row.saga_id}", row, folded)
        before = rows[-1].saga_id
    for saga_id, row in expected.items():
        yield Difference(f"run {saga_id}", None, row)


def _mark_differences(rebuilt: Rebuilt, tables: DerivedTables) -> Iterator[Difference]:
    totals = _json(tables.mark(TOTALS))
    if (Totals().to_json() if totals is None else totals) != rebuilt.totals.to_json():
        yield Difference("totals", totals, rebuilt.totals.to_json())
    questions = _json(tables.mark(QUESTIONS))
    if (Questions().to_json() if questions is None else questions) != rebuilt.questions.to_json():
        yield Difference("questions", questions, rebuilt.questions.to_json())
    stored = tables.mark(DISPATCHED)
    dispatched = _dispatched(rebuilt, stored)
    if dispatched is None:
        yield Difference("dispatched", stored, rebuilt.triggered)
        return
    held = {"current": rebuilt.definitions_at(dispatched)}
    definitions = _json(tables.mark(DEFINITIONS))
    if isinstance(definitions, dict):
        definitions.pop("caughtUp", None)  # how far a pause has been made up for leaves nothing in the log
    if ({"current": {}} if definitions is None else definitions) != held:
        yield Difference("definitions", definitions, held)


def _dispatched(rebuilt: Rebuilt, stored: str | None) -> int | None:
    """The position up to which events have met the definitions, as it is stored; None if the log says otherwise.

    The mark cannot be folded: an event that no definition wants leaves nothing behind. But it lies within the log.
    """
    if stored is None:
        return None if rebuilt.triggered else 0
    if not (stored.isascii() and stored.isdecimal()) or int(stored) > rebuilt.seq:
        return None
    return int(stored)


def _json(text: str | None) -> Any:
    """A mark's value; one that is no JSON as its text, so that it differs from everything that is."""
    if text is None:
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def missing(seq: int) -> LogTampered:
    """The log has no event where one has to be."""
    return LogTampered(
        f"position {seq} of the log is missing", "`hms-orch replay --verify` walks the whole chain", position=seq
    )


def _not_ours(seq: int, why: str) -> LogTampered:
    return LogTampered(
        f"position {seq} of the log is not what an orchestrator can have recorded there: {why}",
        "`hms-orch replay --verify` says whether it was changed since",
        position=seq,
    )


def named(found: Sequence[Difference]) -> list[dict[str, object]]:
    """Differences as plain JSON values."""
    return [{"what": each.what, "stored": _plain(each.stored), "folded": _plain(each.folded)} for each in found]


def _plain(value: object) -> object:
    return value._asdict() if isinstance(value, RunRow) else value
