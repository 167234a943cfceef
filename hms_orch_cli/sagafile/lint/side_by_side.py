"""Steps of a group that change one object at the same time. HMS110."""

from __future__ import annotations

import json

from hms_orch_cli.saga.definition import Request
from hms_orch_cli.sagafile import catalogue
from hms_orch_cli.sagafile.lint.subject import Part, Subject


def check_side_by_side(subject: Subject) -> None:
    """Notes a step whose request goes where that of another branch goes. Of POST only the same request counts: with
    other content it is another object."""
    told: set[str] = set()
    for group in subject.in_groups():
        first: dict[str, tuple[int, Part]] = {}
        for branch, part in group:
            if not part.writes or part.step.call is None:
                continue
            before, other = first.setdefault(_object(part.step.call.request), (branch, part))
            if before != branch and part.step.name not in told:
                told.add(part.step.name)
                message = f"'{part.step.name}' and '{other.step.name}' run side by side and change the same object"
                fix = "Put them one after the other, or make one step of them."
                subject.note(catalogue.SIDE_BY_SIDE, message, fix, (*part.path, "call"), key=True)


def _object(request: Request) -> str:
    """What two requests have in common if they are about one object."""
    where = [request.service, request.path, request.query]
    content = [request.headers, request.body] if request.method == "POST" else []
    return json.dumps([*where, *content], sort_keys=True)
