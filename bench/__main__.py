"""`python -m bench [PART…] [--quick] [--into FILE]`: measures and prints the tables of docs/benchmarks.md."""

from __future__ import annotations

import argparse
import multiprocessing
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bench import (
    contention,
    flood,
    growth,
    http_in,
    latency,
    machine,
    memory,
    parallel,
    parked,
    rebuild,
    rehearsal,
    report,
    run_list,
    startup,
    straight,
    validate,
    watched,
)
from bench.process import Failed
from bench.target import Missing

PARTS = {
    "straight": straight.measure,
    "parallel": parallel.measure,
    "contention": contention.measure,
    "growth": growth.measure,
    "latency": latency.measure,
    "startup": startup.measure,
    "memory": memory.measure,
    "parked": parked.measure,
    "rebuild": rebuild.measure,
    "validate": validate.measure,
    "rehearsal": rehearsal.measure,
    "watched": watched.measure,
    "http_in": http_in.measure,
    "flood": flood.measure,
    "run_list": run_list.measure,
}
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


def main() -> int:
    """0 if all parts could be measured, whatever they found; 1 if one of them failed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures hms-orch. Loopback only.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all of them if none is named")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that everything runs")
    parser.add_argument("--into", type=Path, metavar="FILE", help="also put the figures into FILE, between its marks")
    asked = parser.parse_args()
    unknown = [part for part in asked.parts if part not in PARTS]
    if unknown:
        parser.error(f"no part is called {unknown[0]}; there are {', '.join(PARTS)}")
    sections, failed = [], False
    for name in asked.parts or PARTS:
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            sections.append(_apart(name, asked.quick))
        except Missing as missing:
            sections.append(report.Section(name.capitalize(), notes=[f"skipped: {missing}"]))
        except (Failed, subprocess.SubprocessError) as failure:
            failed = True
            sections.append(report.Section(name.capitalize(), notes=[f"failed: {failure}"]))
    text = report.markdown(sections, machine.lines())
    print(text)
    if asked.into:
        _put_into(asked.into, text)
    return int(failed)


def _apart(name: str, quick: bool) -> report.Section:
    """Measures a part in a process of its own: to the kernel a new process begins with the memory of the one that
    started it, and a part must not find what the one before it left."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(PARTS[name], quick).result()


def _put_into(file: Path, text: str) -> None:
    before, begin, rest = file.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{file} has no place for figures: it needs the lines {BEGIN} and {END}")
    file.write_text(f"{before}{BEGIN}\n{text}{END}{after}")


if __name__ == "__main__":
    sys.exit(main())
