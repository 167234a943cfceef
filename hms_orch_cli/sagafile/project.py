"""Several files checked together, sagas and their tests: what each holds, and what only shows when they are seen side
by side."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping

from hms_orch_cli.ports.expressions import Expressions
from hms_orch_cli.ports.services import Service
from hms_orch_cli.sagafile.catalogue import RULES
from hms_orch_cli.sagafile.check import Checked, Examined, examine, judge
from hms_orch_cli.sagafile.paths import is_test


def check_files(
    files: Iterable[tuple[str, bytes]],
    expressions: Expressions,
    *,
    services: Mapping[str, Service] | None = None,
    strict: bool = False,
    rules: Container[str] = RULES,
    read: Callable[[str], bytes] | None = None,
) -> list[Checked]:
    """Each file, named as findings call it, with everything that is right and wrong with it. See `check` for the rest.

    `read` gives the bytes of a saga file that tests name and that is not among the files (raises NotFound,
    SagaFileError); None leaves alone what cannot be said of the tests without it. Never raises for what files may hold.
    """
    names: list[str] = []
    tests: dict[str, bytes] = {}
    examined: dict[str, Examined] = {}
    for name, data in files:
        names.append(name)
        if is_test(name):
            tests[name] = data
        else:
            examined[name] = examine(data, name, expressions, services=services)
    sagas = [(file.source, outline) for file in examined.values() for outline in file.outlines]
    if len(sagas) > 1 or any(saga.awaits for _, saga in sagas):
        from hms_orch_cli.sagafile.together import check_together

        check_together(sagas, expressions)
    if tests:
        from hms_orch_cli.sagafile.casefile import examine_cases
        from hms_orch_cli.sagafile.named_sagas import NamedSagas

        named = NamedSagas(expressions, read, examined)
        examined |= {name: examine_cases(data, name, named)[1] for name, data in tests.items()}
    return [judge(examined[name], strict=strict, rules=rules) for name in names]
