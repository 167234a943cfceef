"""Processes that the benchmarks start: measured to the end by the kernel's own count, and always stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Ended(NamedTuple):
    """A process that has ended: wall and CPU seconds (children included), peak memory in MB, its output."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    stdout: str


class Failed(Exception):
    """A process did not end with 0; the message holds its last words."""


def run(
    command: Sequence[str | Path],
    cwd: Path,
    env: Mapping[str, str],
    timeout_s: float = 900,
    *,
    codes: Container[int] = (0,),
) -> Ended:
    """Runs a command to its end. Raises Failed if it ends with none of `codes`, or is killed after `timeout_s`."""
    out, err = cwd / ".bench-stdout", cwd / ".bench-stderr"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        began = time.perf_counter()
        child = subprocess.Popen(
            command, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr
        )
        watchdog = threading.Timer(timeout_s, child.kill)
        watchdog.start()
        try:
            _, status, usage = os.wait4(child.pid, 0)
        finally:
            watchdog.cancel()
        wall = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in codes:
        words = err.read_text(errors="replace")[-2000:]
        name = " ".join([Path(command[0]).name, *(str(part) for part in command[1:])])
        raise Failed(f"`{name}` ended with {child.returncode}: {words}")
    return Ended(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out.read_text(errors="replace"))


def stop(child: subprocess.Popen[bytes], grace_s: float = 20) -> None:
    """Asks with SIGTERM, kills after `grace_s`."""
    child.send_signal(signal.SIGTERM)
    try:
        child.wait(grace_s)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def rss_mb(pid: int) -> float:
    """Resident memory now, in MB."""
    return _memory_mb(pid, "VmRSS")


def peak_mb(pid: int) -> float:
    """The most that was ever resident, in MB."""
    return _memory_mb(pid, "VmHWM")


def _memory_mb(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise Failed(f"process {pid} has no resident memory: it has ended")


def cpu_s(pid: int) -> float:
    """User and system time of a running process so far, all threads, to the kernel's hundredth of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
