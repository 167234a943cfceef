"""`python -m tests.sagafile.fuzz file|tests|expression [--seconds N]`: looks with atheris for inputs that no test has.

It begins with the broken files, or with the examples of saga tests, and keeps to the inputs that reach new code. What
it finds is an input on which a check of `any_input.py` fails: it is printed, and left in the working folder.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from hms_orch_cli.sagafile.source import MAX_BYTES
from tests.documents import ROOT


def main() -> int:
    """0 after the time without a find; libFuzzer ends the process itself at one."""
    parser = argparse.ArgumentParser(prog="python -m tests.sagafile.fuzz")
    parser.add_argument("what", choices=("file", "tests", "expression"))
    parser.add_argument("--seconds", type=int, default=60)
    asked = parser.parse_args()
    try:
        import atheris
    except ImportError:
        print("atheris is not installed: pip install -e '.[fuzz]' (there are wheels for some versions of Python only)")
        return 0
    with atheris.instrument_imports(include=["hms_orch_cli"]):
        from tests.sagafile.any_input import MAX_EXPRESSION, check_expression, check_file
        from tests.sagafile.broken_files import FOLDER

    def one_file(data: bytes) -> None:
        check_file(data)

    def one_file_of_tests(data: bytes) -> None:
        check_file(data, "any.test.yaml")

    def one_expression(data: bytes) -> None:
        check_expression(data.decode("utf-8", "surrogateescape")[:MAX_EXPRESSION])

    one, longest, examples = {
        "file": (one_file, MAX_BYTES, FOLDER.rglob("*.yaml")),
        "tests": (one_file_of_tests, MAX_BYTES, (ROOT / "sagas").glob("*.test.yaml")),
        "expression": (one_expression, MAX_EXPRESSION, ()),
    }[asked.what]
    with tempfile.TemporaryDirectory() as seeds:
        for path in examples:
            (Path(seeds) / path.name).write_bytes(path.read_bytes())
        limits = [f"-max_len={longest}", f"-max_total_time={asked.seconds}"]
        atheris.Setup([sys.argv[0], *limits, "-timeout=10", seeds], one)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
