"""CEL in saga files: conditions, values, and `${cel}` in texts, behind `ports.Expressions`."""

from hms_orch_cli.expressions.cel import CelExpressions

__all__ = ["CelExpressions"]
