"""A VFS whose n-th call of a kind fails: what a dying or a full disk looks like to SQLite."""

from __future__ import annotations

from dataclasses import dataclass, field

import apsw


@dataclass
class Fault:
    """Counts the calls of one method (`xSync`, `xWrite`) and lets the `at`-th and all after it fail; 0: none."""

    method: str
    error: type[apsw.Error]
    extended: int
    at: int = 0
    calls: int = 0
    after_fault: list[str] = field(default_factory=list)

    def pass_or_fail(self, method: str, name: str) -> None:
        """Raises the fault if its time has come."""
        if method == self.method:
            self.calls += 1
        if self.at and self.calls >= self.at:
            self.after_fault.append(f"{method} {name}")
            if method == self.method:
                error = self.error("injected")
                error.extendedresult = self.extended
                raise error


class FaultyDisk(apsw.VFS):
    """The system's VFS with one fault in it."""

    def __init__(self, name: str, fault: Fault) -> None:
        self.fault = fault
        super().__init__(name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        return _File(name, flags, self.fault)


class _File(apsw.VFSFile):
    def __init__(self, name: str | apsw.URIFilename | None, flags: list[int], fault: Fault) -> None:
        self._fault = fault
        self._name = str(name.filename() if isinstance(name, apsw.URIFilename) else name)[-4:]
        super().__init__("", name, flags)

    def xSync(self, flags: int) -> None:
        self._fault.pass_or_fail("xSync", self._name)
        super().xSync(flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        self._fault.pass_or_fail("xWrite", self._name)
        super().xWrite(data, offset)
