"""Several saga files checked together: what each holds, and what only shows when they are seen side by side."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from hms_orch_cli.ports import Expressions, Service
from hms_orch_cli.sagafile.catalogue import RULES
from hms_orch_cli.sagafile.check import Checked, examine, judge


def check_files(
    files: Iterable[tuple[str, bytes]],
    expressions: Expressions,
    *,
    services: Mapping[str, Service] | None = None,
    strict: bool = False,
    rules: Container[str] = RULES,
) -> list[Checked]:
    """Each file, named as findings call it, with everything that is right and wrong with it. See `check` for the rest.
    Never raises for what files may hold."""
    examined = [examine(data, name, expressions, services=services) for name, data in files]
    sagas = [(file.source, outline) for file in examined for outline in file.outlines]
    if len(sagas) > 1 or any(saga.awaits for _, saga in sagas):
        from hms_orch_cli.sagafile.together import check_together

        check_together(sagas, expressions)
    return [judge(file, strict=strict, rules=rules) for file in examined]
