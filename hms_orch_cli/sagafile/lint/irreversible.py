"""Steps that nothing takes back, and what may still fail after them. HMS102, HMS118, HMS120.

A step that asks a person before it turns the run back (`onExhausted: hitl`) does no harm after an irreversible one:
that person can retry it, or see to it.
"""

from __future__ import annotations

from bisect import bisect
from itertools import pairwise

from hms_orch_cli.sagafile import catalogue
from hms_orch_cli.sagafile.lint.subject import Part, Subject


def check_irreversible(subject: Subject) -> None:
    """Notes what stays although the run turns back."""
    parts = list(subject.parts.values())
    staying = [index for index, part in enumerate(parts) if part.stays]
    if not staying:
        return
    turning = [index for index, part in enumerate(parts) if part.may_turn_back and not part.stays]
    told = False
    for index in staying:
        if (culprit := _may_fail_after(subject, parts, index, turning)) is not None:
            told = True
            _early(subject, parts[index], culprit)
    for before, index in pairwise(staying):
        if parts[index].may_turn_back:
            told = True
            _two(subject, parts[before], parts[index])
    if subject.saga.deadline_ms is not None and staying[0] < len(parts) - 1 and not told:
        name = parts[staying[0]].step.name
        message = f"the deadline may turn the run back after '{name}', which stays as it is"
        fix = f"Put '{name}' last, or leave deadlineMs out and give the steps after it a time of their own."
        subject.note(catalogue.DEADLINE_AFTER_IRREVERSIBLE, message, fix, ("deadlineMs",), key=True)


def _may_fail_after(subject: Subject, parts: list[Part], index: int, turning: list[int]) -> Part | None:
    """The nearest step that comes after the irreversible one at `index`, or beside it, and may turn the run back;
    `turning` are those that may."""
    behind = bisect(turning, index)
    if behind < len(turning):
        return parts[turning[behind]]
    for part in (parts[other] for other in reversed(turning)):
        if part.path[1] != parts[index].path[1]:
            break  # another item of the saga: earlier, and not beside
        if subject.relation(part.step.name, parts[index].step.name) == "beside":
            return part
    return None


def _early(subject: Subject, part: Part, culprit: Part) -> None:
    name, other = part.step.name, culprit.step.name
    beside = subject.relation(other, name) == "beside"
    message = f"'{name}' is irreversible, but '{other}' {'beside' if beside else 'after'} it may still fail"
    fix = f"Put '{name}' last, or let '{other}' ask a person first (onExhausted: hitl)."
    if culprit.step.approval is not None:
        fix = f"Put '{name}' after '{other}'."
    subject.note(catalogue.IRREVERSIBLE_EARLY, message, fix, (*part.path, "irreversible"), key=True)


def _two(subject: Subject, before: Part, part: Part) -> None:
    name, other = part.step.name, before.step.name
    message = f"if '{name}' fails, '{other}' stays done: both are irreversible"
    fix = f"Let '{name}' ask a person when it fails (onExhausted: hitl)."
    subject.note(catalogue.TWO_IRREVERSIBLE, message, fix, (*part.path, "irreversible"), key=True)
