"""The shape of the package: arrows between rooms, sizes, and who may print, read the environment, name a backend."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

PACKAGE = Path(__file__).parents[1] / "hms_orch_cli"
FILES = sorted(PACKAGE.rglob("*.py"))
TREES = {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
LINES = {path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8").count("\n") for path in FILES}

MOST_LINES = 400


def attributes(tree: ast.AST) -> set[str]:
    """Every `module.name` that is read."""
    return {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }


def names_called(tree: ast.AST) -> set[str]:
    return {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}


def imported(tree: ast.AST) -> set[str]:
    """Every module that is imported, wherever in the file, and every dotted name in a text."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {node.module or "", *(f"{node.module}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("hms_orch_cli."):
            found.add(node.value)
    return found


def test_arrows_point_down() -> None:
    """The contracts of import-linter, as `lint-imports` checks them."""
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PACKAGE.parent, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("name", LINES)
def test_no_file_is_long(name: str) -> None:
    assert LINES[name] <= MOST_LINES


def test_most_files_are_short() -> None:
    assert median(LINES.values()) < 120


def test_one_file_prints() -> None:
    """Nobody calls print or writes to a stream but output.py, and the report of a bug that nothing else can take."""
    assert {name for name, tree in TREES.items() if "print" in names_called(tree)} == set()
    writers = {
        name
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("write", "writelines")
        and ast.unparse(node.func.value).startswith(("sys.stdout", "sys.stderr", "stdout", "stderr"))
    }
    assert writers <= {"cli/output.py", "cli/bugreport.py"}


STREAMS = {
    "cli/output.py",  # the printer
    "cli/ending.py",  # makes the streams robust, and flushes them at the end
    "cli/bugreport.py",  # the report of a bug that no folder takes: the printer itself may be the bug
    "cli/checks.py",  # doctor tells the encoding of stdout
}
"""Files that may do more with sys.stdout and sys.stderr than ask whether they are a terminal."""


def test_streams_are_only_asked_for_elsewhere() -> None:
    """As an argument: `is_terminal(sys.stdout)`, `text(found, sys.stderr)`."""
    for name, tree in TREES.items():
        if name in STREAMS:
            continue
        allowed = {
            id(part)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            for arg in node.args
            for part in ast.walk(arg)
        }
        for node in ast.walk(tree):
            told = isinstance(node, ast.Attribute) and ast.unparse(node) in ("sys.stdout", "sys.stderr")
            assert not told or id(node) in allowed, f"{name}:{node.lineno}"  # type: ignore[attr-defined]


def test_one_file_reads_the_environment() -> None:
    readers = {name for name, tree in TREES.items() if attributes(tree) & {"os.environ", "os.environb", "os.getenv"}}
    assert readers == {"config/environment.py", "sdk/environment.py"}, "the SDK runs in other programs"


BACKENDS = ("event_store.sqlite", "event_store.group_commit", "bus.log", "participant.http", "participant.plain_http")


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_file_names_the_backends(backend: str) -> None:
    """Outside its own room; types alone do not count."""
    module = f"hms_orch_cli.{backend}"
    room = backend.partition(".")[0]
    users = {
        name
        for name, tree in TREES.items()
        if not name.startswith(f"{room}/")
        and any(found == module or found.startswith(f"{module}.") for found in imported(without_types(tree)))
    }
    assert users == {"wiring.py"}


def without_types(tree: ast.Module) -> ast.AST:
    """A file without what stands under `if TYPE_CHECKING`."""

    class Stripped(ast.NodeTransformer):
        def visit_If(self, node: ast.If) -> ast.AST | None:
            return None if ast.unparse(node.test) == "TYPE_CHECKING" else self.generic_visit(node)

    return Stripped().visit(ast.parse(ast.unparse(tree)))


def test_one_except_ends_the_process() -> None:
    """Only ending.py turns whatever happened into an exit code; sys.exit is called nowhere else."""
    callers = {name for name, tree in TREES.items() if "sys.exit" in attributes(tree) or "os._exit" in attributes(tree)}
    assert callers == {"cli/ending.py"}
