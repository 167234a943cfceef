"""From the bytes of a saga file to its definitions, or to all of its mistakes at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any, Final

from hms_orch_cli.ports import Expressions
from hms_orch_cli.saga.definition import Saga, saga_from
from hms_orch_cli.sagafile import catalogue
from hms_orch_cli.sagafile.findings import FIRST, Finding
from hms_orch_cli.sagafile.reader import Tree, read
from hms_orch_cli.sagafile.rules import check_rules
from hms_orch_cli.sagafile.schema import check_schema, shown
from hms_orch_cli.sagafile.source import Source
from hms_orch_cli.sagafile.waits import check_waits

MAX_FINDINGS: Final = 100
"""Findings of one file; a file with more is broken in another way than they tell."""


@dataclass(frozen=True)
class Document:
    """One saga: `content` is what the file says, as plain JSON values."""

    content: dict[str, Any]

    @cached_property
    def revision(self) -> str:
        """The hash of the content; worked out when it is asked for, since a check alone never does."""
        return revision_of(self.content)

    @cached_property
    def saga(self) -> Saga:
        """The definition."""
        return saga_from(self.content, self.revision)


@dataclass(frozen=True, slots=True)
class Checked:
    """A file's sagas, only those without an error, and its findings: errors first, then by place. `left_out` counts
    the findings beyond the first hundred."""

    documents: tuple[Document, ...]
    findings: tuple[Finding, ...]
    left_out: int = 0

    @property
    def ok(self) -> bool:
        """Whether the file may be deployed."""
        return not _has_error(self.findings)


def check(
    text: bytes, file: str, expressions: Expressions, *, services: Collection[str] | None = None, strict: bool = False
) -> Checked:
    """Everything that is right and wrong with a saga file.

    `file` is its name in the findings. `services` are the names of the address book; None leaves unknown services
    alone. `strict` turns warnings into errors. Never raises for what a file may hold.
    """
    source = Source(text, file, strict=strict)
    documents: list[Document] = []
    ids: set[str] = set()
    seen = known = 0
    for tree in read(source):
        if tree.value is None and len(source.findings) == known:
            # `---` with nothing behind it.
            continue
        seen += 1
        _check_document(tree, source, expressions, services, ids)
        if not _has_error(source.findings[known:]):
            documents.append(Document(tree.value))
        known = len(source.findings)
    if not seen and not source.findings:
        source.add(catalogue.NO_SAGA, "the file holds no saga", "Begin with 'id: …'.", FIRST)
    findings = sorted(
        set(source.findings), key=lambda found: (found.severity, found.line, found.column, found.rule, found.message)
    )
    return Checked(tuple(documents), tuple(findings[:MAX_FINDINGS]), max(len(findings) - MAX_FINDINGS, 0))


def revision_of(content: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of a saga's content as canonical JSON (RFC 8785), as written, without defaults."""
    import rfc8785

    return sha256(rfc8785.dumps(dict(content))).hexdigest()


def _has_error(findings: Iterable[Finding]) -> bool:
    return any(finding.severity == "error" for finding in findings)


def _check_document(
    tree: Tree, source: Source, expressions: Expressions, services: Collection[str] | None, ids: set[str]
) -> None:
    """Notes the mistakes of one document. `ids` are those of the documents before it."""
    if not isinstance(tree.value, dict):
        message = f"a saga is a map of keys, this is {shown(tree.value)}"
        source.add(catalogue.NO_SAGA, message, "Begin with 'id: …'.", tree.place(()))
        return
    check_schema(tree, source)
    check_rules(tree, source, expressions, services)
    check_waits(tree, source, expressions)
    name = tree.value.get("id")
    if isinstance(name, str):
        if name in ids:
            message = f"'{name[:128]}' is the id of an earlier document of this file"
            source.add(catalogue.ID_TAKEN, message, "Give it another id.", tree.place(("id",)), ("id",))
        ids.add(name)
