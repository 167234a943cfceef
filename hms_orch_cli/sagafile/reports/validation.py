"""What a look at several saga files came to: the object that every report is made from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hms_orch_cli.errors import HmsError
from hms_orch_cli.sagafile.check import Checked
from hms_orch_cli.sagafile.findings import Finding


class Validation(NamedTuple):
    """`files` are those that could be read; `unread` says of the others why not."""

    files: Sequence[Checked]
    unread: Sequence[HmsError] = ()

    @property
    def ok(self) -> bool:
        """Whether everything was read, and all of it may be deployed."""
        return not self.unread and all(each.ok for each in self.files)

    def findings(self) -> Iterator[Finding]:
        """Those of all files, file by file."""
        for each in self.files:
            yield from each.findings
