"""What all tests share: what they record is summed up at the end, also when they ran on several workers."""

from __future__ import annotations

import pytest


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
