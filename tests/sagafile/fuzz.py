"""`python -m tests.sagafile.fuzz file|expression [--seconds N]`: looks with atheris for an input that no test has.

It begins with the broken files, and keeps to the inputs that reach new code. What it finds is an input on which a check
of `any_input.py` fails: it is printed, and left in the working folder.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from hms_orch_cli.sagafile.source import MAX_BYTES


def main() -> int:
    """0 after the time without a find; libFuzzer ends the process itself at one."""
    parser = argparse.ArgumentParser(prog="python -m tests.sagafile.fuzz")
    parser.add_argument("what", choices=("file", "expression"))
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

    def one_expression(data: bytes) -> None:
        check_expression(data.decode("utf-8", "surrogateescape")[:MAX_EXPRESSION])

    is_file = asked.what == "file"
    with tempfile.TemporaryDirectory() as seeds:
        for path in FOLDER.rglob("*.yaml") if is_file else ():
            (Path(seeds) / path.name).write_bytes(path.read_bytes())
        limits = [f"-max_len={MAX_BYTES if is_file else MAX_EXPRESSION}", f"-max_total_time={asked.seconds}"]
        atheris.Setup([sys.argv[0], *limits, "-timeout=10", seeds], one_file if is_file else one_expression)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
