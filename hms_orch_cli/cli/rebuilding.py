"""`hms-orch replay` without options: the derived tables folded anew, compared, and written anew if they differ or are
behind."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import typer

from hms_orch_cli.cli import output
from hms_orch_cli.cli.options import Format
from hms_orch_cli.errors import StoreHeld
from hms_orch_cli.saga.moment import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hms_orch_cli.application.replay import Difference, Rebuilt
    from hms_orch_cli.config import Config

NAMED = 20
"""Differences that are named; the others are counted."""

WORDS = 120
"""Characters of a value that are shown."""


def rebuild(config: Config, form: Format) -> None:
    """Folds, compares, says what came of it. Ends with exit code 1 if something differs."""
    from hms_orch_cli.application.rewrite import compare
    from hms_orch_cli.cli.progress import progress
    from hms_orch_cli.wiring import open_reader

    _make_tables(config)
    with open_reader(config) as reader:
        began, last = time.perf_counter(), reader.last_seq()
        with progress("folding the log", last) as advance:
            rebuilt, found = compare(reader, advance)
        seconds = time.perf_counter() - began
    written = False
    if rebuilt.seq < last and not found:
        written = _fold_the_rest(config, rebuilt, last)
        seconds = time.perf_counter() - began
    if form is Format.TEXT:
        _say(rebuilt, seconds)
        _name(found)
    if found:
        written = _repair(config, rebuilt)
    if form is Format.JSON:
        output.as_json(_as_json(rebuilt, last, seconds, found, written))
    if found:
        raise typer.Exit(1)


def _make_tables(config: Config) -> None:
    """Those that somebody dropped come back, empty. Raises StoreHeld."""
    from hms_orch_cli.wiring import hold_store, open_reader, open_store

    with open_reader(config) as reader:
        if reader.has_derived():
            return
    with hold_store(config):
        open_store(config).close()


def _say(rebuilt: Rebuilt, seconds: float) -> None:
    took, rate = duration(seconds * 1000), int(rebuilt.seq / seconds)
    events, runs = output.counted(rebuilt.seq, "event"), output.counted(rebuilt.runs, "run")
    output.result(f"folded {events} into {runs} in {took}: {rate} events a second")


def _name(found: Sequence[Difference]) -> None:
    if not found:
        output.result(output.styled("equal", "green"), ": the derived tables say what the log says")
        return
    for difference in found[:NAMED]:
        output.result(output.styled("differs", "red"), f"  {difference.what}: {_words(difference)}")
    if len(found) > NAMED:
        output.result(f"         and {len(found) - NAMED} more")


def _words(difference: Difference) -> str:
    """What is stored and what the log says; of two rows only the members that differ."""
    from hms_orch_cli.ports.store import RunRow

    stored, folded = difference.stored, difference.folded
    if isinstance(stored, RunRow) and isinstance(folded, RunRow):
        return "; ".join(
            f"{name} is {_short(one)}, the log says {_short(other)}"
            for name, one, other in zip(RunRow._fields, stored, folded, strict=True)
            if one != other
        )
    if isinstance(stored, RunRow):
        return f"is stored as {stored.state}, the log has no such run"
    if isinstance(folded, RunRow):
        return f"is not stored, the log says {folded.state}"
    return f"is {_short(stored)}, the log says {_short(folded)}"


def _short(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= WORDS else text[:WORDS] + "…"


def _fold_the_rest(config: Config, rebuilt: Rebuilt, last: int) -> bool:
    """Whether tables that are right but behind could be brought to the end of the log."""
    stood = f"the tables were folded to position {rebuilt.seq} of {last}"
    try:
        _write_anew(config, rebuilt)
    except StoreHeld:
        output.note(f"{stood}; `hms-orch up` folds the rest")
        return False
    output.note(f"{stood}, and are now to its end")
    return True


def _repair(config: Config, rebuilt: Rebuilt) -> bool:
    """Whether tables that differ could be written anew."""
    try:
        _write_anew(config, rebuilt)
    except StoreHeld as held:
        output.warning(f"the tables were left as they are: {held.message}", "stop it and call replay again")
        return False
    output.note("the tables were written anew from the log")
    return True


def _write_anew(config: Config, rebuilt: Rebuilt) -> None:
    """What the log says takes the place of the tables. Raises StoreHeld: not while somebody holds the store."""
    from hms_orch_cli.application.rewrite import write_anew
    from hms_orch_cli.cli.progress import progress
    from hms_orch_cli.wiring import hold_store, open_store

    with hold_store(config):
        store = open_store(config)
        try:
            with progress("writing the tables anew") as advance:
                write_anew(rebuilt, store, advance)
        finally:
            store.close()


def _as_json(rebuilt: Rebuilt, last: int, seconds: float, found: Sequence[Difference], written: bool) -> dict[str, Any]:
    from hms_orch_cli.application.replay import named

    return {
        "equal": not found,
        "events": rebuilt.seq,
        "lastPosition": last,
        "runs": rebuilt.runs,
        "seconds": round(seconds, 3),
        "differences": named(found[:NAMED]),
        "differenceCount": len(found),
        "rewritten": written,
    }
