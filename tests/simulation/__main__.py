"""`python -m tests.simulation`: many seeds on all cores, and what came of them.

A seed counts as passed only if no invariant was violated and each fault that it planned was seen to strike. With
`--resume FILE` a run goes on where the one before stopped, and the totals grow.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from .faults import ALL, GROUPS
from .figures import put
from .seeds import chunk
from .simulation import Result, simulate

CHUNK = 50


def main() -> int:
    """The exit code: 0 if nothing was violated."""
    options = _options()
    if options.trace:
        result = simulate(options.start, sys.stdout.write)
        print(f"seed {result.seed}: trace {result.trace}, {_said(result)}")
        return 1 if result.violation else 0
    totals: dict[str, Any] = {"next": options.start, "seeds": 0, "passed": 0, "runs": 0, "events": 0, "virtual_s": 0.0,
                              "cpu_s": 0.0, "wall_s": 0.0, "fired": {}, "failures": []}  # fmt: skip
    if options.resume is not None and options.resume.exists():
        totals = json.loads(options.resume.read_text())
    first = totals["next"]
    last = options.start + options.seeds if options.resume is None else first + options.seeds
    chunks = [(start, min(CHUNK, last - start)) for start in range(first, last, CHUNK)]
    unreached: Counter[str] = Counter()
    fired = Counter(totals["fired"])
    started = time.monotonic()
    before = totals["wall_s"]
    seeds = 0
    context = multiprocessing.get_context("spawn")
    with context.Pool(options.cores) as pool:
        jobs = [pool.apply_async(chunk, (*each, options.stop_at_first)) for each in chunks]
        for (_, asked), job in zip(chunks, jobs, strict=True):
            tally = job.get()
            seeds += asked
            fired.update(tally.fired)
            unreached.update(tally.unreached)
            totals["next"] += asked
            totals["seeds"] += asked
            for name in ("passed", "runs", "events", "virtual_s", "cpu_s"):
                totals[name] += getattr(tally, name)
            totals["fired"] = dict(sorted(fired.items()))
            totals["wall_s"] = before + time.monotonic() - started
            for seed, violation in tally.failures:
                totals["failures"].append([seed, violation])
                print(f"seed {seed} violates {violation}\n  repeat it: {_command(seed)}", flush=True)
            if options.resume is not None:
                options.resume.write_text(json.dumps(totals, indent=1) + "\n")
            if sys.stderr.isatty():
                print(f"\r{seeds} seeds", end="", file=sys.stderr, flush=True)
            if totals["failures"] and options.stop_at_first:
                pool.terminate()
                break
    if options.into is not None:
        put(options.into, _figures(totals))
    _report(totals, seeds, time.monotonic() - started, unreached)
    return 1 if totals["failures"] else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2_000, help="how many (2000)")
    parser.add_argument("--from", dest="start", type=int, default=0, metavar="SEED", help="the first one (0)")
    parser.add_argument("--cores", type=int, default=multiprocessing.cpu_count(), help="processes (one a core)")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="keep totals here and go on from them")
    parser.add_argument("--into", type=Path, metavar="PAGE", help="put the totals into this page")
    parser.add_argument("--stop-at-first", action="store_true", help="end at the first violation")
    parser.add_argument("--trace", action="store_true", help="run one seed, the one of --from, and tell its story")
    return parser.parse_args()


def _figures(totals: dict[str, Any]) -> dict[str, str]:
    not_counted = totals["seeds"] - totals["passed"] - len(totals["failures"])
    counts = {"seeds": totals["seeds"], "passed": totals["passed"], "not-counted": not_counted,
              "violations": len(totals["failures"]), "runs": totals["runs"], "events": totals["events"],
              "virtual-hours": round(totals["virtual_s"] / 3600)}  # fmt: skip
    figures = {f"sim.{name}": f"{count:,}" for name, count in counts.items()}
    for group, kinds in GROUPS.items():
        figures[f"sim.fired.{group}"] = " · ".join(f"{totals['fired'].get(kind, 0):,}" for kind in kinds)
    return figures


def _command(seed: int) -> str:
    return f"python -m tests.simulation --from {seed} --trace"


def _said(result: Result) -> str:
    if result.violation:
        return f"violates {result.violation}"
    return f"not counted: {', '.join(result.unreached)} never struck" if result.unreached else "passed"


def _report(totals: dict[str, Any], seeds: int, seconds: float, unreached: Counter[str]) -> None:
    print(f"{seeds} seeds in {seconds:.0f} s: {seeds / seconds:.0f} a second")
    print(
        f"in all: {totals['seeds']} seeds, {totals['passed']} passed, "
        f"{totals['seeds'] - totals['passed'] - len(totals['failures'])} not counted (a planned fault never struck), "
        f"{len(totals['failures'])} violations; {totals['runs']} runs, {totals['events']} events, "
        f"{totals['virtual_s'] / 3600:.0f} hours of virtual time"
    )
    print("faults that struck (and seeds of this run in which a planned one did not):")
    for kind in ALL:
        print(f"  {kind:28} {totals['fired'].get(kind, 0):>9} {unreached[kind] or '':>6}")


if __name__ == "__main__":
    sys.exit(main())
