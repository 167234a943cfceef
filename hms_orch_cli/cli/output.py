"""The only printer: results on stdout, everything else on stderr.

Whatever is printed goes through `safe`, so text from outside can be passed as it is; only `styled` parts bring colour,
and only where `coloured` says so. One call is one line, but for `text`, which keeps the line ends of our own texts.
From `speak_json` on what goes to stderr is JSON, for programs that read the log of a service.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple, TextIO

from hms_orch_cli.config.environment import terminal
from hms_orch_cli.errors import HmsError
from hms_orch_cli.safe import safe

STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}


class Styled(NamedTuple):
    """A part of a line with a style: names of STYLES, separated by blanks."""

    text: str
    style: str


def styled(text: str, style: str) -> Styled:
    """`text` in a style, where there is colour."""
    return Styled(text, style)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person sees the stream."""
    return stream is not None and not stream.closed and stream.isatty()


def coloured(stream: TextIO | None) -> bool:
    """Whether the stream takes colour and movement: a terminal, and neither NO_COLOR nor TERM=dumb."""
    return is_terminal(stream) and terminal().colour


def result(*parts: str | Styled) -> None:
    """One line on stdout."""
    _write(sys.stdout, _line(parts, coloured(sys.stdout)) + "\n")


def plain_lines(lines: Sequence[Sequence[str | Styled]]) -> None:
    """Several lines on stdout in one write, seen at once even where stdout is a pipe."""
    colour = coloured(sys.stdout)
    _write(sys.stdout, "".join([_line(parts, colour) + "\n" for parts in lines]), now=True)


def text(block: str, stream: TextIO | None = None) -> None:
    """Our own text on stdout (or `stream`), with its line ends; a script, a schema."""
    _write(
        sys.stdout if stream is None else stream,
        "\n".join(safe(line) for line in block.rstrip("\n").split("\n")) + "\n",
    )


def as_json(value: Any) -> None:
    """A value as JSON on stdout, in ASCII, and nothing else."""
    _write(sys.stdout, json_text(value) + "\n")


def json_line(value: Any) -> None:
    """A value as one line of JSON on stdout, in ASCII."""
    _write(sys.stdout, _json_line(value))


def json_lines(values: Sequence[Any]) -> None:
    """Several in one write, seen at once even where stdout is a pipe."""
    _write(sys.stdout, "".join(map(_json_line, values)), now=True)


def lines_as_they_are(block: str) -> None:
    """Whole lines on stdout that hold nothing but printable ASCII, as their maker promises: many at once."""
    _write(sys.stdout, block)


def flush() -> None:
    """Lets what was printed be seen now, even where stdout is a pipe."""
    if sys.stdout is not None and not sys.stdout.closed:
        sys.stdout.flush()


def json_text(value: Any) -> str:
    """Indented JSON in ASCII without a control character."""
    import json

    return json.dumps(value, indent=2, allow_nan=False).replace("\x7f", "\\u007f")


def speak_json() -> None:
    """From now on stderr is a log for programs: a JSON object a line, with `time`, `level` and `message`."""
    global _speaks_json
    _speaks_json = True


_speaks_json = False


def note(*parts: str | Styled) -> None:
    """One line on stderr."""
    if _speaks_json:
        _log("info", "".join(map(_plain, parts)))
    else:
        _write(sys.stderr, _line(parts, coloured(sys.stderr)) + "\n")


def warning(message: str, hint: str = "", *, logger: str = "", trace: str = "") -> None:
    """A warning on stderr, and its hint. `logger` says who speaks, where lines are JSON; `trace` is a traceback."""
    _said("warning", "yellow", message, hint, logger, trace)


def error(message: str, hint: str = "", *, logger: str = "", trace: str = "") -> None:
    """What went wrong on stderr, and its hint; `logger` and `trace` as for a warning."""
    _said("error", "red", message, hint, logger, trace)


def columns() -> int:
    """How many characters a line may have: COLUMNS, else the width of the terminal, else as on paper."""
    import shutil

    wanted = terminal().columns
    return wanted or (shutil.get_terminal_size((100, 24)).columns if is_terminal(sys.stdout) else 100)


def table(columns: Sequence[str], rows: Sequence[Sequence[str | Styled]]) -> None:
    """Rows on stdout under the names of their columns: aligned text, on a terminal fitted to its width."""
    if coloured(sys.stdout):
        _rich_table(columns, rows)
        return
    lines = [[safe(_plain(cell)) for cell in row] for row in (columns, *rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        _write(sys.stdout, padded.rstrip() + "\n")


def counted(number: int, noun: str) -> str:
    """1 event, 2 events."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def console(stream: TextIO) -> Any:
    """A Rich console on a terminal, without markup, emoji codes or highlighting. What is given to it must be `safe`."""
    from rich.console import Console

    wanted = terminal()
    return Console(
        file=stream, markup=False, emoji=False, highlight=False, no_color=not wanted.colour, width=wanted.columns
    )


def _said(word: str, style: str, message: str, hint: str, logger: str, trace: str) -> None:
    if _speaks_json:
        _log(word, message, hint=hint, logger=logger, trace=trace)
        return
    note(styled(f"{word}:", style), " ", message)
    if hint:
        note(styled("hint:", "cyan"), " ", hint)
    if trace:
        text(trace, sys.stderr)


def _log(level: str, message: str, **more: str) -> None:
    from time import time_ns

    from hms_orch_cli.saga.moment import rfc3339

    said = {"time": rfc3339(time_ns() // 1_000_000), "level": level, "message": safe(message)}
    told = {name: "\n".join(map(safe, block.split("\n"))) for name, block in more.items() if block}
    _write(sys.stderr, _json_line({**said, **told}))


def _json_line(value: Any) -> str:
    import json

    return json.dumps(value, allow_nan=False).replace("\x7f", "\\u007f") + "\n"


def _plain(part: str | Styled) -> str:
    return part if isinstance(part, str) else part.text


def _line(parts: Sequence[str | Styled], colour: bool) -> str:
    if not colour:
        return safe("".join(map(_plain, parts)))
    return "".join(_painted(part) if isinstance(part, Styled) else safe(part) for part in parts)


def _painted(part: Styled) -> str:
    codes = ";".join(STYLES[name] for name in part.style.split())
    return f"\x1b[{codes}m{safe(part.text)}\x1b[0m"


def _rich_table(columns: Sequence[str], rows: Sequence[Sequence[str | Styled]]) -> None:
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        drawn.add_column(Text(safe(column)), overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(safe(_plain(cell)), style=cell.style if isinstance(cell, Styled) else "") for cell in row))
    console(sys.stdout).print(drawn)


def _write(stream: TextIO | None, line: str, *, now: bool = False) -> None:
    if stream is None or stream.closed:
        return  # the caller closed it: there is nobody to tell
    try:
        stream.write(line)
        if now or stream is sys.stderr or stream.isatty():
            stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        if stream is sys.stderr:
            return  # no way is left to say so
        raise HmsError(f"the result cannot be written: {error.strerror}") from error
