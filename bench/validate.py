"""A thousand saga files validated, beside check-jsonschema with the same schema; and what the worst files ask for."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import environ
from pathlib import Path
from statistics import median

from bench import peer, process
from bench.process import Ended, Failed
from bench.product import BIN
from bench.report import Goal, Section
from tests.sagafile.worst_files import FILES, worst_file

PEER = ("check-jsonschema>=0.37,<1",)
LEAST_RATIO = 3.0
MOST_S, MOST_MB = 1.0, 64.0
SERVICES = ("payment-svc", "notice-svc", "archive-svc", "registry-svc")
SMALL = "id: small.v1\ntrigger: a\nsteps:\n  - name: pay\n    cal: payment-svc:/pay\n"

STEP = """\
  - name: step_{0}
    call:
      service: {1}
      path: /{2}/${{data.policyId}}
      method: PUT
      body: {{amount: "${{data.amount}}", of: "${{saga.id}}"}}
    compensate: {1}:/{2}/revert
    output: {{id: response.id, amount: response.amount}}
    summary: "${{response.count}} entries of {2}"
"""
GROUP = """\
  - parallel: true
    steps:
      - {{name: left_{0}, call: "{1}:/left", compensate: "{1}:/left/revert", when: data.amount > {0}}}
      - {{name: right_{0}, call: "{2}:/right", compensate: "{2}:/right/revert", check: "{2}:/right/status"}}
"""
SAGA = """\
# The saga number {0}, as a department would write it.
id: dol.benefit.{0}.v1
trigger: policy.changed
filter: data.policyId == "dol.unemployment.v{0}" && data.amount > {0}
lock: data.policyId
deadlineMs: 86400000
retry: {{attempts: 3, backoffMs: 2000}}
timeoutMs: 30000
steps:
{1}"""


def measure(quick: bool) -> Section:
    """Both programs on the same files, turn and turn about; then each of the worst files alone."""
    count, rounds = (50, 1) if quick else (1000, 5)
    with _workspace() as folder:
        names = _write_sagas(folder, count)
        schema = folder / "schema.json"
        schema.write_text(_run(folder, BIN / "hms-orch", "schema").stdout)
        other = peer.environment("check-jsonschema", PEER) / "check-jsonschema"
        ours: list[Ended] = []
        theirs: list[Ended] = []
        for turn in range(rounds + 1):
            mine = _run(folder, BIN / "hms-orch", "validate", *names)
            its = _run(folder, other, "--schemafile", schema, *names)
            if mine.stdout:
                raise Failed(f"the files are meant to have no finding: {mine.stdout[:500]}")
            if turn:  # the first turn fills caches
                ours.append(mine)
                theirs.append(its)
        small, worst, largest = _worst(folder, quick)
    ratio = median(its.cpu_s / mine.cpu_s for mine, its in zip(ours, theirs, strict=True))
    goals = [
        Goal(
            f"CPU of check-jsonschema on {count:,} saga files, in times of `validate` with every rule",
            ratio,
            LEAST_RATIO,
        ),
        Goal("CPU of `validate` on the worst file, over a small one", worst[0], MOST_S, " s", at_most=True),
        Goal("memory of `validate` on the worst file, over a small one", largest[0], MOST_MB, " MB", at_most=True),
    ]
    rows: list[list[str | float]] = [
        [name, median(each.wall_s for each in ended), median(each.cpu_s for each in ended), ended[0].peak_mb]
        for name, ended in (("hms-orch validate", ours), ("check-jsonschema", theirs))
    ]
    rows.append(["hms-orch validate, a small broken file", small.wall_s, small.cpu_s, small.peak_mb])
    notes = [
        f"Medians of {rounds} rounds, the two programs turn and turn about on the same {count:,} files and the same "
        "schema; the ratio is that of CPU times, its median over the rounds. The files have no finding.",
        f"The worst of {len(FILES)} files made to be so (`tests/sagafile/worst_files.py`): for CPU '{worst[1]}', for "
        f"memory '{largest[1]}'.",
    ]
    return Section("Checking files", goals, ["", "wall s", "CPU s", "peak MB"], rows, notes)


@contextmanager
def _workspace() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hms-bench-") as name:
        folder = Path(name)
        services = "".join(f'{service} = "http://127.0.0.1:9001"\n' for service in SERVICES)
        (folder / "hms-orch.toml").write_text(f"[services]\n{services}")
        yield folder


def _write_sagas(folder: Path, count: int) -> list[str]:
    names = []
    for number in range(count):
        services = [SERVICES[(number + offset) % len(SERVICES)] for offset in range(3)]
        steps = [STEP.format(step, services[step % 3], f"part{number}-{step}") for step in range(2 + number % 4)]
        saga = SAGA.format(number, "".join(steps) + GROUP.format(number % 10, services[0], services[1]))
        name = f"saga-{number:04}.yaml"
        (folder / name).write_text(saga)
        names.append(name)
    return names


def _worst(folder: Path, quick: bool) -> tuple[Ended, tuple[float, str], tuple[float, str]]:
    """A small file, then of all the others the most CPU seconds and megabytes over it, each with the file's name."""
    file = folder / "worst.yaml"

    def validated(data: bytes) -> Ended:
        file.write_bytes(data)
        return _run(folder, BIN / "hms-orch", "validate", file.name, codes=(0, 1))

    small = min((validated(SMALL.encode()) for _ in range(3)), key=lambda ended: ended.cpu_s)
    names = list(FILES)[::10] if quick else list(FILES)
    found: Mapping[str, Ended] = {name: validated(worst_file(name)) for name in names}
    return (
        small,
        max((ended.cpu_s - small.cpu_s, name) for name, ended in found.items()),
        max((ended.peak_mb - small.peak_mb, name) for name, ended in found.items()),
    )


def _run(folder: Path, *command: str | Path, codes: tuple[int, ...] = (0,)) -> Ended:
    env = {name: value for name, value in environ.items() if not name.startswith("HMS_")} | {"NO_COLOR": "1"}
    return process.run(command, folder, env, codes=codes)
