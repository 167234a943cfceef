"""What all tests share: what they record is summed up at the end, also when they ran on several workers."""

from __future__ import annotations

import pytest

from tests.junit_schema import JUnitSchema, NotToBeHad, junit_schema_from


@pytest.fixture(scope="session")
def junit_schema(pytestconfig: pytest.Config) -> JUnitSchema:
    """Checks a JUnit report against the schema of Jenkins; skips where that cannot be had."""
    try:
        return junit_schema_from(pytestconfig.cache.mkdir("junit-schema"))
    except NotToBeHad as reason:
        pytest.skip(str(reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says at how many points the crash proof has killed the orchestrator."""
    points = {
        report.nodeid.partition("[")[2].rstrip("]"): value
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == "crash points" and report.when == "call"
    }
    if points:
        terminalreporter.section("crash proof")
        for story, count in sorted(points.items()):
            terminalreporter.write_line(f"{story}: {count} points")
        terminalreporter.write_line(f"killed and resumed at {sum(points.values())} points")
