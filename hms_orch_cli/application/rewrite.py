"""The derived tables of a store file against its log: proved equal, or thrown away and written anew."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from hms_orch_cli.application.replay import Difference, Rebuilt, differences, folded_to, missing, rewritten

if TYPE_CHECKING:
    from hms_orch_cli.event_store.sqlite import SqliteStore
    from hms_orch_cli.event_store.sqlite_reader import SqliteReader

CHUNK: Final = 5_000
"""Events between two looks at the progress."""

Advance = Callable[[int], None]


class Comparison(NamedTuple):
    """The tables folded anew, and where the stored ones are different."""

    rebuilt: Rebuilt
    found: list[Difference]


def compare(reader: SqliteReader, advance: Advance) -> Comparison:
    """Folds the log and compares, as of the position that the stored tables are folded to. Whoever holds the store
    may go on: it sees no long reader, as only the comparison is done on one moment of the file. Raises LogTampered."""
    rebuilt = Rebuilt()
    fold_on(rebuilt, reader, folded_to(reader, reader.last_seq()), advance)
    with reader.snapshot() as view:
        position = folded_to(view, view.last_seq())
        if position < rebuilt.seq:
            rebuilt = Rebuilt()  # the tables were thrown away since
        fold_on(rebuilt, view, position, advance)
        return Comparison(rebuilt, differences(rebuilt, view))


def write_anew(rebuilt: Rebuilt, store: SqliteStore, advance: Advance) -> None:
    """Puts what the log says, to its end, in the place of the derived tables."""
    fold_on(rebuilt, store, store.last_seq(), advance)
    derived = rewritten(rebuilt, store)
    store.forget_derived()
    store.append([], derived)


def fold_on(rebuilt: Rebuilt, reader: SqliteReader, to_seq: int, advance: Advance) -> None:
    """Folds the log from where `rebuilt` stands to position `to_seq`. Raises LogTampered."""
    events = reader.contents(rebuilt.seq)
    while (before := rebuilt.seq) < to_seq:
        rebuilt.fold(islice(events, min(CHUNK, to_seq - before)))
        if rebuilt.seq == before:
            raise missing(before + 1)
        advance(rebuilt.seq - before)
