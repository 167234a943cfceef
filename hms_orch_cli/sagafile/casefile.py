"""From the bytes of a file with saga tests to its content with its places, or to all of its mistakes at once."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from hms_orch_cli.saga.definition import Saga
from hms_orch_cli.sagafile import catalogue
from hms_orch_cli.sagafile.caserules import check_case_rules
from hms_orch_cli.sagafile.check import HALF_READ, Checked, Examined, judge
from hms_orch_cli.sagafile.findings import FIRST, Path
from hms_orch_cli.sagafile.named_sagas import NamedSagas, Unusable
from hms_orch_cli.sagafile.reader import Tree, read
from hms_orch_cli.sagafile.schema import TESTS, check_schema, shown
from hms_orch_cli.sagafile.source import Source
from hms_orch_cli.sagafile.suppression import comments_of

MARK: Final = ".test"

MOST_SAGAS: Final = 20
"""Saga files that one file of tests may name, as its schema says; no more are looked at."""


class CaseFile(NamedTuple):
    """A file with saga tests. `tree` has its content and its places; the tests may be run if `checked` is ok."""

    name: str
    tree: Tree
    checked: Checked


def case_file_of(name: str) -> str:
    """The name of the file that holds the tests of a saga file, by itself."""
    stem, dot, suffix = name.rpartition(".")
    return f"{stem}{MARK}{dot}{suffix}" if stem else name


def saga_files(name: str, content: Any) -> list[tuple[str, Path]]:
    """The saga files of a test file, each with where it stands in that: the names are as that of the test file itself,
    so relative to what that is relative to."""
    written = content.get("saga") if isinstance(content, Mapping) else None
    if written is None:
        return [(name.replace(f"{MARK}.", "."), ())]
    folder = posixpath.dirname(name)
    many = isinstance(written, list)
    return [
        (posixpath.normpath(posixpath.join(folder, each)), ("saga", place) if many else ("saga",))
        for place, each in enumerate(written if many else [written])
        if isinstance(each, str)
    ]


def check_cases(data: bytes, name: str, named: NamedSagas) -> CaseFile:
    """Everything that is right and wrong with a file of saga tests; `name` is what findings call it. Never raises for
    what a file may hold."""
    tree, examined = examine_cases(data, name, named)
    return CaseFile(name, tree, judge(examined, strict=False, rules=catalogue.RULES))


def examine_cases(data: bytes, name: str, named: NamedSagas) -> tuple[Tree, Examined]:
    """The file, and its mistakes before they are judged. What cannot be said without a saga that nobody has looked at
    is left alone."""
    source = Source(data, name)
    trees = [tree for tree in read(source) if tree.value is not None]
    whole = not any(finding.rule in HALF_READ for finding in source.findings)
    tree = trees[0] if trees else Tree()
    if len(trees) > 1:
        message = f"the file holds {len(trees)} documents, but tests stand in one"
        source.add(catalogue.NO_TESTS, message, "Put them into one list.", trees[1].place(()))
    elif not trees and not source.findings:
        source.add(catalogue.NO_TESTS, "the file holds no tests", "Begin with 'tests:'.", FIRST)
    elif trees and not isinstance(tree.value, dict):
        message = f"a file of tests is a map of keys, this is {shown(tree.value)}"
        source.add(catalogue.NO_TESTS, message, "Begin with 'tests:'.", tree.place(()))
    elif trees:
        check_schema(tree, source, TESTS)
        check_case_rules(tree, source, _sagas(tree, source, named))
    return tree, Examined(source, comments=comments_of(source, trees) if whole else [])


def _sagas(tree: Tree, source: Source, named: NamedSagas) -> list[Saga] | None:
    """The sagas that the tests are about; None if not all of them are to be had."""
    sagas: list[Saga] = []
    complete = True
    for name, path in saga_files(source.name, tree.value)[:MOST_SAGAS]:
        found = named.of(name)
        if isinstance(found, Unusable):
            source.add(catalogue.NO_SUCH_SAGA, found.message, found.fix, tree.place(path), path)
        if found is None or isinstance(found, Unusable):
            complete = False
        else:
            sagas += [document.saga for document in found]
    return sagas if complete and sagas else None
