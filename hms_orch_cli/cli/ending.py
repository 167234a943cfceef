"""How a process ends: the one `except` that turns whatever happened into a line on stderr and an exit code.

HmsError            error: what happened / hint: what to do next     its exit code
Ctrl-C              nothing                                          130
wrong usage         typer's own words                                2
a closed pipe       nothing: the reader has gone                     1
anything else       a bug: one line that names a report file         3
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Container
from typing import NoReturn

from hms_orch_cli.errors import HmsError

BUG = 3
INTERRUPTED = 130


def end_with(main: Callable[[], object], words: Container[str]) -> NoReturn:
    """Runs `main` and ends the process. `words` are the verbs that a report may show of the command line."""
    gc.freeze()  # what is loaded by now is needed to the end: no collection has to look at it
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")  # a sign that the terminal does not know must not end the command
    code = _delivered(exit_code_of(main, words))
    gc.freeze()  # nor at anything else on the way out
    sys.exit(code)


def exit_code_of(main: Callable[[], object], words: Container[str]) -> int:
    """Runs `main`, says what there is to say, and returns the exit code."""
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except HmsError as error:
        from hms_orch_cli.cli import output

        output.error(error.message, error.hint)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return 1
    except Exception as bug:  # noqa: BLE001 - the last net: what reaches it is our mistake, and must not be a traceback
        from hms_orch_cli.cli import bugreport, output

        output.error(*bugreport.written(bug, sys.argv, words))
        return BUG
    return 0


def _delivered(code: int) -> int:
    """The exit code, once all that was printed has left; 1 instead of 0 if it cannot leave."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the last flush does not complain again
        if not isinstance(error, BrokenPipeError):
            from hms_orch_cli.cli import output

            output.error(f"the result cannot be written: {error.strerror}")
        return code or 1
    return code
