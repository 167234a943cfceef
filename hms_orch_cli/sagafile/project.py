"""Several saga files checked together: what each holds, and what only shows when they are seen side by side."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable

from hms_orch_cli.ports import Expressions
from hms_orch_cli.sagafile.catalogue import RULES
from hms_orch_cli.sagafile.check import Checked, examine, judge


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
    examined = [examine(data, name, expressions, services=services) for name, data in files]
    return [judge(each, strict=strict, rules=rules) for each in examined]
