"""From the bytes of a saga file to its definitions, or to all of its mistakes at once."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

from hms_orch_cli.ports.expressions import Expressions
from hms_orch_cli.ports.services import Service
from hms_orch_cli.saga.definition import Saga, saga_from
from hms_orch_cli.sagafile import catalogue
from hms_orch_cli.sagafile.findings import FIRST, Finding
from hms_orch_cli.sagafile.lint.advice import lint
from hms_orch_cli.sagafile.lint.secrets import check_tokens, hiding
from hms_orch_cli.sagafile.outline import Outline, outline_of
from hms_orch_cli.sagafile.reader import Tree, read
from hms_orch_cli.sagafile.rules import check_rules
from hms_orch_cli.sagafile.schema import check_schema, shown
from hms_orch_cli.sagafile.source import Source
from hms_orch_cli.sagafile.suppression import Comment, Silenced, comments_of, silence
from hms_orch_cli.sagafile.waits import check_waits

MAX_FINDINGS: Final = 100
"""Findings of one file; a file with more is broken in another way than they tell."""

HALF_READ: Final = frozenset((catalogue.SYNTAX.id, catalogue.ENCODING.id, catalogue.TOO_MUCH.id))
"""Rules that may end the reading of a file."""

_IN_THE_WAY: Final = frozenset(
    rule.id
    for rule in (
        *(catalogue.ENCODING, catalogue.TOO_MUCH, catalogue.DUPLICATE_KEY, catalogue.NOT_PLAIN, catalogue.BAD_NUMBER),
        *(catalogue.NO_SAGA, catalogue.UNKNOWN_KEY, catalogue.MISSING_KEY, catalogue.WRONG_TYPE, catalogue.WRONG_VALUE),
        *(catalogue.OUT_OF_RANGE, catalogue.BAD_FORM, catalogue.STEP_KIND, catalogue.NAME_TAKEN),
        *(catalogue.ADDRESS, catalogue.ADDRESS_LITERAL),
    )
)
"""With one of these the file does not say what it means: advice would be about something else."""


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
    """What was found out about a file.

    `documents` are its sagas, only those without an error; `findings` its mistakes, errors first, then by place;
    `silenced` those that comments in the file silence. `left_out` counts the findings beyond the first hundred.
    """

    file: str
    documents: tuple[Document, ...]
    findings: tuple[Finding, ...]
    silenced: tuple[Silenced, ...] = ()
    left_out: int = 0

    @property
    def ok(self) -> bool:
        """Whether the file may be deployed."""
        return not _has_error(self.findings)


@dataclass(slots=True)
class Examined:
    """A file that was looked at by itself; its findings are not judged yet, and more are added to its source.

    `documents` are its sagas without an error, each with the warnings about it; `outlines` what each saga that says
    what it means is to other sagas; `comments` those that silence something.
    """

    source: Source
    documents: list[tuple[Document, list[Finding]]] = field(default_factory=list)
    outlines: list[Outline] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)


def check(
    text: bytes,
    file: str,
    expressions: Expressions,
    *,
    services: Mapping[str, Service] | None = None,
    strict: bool = False,
    rules: Container[str] = catalogue.RULES,
) -> Checked:
    """Everything that is right and wrong with a saga file, seen alone.

    `file` is its name in the findings. `services` is the address book; None leaves unknown services alone. `strict`
    turns warnings into errors. `rules` are the ids of those that count. Never raises for what a file may hold.
    """
    return judge(examine(text, file, expressions, services=services), strict=strict, rules=rules)


def examine(text: bytes, file: str, expressions: Expressions, *, services: Mapping[str, Service] | None) -> Examined:
    """The first part of `check`: what the file holds, and what the rules say that look at one file."""
    source = Source(text, file)
    examined = Examined(source)
    trees: list[Tree] = []
    ids: set[str] = set()
    known = 0
    for tree in read(source):
        if tree.value is None and len(source.findings) == known:
            # `---` with nothing behind it.
            continue
        trees.append(tree)
        _check_document(tree, source, expressions, services, ids)
        if not _IN_THE_WAY.intersection(finding.rule for finding in source.findings[known:]):
            lint(tree, source, expressions, services)
            examined.outlines.append(outline_of(tree))
        if not _has_error(source.findings[known:]):
            examined.documents.append((Document(tree.value), source.findings[known:]))
        known = len(source.findings)
    if not trees and not source.findings:
        source.add(catalogue.NO_SAGA, "the file holds no saga", "Begin with 'id: …'.", FIRST)
    check_tokens(source)
    # Of a text that was not read to its end nobody can tell what is a comment.
    if not any(finding.rule in HALF_READ for finding in source.findings):
        examined.comments = comments_of(source, trees)
    return examined


def judge(examined: Examined, *, strict: bool, rules: Container[str]) -> Checked:
    """The second part: which findings count and how much, in order, no more than anybody reads."""
    source = examined.source
    silenced = silence(source, examined.comments)
    hide = hiding((*source.findings, *(each.finding for each in silenced)))
    found = {finding for finding in source.findings if finding.rule in rules}
    documents = [document for document, warnings in examined.documents if not (strict and found.intersection(warnings))]
    if strict:
        found = {replace(finding, severity="error") for finding in found}
    findings = sorted(found, key=lambda found: (found.severity, found.line, found.column, found.rule, found.message))
    return Checked(
        source.name,
        tuple(documents),
        tuple(map(hide, findings[:MAX_FINDINGS])),
        tuple(each._replace(finding=hide(each.finding)) for each in silenced if each.finding.rule in rules),
        max(len(findings) - MAX_FINDINGS, 0),
    )


def revision_of(content: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of a saga's content as canonical JSON (RFC 8785), as written, without defaults."""
    from hashlib import sha256

    import rfc8785

    return sha256(rfc8785.dumps(dict(content))).hexdigest()


def _has_error(findings: Iterable[Finding]) -> bool:
    return any(finding.severity == "error" for finding in findings)


def _check_document(
    tree: Tree, source: Source, expressions: Expressions, services: Mapping[str, Service] | None, ids: set[str]
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
