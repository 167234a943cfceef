"""How long a run may take: deadlines that are too short, waits without an end. HMS104, HMS116, HMS117."""

from __future__ import annotations

from hms_orch_cli.saga.definition import Call, Group, Item, Step
from hms_orch_cli.saga.retry import pause_ms
from hms_orch_cli.sagafile import catalogue
from hms_orch_cli.sagafile.findings import Path
from hms_orch_cli.sagafile.lint.subject import Part, Subject


def check_patience(subject: Subject) -> None:
    """Notes a deadline that some patience reaches beyond, and waits that nothing ends."""
    deadline = subject.saga.deadline_ms
    if deadline is not None:
        _deadline(subject, deadline)
        return
    for part in subject.parts.values():
        approval, awaits = part.step.approval, part.step.awaits
        if approval is not None and approval.ttl_ms is None:
            message = f"'{part.step.name}' waits for a person as long as it takes, and so does all that the run holds"
            fix = "Add 'ttlMs' to the approval, or 'deadlineMs' to the saga."
            subject.note(catalogue.ENDLESS_APPROVAL, message, fix, (*part.path, "approval"), key=True)
        if awaits is not None and awaits.timeout_ms is None:
            message = f"'{part.step.name}' waits for '{awaits.event[:80]}' for ever if it does not come"
            fix = "Add 'timeoutMs' to the await, or 'deadlineMs' to the saga."
            subject.note(catalogue.ENDLESS_WAIT, message, fix, (*part.path, "await"), key=True)


def longest_ms(call: Call) -> int:
    """The longest that a call may take: all attempts, each as long as it may, and the pauses between them."""
    retry = call.retry
    steady = retry._replace(jitter=0)
    pauses, attempt = 0, 1
    while attempt < retry.attempts:
        pause = pause_ms(steady, attempt, "")
        if pause in (0, retry.max_backoff_ms) or retry.factor == 1:
            pauses += pause * (retry.attempts - attempt)  # it stays so
            break
        pauses += pause
        attempt += 1
    total = retry.attempts * call.timeout_ms + pauses
    return total if retry.budget_ms is None else min(total, retry.budget_ms + call.timeout_ms)


def _deadline(subject: Subject, deadline: int) -> None:
    lock = subject.saga.lock
    wait = (lock.wait_ms or 0) if lock is not None else 0
    told: set[Path] = set()
    if wait > deadline:
        told.add(("lock", "waitMs"))
        _beyond(subject, "the run may wait for its lock", wait, deadline, ("lock", "waitMs"))
    for part in subject.parts.values():
        longest, where = _step_ms(part.step), _patience_of(part)
        if longest > deadline and where not in told:
            told.add(where)
            _beyond(subject, f"'{part.step.name}' alone may take", longest, deadline, where)
    if not told and (whole := wait + _item_ms(subject.saga.body)) > deadline:
        _beyond(subject, "the steps may take together", whole, deadline, ("deadlineMs",))


def _beyond(subject: Subject, what: str, longest: int, deadline: int, path: Path) -> None:
    message = f"{what} {longest:,} ms, but deadlineMs ends the run after {deadline:,} ms"
    subject.note(catalogue.DEADLINE_TOO_SHORT, message, "Raise deadlineMs, or allow fewer or shorter attempts.", path)


def _item_ms(item: Item) -> int:
    """The longest that an item may take; the depth of a file bounds the recursion."""
    if isinstance(item, Step):
        return _step_ms(item)
    inner = [_item_ms(part) for part in item.items]
    return max(inner) if isinstance(item, Group) else sum(inner)


def _step_ms(step: Step) -> int:
    """The longest that a step may take, 0 for a wait without an end: the deadline is its end."""
    if step.call is not None:
        return longest_ms(step.call)
    if step.awaits is not None:
        return step.awaits.timeout_ms or 0
    return (step.approval.ttl_ms or 0) if step.approval is not None else 0


def _patience_of(part: Part) -> Path:
    """Where a step says how long it may take; if it does not, all that do not are told of once, at the deadline."""
    for key, inner in (("await", "timeoutMs"), ("approval", "ttlMs")):
        if key in part.written:
            return (*part.path, key, inner)
    own = next((key for key in ("timeoutMs", "retry") if key in part.written), None)
    return ("deadlineMs",) if own is None else (*part.path, own)
