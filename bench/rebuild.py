"""How fast the derived tables are rebuilt from a log, against reading and hashing the same rows."""

from __future__ import annotations

import time
from hashlib import sha256
from statistics import median

import orjson

from bench import product, target
from bench.process import Failed
from bench.product import Workspace
from bench.report import Goal, Section


def measure(quick: bool) -> Section:
    """`hms-orch replay`, turn and turn about with the bare reading."""
    events, repeats = (10_000, 1) if quick else (100_000, 3)
    with target.running() as at, product.workspace(at.url) as work, product.workspace(at.url) as small:
        rows_a_run = _rows_a_run(small)
        work.publish(events // rows_a_run)
        work.up_until_idle()
        held = _rows(work)
        rates: list[float] = []
        table: list[list[str | float]] = []
        for number in range(1, repeats + 1):
            reading = _read_and_hash(work)
            rebuilding = _rebuild(work, held)
            verifying = work.orch("replay", "--verify").wall_s - small.orch("replay", "--verify").wall_s
            rates.append(reading / rebuilding)
            table.append([f"{number}", reading / rebuilding, held / reading, held / rebuilding, held / verifying])
    goals = [Goal(f"rebuild of {held:,} events, of reading and hashing them", median(rates), 0.5)]
    notes = [
        "`hms-orch replay` folds the log into fresh tables and compares them with those that stand, which have to be "
        "equal; the time is the one it prints, without the start of the command. `--verify` is its wall time less that "
        "on a store of one run. Reading and hashing is a loop over all columns with one SHA-256 for each row, chained."
    ]
    head = ["round", "rebuild of reading", "read and hash, events/s", "rebuild, events/s", "`--verify`, events/s"]
    return Section("Rebuild", goals, head, table, notes)


def _rebuild(work: Workspace, held: int) -> float:
    """Seconds that the command says it took. Raises Failed if it did not fold every event to equal tables."""
    said = orjson.loads(work.orch("replay", "-o", "json").stdout)
    if not said["equal"] or said["events"] != held:
        raise Failed(f"replay folded {said['events']} of {held} events, equal: {said['equal']}")
    seconds: float = said["seconds"]
    return seconds


def _rows_a_run(work: Workspace) -> int:
    before = _rows(work)
    work.publish(1)
    work.up_until_idle()
    return _rows(work) - before


def _rows(work: Workspace) -> int:
    with work.reading() as db:
        found: int = db.execute("SELECT count(*) FROM events").fetchone()[0]
    return found


def _read_and_hash(work: Workspace) -> float:
    """Seconds that it takes to read every row and to hash it onto the one before."""
    import apsw

    db = apsw.Connection(str(work.store), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        began = time.perf_counter()
        last = b""
        for row in db.execute("SELECT * FROM events ORDER BY seq"):
            chained = sha256(last)
            for value in row:
                chained.update(value if isinstance(value, bytes) else str(value).encode())
            last = chained.digest()
        return time.perf_counter() - began
    finally:
        db.close()
