"""Other programs, each in a venv of its own under bench/.build that is made once."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.target import BUILD, HERE, Missing

REQUIREMENTS = ("dbos>=3.4,<4", "pyreqwest", "orjson", "uvloop")
"""The peer is pinned to a line of releases; what it shares with the product has the product's version."""


def measure(url: str, runs: int, inflight: int, *words: str) -> dict[str, Any]:
    """What `dbos_saga.py` prints for so many sagas on a fresh file. Raises Missing if DBOS cannot be installed."""
    shared = [name if ">" in name else f"{name}=={version(name)}" for name in REQUIREMENTS]
    python = environment("dbos", shared) / "python"
    with tempfile.TemporaryDirectory(prefix="hms-bench-") as folder:
        command = [python, str(HERE / "dbos_saga.py"), url, str(runs), str(inflight), folder, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode != 0:
        raise Missing(f"the DBOS saga ended with {done.returncode}: {done.stderr[-500:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def environment(name: str, requirements: Sequence[str]) -> Path:
    """The folder of the commands of an environment that has these packages. Raises Missing if they cannot be had."""
    folder = BUILD / name
    done = folder / "installed"
    if done.exists() and done.read_text() == "\n".join(requirements):
        return folder / "bin"
    BUILD.mkdir(exist_ok=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True, capture_output=True, timeout=300)
        pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *requirements], check=True, capture_output=True, timeout=900)
    except subprocess.CalledProcessError as error:
        raise Missing(f"{name} could not be installed: {error.stderr.decode(errors='replace')[-300:]}") from error
    done.write_text("\n".join(requirements))
    return folder / "bin"
