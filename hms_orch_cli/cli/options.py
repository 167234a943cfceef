"""Options that several verbs share, by the same names and with the same words."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Format(StrEnum):
    """How a list is printed."""

    TEXT = "text"
    JSON = "json"


Output = Annotated[Format, typer.Option("--output", "-o", help="text, or json: stable, for programs.")]
"""-o json: on every list."""
