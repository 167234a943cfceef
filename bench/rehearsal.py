"""What a saga test costs beside validating saga files, and how many tests a core plays in a second."""

from __future__ import annotations

import tempfile
from os import environ
from pathlib import Path
from statistics import median

from bench import process
from bench.product import BIN
from bench.report import Goal, Section

MOST_FILES = 3.0
SAGA = Path(__file__).parents[1] / "sagas" / "benefit-increase.yaml"
ID = "dol.benefit.increase.v1"
SERVICES = ("payment-svc", "notice-svc", "archive-svc")
CASES_A_FILE = 100

HEAD = """\
saga: {0}
given:
  event: {{data: {{policyId: dol.unemployment.v3}}}}
tests:
"""
CASES = (
    """\
  - name: everything goes well ({0})
    expect:
      state: COMPLETED
      calls: [recalc_payments, send_notices, archive_rule]
      undo: []
""",
    """\
  - name: a refused notice takes the recalculation back ({0})
    given:
      answers:
        recalc_payments: {{body: {{count: {0}}}}}
        send_notices: {{status: 422, body: {{title: closed}}}}
    expect:
      state: FAILED
      reason: 422 closed
      undo: [{{step: recalc_payments, body: {{result: {{count: {0}}}}}}}]
""",
    """\
  - name: a participant that is down for a moment is asked again ({0})
    given:
      answers: {{archive_rule: [503, 200]}}
    expect:
      state: COMPLETED
      calls: [recalc_payments, send_notices, {{step: archive_rule, attempts: 2}}]
      durationMs: 2000
""",
)


def measure(quick: bool) -> Section:
    """Both commands on few and on many, turn and turn about: what one more costs is the difference."""
    files, rounds = (2, 1) if quick else (10, 7)
    cases, sagas = files * CASES_A_FILE, files * CASES_A_FILE * 3
    with tempfile.TemporaryDirectory(prefix="hms-bench-") as name:
        folder = Path(name)
        tests = _write_tests(folder, files)
        copies = _write_copies(folder, sagas)
        case_s: list[float] = []
        file_s: list[float] = []
        for turn in range(rounds + 1):
            one = _cpu_s(folder, "test", "one.test.yaml")
            all_ = _cpu_s(folder, "test", *tests)
            first = _cpu_s(folder, "validate", copies[0])
            whole = _cpu_s(folder, "validate", *copies)
            if turn:  # the first turn fills caches
                case_s.append((all_ - one) / (cases - 1))
                file_s.append((whole - first) / (sagas - 1))
    ratio = median(case / file for case, file in zip(case_s, file_s, strict=True))
    rows: list[list[str | float]] = [
        ["a saga test", median(case_s) * 1e6, 1 / median(case_s)],
        ["validating a file", median(file_s) * 1e6, 1 / median(file_s)],
    ]
    notes = [
        f"Medians of {rounds} rounds: the CPU of `hms-orch test` on {cases:,} tests less that on one, and of "
        f"`hms-orch validate` on {sagas:,} files less that on one, turn and turn about; the ratio is its median over "
        "the rounds. The saga is the tutorial's. A third of the tests goes well, a third is undone, a third is tried "
        "again; reading and checking the test files is in it.",
    ]
    goal = Goal("CPU of a saga test, in files validated", ratio, MOST_FILES, " files", at_most=True)
    return Section("Saga tests", [goal], ["", "CPU µs", "a second and core"], rows, notes)


def _write_tests(folder: Path, files: int) -> list[str]:
    (folder / SAGA.name).write_bytes(SAGA.read_bytes())
    head = HEAD.format(SAGA.name)
    (folder / "one.test.yaml").write_text(head + CASES[0].format(0))
    names = []
    for number in range(files):
        cases = [CASES[case % len(CASES)].format(case) for case in range(CASES_A_FILE)]
        names.append(f"tests-{number}.test.yaml")
        (folder / names[-1]).write_text(head + "".join(cases))
    return names


def _write_copies(folder: Path, count: int) -> list[str]:
    services = "".join(f'{service} = "http://127.0.0.1:9001"\n' for service in SERVICES)
    (folder / "hms-orch.toml").write_text(f"[services]\n{services}")
    saga = SAGA.read_text(encoding="utf-8")
    names = []
    for number in range(count):
        names.append(f"copy-{number:04}.yaml")
        (folder / names[-1]).write_text(saga.replace(ID, f"dol.benefit.increase.{number}"), encoding="utf-8")
    return names


def _cpu_s(folder: Path, *words: str) -> float:
    env = {name: value for name, value in environ.items() if not name.startswith("HMS_")} | {"NO_COLOR": "1"}
    return process.run([BIN / "hms-orch", *words], folder, env).cpu_s
