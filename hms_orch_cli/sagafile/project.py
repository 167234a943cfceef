"""Several files checked together, sagas and their tests: what each holds, and what only shows when they are seen side
by side."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping, Sequence

from hms_orch_cli.ports import Expressions
from hms_orch_cli.saga.definition import Saga
from hms_orch_cli.sagafile.catalogue import RULES
from hms_orch_cli.sagafile.check import Checked, Examined, examine, judge
from hms_orch_cli.sagafile.paths import is_test


def check_files(
    files: Iterable[tuple[str, bytes]],
    expressions: Expressions,
    *,
    services: Collection[str] | None = None,
    strict: bool = False,
    rules: Container[str] = RULES,
) -> list[Checked]:
    """Each file, named as findings call it, with everything that is right and wrong with it. See `check` for the rest.
    Never raises for what files may hold."""
    examined: dict[str, Examined] = {}
    tests: dict[str, bytes] = {}
    for name, data in files:
        if is_test(name):
            tests[name] = data
        else:
            examined[name] = examine(data, name, expressions, services=services)
    if tests:
        _examine_tests(tests, examined)
    return [judge(each, strict=strict, rules=rules) for each in examined.values()]


def _examine_tests(tests: Mapping[str, bytes], examined: dict[str, Examined]) -> None:
    """Files of saga tests: of what they say of a saga only that can be checked whose file is looked at as well."""
    from hms_orch_cli.sagafile.casefile import Unusable, examine_cases

    def sagas_of(name: str) -> Sequence[Saga] | Unusable | None:
        file = examined.get(name)
        if file is None:
            return None
        if any(finding.severity == "error" for finding in file.source.findings):
            return Unusable(f"{name} is not valid", "Correct it first.")
        return [document.saga for document, _ in file.documents]

    examined |= {name: examine_cases(data, name, sagas_of)[1] for name, data in tests.items()}
