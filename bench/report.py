"""What a part has found, and how it reads: Markdown that goes into docs/benchmarks.md as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

Cell = str | float | int


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure that was promised. `value` is what was measured; `bound` is the least (or with `at_most` the most) that
    it may be."""

    what: str
    value: float
    bound: float
    unit: str = ""
    at_most: bool = False

    @property
    def reached(self) -> bool:
        """Whether the promise is kept."""
        return self.value <= self.bound if self.at_most else self.value >= self.bound


@dataclass(frozen=True, slots=True)
class Section:
    """One part: its goals, a table with the figures behind them, and remarks."""

    title: str
    goals: Sequence[Goal] = ()
    head: Sequence[str] = ()
    rows: Sequence[Sequence[Cell]] = ()
    notes: Sequence[str] = field(default_factory=tuple)


def markdown(sections: Sequence[Section], machine: Sequence[str]) -> str:
    """The whole report: goals first, then the figures of each part."""
    lines = [*machine, "", "| goal | to reach | measured | |", "|---|---|---|---|"]
    for section in sections:
        for goal in section.goals:
            bound = f"{'at most' if goal.at_most else 'at least'} {number(goal.bound)}{goal.unit}"
            verdict = "reached" if goal.reached else "**not reached**"
            lines.append(f"| {goal.what} | {bound} | {number(goal.value)}{goal.unit} | {verdict} |")
    for section in sections:
        lines += ["", f"### {section.title}", "", *_table(section)]
        lines += [f"- {note}" for note in section.notes]
    return "\n".join(lines) + "\n"


def _table(section: Section) -> Iterator[str]:
    if section.rows:
        yield "| " + " | ".join(section.head) + " |"
        yield "|" + "---|" * len(section.head)
        for row in section.rows:
            yield "| " + " | ".join(cell if isinstance(cell, str) else number(cell) for cell in row) + " |"
        yield ""


def number(value: float) -> str:
    """Three digits that mean something, thousands with a comma."""
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
