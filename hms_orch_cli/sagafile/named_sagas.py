"""The sagas that test files name, each file read and checked once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from hms_orch_cli.errors import NotFound, SagaFileError
from hms_orch_cli.ports.expressions import Expressions
from hms_orch_cli.sagafile.check import Checked, Document, Examined, check

Read = Callable[[str], bytes]
"""The bytes of a file, by its name. Raises NotFound, SagaFileError."""


class Unusable(NamedTuple):
    """Why there is nothing to be had of a saga file, and what to do about it."""

    message: str
    fix: str


Found = Sequence[Document] | Unusable


class NamedSagas:
    """Saga files by name. `looked_at` are those that are checked anyway; others are read, unless `read` is None."""

    def __init__(
        self, expressions: Expressions, read: Read | None = None, looked_at: Mapping[str, Examined] | None = None
    ) -> None:
        self._expressions = expressions
        self._read = read
        self._found: dict[str, Found] = {name: _of(file) for name, file in (looked_at or {}).items()}

    def of(self, name: str) -> Found | None:
        """The sagas of a file; None if nobody has looked at it."""
        if name not in self._found and self._read is not None:
            try:
                data = self._read(name)
            except (NotFound, SagaFileError) as error:
                self._found[name] = Unusable(error.message, "Name it with 'saga:', relative to this file.")
            else:
                self.add(name, data)
        return self._found.get(name)

    def add(self, name: str, data: bytes) -> Found:
        """A file that was read for another reason as well."""
        if name not in self._found:
            self._found[name] = _checked(name, check(data, name, self._expressions))
        return self._found[name]


def _of(file: Examined) -> Found:
    if any(finding.severity == "error" for finding in file.source.findings):
        return Unusable(f"{file.source.name} is not valid", "Correct it first.")
    return [document for document, _ in file.documents]


def _checked(name: str, checked: Checked) -> Found:
    if checked.ok:
        return checked.documents
    first = checked.findings[0]
    fix = f"'hms-orch validate {name}' shows all of it."
    return Unusable(f"{name} is not valid: line {first.line}, {first.message}", fix)
