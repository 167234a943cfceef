"""The machine that the figures belong to."""

from __future__ import annotations

import os
import platform
import sqlite3
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("apsw", "pyreqwest", "uvloop", "orjson", "cryptography")


def lines() -> list[str]:
    """Two lines: the hardware and system, and the versions that matter."""
    import apsw

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return [
        f"{os.cpu_count()} cores, {_cpu()}, {memory:.0f} GB, {platform.system()} {platform.release()}, "
        f"temporary folder on {_filesystem(Path(tempfile.gettempdir()))}; {datetime.now(UTC):%Y-%m-%d}.",
        f"hms-orch {version('hms-orch')}, {platform.python_implementation()} {platform.python_version()}, "
        f"SQLite {apsw.sqlite_lib_version()} (in apsw; Python's own: {sqlite3.sqlite_version}), {libraries}.",
    ]


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _filesystem(folder: Path) -> str:
    best = ("", "an unknown file system")
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if folder.resolve().is_relative_to(place) and len(place) >= len(best[0]):
            best = (place, kind)
    return best[1]
