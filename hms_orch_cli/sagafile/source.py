"""A saga file's text: from bytes to characters, and from a place to a finding."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from typing import Final

from hms_orch_cli.sagafile import catalogue
from hms_orch_cli.sagafile.findings import FIRST, Finding, Path, Place, Rule, pointer_of

MAX_BYTES: Final = 256 * 1024
MOST_TRIED: Final = 50
"""Expressions of one file that rules evaluate."""
MAX_LINE: Final = 1000
"""Characters of a source line that a finding keeps."""

_BREAK: Final = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What YAML takes for the end of a line."""

_REFUSED: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufffe\uffff]")
"""What YAML does not call printable, and a byte order mark that is not the first character."""


class Source:
    """One file. `name` is what findings call it; `findings` collects them; `expressions` counts those that were
    compiled."""

    def __init__(self, data: bytes, name: str) -> None:
        self.name = name
        self.findings: list[Finding] = []
        self.expressions = 0
        self._tried = 0
        self._lines: list[str] | None = None
        self.text = self._decode(data)

    @property
    def lines(self) -> list[str]:
        """The lines of the text, without their ends."""
        if self._lines is None:
            self._lines = _BREAK.split(self.text)
        return self._lines

    def add(self, rule: Rule, message: str, fix: str, place: Place, path: Path = ()) -> None:
        """Notes a mistake."""
        line, column, end_line, end_column, _ = place
        source_line = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        self.findings.append(
            Finding(
                rule=rule.id,
                severity=rule.severity,
                message=message,
                fix=fix,
                file=self.name,
                line=line,
                column=column,
                end_line=end_line,
                end_column=max(end_column, column + 1) if end_line == line else end_column,
                pointer=pointer_of(path),
                source_line=source_line[:MAX_LINE],
            )
        )

    def may_try(self) -> bool:
        """Whether one more expression of the file may be tried out: each may take a while, so only some are."""
        self._tried += 1
        return self._tried <= MOST_TRIED

    def place_of(self, index: int) -> Place:
        """The place of a character of the text (from 0); for one behind the end, of the last that is not blank."""
        before = _BREAK.split(self.text[: min(index, len(self.text.rstrip()))])
        return Place(len(before), len(before[-1]) + 1, len(before), len(before[-1]) + 2)

    def _decode(self, data: bytes) -> str:
        """The text, without a byte order mark; empty after a mistake that leaves nothing to read."""
        self.text = ""
        if len(data) > MAX_BYTES:
            self.add(catalogue.TOO_MUCH, "the file is larger than 256 KiB", "Split it into several files.", FIRST)
            return ""
        data = data.removeprefix(BOM_UTF8)  # not by "utf-8-sig", whose errors count from behind the mark
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            self.text = data.decode(errors="replace")
            place = self.place_of(len(data[: error.start].decode()))
            byte = data[error.start]
            self.add(catalogue.ENCODING, f"byte 0x{byte:02x} is no UTF-8", "Save the file as UTF-8.", place)
            return ""
        self.text = text
        if found := _REFUSED.search(text):
            place = self.place_of(found.start())
            message = f"character U+{ord(found[0]):04X} cannot stand in a saga file"
            self.add(catalogue.ENCODING, message, "Remove it.", place)
            return ""
        return text
