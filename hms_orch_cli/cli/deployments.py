"""What a deploy did, or would do, for people: as lines, and as Markdown for the comment of a review."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hms_orch_cli.cli import output

if TYPE_CHECKING:
    from hms_orch_cli.application.definition_diff import Change
    from hms_orch_cli.application.deploy import Deployment

SIGNS = {"new": ("+", "green"), "changed": ("~", "yellow"), "unchanged": ("=", "dim")}

REVISION = 12
"""Digits of a revision that people are shown."""


def show(deployments: Sequence[Deployment]) -> None:
    """Each as a line, with what it means below it."""
    for each in deployments:
        sign, style = SIGNS[each.change]
        was = f", was {each.previous[:REVISION]}" if each.change == "changed" and each.previous else ""
        output.result(
            output.styled(sign, style), f" {each.saga}  revision {each.revision[:REVISION]}  {each.change}{was}"
        )
        for change in each.difference:
            output.result("  ", output.styled(*_sign(change)), f" {change.sentence()}")
        for revision, count in each.in_flight.items():
            which = "this revision" if revision == each.revision else f"revision {revision[:REVISION]}"
            output.result(f"  {output.counted(count, 'run')} in flight on {which}")


def as_markdown(deployments: Sequence[Deployment], *, dry_run: bool) -> str:
    """A heading that says it all, and a list of what is new or changes."""
    counts = Counter(each.change for each in deployments)
    said = [f"{counts[change]} {change}" for change in SIGNS if counts[change]]
    lines = [f"### hms-orch deploy{' --dry-run' if dry_run else ''}: {', '.join(said)}", ""]
    for each in deployments:
        if each.change != "unchanged":
            lines += _listed(each)
    if counts["unchanged"]:
        from hms_orch_cli.cli.markdown import code

        lines.append(f"- unchanged: {', '.join(code(each.saga) for each in deployments if each.change == 'unchanged')}")
    return "\n".join(lines)


def _listed(each: Deployment) -> Iterator[str]:
    from hms_orch_cli.cli.markdown import code

    was = f"{code(each.previous[:REVISION])} → " if each.previous else ""
    yield f"- **{code(each.saga)}** is {each.change}, revision {was}{code(each.revision[:REVISION])}"
    for change in each.difference:
        yield f"  - {change.sentence(code)}"
    for revision, count in each.in_flight.items():
        yield f"  - {output.counted(count, 'run')} in flight on revision {code(revision[:REVISION])}"


def _sign(change: Change) -> tuple[str, str]:
    """Of what comes, what goes, and what becomes different."""
    if change.kind == "added" or (change.kind == "changed" and change.before is None):
        return SIGNS["new"]
    if change.kind == "removed" or (change.kind == "changed" and change.after is None):
        return "-", "red"
    return SIGNS["changed"]
