"""Passwords, keys and tokens written out: known forms anywhere in the text, and values of telling names. HMS114.

A file is in a repository, in the log of a deploy and in every backup of it; `${secret.NAME}` is in none of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from hms_orch_cli.sagafile import catalogue
from hms_orch_cli.sagafile.findings import Finding, Path, Place
from hms_orch_cli.sagafile.lint.subject import Subject
from hms_orch_cli.sagafile.places import strings_of, targets_of
from hms_orch_cli.sagafile.source import Source

_FORMS: Final = (
    ("AKIA", "an AWS access key", r"\bAKIA[0-9A-Z]{16}\b"),
    ("ASIA", "an AWS access key", r"\bASIA[0-9A-Z]{16}\b"),
    ("ghp_", "a GitHub token", r"\bghp_[0-9A-Za-z]{36,251}\b"),
    ("gho_", "a GitHub token", r"\bgho_[0-9A-Za-z]{36,251}\b"),
    ("ghs_", "a GitHub token", r"\bghs_[0-9A-Za-z]{36,251}\b"),
    ("github_pat_", "a GitHub token", r"\bgithub_pat_[0-9A-Za-z_]{36,251}\b"),
    ("glpat-", "a GitLab token", r"\bglpat-[0-9A-Za-z_-]{20,}"),
    ("xox", "a Slack token", r"\bxox[abeoprs]-[0-9A-Za-z-]{10,}"),
    ("_live_", "a Stripe key", r"\b[sr]k_live_[0-9A-Za-z]{16,}"),
    ("AIza", "a Google API key", r"\bAIza[0-9A-Za-z_-]{35}"),
    ("npm_", "an npm token", r"\bnpm_[0-9A-Za-z]{36}\b"),
    ("eyJ", "a JWT", r"\beyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]{8,}"),
    ("PRIVATE KEY", "a private key", r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----"),
    ("://", "a password in a URL", r"(?<=://)[^\s/:@\"'${}<>*]{1,100}:[^\s/:@\"'${}<>*]{1,200}(?=@)"),
    ("earer ", "a bearer token", r"\b[Bb]earer [0-9A-Za-z._~+/-]{16,}=*"),
    ("asic ", "a password", r"\b[Bb]asic [0-9A-Za-z+/]{8,}={0,2}"),
)
"""What every text of the kind holds (looked for first, since that is fast), what it is, and its form."""

_TELLING: Final = re.compile(
    r"(x|proxy)?(api|access|secret|private|auth)?(key|token|secret|password|passwd|pwd|passphrase|authorization)"
    r"|clientsecret|(x)?(access|refresh|bearer|session|csrf)token|(set)?cookie"
)
_PLAIN_WORDS: Final = frozenset(("key", "xkey"))
"""Names that are more often an object's."""

_SEPARATORS: Final = re.compile(r"[-_. ]")
SHORTEST: Final = 6
"""Characters of a value that may be a secret; `none` and `true` are not."""
_MOST: Final = 20
_HIDDEN: Final = "•"
_FIX: Final = "Revoke it, since others may have read it, and write ${secret.NAME}."


def check_tokens(source: Source) -> None:
    """Notes what has the form of a secret, wherever in the file it stands: in a comment it is read as well."""
    text = source.text
    for mark, what, form in _FORMS:
        if mark not in text:
            continue
        for found, _ in zip(re.finditer(form, text), range(_MOST), strict=False):
            start = source.place_of(found.start())
            place = Place(start.line, start.column, start.line, start.column + len(found[0]))
            source.add(catalogue.SECRET, f"{what} is written out", _FIX, place)


def hiding(findings: Iterable[Finding]) -> Callable[[Finding], Finding]:
    """What takes the secrets that these findings are about out of the source line of a finding: reports stand in logs
    and in stores of artifacts."""
    secrets: dict[int, list[tuple[int, int]]] = {}
    for found in findings:
        if found.rule == catalogue.SECRET.id:
            end = found.end_column - 1 if found.end_line == found.line else len(found.source_line)
            secrets.setdefault(found.line, []).append((found.column - 1, end))

    def hidden(finding: Finding) -> Finding:
        line = finding.source_line
        for start, end in secrets.get(finding.line, ()):
            line = line[:start] + _HIDDEN * len(line[start:end]) + line[end:]
        return finding if line == finding.source_line else replace(finding, source_line=line)

    return hidden


def check_secrets(subject: Subject) -> None:
    """Notes a text under a name such as `password` or `X-Api-Key` that is no `${…}`."""
    for part in subject.parts.values():
        for target in targets_of(part.path, part.written):
            if isinstance(target.written, Mapping):
                for key in ("headers", "query", "body"):
                    _values(subject, (*target.path, key), target.written.get(key))


def _values(subject: Subject, path: Path, value: Any) -> None:
    for where, text in strings_of(path, value):
        name = where[-1]
        if not isinstance(name, str) or "${" in text or len(text) < SHORTEST or " " in text.strip():
            continue
        plain = _SEPARATORS.sub("", name).lower()
        if _TELLING.fullmatch(plain) and plain not in _PLAIN_WORDS:
            message = f"the value of '{name[:80]}' is written out, and looks like a secret"
            subject.note(catalogue.SECRET, message, _FIX, where)
