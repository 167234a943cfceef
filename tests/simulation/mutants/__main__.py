"""`python -m tests.simulation.mutants [NAME…]`: plants each bug in a copy, and looks for the seed that finds it.

The first line of a patch says what it breaks and which invariant has to find it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from ..figures import put

ROOT = Path(__file__).parents[3]
PATCHES = Path(__file__).parent
SEEDS = 5_000
_VIOLATION = re.compile(r"^seed (\d+) violates ([\w]+): (.*)$", re.MULTILINE)


class Hunt(NamedTuple):
    """What came of one planted bug. `seed` is None if no seed found it."""

    name: str
    what: str
    expected: tuple[str, ...]
    seed: int | None
    found: str
    said: str

    @property
    def good(self) -> bool:
        """Whether it was found, and by an invariant that it breaks."""
        return self.seed is not None and self.found in self.expected


def hunt(patch: Path, seeds: int) -> Hunt:
    """Plants one bug and looks for it."""
    what, _, by = patch.read_text().splitlines()[0].partition(" Found by ")
    expected = tuple(by.rstrip(".").split(" or "))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        ignore = shutil.ignore_patterns("__pycache__", "mutants")
        shutil.copytree(ROOT / "hms_orch_cli", copy / "hms_orch_cli", ignore=ignore)
        shutil.copytree(ROOT / "tests" / "simulation", copy / "tests" / "simulation", ignore=ignore)
        shutil.copy(ROOT / "tests" / "__init__.py", copy / "tests")
        fits = subprocess.run(["git", "apply", str(patch)], cwd=copy, capture_output=True, text=True, check=False)
        if fits.returncode:
            return Hunt(patch.stem, what, expected, None, "", f"It does not fit the code: {fits.stderr.strip()}")
        command = ["-m", "tests.simulation", "--seeds", str(seeds), "--cores", "1", "--stop-at-first"]
        done = subprocess.run([sys.executable, *command], cwd=copy, capture_output=True, text=True, check=False)
    violation = _VIOLATION.search(done.stdout)
    if violation is None:
        return Hunt(patch.stem, what, expected, None, "", done.stderr.strip()[-300:])
    seed, found, said = violation.groups()
    return Hunt(patch.stem, what, expected, int(seed), found, said)


def main() -> int:
    """The exit code: 0 if every bug was found by an invariant that it breaks."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="seeds to look through for each (5000)")
    parser.add_argument("--into", type=Path, metavar="PAGE", help="put the seeds into this page")
    options = parser.parse_args()
    patches = [patch for patch in sorted(PATCHES.glob("*.patch")) if not options.names or patch.stem in options.names]
    bad = 0
    figures: dict[str, str] = {}
    with ThreadPoolExecutor(multiprocessing.cpu_count()) as threads:
        for found in threads.map(lambda patch: hunt(patch, options.seeds), patches):
            bad += not found.good
            figures[f"mutant.{found.name}"] = "" if found.seed is None else str(found.seed)
            if found.seed is None:
                print(f"NOT FOUND  {found.name}: {found.what} {found.said}", flush=True)
                continue
            verdict = "found" if found.good else f"NOT BY {' or '.join(found.expected)}"
            print(f"{verdict:10} {found.name:20} seed {found.seed:<5} {found.found:4} {found.said[:90]}", flush=True)
    if options.into is not None:
        put(options.into, figures)
    print(f"{len(patches)} planted bugs, {len(patches) - bad} found")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
